//! Penalties on what an attack does to the units inside a network, beside the loss of its logits.
//!
//! Both compare the responses of each unit u to a batch of clean images x and to their adversarial versions x', layer by layer, the last
//! layer's logits left out. They see a training step's own batches, so they cost one more pass and no attack.

use serde::{Deserialize, Serialize};

/// What is lowered besides the loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Penalty {
    /// The anomaly degree by activation: the mean over units of E‖a(x') − a(x)‖₁ / (E‖a(x)‖₁ + τ), then over layers.
    Anomaly {
        /// How much it counts beside the loss.
        weight: f64,
    },
    /// The vulnerability of ANP-VS (Madaan, Shin and Hwang, 2020): the sum over units of E|a(x') − a(x)|, then the mean over layers.
    Vulnerability {
        /// How much it counts beside the loss; λ in the paper.
        weight: f64,
    },
}

/// τ as a fraction of the layer's mean of E‖a‖₁, as in the anomaly degree.
const TAU: f64 = 0.01;

/// A penalty of one batch, and its slopes at the responses: for each layer `[batch, unit, position]`, flattened.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PenaltySlopes {
    pub(super) value: f64,
    pub(super) clean: Vec<Vec<f32>>,
    pub(super) adversarial: Vec<Vec<f32>>,
}

impl Penalty {
    /// The first setting that cannot be used, as "key: problem".
    pub(super) fn problem(self) -> Option<String> {
        let (Self::Anomaly { weight } | Self::Vulnerability { weight }) = self;
        let usable = weight.is_finite() && weight >= 0.0;
        (!usable).then(|| format!("weight: {weight} is not 0 or more"))
    }

    /// The penalty of responses to `batch` images; `units` says how many units each layer has.
    pub(super) fn of(
        self,
        batch: usize,
        units: &[usize],
        clean: &[Vec<f32>],
        adversarial: &[Vec<f32>],
    ) -> PenaltySlopes {
        let layers = units.len().max(1) as f64;
        let mut result = PenaltySlopes {
            value: 0.0,
            clean: Vec::new(),
            adversarial: Vec::new(),
        };
        for (layer, units) in units.iter().enumerate() {
            let pair = Pair {
                units: *units,
                map: clean[layer].len() / (batch * units).max(1),
                clean: &clean[layer],
                adversarial: &adversarial[layer],
            };
            let (value, [before, after]) = match self {
                Self::Anomaly { weight } => pair.anomaly(weight / layers),
                Self::Vulnerability { weight } => pair.vulnerability(weight / layers),
            };
            result.value += value;
            result.clean.push(before);
            result.adversarial.push(after);
        }
        result
    }
}

/// One layer's responses.
struct Pair<'a> {
    units: usize,
    /// Positions of a unit's map.
    map: usize,
    clean: &'a [f32],
    adversarial: &'a [f32],
}

impl Pair<'_> {
    fn unit(&self, index: usize) -> usize {
        index / self.map % self.units
    }

    /// Σ|a(x)| and Σ|a(x') − a(x)| of every unit.
    fn sums(&self) -> (Vec<f64>, Vec<f64>) {
        let (mut size, mut change) = (vec![0.0; self.units], vec![0.0; self.units]);
        for (index, (a, b)) in self.clean.iter().zip(self.adversarial).enumerate() {
            size[self.unit(index)] += f64::from(a.abs());
            change[self.unit(index)] += f64::from((b - a).abs());
        }
        (size, change)
    }

    fn anomaly(&self, weight: f64) -> (f64, [Vec<f32>; 2]) {
        let (size, change) = self.sums();
        let units = self.units as f64;
        let tau = TAU * size.iter().sum::<f64>() / units;
        // A layer that is silent has nothing to lower.
        let whole = |size: f64| (size + tau).max(f64::MIN_POSITIVE);
        let weight = weight / units;
        let degrees: Vec<f64> = size
            .iter()
            .zip(&change)
            .map(|(s, c)| c / whole(*s))
            .collect();
        let pulls = degrees
            .iter()
            .zip(&size)
            .map(|(degree, s)| degree / whole(*s));
        // τ grows with every unit's response.
        let common = pulls.sum::<f64>() * TAU / units;
        let slopes = self.slopes(|unit, a, b| {
            let moved = sign(b - a) / whole(size[unit]);
            let grown = sign(a) * (degrees[unit] / whole(size[unit]) + common);
            [-weight * (moved + grown), weight * moved]
        });
        (weight * degrees.iter().sum::<f64>(), slopes)
    }

    fn vulnerability(&self, weight: f64) -> (f64, [Vec<f32>; 2]) {
        let (_, change) = self.sums();
        let per_unit = (self.clean.len() / self.units) as f64;
        let weight = weight / per_unit;
        let slopes = self.slopes(|_, a, b| [-weight * sign(b - a), weight * sign(b - a)]);
        (weight * change.iter().sum::<f64>(), slopes)
    }

    /// Slopes at clean and adversarial responses, of a function of unit and both.
    fn slopes(&self, of: impl Fn(usize, f32, f32) -> [f64; 2]) -> [Vec<f32>; 2] {
        let pairs = self.clean.iter().zip(self.adversarial).enumerate();
        let slopes = pairs.map(|(index, (a, b))| of(self.unit(index), *a, *b));
        let (before, after) = slopes.map(|[a, b]| (a as f32, b as f32)).unzip();
        [before, after]
    }
}

