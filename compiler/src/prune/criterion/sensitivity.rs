//! Neuron sensitivity (Zhang et al., "Interpreting and improving adversarial robustness of deep neural networks with neuron sensitivity",
//! 2021): how far the attack moves a unit's response, in absolute terms.
//!
//! `σ(u) = E‖a_u(x') − a_u(x)‖₁ / dim a_u`, here relative to its layer's mean, since responses of different layers have scales of their
//! own. The most sensitive units go first, weights inside a unit by |w|; a dead unit goes before all others.

use serde::{Deserialize, Serialize};

use super::{Evidence, Rule, mean};
use crate::prune::statistics::{Needs, Part, Quantity};

/// Units by falling sensitivity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sensitivity {
    /// Control: the least sensitive go first, after the dead.
    pub inverted: bool,
}

impl Rule for Sensitivity {
    fn needs(&self) -> Needs {
        Needs::of(&[Quantity::Activation])
    }

    fn scores(&self, evidence: &Evidence<'_>) -> Vec<Vec<f64>> {
        let layers = 0..evidence.layers().len();
        let units: Vec<Vec<f64>> = layers
            .map(|layer| {
                let part = |part| evidence.statistics.sum(layer, Quantity::Activation, part);
                self.units(part(Part::Clean), part(Part::Change))
            })
            .collect();
        evidence.ranked_units(&units)
    }
}

impl Sensitivity {
    /// The score of each unit of one layer. The number of its elements is the layer's, and so falls out.
    fn units(&self, clean: &[f64], change: &[f64]) -> Vec<f64> {
        let mean = mean(change);
        let scale = if mean > 0.0 { 1.0 / mean } else { 0.0 };
        let sign = if self.inverted { scale } else { -scale };
        let sums = clean.iter().zip(change);
        sums.map(|(clean, change)| match clean + change {
            0.0 => f64::NEG_INFINITY,
            _ => sign * change,
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_sensitive_go_first_after_the_dead() {
        let dead = f64::NEG_INFINITY;
        let (clean, change) = ([1.0, 0.0, 9.0, 1.0], [1.0, 0.0, 2.0, 5.0]);
        let usual = Sensitivity::default();
        assert_eq!(usual.units(&clean, &change), [-0.5, dead, -1.0, -2.5]);
        let inverted = Sensitivity { inverted: true };
        assert_eq!(inverted.units(&clean, &change), [0.5, dead, 1.0, 2.5]);
    }
}
