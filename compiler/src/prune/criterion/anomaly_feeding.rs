//! |w| times the share of its input that an attack leaves alone.
//!
//! `score = |w|·(E|a| / (E|a| + E|a' − a|))^γ`, where a is the channel or feature that w multiplies: the anomaly of the unit that *feeds* the
//! weight, `1/(1 + A)`, where [`anomaly_weight`](super::anomaly_weight) looks at the unit that the weight belongs to. It is measured at the
//! layer's own input, behind pooling and additions; the first layer's input are the pixels.

use serde::{Deserialize, Serialize};

use super::{Evidence, Rule, strength_problem};
use crate::prune::statistics::{Needs, Part, Quantity};

/// No share is smaller, so that the inverted factor is finite.
const SMALLEST: f64 = 1e-3;

/// |w| and the anomaly of what it multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnomalyFeeding {
    /// γ.
    pub strength: f64,
    /// Control: anomalous inputs are preferred.
    pub inverted: bool,
}

impl Default for AnomalyFeeding {
    fn default() -> Self {
        Self {
            strength: 1.0,
            inverted: false,
        }
    }
}

impl Rule for AnomalyFeeding {
    fn needs(&self) -> Needs {
        Needs::of(&[Quantity::Input])
    }

    fn scores(&self, evidence: &Evidence<'_>) -> Vec<Vec<f64>> {
        evidence.scaled_magnitudes(|index, layer| {
            let part = |part| evidence.statistics.sum(index, Quantity::Input, part);
            let sums = part(Part::Clean).iter().zip(part(Part::Change));
            let factors: Vec<f64> = sums.map(|(a, change)| self.factor(*a, *change)).collect();
            let factor = |weight| factors[layer.input_of(weight)];
            (0..layer.weights()).map(factor).collect()
        })
    }

    fn problem(&self) -> Option<String> {
        // A factor for which f64 has no number would make scores infinite.
        strength_problem(self.strength).or_else(|| {
            (self.strength > 50.0).then(|| format!("strength: {} is above 50", self.strength))
        })
    }
}

impl AnomalyFeeding {
    /// A weight whose input is always zero does nothing: factor 0, inverted or not.
    fn factor(&self, clean: f64, change: f64) -> f64 {
        if clean == 0.0 && change == 0.0 {
            return 0.0;
        }
        let share = (clean / (clean + change)).max(SMALLEST);
        let gamma = if self.inverted {
            -self.strength
        } else {
            self.strength
        };
        share.powf(gamma)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_powers_of_the_share_that_stays() {
        let squared = AnomalyFeeding {
            strength: 2.0,
            inverted: false,
        };
        assert_eq!(squared.factor(3.0, 1.0), 0.5625);
        assert_eq!(squared.factor(3.0, 0.0), 1.0);
        assert_eq!(squared.factor(0.0, 0.0), 0.0);
        let inverted = AnomalyFeeding {
            inverted: true,
            ..squared
        };
        assert_eq!(inverted.factor(1.0, 1.0), 4.0);
        assert_eq!(inverted.factor(0.0, 0.0), 0.0);
        assert!((inverted.factor(0.0, 1.0) / 1e6 - 1.0).abs() < 1e-12);
    }
}
