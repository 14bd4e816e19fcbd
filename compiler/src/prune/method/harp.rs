//! HARP (Zhao and Wressnegger, 2023): scores and a density for every layer are learnt on the adversarial loss, then weights are tuned.
//!
//! Scores are HYDRA's. Layer l keeps k_l = σ(r_l)·(1 − k_min) + k_min of its weights, k_min = 0.1·k for a target density k, and the loss has
//! the term γ·max(Σ k_l·n_l / (k·Σ n_l) − 1, 0), whose weight γ grows by γ₀ with every epoch. The gradient of k_l is the sum of those of its
//! mask. Scores and r_l are learnt by SGD with momentum at a rate that falls along half a cosine.
//!
//! The authors start from densities of other methods; here every layer starts at k. Their penalty leaves the budget met about; here all k_l
//! are multiplied by one factor in the end, so that it is met exactly.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sinew_models::Network;

use super::hydra::{absolute, initial_scores, through_absolute};
use super::scores::{MOMENTUM, Scores};
use super::{falling, freeze_weights, keep};
use crate::prune::{Moment, Observe, PruneError, Sparsifier, Subject, Target};

/// Constants of the method.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HarpSettings {
    /// Learning rate of scores and densities in the beginning.
    pub score_rate: f64,
    /// γ₀; 0.01 in the paper.
    pub penalty: f64,
    /// Fraction of the run in which they are learnt.
    pub learn: f64,
}

impl Default for HarpSettings {
    fn default() -> Self {
        Self {
            score_rate: 0.1,
            penalty: 0.01,
            learn: 0.5,
        }
    }
}

/// k_min in units of k.
const LOWEST: f64 = 0.1;

/// The method at work.
#[derive(Debug)]
pub struct Harp {
    settings: HarpSettings,
    target: Target,
    /// k.
    density: f64,
    learning: Option<Learning>,
}

#[derive(Debug)]
struct Learning {
    scores: Scores,
    /// r_l, as a checkpoint holds them.
    rates: Vec<f32>,
    rate_velocities: Vec<f32>,
}

impl Harp {
    /// Nothing is learnt yet. The layers' densities are the method's own, whatever scope the target has.
    pub fn new(settings: HarpSettings, target: Target) -> Self {
        Self {
            settings,
            density: 1.0 - target.sparsity,
            target,
            learning: None,
        }
    }

    /// k_l.
    fn densities(&self, rates: &[f32]) -> Vec<f64> {
        let lowest = LOWEST * self.density;
        let of = |r: &f32| logistic(*r) * (1.0 - lowest) + lowest;
        rates.iter().map(of).collect()
    }
}

fn logistic(r: f32) -> f64 {
    1.0 / (1.0 + (-f64::from(r)).exp())
}

/// Σ k_l·n_l over Σ n_l.
fn mean_density(densities: &[f64], scores: &Scores) -> f64 {
    let sizes = scores.values.iter().map(|layer| layer.len() as f64);
    let kept: f64 = densities
        .iter()
        .zip(sizes.clone())
        .map(|(k, n)| k * n)
        .sum();
    kept / sizes.sum::<f64>()
}

impl Sparsifier for Harp {
    fn prepare(
        &mut self,
        moment: &Moment,
        subject: &mut Subject<'_>,
        _observe: Observe<'_>,
    ) -> Result<(), PruneError> {
        if moment.step == 0 {
            let network = subject.network_with(subject.parameters);
            let scores = Scores::new(&network, initial_scores(&network));
            let lowest = LOWEST * self.density;
            let start = (self.density - lowest) / (1.0 - lowest);
            let rates = vec![(start / (1.0 - start)).ln() as f32; scores.values.len()];
            self.learning = Some(Learning {
                rate_velocities: vec![0.0; rates.len()],
                scores,
                rates,
            });
        }
        let Some(mut learning) = self.learning.take() else {
            return Ok(());
        };
        let densities = self.densities(&learning.rates);
        let scores = absolute(&learning.scores);
        if moment.has_reached(self.settings.learn) {
            let masks = self.target.masks_with_densities(
                subject.network,
                &scores,
                self.target.sparsity,
                &densities,
            )?;
            keep(subject, masks, self.target.granularity);
            return Ok(());
        }
        // On the way layers keep what their densities say, as many weights as that is in all.
        let free = Target {
            density_floor: 0.0,
            ..self.target
        };
        let sparsity = 1.0 - mean_density(&densities, &learning.scores);
        learning.scores.masks =
            free.masks_with_densities(subject.network, &scores, sparsity, &densities)?;
        self.learning = Some(learning);
        Ok(())
    }

    fn effective(&self, values: &mut [Vec<f32>]) {
        if let Some(learning) = &self.learning {
            learning.scores.cover(values);
        }
    }

    fn learn(&mut self, moment: &Moment, subject: &Subject<'_>, gradients: &mut [Vec<f32>]) {
        let Some(mut learning) = self.learning.take() else {
            return;
        };
        let densities = self.densities(&learning.rates);
        let excess = mean_density(&densities, &learning.scores) / self.density - 1.0;
        let gamma = (moment.epoch + 1) as f64 * self.settings.penalty;
        let rate = self.settings.score_rate * falling(moment.fraction() / self.settings.learn);
        let lowest = LOWEST * self.density;
        let mut slopes = learning.scores.slopes(subject, gradients);
        let total: usize = slopes.iter().map(Vec::len).sum();
        let rates = learning.rates.iter_mut().zip(&mut learning.rate_velocities);
        for ((r, velocity), slopes) in rates.zip(&slopes) {
            let mut slope: f64 = slopes.iter().map(|s| f64::from(*s)).sum();
            if excess > 0.0 {
                slope += gamma * slopes.len() as f64 / (self.density * total as f64);
            }
            let at = logistic(*r);
            *velocity = MOMENTUM * *velocity + (slope * at * (1.0 - at) * (1.0 - lowest)) as f32;
            *r -= rate as f32 * *velocity;
        }
        through_absolute(&learning.scores, &mut slopes);
        learning.scores.descend(&slopes, rate);
        self.learning = Some(learning);
        freeze_weights(subject.network, gradients);
    }

    fn learns_from_removed(&self, _moment: &Moment) -> bool {
        self.learning.is_some()
    }

    fn settled(&self, _moment: &Moment) -> bool {
        self.learning.is_none()
    }

    fn state(&self) -> BTreeMap<String, Vec<f32>> {
        let Some(learning) = &self.learning else {
            return BTreeMap::new();
        };
        let mut state = learning.scores.state();
        state.insert("rates".to_owned(), learning.rates.clone());
        let velocities = learning.rate_velocities.clone();
        state.insert("rate velocities".to_owned(), velocities);
        state
    }

    fn restore(
        &mut self,
        network: &Network,
        mut state: BTreeMap<String, Vec<f32>>,
    ) -> Result<(), PruneError> {
        let scores = Scores::restore(network, &mut state)?;
        let mut one_per_layer = |name: &str| {
            let values = state.remove(name);
            let values = values.filter(|values| values.len() == scores.values.len());
            let problem = || PruneError::State(format!("\"{name}\" is missing or does not fit"));
            values.ok_or_else(problem)
        };
        self.learning = Some(Learning {
            rates: one_per_layer("rates")?,
            rate_velocities: one_per_layer("rate velocities")?,
            scores,
        });
        Ok(())
    }
}
