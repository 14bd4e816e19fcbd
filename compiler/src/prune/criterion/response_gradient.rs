//! Response times gradient: units that say little, or to which the loss does not listen, go first.
//!
//! `score(u) = E‖a_u‖₁·E‖∂L/∂a_u‖₁`, relative to its layer's mean. It bounds the first-order effect of silencing the unit (Molchanov et
//! al., "Pruning convolutional neural networks for resource efficient inference", 2017, take the mean of the product instead), and does not
//! cancel between images. Weights inside a unit go by |w|.

use serde::{Deserialize, Serialize};

use super::{Evidence, Images, Rule, mean};
use crate::prune::anomaly::Measure;
use crate::prune::statistics::{Needs, Quantity};

/// Units by rising E|a|·E|g|.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResponseGradient {
    /// Whose responses and gradients.
    pub images: Images,
    /// Divide by 1 + A, the anomaly degree by activation: use against harm.
    pub anomaly: bool,
}

impl Rule for ResponseGradient {
    fn needs(&self) -> Needs {
        Needs::of(&[Quantity::Activation, Quantity::Gradient])
    }

    fn scores(&self, evidence: &Evidence<'_>) -> Vec<Vec<f64>> {
        let layers = 0..evidence.layers().len();
        let units: Vec<Vec<f64>> = layers
            .map(|layer| {
                let sum = |quantity| evidence.statistics.sum(layer, quantity, self.images.part());
                let products = products(sum(Quantity::Activation), sum(Quantity::Gradient));
                if !self.anomaly {
                    return products;
                }
                let degrees = evidence.degrees(Measure::Activation, false, layer);
                let calmed = products.iter().zip(degrees);
                calmed.map(|(p, a)| p / (1.0 + a.unwrap_or(0.0))).collect()
            })
            .collect();
        evidence.ranked_units(&units)
    }
}

/// Response times gradient of the units of one layer, relative to their mean.
fn products(responses: &[f64], gradients: &[f64]) -> Vec<f64> {
    let pairs = responses.iter().zip(gradients);
    let products: Vec<f64> = pairs.map(|(a, g)| a * g).collect();
    let mean = mean(&products);
    let scale = if mean > 0.0 { 1.0 / mean } else { 0.0 };
    products.iter().map(|product| product * scale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_relative_to_their_layer() {
        assert_eq!(
            products(&[1.0, 2.0, 0.0], &[1.0, 1.0, 7.0]),
            [1.0, 2.0, 0.0]
        );
        assert_eq!(products(&[0.0; 2], &[1.0; 2]), [0.0; 2]);
    }
}
