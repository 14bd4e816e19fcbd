//! LAMP (Lee et al., "Layer-adaptive sparsity for the magnitude-based pruning", 2021).
//!
//! `score(w) = w² / Σ v²` over the weights v of the layer that are not smaller than w. The denominator is what
//! is left of the layer when w goes. The largest weight of every layer scores 1, so no layer is emptied.

use serde::{Deserialize, Serialize};

use super::{Evidence, Rule};

/// w² over the sum of squares of the weights of its layer that would outlive it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lamp {}

impl Rule for Lamp {
    fn scores(&self, evidence: &Evidence<'_>) -> Vec<Vec<f64>> {
        let layers = evidence.layers().iter();
        layers
            .map(|layer| lamp(&evidence.magnitudes(layer)))
            .collect()
    }
}

fn lamp(magnitudes: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..magnitudes.len()).collect();
    order.sort_by(|a, b| magnitudes[*b].total_cmp(&magnitudes[*a]));
    let mut scores = vec![0.0; magnitudes.len()];
    let mut survivors = 0.0;
    for weight in order {
        let square = magnitudes[weight].powi(2);
        survivors += square;
        if square > 0.0 {
            scores[weight] = square / survivors;
        }
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_shares_of_what_outlives_the_weight() {
        assert_eq!(
            lamp(&[1.0, 3.0, 2.0, 0.0]),
            [1.0 / 14.0, 1.0, 4.0 / 13.0, 0.0]
        );
        assert_eq!(lamp(&[0.0, 0.0]), [0.0, 0.0]);
    }
}
