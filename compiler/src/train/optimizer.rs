//! SGD with momentum and weight decay, masks, and the running average of the weights, as one update on the device.
//!
//! `v ← μ·v + g + λ·w`, `w ← w − η·v`, pruned positions staying zero in all three. Kept here rather than taken from burn because the
//! velocities are part of the checkpoint, by parameter name, in the same file as the weights.

use burn::tensor::{Device, Tensor};
use sinew_models::{Network, Role};

use super::TrainSettings;
use crate::execute::{upload, upload_flat};

/// Parameters, velocities and averages of a network in training: flat plain tensors in the order of its parameters.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) parameters: Vec<Tensor<1>>,
    pub(super) velocities: Vec<Tensor<1>>,
    pub(super) averages: Vec<Tensor<1>>,
}

impl State {
    /// At rest, with the network's values.
    pub(super) fn new(network: &Network, device: &Device) -> Self {
        let parameters = upload(network, device);
        Self {
            velocities: parameters.iter().map(|p| p.zeros_like()).collect(),
            averages: parameters.clone(),
            parameters,
        }
    }
}

/// The update rule with what it needs on the device.
#[derive(Debug)]
pub(super) struct Optimizer {
    roles: Vec<Role>,
    masks: Vec<Option<Tensor<1>>>,
    momentum: f64,
    weight_decay: f64,
    average_decay: f64,
}

impl Optimizer {
    pub(super) fn new(network: &Network, settings: &TrainSettings, device: &Device) -> Self {
        let parameters = network.parameters().iter();
        let as_floats =
            |mask: &[bool]| mask.iter().map(|keep| f32::from(u8::from(*keep))).collect();
        Self {
            roles: parameters.clone().map(|p| p.role()).collect(),
            masks: parameters
                .map(|p| p.mask().map(|mask| upload_flat(as_floats(mask), device)))
                .collect(),
            momentum: settings.momentum,
            weight_decay: settings.weight_decay,
            average_decay: settings.average_decay,
        }
    }

    /// Moves parameter `index` against `gradient`.
    pub(super) fn descend(
        &self,
        state: &mut State,
        index: usize,
        gradient: Tensor<1>,
        learning_rate: f64,
    ) {
        let weights = state.parameters[index].clone();
        let mut force = gradient;
        if self.roles[index] == Role::Weight && self.weight_decay > 0.0 {
            force = force + weights.clone() * self.weight_decay;
        }
        if let Some(mask) = &self.masks[index] {
            force = force * mask.clone();
        }
        let velocity = state.velocities[index].clone() * self.momentum + force;
        state.parameters[index] = weights - velocity.clone() * learning_rate;
        state.velocities[index] = velocity;
    }

    /// Takes the parameters after `step` steps into the averages. Early averages forget faster, so that the first random weights do not linger.
    pub(super) fn average(&self, state: &mut State, step: usize) {
        let decay = self
            .average_decay
            .min((1.0 + step as f64) / (10.0 + step as f64));
        for (average, parameter) in state.averages.iter_mut().zip(&state.parameters) {
            *average = average.clone() * decay + parameter.clone() * (1.0 - decay);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::download;
    use crate::testing::{train_settings, two_layers};

    #[test]
    fn follows_the_rule_and_keeps_pruned_weights_at_zero() {
        let device = Device::flex();
        let mut network = two_layers();
        let count = network.parameters()[0].values().len();
        let mut mask = vec![true; count];
        mask[1] = false;
        network.parameters_mut()[0].set_values(vec![1.0; count]);
        network.parameters_mut()[0].set_mask(mask);
        let settings = TrainSettings {
            momentum: 0.5,
            weight_decay: 0.1,
            average_decay: 0.5,
            ..train_settings()
        };
        let optimizer = Optimizer::new(&network, &settings, &device);
        let mut state = State::new(&network, &device);
        for step in 0..2 {
            optimizer.descend(&mut state, 0, upload_flat(vec![2.0; count], &device), 0.1);
            optimizer.average(&mut state, 1000 + step);
        }
        let weights = download(state.parameters[0].clone()).unwrap();
        // v₁ = 2.1, w₁ = 0.79; v₂ = 1.05 + 2 + 0.079 = 3.129, w₂ = 0.4771.
        assert!((weights[0] - 0.4771).abs() < 1e-6, "{}", weights[0]);
        assert_eq!(weights[1], 0.0);
        let average = download(state.averages[0].clone()).unwrap();
        assert!((average[0] - (0.25 + 0.25 * 0.79 + 0.5 * 0.4771)).abs() < 1e-6);
        assert_eq!(average[1], 0.0);
    }
}
