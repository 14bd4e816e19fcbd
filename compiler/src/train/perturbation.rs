//! Adversarial weight perturbation (Wu, Xia and Wang, 2020): training learns from the gradient that it would have at worse weights nearby,
//! which flattens the loss around those that it finds.
//!
//! At each step the gradient g of the adversarial loss at the weights w gives v = ‖w‖/(‖g‖ + 10⁻²⁰)·g, for each layer by itself; the
//! gradient at w + γ·v is what the optimiser then follows from w. The authors use γ = 0.01 with plain adversarial training, and 0.005 with
//! TRADES after ten epochs without. Non-goals: asking for those gradients.

use sinew_models::Network;

/// Keeps a gradient of zeros from dividing by zero.
const TINY: f64 = 1e-20;

/// The parameters w + γ·v. `parameters` and their `gradients` have one entry per parameter of the network, flattened.
///
/// Only weights of layers move: tensors with more than one axis that have a gradient. Weights that are zero count as pruned and stay zero.
pub fn perturb(
    network: &Network,
    parameters: &[Vec<f32>],
    gradients: &[Vec<f32>],
    gamma: f64,
) -> Vec<Vec<f32>> {
    let values = parameters.iter().zip(gradients);
    let layers = network.parameters().iter().zip(values);
    layers
        .map(|(parameter, (weights, gradient))| {
            if parameter.shape().len() > 1 && !gradient.is_empty() {
                perturbed(weights, gradient, gamma)
            } else {
                weights.clone()
            }
        })
        .collect()
}

/// One layer's w + γ·v.
fn perturbed(weights: &[f32], gradient: &[f32], gamma: f64) -> Vec<f32> {
    let kept = |(w, g): (&f32, &f32)| if *w == 0.0 { 0.0 } else { f64::from(*g) };
    let slopes: Vec<f64> = weights.iter().zip(gradient).map(kept).collect();
    let length = slopes.iter().map(|g| g * g).sum::<f64>().sqrt();
    let size = weights.iter().map(|w| f64::from(*w) * f64::from(*w));
    let scale = gamma * size.sum::<f64>().sqrt() / (length + TINY);
    let moved = weights.iter().zip(slopes);
    moved
        .map(|(w, g)| (f64::from(*w) + scale * g) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::two_layers;

    #[test]
    fn each_layer_moves_up_its_gradient_by_its_own_length() {
        let network = two_layers();
        let ones = |scale: f32| -> Vec<Vec<f32>> {
            let parameters = network.parameters().iter();
            parameters
                .map(|parameter| vec![scale; parameter.values().len()])
                .collect()
        };
        let (mut parameters, mut gradients) = (ones(1.0), ones(1e-3));
        // The first layer has weights (3, −4, 0, …): ‖w‖ = 5. Its gradient is (−6, 8, 100, 0, …) times anything; the third weight is
        // pruned, so ‖g‖ = 10 and v = (−3, 4, 0, …).
        parameters[0].fill(0.0);
        parameters[0][..2].copy_from_slice(&[3.0, -4.0]);
        gradients[0].fill(0.0);
        gradients[0][..3].copy_from_slice(&[-6e-6, 8e-6, 1e-4]);
        let moved = perturb(&network, &parameters, &gradients, 0.125);
        let mut expected = parameters[0].clone();
        expected[..2].copy_from_slice(&[3.0 - 0.125 * 3.0, -4.0 + 0.125 * 4.0]);
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close(&moved[0], &expected), "{:?}", moved[0]);
        let mut layers = 0;
        for (index, parameter) in network.parameters().iter().enumerate().skip(1) {
            // Elsewhere all weights are 1 and all slopes alike: v is 1 in every place.
            let is_layer = parameter.shape().len() > 1;
            layers += usize::from(is_layer);
            let expected = if is_layer { 1.125 } else { 1.0 };
            let all = vec![expected; parameters[index].len()];
            assert!(close(&moved[index], &all), "{}", parameter.name());
        }
        assert_eq!(layers, 1);
    }

    #[test]
    fn parameters_without_a_gradient_and_gradients_of_zeros_move_nothing() {
        let network = two_layers();
        let values = network.parameters().iter();
        let parameters: Vec<Vec<f32>> = values.map(|p| p.values().to_vec()).collect();
        let none = vec![Vec::new(); parameters.len()];
        assert_eq!(perturb(&network, &parameters, &none, 0.01), parameters);
        let zeros: Vec<Vec<f32>> = parameters.iter().map(|p| vec![0.0; p.len()]).collect();
        assert_eq!(perturb(&network, &parameters, &zeros, 0.01), parameters);
        assert_eq!(perturb(&network, &parameters, &parameters, 0.0), parameters);
    }
}
