//! MAD (Lee, Kim and Ro, "Masking adversarial damage", 2022): what removing a weight does to the adversarial loss, to second order.
//!
//! With Kronecker factors of the curvature, G of the gradients of a layer's output (true labels, adversarial images) and A of its input,
//! a change Δw costs `ΔL_ij = ½·G_ii·Δw_ij·Σ_k Δw_ik·A_kj`. For removal, `Δw = w`, the sum is the correlation `E[z_i·a_j]` of the unit's
//! output with what the weight multiplies, so A itself, with as many entries as the square of a row, is not needed. As in the authors'
//! program the bias is one of the weights, and G is averaged over positions. The lowest go first.
//!
//! The authors first optimise soft masks on the adversarial loss, batch by batch, and take their Δw; and they prune linear layers row by
//! row, where here the scope decides.

use serde::{Deserialize, Serialize};

use super::{Evidence, Rule};
use crate::prune::statistics::{Needs, Part, Quantity};

/// ΔL of removing a weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mad {}

impl Rule for Mad {
    fn needs(&self) -> Needs {
        Needs::of(&[Quantity::Curvature])
    }

    fn scores(&self, evidence: &Evidence<'_>) -> Vec<Vec<f64>> {
        let images = evidence.statistics.images().max(1) as f64;
        let layers = evidence.layers().iter().enumerate();
        layers
            .map(|(index, layer)| {
                let part = |part| evidence.statistics.sum(index, Quantity::Curvature, part);
                let (squares, correlations) = (part(Part::Squares), part(Part::Correlation));
                let weights = evidence.weights(layer).iter().zip(correlations).enumerate();
                weights
                    .map(|(weight, (w, correlation))| {
                        let curvature = squares[weight / layer.row()] / images;
                        0.5 * curvature * f64::from(*w) * correlation / images
                    })
                    .collect()
            })
            .collect()
    }
}
