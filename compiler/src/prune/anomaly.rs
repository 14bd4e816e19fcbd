//! Anomaly degree: the relative change of a unit's activation or gradient between clean images and their attacked versions.
//!
//! For a unit u of layer l, `A(u) = E‖q_u(x') − q_u(x)‖₁ / (E‖q_u(x)‖₁ + τ_l)`, where q is the response after the activation
//! function or the gradient of the training loss with respect to it, and τ_l is [`TAU`] times the layer's mean of `E‖q_u(x)‖₁`.
//! A ratio of expectations: with a mean of ratios, units that are almost silent on clean images would dominate.

use serde::{Deserialize, Serialize};
use sinew_models::Network;

use super::response_values;
use crate::classifier::ComputeError;
use crate::execute::Executor;

/// τ_l as a fraction of the layer's mean response.
const TAU: f64 = 0.01;

/// Which quantity's change is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// The response of the unit.
    Activation,
    /// The gradient of the cross-entropy with respect to the response.
    Gradient,
}

/// Sums over the images seen so far, one entry per unit of one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerAnomaly {
    /// `Σ‖q_u(x)‖₁` over the clean images.
    pub clean: Vec<f64>,
    /// `Σ‖q_u(x') − q_u(x)‖₁`.
    pub change: Vec<f64>,
}

impl LayerAnomaly {
    /// The anomaly degree of every unit; `None` for a dead one, which shows nothing clean or attacked.
    pub fn degrees(&self) -> Vec<Option<f64>> {
        let mean = self.clean.iter().sum::<f64>() / self.clean.len().max(1) as f64;
        self.clean
            .iter()
            .zip(&self.change)
            .map(|(clean, change)| {
                (*clean > 0.0 || *change > 0.0).then(|| change / (clean + TAU * mean))
            })
            .collect()
    }
}

/// What the attack does to every unit of a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnomalyTable {
    /// What was measured.
    pub measure: Measure,
    /// One entry per convolution or linear layer, in node order.
    pub layers: Vec<LayerAnomaly>,
}

impl AnomalyTable {
    /// A table of no images.
    pub fn new(measure: Measure, network: &Network) -> Self {
        let layers = response_values(network)
            .into_iter()
            .map(|value| {
                let units = network.shape(value).as_map()[0];
                LayerAnomaly {
                    clean: vec![0.0; units],
                    change: vec![0.0; units],
                }
            })
            .collect();
        Self { measure, layers }
    }

    /// Whether the table is about a network with these layers and units.
    pub fn fits(&self, network: &Network) -> bool {
        let units = |table: &Self| -> Vec<[usize; 2]> {
            let layers = table.layers.iter();
            layers
                .map(|layer| [layer.clean.len(), layer.change.len()])
                .collect()
        };
        units(self) == units(&Self::new(self.measure, network))
    }

    /// Adds a batch of clean images and their adversarial versions, both `[batch, channel, height, width]`.
    /// Memory does not grow with the number of images.
    ///
    /// # Errors
    /// What the device reports.
    pub fn add(
        &mut self,
        executor: &Executor,
        clean: &[f32],
        adversarial: &[f32],
        labels: &[usize],
    ) -> Result<(), ComputeError> {
        let points = response_values(executor.network());
        let respond = |images: &[f32]| match self.measure {
            Measure::Activation => executor.activations(images, &points),
            Measure::Gradient => executor.activation_gradients(images, labels, &points),
        };
        let before = respond(clean)?;
        let after = respond(adversarial)?;
        for (layer, (before, after)) in self.layers.iter_mut().zip(before.iter().zip(&after)) {
            layer.accumulate(before, after, labels.len());
        }
        Ok(())
    }
}

impl LayerAnomaly {
    /// `before` and `after` are `[batch, unit, height, width]`.
    fn accumulate(&mut self, before: &[f32], after: &[f32], batch: usize) {
        let units = self.clean.len();
        let map = before.len() / (batch * units).max(1);
        let maps = before.chunks(map.max(1)).zip(after.chunks(map.max(1)));
        for (index, (before, after)) in maps.enumerate() {
            let unit = index % units;
            let pairs = before.iter().zip(after);
            self.clean[unit] += before.iter().map(|q| f64::from(q.abs())).sum::<f64>();
            self.change[unit] += pairs.map(|(q, r)| f64::from((r - q).abs())).sum::<f64>();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(units: usize) -> LayerAnomaly {
        LayerAnomaly {
            clean: vec![0.0; units],
            change: vec![0.0; units],
        }
    }

    #[test]
    fn degrees_follow_the_definition() {
        let mut layer = layer(3);
        // Two images, three units, maps of two pixels; the third unit never responds.
        let before = [1.0, 1.0, 2.0, 0.0, 0.0, 0.0, 1.0, -1.0, 0.0, 2.0, 0.0, 0.0];
        let after = [1.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 2.0, 0.0, 0.0];
        layer.accumulate(&before, &after, 2);
        assert_eq!(layer.clean, [4.0, 4.0, 0.0]);
        assert_eq!(layer.change, [2.0, 0.0, 0.0]);
        let tau = 0.01 * 8.0 / 3.0;
        let degrees = layer.degrees();
        assert!((degrees[0].unwrap() - 2.0 / (4.0 + tau)).abs() < 1e-12);
        assert_eq!(degrees[1], Some(0.0));
        assert_eq!(degrees[2], None);
    }

    #[test]
    fn a_unit_that_only_the_attack_wakes_is_anomalous_not_dead() {
        let mut layer = layer(2);
        layer.accumulate(&[1.0, 0.0], &[1.0, 0.5], 1);
        let degrees = layer.degrees();
        assert!(degrees[1].unwrap() > 50.0 && degrees[1].unwrap().is_finite());
    }

    #[test]
    fn two_batches_add_up_to_one() {
        let before = [0.5, 1.0, -2.0, 0.25];
        let after = [0.0, 1.5, -1.0, 0.25];
        let mut whole = layer(2);
        whole.accumulate(&before, &after, 2);
        let mut parts = layer(2);
        parts.accumulate(&before[..2], &after[..2], 1);
        parts.accumulate(&before[2..], &after[2..], 1);
        assert_eq!(whole, parts);
    }
}
