//! SGD with momentum and weight decay, masks, and the running average of the weights.
//!
//! `v ← μ·v + g + λ·w`, `w ← w − η·v`, masked positions staying zero in all three. Kept here rather than taken from burn because the
//! velocities are part of the checkpoint, by parameter name, in the same file as the weights.

use rayon::prelude::*;
use sinew_models::{Network, Role};

use super::TrainSettings;

/// Parameters, velocities, averages and masks of a network in training, in the order of its parameters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    pub(super) parameters: Vec<Vec<f32>>,
    pub(super) velocities: Vec<Vec<f32>>,
    pub(super) averages: Vec<Vec<f32>>,
    /// `true` where a value may differ from zero; `None` where all may.
    pub(super) masks: Vec<Option<Vec<bool>>>,
}

impl State {
    /// At rest, with the network's values and masks.
    pub(super) fn new(network: &Network) -> Self {
        let parameters = network.parameters().iter();
        let values: Vec<Vec<f32>> = parameters.clone().map(|p| p.values().to_vec()).collect();
        Self {
            velocities: values.iter().map(|v| vec![0.0; v.len()]).collect(),
            averages: values.clone(),
            parameters: values,
            masks: parameters.map(|p| p.mask().map(<[bool]>::to_vec)).collect(),
        }
    }
}

/// The update rule.
#[derive(Debug)]
pub(super) struct Optimizer {
    roles: Vec<Role>,
    momentum: f32,
    weight_decay: f32,
    average_decay: f64,
}

impl Optimizer {
    pub(super) fn new(network: &Network, settings: &TrainSettings) -> Self {
        Self {
            roles: network.parameters().iter().map(|p| p.role()).collect(),
            momentum: settings.momentum as f32,
            weight_decay: settings.weight_decay as f32,
            average_decay: settings.average_decay,
        }
    }

    /// Moves every parameter against its gradient; those with an empty one stay where they are.
    pub(super) fn descend(&self, state: &mut State, gradients: &[Vec<f32>], learning_rate: f64) {
        let learning_rate = learning_rate as f32;
        let moving = state.parameters.par_iter_mut().zip(&mut state.velocities);
        let moving = moving.zip(&state.masks).zip(gradients).zip(&self.roles);
        moving.for_each(|((((weights, velocities), mask), gradient), role)| {
            let decay = if *role == Role::Weight {
                self.weight_decay
            } else {
                0.0
            };
            for ((w, v), g) in weights.iter_mut().zip(velocities.iter_mut()).zip(gradient) {
                *v = self.momentum * *v + g + decay * *w;
                *w -= learning_rate * *v;
            }
            if let Some(mask) = mask {
                clear(weights, mask);
                clear(velocities, mask);
            }
        });
    }

    /// Takes the parameters after `step` steps into the averages. Early averages forget faster, so that the first random weights do not linger.
    pub(super) fn average(&self, state: &mut State, step: usize) {
        let decay = self
            .average_decay
            .min((1.0 + step as f64) / (10.0 + step as f64)) as f32;
        let averages = state.averages.par_iter_mut().zip(&state.parameters);
        averages
            .zip(&state.masks)
            .for_each(|((averages, parameters), mask)| {
                for (average, parameter) in averages.iter_mut().zip(parameters) {
                    *average = decay * *average + (1.0 - decay) * parameter;
                }
                if let Some(mask) = mask {
                    clear(averages, mask);
                }
            });
    }
}

/// Sets to zero what the mask leaves out.
pub(super) fn clear(values: &mut [f32], mask: &[bool]) {
    for (value, keep) in values.iter_mut().zip(mask) {
        if !keep {
            *value = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{train_settings, two_layers};

    #[test]
    fn follows_the_rule_and_keeps_pruned_weights_at_zero() {
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
        let optimizer = Optimizer::new(&network, &settings);
        let mut state = State::new(&network);
        let before = state.clone();
        let mut gradients = vec![Vec::new(); state.parameters.len()];
        gradients[0] = vec![2.0; count];
        for step in 0..2 {
            optimizer.descend(&mut state, &gradients, 0.1);
            optimizer.average(&mut state, 1000 + step);
        }
        let weights = &state.parameters[0];
        // v₁ = 2.1, w₁ = 0.79; v₂ = 1.05 + 2 + 0.079 = 3.129, w₂ = 0.4771.
        assert!((weights[0] - 0.4771).abs() < 1e-6, "{}", weights[0]);
        assert_eq!(weights[1], 0.0);
        let average = &state.averages[0];
        assert!((average[0] - (0.25 + 0.25 * 0.79 + 0.5 * 0.4771)).abs() < 1e-6);
        assert_eq!(average[1], 0.0);
        assert_eq!(state.parameters[1..], before.parameters[1..]);
    }

    #[test]
    fn a_weight_that_is_pruned_on_the_way_loses_its_momentum_and_its_average() {
        let network = two_layers();
        let settings = TrainSettings {
            momentum: 0.5,
            weight_decay: 0.0,
            average_decay: 0.5,
            ..train_settings()
        };
        let optimizer = Optimizer::new(&network, &settings);
        let mut state = State::new(&network);
        let count = state.parameters[0].len();
        state.parameters[0].fill(1.0);
        state.averages[0].fill(1.0);
        let mut gradients = vec![Vec::new(); state.parameters.len()];
        let mut step = |state: &mut State, gradient: f32| {
            gradients[0] = vec![gradient; count];
            optimizer.descend(state, &gradients, 0.5);
            optimizer.average(state, 1000);
            let of = |values: &[Vec<f32>]| values[0][1];
            [
                of(&state.parameters),
                of(&state.velocities),
                of(&state.averages),
            ]
        };
        assert_eq!(step(&mut state, 1.0), [0.5, 1.0, 0.75]);
        let mut mask = vec![true; count];
        mask[1] = false;
        state.masks[0] = Some(mask);
        assert_eq!(step(&mut state, 1.0), [0.0, 0.0, 0.0]);
        // Grown again it starts at zero and at rest.
        state.masks[0] = Some(vec![true; count]);
        assert_eq!(step(&mut state, 1.0), [-0.5, 1.0, -0.25]);
        // Without a gradient a parameter stays, its velocity too.
        let before = state.clone();
        optimizer.descend(&mut state, &vec![Vec::new(); before.parameters.len()], 0.5);
        assert_eq!(state, before);
    }
}
