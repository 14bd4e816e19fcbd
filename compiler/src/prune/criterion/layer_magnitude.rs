//! Magnitude relative to the layer, so that layers whose weights are small as a whole are not emptied for it.

use serde::{Deserialize, Serialize};

use super::{Evidence, Rule, mean};

/// |w| over the root mean square of the layer's weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerMagnitude {}

impl Rule for LayerMagnitude {
    fn scores(&self, evidence: &Evidence<'_>) -> Vec<Vec<f64>> {
        evidence.scaled_magnitudes(|_, layer| {
            let magnitudes = evidence.magnitudes(layer);
            let squares: Vec<f64> = magnitudes.iter().map(|w| w * w).collect();
            let root = mean(&squares).sqrt();
            vec![if root > 0.0 { 1.0 / root } else { 0.0 }]
        })
    }
}
