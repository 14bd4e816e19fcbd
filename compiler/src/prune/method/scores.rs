//! A score for every weight, learnt by descent, and the mask that follows from the scores.
//!
//! The network computes with w·m. The backward pass takes the choice of m for the identity (straight-through, Bengio et al., 2013; for
//! scores of weights Ramanujan et al., 2020), so that ∂L/∂s = ∂L/∂m = w·∂L/∂(w·m).

use std::collections::BTreeMap;

use sinew_models::{Network, ParameterId};

use super::{save, taken};
use crate::prune::{PruneError, Subject, prunable};

/// Of the velocities of all that is learnt here.
pub(super) const MOMENTUM: f32 = 0.9;

/// One entry per prunable layer in each.
#[derive(Clone, Debug)]
pub(super) struct Scores {
    pub(super) values: Vec<Vec<f32>>,
    pub(super) masks: Vec<Vec<bool>>,
    velocities: Vec<Vec<f32>>,
    layers: Vec<ParameterId>,
}

impl Scores {
    /// Scores at rest, nothing masked yet.
    pub(super) fn new(network: &Network, values: Vec<Vec<f32>>) -> Self {
        Self {
            masks: values.iter().map(|s| vec![true; s.len()]).collect(),
            velocities: values.iter().map(|s| vec![0.0; s.len()]).collect(),
            layers: prunable(network),
            values,
        }
    }

    /// Sets the weights that are masked to zero.
    pub(super) fn cover(&self, values: &mut [Vec<f32>]) {
        for (id, mask) in self.layers.iter().zip(&self.masks) {
            for (value, keep) in values[id.0].iter_mut().zip(mask) {
                if !keep {
                    *value = 0.0;
                }
            }
        }
    }

    /// ∂L/∂m of every weight, given the gradients with respect to the effective values.
    pub(super) fn slopes(&self, subject: &Subject<'_>, gradients: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let of = |id: &ParameterId| {
            let weights = subject.parameters[id.0].iter();
            weights.zip(&gradients[id.0]).map(|(w, g)| w * g).collect()
        };
        self.layers.iter().map(of).collect()
    }

    /// Moves the scores against their slopes.
    pub(super) fn descend(&mut self, slopes: &[Vec<f32>], learning_rate: f64) {
        let learning_rate = learning_rate as f32;
        let layers = self.values.iter_mut().zip(&mut self.velocities).zip(slopes);
        for ((scores, velocities), slopes) in layers {
            for ((score, velocity), slope) in scores.iter_mut().zip(velocities).zip(slopes) {
                *velocity = MOMENTUM * *velocity + slope;
                *score -= learning_rate * *velocity;
            }
        }
    }

    /// For [`Sparsifier::state`](crate::prune::Sparsifier::state).
    pub(super) fn state(&self) -> BTreeMap<String, Vec<f32>> {
        let mut state = BTreeMap::new();
        let ones = |mask: &Vec<bool>| mask.iter().map(|keep| u8::from(*keep).into()).collect();
        let masks: Vec<Vec<f32>> = self.masks.iter().map(ones).collect();
        save(&mut state, "score", &self.values);
        save(&mut state, "mask", &masks);
        save(&mut state, "velocity", &self.velocities);
        state
    }

    /// Takes back what `state` gave. Masks are part of it: the last step of an epoch may be followed by its judgement, with no
    /// selection between them.
    pub(super) fn restore(
        network: &Network,
        state: &mut BTreeMap<String, Vec<f32>>,
    ) -> Result<Self, PruneError> {
        let mut scores = Self::new(network, taken(network, "score", state)?);
        scores.velocities = taken(network, "velocity", state)?;
        let masks = taken(network, "mask", state)?.into_iter();
        scores.masks = masks
            .map(|mask| mask.iter().map(|keep| *keep != 0.0).collect())
            .collect();
        Ok(scores)
    }
}
