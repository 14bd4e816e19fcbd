//! Anomaly degree: the relative change of a unit's activation or gradient between clean images and their attacked versions.
//!
//! For a unit u of layer l, `A(u) = E‖q_u(x') − q_u(x)‖₁ / (E‖q_u(x)‖₁ + τ_l)`, where q is the response after the activation
//! function or the gradient of the training loss with respect to it, and τ_l is [`TAU`] times the layer's mean of `E‖q_u(x)‖₁`.
//! A ratio of expectations: with a mean of ratios, units that are almost silent on clean images would dominate.

use serde::{Deserialize, Serialize};

use super::statistics::Quantity;

/// τ_l as a fraction of the layer's mean response.
pub(super) const TAU: f64 = 0.01;

/// Which quantity's change is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// The response of the unit.
    #[default]
    Activation,
    /// The gradient of the cross-entropy with respect to the response.
    Gradient,
    /// The response weighted by its gradient; the change counts only where it raises the loss.
    Signed,
    /// The gradient of the cross-entropy with respect to each weight: degrees of weights, not of units.
    WeightGradient,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Activation,
        Self::Gradient,
        Self::Signed,
        Self::WeightGradient,
    ];

    /// What has to be summed.
    pub fn quantity(self) -> Quantity {
        match self {
            Self::Activation => Quantity::Activation,
            Self::Gradient => Quantity::Gradient,
            Self::Signed => Quantity::Signed,
            Self::WeightGradient => Quantity::WeightGradient,
        }
    }
}

/// Sums over images, one entry per unit of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerAnomaly {
    /// `Σ‖q_u(x)‖₁` over the clean images.
    pub clean: Vec<f64>,
    /// `Σ‖q_u(x') − q_u(x)‖₁`.
    pub change: Vec<f64>,
}

impl LayerAnomaly {
    /// The anomaly degree of every unit; `None` for a dead one, which shows nothing clean or attacked.
    pub fn degrees(&self) -> Vec<Option<f64>> {
        degrees(&self.clean, &self.change)
    }
}

/// The anomaly degrees of one layer.
pub(super) fn degrees(clean: &[f64], change: &[f64]) -> Vec<Option<f64>> {
    let tau = TAU * clean.iter().sum::<f64>() / clean.len().max(1) as f64;
    let pairs = clean.iter().zip(change);
    pairs
        .map(|(clean, change)| {
            let dead = *clean == 0.0 && *change == 0.0;
            // A layer that is silent on all clean images has τ = 0: whatever wakes it is as anomalous as can be told.
            let degree = change / (clean + tau).max(f64::MIN_POSITIVE);
            (!dead).then_some(degree.min(f64::MAX))
        })
        .collect()
}

/// What the attack does to every unit of a network, by one measure.
#[derive(Clone, Debug, PartialEq)]
pub struct AnomalyTable {
    /// What was measured.
    pub measure: Measure,
    /// One entry per convolution or linear layer, in node order.
    pub layers: Vec<LayerAnomaly>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_follow_the_definition() {
        // Two images, three units; the third unit never responds.
        let layer = LayerAnomaly {
            clean: vec![4.0, 4.0, 0.0],
            change: vec![2.0, 0.0, 0.0],
        };
        let tau = 0.01 * 8.0 / 3.0;
        let degrees = layer.degrees();
        assert!((degrees[0].unwrap() - 2.0 / (4.0 + tau)).abs() < 1e-12);
        assert_eq!(degrees[1], Some(0.0));
        assert_eq!(degrees[2], None);
    }

    #[test]
    fn a_unit_that_only_the_attack_wakes_is_anomalous_not_dead() {
        let degrees = degrees(&[1.0, 0.0], &[0.0, 0.5]);
        assert!(degrees[1].unwrap() > 50.0 && degrees[1].unwrap().is_finite());
        let silent = super::degrees(&[0.0, 0.0], &[0.0, 1e300]);
        assert_eq!(silent, [None, Some(f64::MAX)]);
    }
}
