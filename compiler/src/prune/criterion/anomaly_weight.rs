//! |w| times a factor that falls with the anomaly degree of the weight's unit.
//!
//! `score = |w|·exp(−γ·z)`, where z is the standardised ln A of the unit within its layer, cut off at ±[`BOUND`]. The factor is
//! bounded and relative to the layer because degrees of different depth are not comparable: noise grows through a network.
//! The last layer's units are the logits themselves; anomaly says nothing about which of them is needed, so their factor is 1.

use sinew_models::Network;

use crate::prune::AnomalyTable;

/// γ. Stronger factors lose accuracy on hardened networks; see the table in `docs/BENCHMARKS.md`.
pub(super) const STRENGTH: f64 = 0.1;

/// Largest |z| that counts.
const BOUND: f64 = 2.0;

/// Scores with strength `gamma`; a negative one prefers anomalous units. Weights of dead units score 0 either way.
pub(super) fn scores(network: &Network, table: &AnomalyTable, gamma: f64) -> Vec<Vec<f64>> {
    let last = table.layers.len() - 1;
    let layers = super::magnitudes_by_unit(network).into_iter().enumerate();
    layers
        .map(|(layer, units)| {
            let degrees = table.layers[layer].degrees();
            let factors = if layer == last {
                vec![1.0; degrees.len()]
            } else {
                factors(&degrees, gamma)
            };
            let units = units.into_iter().zip(factors);
            units
                .flat_map(|(weights, factor)| weights.into_iter().map(move |w| w * factor))
                .collect()
        })
        .collect()
}

fn factors(degrees: &[Option<f64>], gamma: f64) -> Vec<f64> {
    // An undisturbed unit (degree 0) is as calm as the bound allows; its logarithm takes no part in the moments.
    let logs: Vec<f64> = degrees
        .iter()
        .flatten()
        .filter(|a| **a > 0.0)
        .map(|a| a.ln())
        .collect();
    let count = logs.len().max(1) as f64;
    let mean = logs.iter().sum::<f64>() / count;
    let deviation = (logs.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / count).sqrt();
    degrees
        .iter()
        .map(|degree| match degree {
            None => 0.0,
            Some(_) if deviation == 0.0 => 1.0,
            Some(a) => (-gamma * ((a.ln() - mean) / deviation).clamp(-BOUND, BOUND)).exp(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_fall_with_the_degree_are_bounded_and_inverted_by_the_sign() {
        let degrees = [Some(0.1), Some(0.2), Some(0.4), Some(1e9), Some(0.0), None];
        let calm_first = factors(&degrees, 0.5);
        assert!(
            calm_first[0] > calm_first[1]
                && calm_first[1] > calm_first[2]
                && calm_first[2] > calm_first[3]
        );
        for factor in &calm_first[..5] {
            assert!((-1.0f64..=1.0).contains(&factor.ln()), "{factor}");
        }
        assert_eq!(calm_first[5], 0.0);
        let inverted = factors(&degrees, -0.5);
        for (a, b) in calm_first[..5].iter().zip(&inverted) {
            assert!((a * b - 1.0).abs() < 1e-12);
        }
        assert_eq!(inverted[5], 0.0);
    }

    #[test]
    fn equal_degrees_leave_magnitude_alone() {
        assert_eq!(factors(&[Some(0.3); 4], 0.5), [1.0; 4]);
    }
}
