//! Magnitude: the classic control (Han et al., "Learning both weights and connections for efficient neural networks", 2015).

use serde::{Deserialize, Serialize};

use super::{Evidence, Rule};

/// |w|.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Magnitude {}

impl Rule for Magnitude {
    fn scores(&self, evidence: &Evidence<'_>) -> Vec<Vec<f64>> {
        let layers = evidence.layers().iter();
        layers.map(|layer| evidence.magnitudes(layer)).collect()
    }
}
