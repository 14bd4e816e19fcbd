//! Chance: what any criterion must beat.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::{Evidence, Rule};
use crate::seed::stream;

/// A uniform random number for each weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Random {}

impl Rule for Random {
    fn scores(&self, evidence: &Evidence<'_>) -> Vec<Vec<f64>> {
        let mut random = stream(evidence.seed, "random criterion", &[]);
        let layers = evidence.layers().iter();
        layers
            .map(|layer| {
                let weights = 0..layer.weights();
                weights.map(|_| random.random_range(0.0..1.0)).collect()
            })
            .collect()
    }
}