/// −1, 0 or 1.
fn sign(x: f32) -> f64 {
    if x == 0.0 { 0.0 } else { f64::from(x.signum()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Two images, two units, maps of two positions.
    const CLEAN: [f32; 8] = [1.0, 2.0, 0.5, 0.25, 3.0, 0.5, 1.5, 0.75];
    const ADVERSARIAL: [f32; 8] = [1.5, 1.0, 0.5, 1.25, 3.5, 0.75, 0.5, 0.5];

    fn of(penalty: Penalty, clean: &[f32], adversarial: &[f32]) -> PenaltySlopes {
        penalty.of(2, &[2], &[clean.to_vec()], &[adversarial.to_vec()])
    }

    #[test]
    fn values_are_those_of_the_definitions() {
        // Unit 0: |a| = 1 + 2 + 3 + 0.5 = 6.5, change 0.5 + 1 + 0.5 + 0.25 = 2.25; unit 1: 3 and 0 + 1 + 1 + 0.25 = 2.25; τ = 0.0475.
        let found = of(Penalty::Anomaly { weight: 2.0 }, &CLEAN, &ADVERSARIAL).value;
        let expected = 2.25 / 6.5475 + 2.25 / 3.0475;
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        // Four values of each unit.
        let found = of(Penalty::Vulnerability { weight: 2.0 }, &CLEAN, &ADVERSARIAL).value;
        assert!((found - 2.0 * (2.25 + 2.25) / 4.0).abs() < 1e-9, "{found}");
    }

    #[test]
    fn slopes_are_those_of_central_differences() {
        for penalty in [
            Penalty::Anomaly { weight: 0.7 },
            Penalty::Vulnerability { weight: 0.7 },
        ] {
            let found = of(penalty, &CLEAN, &ADVERSARIAL);
            let h = 1e-3f32;
            for index in [0, 1, 3, 4, 5, 6, 7] {
                let moved = |clean: f32, adversarial: f32| {
                    let (mut a, mut b) = (CLEAN, ADVERSARIAL);
                    a[index] += clean;
                    b[index] += adversarial;
                    of(penalty, &a, &b).value
                };
                let step = 2.0 * f64::from(h);
                let clean = (moved(h, 0.0) - moved(-h, 0.0)) / step;
                let adversarial = (moved(0.0, h) - moved(0.0, -h)) / step;
                assert!(
                    (clean - f64::from(found.clean[0][index])).abs() < 1e-4,
                    "{penalty:?} {index}"
                );
                assert!(
                    (adversarial - f64::from(found.adversarial[0][index])).abs() < 1e-4,
                    "{penalty:?} {index}"
                );
            }
        }
    }

    #[test]
    fn several_layers_count_alike() {
        let penalty = Penalty::Vulnerability { weight: 1.0 };
        let one = of(penalty, &CLEAN, &ADVERSARIAL).value;
        let (clean, adversarial) = (vec![CLEAN.to_vec(); 3], vec![ADVERSARIAL.to_vec(); 3]);
        let three = penalty.of(2, &[2, 2, 2], &clean, &adversarial).value;
        assert!((one - three).abs() < 1e-9);
    }
}
