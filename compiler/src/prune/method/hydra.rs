//! HYDRA (Sehwag et al., 2020): importance scores are learnt on the adversarial loss while the weights stand still, then the weights are
//! tuned under the mask.
//!
//! Scores start as √(6/fan_in)·w/max|w| of the layer; the mask is the top k of |s|. Weights and biases are frozen until it is fixed, batch
//! norms are not. The scores' learning rate falls along half a cosine, as the authors'; they decay scores too, which is left out here: it
//! has no part in the method. The authors prune every layer alike; any scope can be asked for here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sinew_models::Network;

use super::scores::Scores;
use super::{falling, freeze_weights, keep};
use crate::prune::{Moment, Observe, PruneError, Sparsifier, Subject, Target, prunable};

/// Constants of the method.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HydraSettings {
    /// Learning rate of the scores in the beginning; 0.1 in the paper.
    pub score_rate: f64,
    /// Fraction of the run in which scores are learnt.
    pub learn: f64,
}

impl Default for HydraSettings {
    fn default() -> Self {
        Self {
            score_rate: 0.1,
            learn: 0.5,
        }
    }
}

/// The method at work.
#[derive(Debug)]
pub struct Hydra {
    settings: HydraSettings,
    target: Target,
    scores: Option<Scores>,
}

impl Hydra {
    /// Nothing is learnt yet.
    pub fn new(settings: HydraSettings, target: Target) -> Self {
        Self {
            settings,
            target,
            scores: None,
        }
    }
}

/// √(6/fan_in)·w/max|w| of every weight.
pub(super) fn initial_scores(network: &Network) -> Vec<Vec<f32>> {
    let layers = prunable(network).into_iter();
    layers
        .map(|id| {
            let weight = network.parameter(id);
            let fan_in = weight.values().len() / weight.shape()[0];
            let largest = weight.values().iter().fold(0.0f32, |m, w| m.max(w.abs()));
            let scale = (6.0 / fan_in as f32).sqrt() / largest.max(f32::MIN_POSITIVE);
            weight.values().iter().map(|w| w * scale).collect()
        })
        .collect()
}

/// |s|.
pub(super) fn absolute(scores: &Scores) -> Vec<Vec<f64>> {
    let layers = scores.values.iter();
    layers
        .map(|layer| layer.iter().map(|s| f64::from(s.abs())).collect())
        .collect()
}

/// ∂L/∂s where the mask is chosen by |s|.
pub(super) fn through_absolute(scores: &Scores, slopes: &mut [Vec<f32>]) {
    for (slopes, scores) in slopes.iter_mut().zip(&scores.values) {
        for (slope, score) in slopes.iter_mut().zip(scores) {
            *slope *= score.signum();
        }
    }
}

impl Sparsifier for Hydra {
    fn prepare(
        &mut self,
        moment: &Moment,
        subject: &mut Subject<'_>,
        _observe: Observe<'_>,
    ) -> Result<(), PruneError> {
        if moment.step == 0 {
            let network = subject.network_with(subject.parameters);
            self.scores = Some(Scores::new(&network, initial_scores(&network)));
        }
        let Some(scores) = &mut self.scores else {
            return Ok(());
        };
        let sparsity = self.target.sparsity;
        let masks = self
            .target
            .masks(subject.network, &absolute(scores), sparsity)?;
        if moment.has_reached(self.settings.learn) {
            keep(subject, masks, self.target.granularity);
            self.scores = None;
        } else {
            scores.masks = masks;
        }
        Ok(())
    }

    fn effective(&self, values: &mut [Vec<f32>]) {
        if let Some(scores) = &self.scores {
            scores.cover(values);
        }
    }

    fn learn(&mut self, moment: &Moment, subject: &Subject<'_>, gradients: &mut [Vec<f32>]) {
        let Some(scores) = &mut self.scores else {
            return;
        };
        let mut slopes = scores.slopes(subject, gradients);
        through_absolute(scores, &mut slopes);
        let rate = self.settings.score_rate * falling(moment.fraction() / self.settings.learn);
        scores.descend(&slopes, rate);
        freeze_weights(subject.network, gradients);
    }

    fn learns_from_removed(&self, _moment: &Moment) -> bool {
        self.scores.is_some()
    }

    fn settled(&self, _moment: &Moment) -> bool {
        self.scores.is_none()
    }

    fn state(&self) -> BTreeMap<String, Vec<f32>> {
        self.scores.as_ref().map(Scores::state).unwrap_or_default()
    }

    fn restore(
        &mut self,
        network: &Network,
        mut state: BTreeMap<String, Vec<f32>>,
    ) -> Result<(), PruneError> {
        self.scores = Some(Scores::restore(network, &mut state)?);
        Ok(())
    }
}
