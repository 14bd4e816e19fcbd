//! |w| times a random factor for each unit: the control of criteria that weigh units, which any factor disturbs as much.

use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::{Evidence, Rule, strength_problem};
use crate::seed::stream;

/// `|w|·exp(γ·n)` with n ~ N(0, 1) for each unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomFactor {
    /// γ.
    pub strength: f64,
}

impl Default for RandomFactor {
    fn default() -> Self {
        Self { strength: 0.5 }
    }
}

impl Rule for RandomFactor {
    fn scores(&self, evidence: &Evidence<'_>) -> Vec<Vec<f64>> {
        evidence.scaled_magnitudes(|index, layer| {
            let mut random = stream(evidence.seed, "random factor", &[index as u64]);
            let normals = StandardNormal.sample_iter(&mut random).take(layer.units());
            normals.map(|n: f64| (self.strength * n).exp()).collect()
        })
    }

    fn problem(&self) -> Option<String> {
        // A factor for which f64 has no number would make scores infinite.
        strength_problem(self.strength).or_else(|| {
            (self.strength > 10.0).then(|| format!("strength: {} is above 10", self.strength))
        })
    }
}
