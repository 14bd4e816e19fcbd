//! The thesis read literally: the most anomalous units go first, whole, in one order over all layers.
//!
//! Weights inside a unit go by |w|. A dead unit has no anomaly degree; it goes before every other: nothing is lost with it. By gradients of
//! weights the same is done to weights.

use serde::{Deserialize, Serialize};

use super::{Evidence, Rule, mean};
use crate::prune::anomaly::Measure;
use crate::prune::statistics::Needs;

/// Units by falling anomaly degree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Anomaly {
    /// What the degree is measured on.
    pub measure: Measure,
    /// Take the mean of the images' ratios for the degree, not the ratio of means.
    pub mean_ratio: bool,
    /// Divide degrees by their layer's mean: raw ones mostly choose layers.
    pub relative: bool,
    /// Control: the least anomalous go first, after the dead.
    pub inverted: bool,
}

impl Rule for Anomaly {
    fn needs(&self) -> Needs {
        Needs::of_measure(self.measure)
    }

    fn scores(&self, evidence: &Evidence<'_>) -> Vec<Vec<f64>> {
        let layers = 0..evidence.layers().len();
        let units: Vec<Vec<f64>> = layers
            .map(|layer| self.units(&evidence.degrees(self.measure, self.mean_ratio, layer)))
            .collect();
        evidence.ranked_units(&units)
    }
}

impl Anomaly {
    /// The score of each unit of one layer.
    fn units(&self, degrees: &[Option<f64>]) -> Vec<f64> {
        let alive: Vec<f64> = degrees.iter().copied().flatten().collect();
        let mean = mean(&alive);
        let scale = if self.relative && mean > 0.0 {
            1.0 / mean
        } else {
            1.0
        };
        let sign = if self.inverted { scale } else { -scale };
        let score = |degree: &Option<f64>| degree.map_or(f64::NEG_INFINITY, |a| sign * a);
        degrees.iter().map(score).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEGREES: [Option<f64>; 4] = [Some(1.0), None, Some(3.0), Some(2.0)];

    #[test]
    fn units_go_by_falling_degree_and_the_dead_first() {
        let dead = f64::NEG_INFINITY;
        let literal = Anomaly::default();
        assert_eq!(literal.units(&DEGREES), [-1.0, dead, -3.0, -2.0]);
        let inverted = Anomaly {
            inverted: true,
            ..literal
        };
        assert_eq!(inverted.units(&DEGREES), [1.0, dead, 3.0, 2.0]);
        let relative = Anomaly {
            relative: true,
            ..literal
        };
        assert_eq!(relative.units(&DEGREES), [-0.5, dead, -1.5, -1.0]);
        assert_eq!(relative.units(&[Some(0.0), None]), [0.0, dead]);
    }
}
