//! |w| times a factor that falls with the anomaly degree of the weight's unit.
//!
//! `score = |w|·exp(−γ·z)`, where z is the standardised ln A of the unit within its layer, cut off at ±[`BOUND`]. The factor is
//! bounded and relative to the layer because degrees of different depth are not comparable: noise grows through a network.
//! The last layer's units are the logits themselves; anomaly says nothing about which of them is needed, so their factor is 1.
//! By gradients of weights, A is each weight's own, in the last layer too.

use serde::{Deserialize, Serialize};

use super::{Evidence, Rule, mean, strength_problem};
use crate::prune::anomaly::Measure;
use crate::prune::statistics::Needs;

/// Largest |z| that counts.
const BOUND: f64 = 2.0;

/// |w| and the anomaly of the unit it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnomalyWeight {
    /// What the degree is measured on.
    pub measure: Measure,
    /// Take the mean of the images' ratios for the degree, not the ratio of means.
    pub mean_ratio: bool,
    /// γ. Stronger factors lose accuracy on hardened networks.
    pub strength: f64,
    /// Control: anomalous units are preferred.
    pub inverted: bool,
}

impl Default for AnomalyWeight {
    fn default() -> Self {
        Self {
            measure: Measure::default(),
            mean_ratio: false,
            strength: 0.1,
            inverted: false,
        }
    }
}

impl Rule for AnomalyWeight {
    fn needs(&self) -> Needs {
        Needs::of_measure(self.measure)
    }

    /// Weights of dead units score 0, inverted or not.
    fn scores(&self, evidence: &Evidence<'_>) -> Vec<Vec<f64>> {
        let last = evidence.layers().len().saturating_sub(1);
        let gamma = if self.inverted {
            -self.strength
        } else {
            self.strength
        };
        evidence.scaled_magnitudes(|layer, _| {
            if layer == last && self.measure != Measure::WeightGradient {
                return vec![1.0];
            }
            factors(
                &evidence.degrees(self.measure, self.mean_ratio, layer),
                gamma,
            )
        })
    }

    fn problem(&self) -> Option<String> {
        strength_problem(self.strength)
    }
}

fn factors(degrees: &[Option<f64>], gamma: f64) -> Vec<f64> {
    // An undisturbed unit (degree 0) is as calm as the bound allows; its logarithm takes no part in the moments.
    let alive = degrees.iter().flatten().filter(|a| **a > 0.0);
    let logs: Vec<f64> = alive.map(|a| a.ln()).collect();
    let center = mean(&logs);
    let squares: Vec<f64> = logs.iter().map(|log| (log - center).powi(2)).collect();
    let deviation = mean(&squares).sqrt();
    degrees
        .iter()
        .map(|degree| match degree {
            None => 0.0,
            Some(_) if deviation == 0.0 => 1.0,
            Some(a) => (-gamma * ((a.ln() - center) / deviation).clamp(-BOUND, BOUND)).exp(),
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
