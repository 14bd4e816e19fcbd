//! Flying Bird (Chen et al., 2022): the network is sparse from the first step, and its connections move.
//!
//! Every so often the fraction p of the kept weights that are smallest is dropped, and as many grow at zero where the gradient is largest
//! among those that were missing, over all layers at once. p falls along half a cosine, as is usual for such methods (Evci et al., 2020). The
//! authors start from random sparse networks; here the run starts from the parent, pruned by magnitude. Theirs may grow again what has just
//! been dropped; here that comes last, so that connections do move.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sinew_models::{Network, ParameterId};

use super::{absolute_weights, falling, keep, save, taken};
use crate::prune::{Moment, Observe, PruneError, Sparsifier, Subject, Target, prunable};

/// Constants of the method.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FlyingBirdSettings {
    /// p in the beginning; 0.5 in the paper.
    pub drop: f64,
    /// Fraction of the run in which connections move.
    pub explore: f64,
    /// How often they do in that time.
    pub updates: usize,
}

impl Default for FlyingBirdSettings {
    fn default() -> Self {
        Self {
            drop: 0.5,
            explore: 0.75,
            updates: 12,
        }
    }
}

/// The method at work.
#[derive(Debug)]
pub struct FlyingBird {
    settings: FlyingBirdSettings,
    target: Target,
    /// |∂L/∂w| of the step before an update, one entry per prunable layer.
    gradients: Option<Vec<Vec<f32>>>,
}

impl FlyingBird {
    /// Nothing has moved yet.
    pub fn new(settings: FlyingBirdSettings, target: Target) -> Self {
        Self {
            settings,
            target,
            gradients: None,
        }
    }

    fn is_update(&self, step: usize, steps: usize) -> bool {
        let explore = self.settings.explore * steps as f64;
        let every = (explore / self.settings.updates as f64).ceil() as usize;
        step > 0 && (step as f64) < explore && step.is_multiple_of(every.max(1))
    }
}

impl Sparsifier for FlyingBird {
    fn prepare(
        &mut self,
        moment: &Moment,
        subject: &mut Subject<'_>,
        _observe: Observe<'_>,
    ) -> Result<(), PruneError> {
        let sparsity = self.target.sparsity;
        if moment.step == 0 {
            let scores = absolute_weights(subject.network, subject.parameters);
            let masks = self.target.masks(subject.network, &scores, sparsity)?;
            keep(subject, masks, self.target.granularity);
        }
        let Some(gradients) = self.gradients.take() else {
            return Ok(());
        };
        let layers = prunable(subject.network);
        let scores = absolute_weights(subject.network, subject.parameters);
        let drop = self.settings.drop * falling(moment.fraction() / self.settings.explore);
        // What stays for certain are the largest weights. All others that were there come last, behind whatever may grow. Floors may be
        // met by what grows.
        let staying = 1.0 - (1.0 - sparsity) * (1.0 - drop);
        let largest = Target {
            density_floor: 0.0,
            ..self.target
        };
        let certain = largest.masks(subject.network, &scores, staying)?;
        let score = |(layer, id): (usize, &ParameterId)| -> Vec<f64> {
            let was = subject.masks[id.0].as_deref();
            let weights = certain[layer].iter().zip(&gradients[layer]).enumerate();
            weights
                .map(|(index, (stays, gradient))| {
                    match (stays, was.is_none_or(|mask| mask[index])) {
                        (true, _) => f64::MAX,
                        (false, true) => -1.0,
                        (false, false) => f64::from(*gradient),
                    }
                })
                .collect()
        };
        let scores: Vec<Vec<f64>> = layers.iter().enumerate().map(score).collect();
        let masks = self.target.masks(subject.network, &scores, sparsity)?;
        keep(subject, masks, self.target.granularity);
        Ok(())
    }

    fn learn(&mut self, moment: &Moment, subject: &Subject<'_>, gradients: &mut [Vec<f32>]) {
        if self.learns_from_removed(moment) {
            let layers = prunable(subject.network).into_iter();
            let absolute = |id: ParameterId| gradients[id.0].iter().map(|g| g.abs()).collect();
            self.gradients = Some(layers.map(absolute).collect());
        }
    }

    /// What grows is chosen by the gradients of the step before.
    fn learns_from_removed(&self, moment: &Moment) -> bool {
        self.is_update(moment.step + 1, moment.steps)
    }

    fn settled(&self, _moment: &Moment) -> bool {
        true
    }

    fn state(&self) -> BTreeMap<String, Vec<f32>> {
        let mut state = BTreeMap::new();
        if let Some(gradients) = &self.gradients {
            save(&mut state, "gradient", gradients);
        }
        state
    }

    fn restore(
        &mut self,
        network: &Network,
        mut state: BTreeMap<String, Vec<f32>>,
    ) -> Result<(), PruneError> {
        self.gradients = Some(taken(network, "gradient", &mut state)?);
        Ok(())
    }
}
