//! First-order Taylor expansion: how much the loss changes if a weight becomes zero.
//!
//! `score(w) = |w · Σ ∂L/∂w|` over a sample of images (Molchanov et al., "Importance estimation for neural network pruning", 2019; before
//! training it is SNIP, Lee et al., 2019). With the loss of adversarial images it is the robust network's importance.

use serde::{Deserialize, Serialize};

use super::{Evidence, Images, Rule};
use crate::prune::statistics::{Needs, Quantity};

/// |w·g|.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Taylor {
    /// Whose loss.
    pub images: Images,
}

impl Rule for Taylor {
    fn needs(&self) -> Needs {
        Needs::of(&[Quantity::MeanGradient])
    }

    fn scores(&self, evidence: &Evidence<'_>) -> Vec<Vec<f64>> {
        let images = evidence.statistics.images().max(1) as f64;
        evidence.scaled_magnitudes(|layer, _| {
            let part = self.images.part();
            let gradients = evidence.statistics.sum(layer, Quantity::MeanGradient, part);
            gradients.iter().map(|g| g.abs() / images).collect()
        })
    }
}
