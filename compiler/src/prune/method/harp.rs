//! HARP (Zhao and Wressnegger, 2023): scores and a density for every layer are learnt on the adversarial loss, then weights are tuned.
//!
//! Scores are HYDRA's. Layer l keeps k_l = σ(r_l)·(1 − k_min) + k_min of its weights, k_min = 0.1·k for a target density k, and the loss has
//! the term γ·max(Σ k_l·n_l / (k·Σ n_l) − 1, 0), whose weight γ grows by γ₀ with every epoch. The gradient of k_l is the sum of those of its
//! mask. The authors start from densities of other methods; here every layer starts at k.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sinew_models::Network;

use super::hydra::{absolute, initial_scores, through_absolute};
use super::scores::Scores;
use super::{freeze_weights, keep, top};
use crate::prune::{Moment, Observe, PruneError, Sparsifier, Subject, Target};

/// Constants of the method.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HarpSettings {
    /// Learning rate of scores and densities.
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
            self.learning = Some(Learning { scores, rates });
        }
        let Some(learning) = &self.learning else {
            return Ok(());
        };
        let mut densities = self.densities(&learning.rates);
        let fix = moment.fraction() >= self.settings.learn;
        if fix {
            // The penalty leaves the budget met about; now it is met.
            to_budget(&mut densities, &learning.scores, self.density);
        }
        let masks = top(&absolute(&learning.scores), &densities);
        if fix {
            keep(subject, masks, self.target.granularity);
            self.learning = None;
        } else if let Some(learning) = &mut self.learning {
            learning.scores.masks = masks;
        }
        Ok(())
    }

    fn effective(&self, values: &mut [Vec<f32>]) {
        if let Some(learning) = &self.learning {
            learning.scores.cover(values);
        }
    }

    fn learn(&mut self, moment: &Moment, subject: &Subject<'_>, gradients: &mut [Vec<f32>]) {
        let Some(learning) = &self.learning else {
            return;
        };
        let densities = self.densities(&learning.rates);
        let excess = mean_density(&densities, &learning.scores) / self.density - 1.0;
        let gamma = (moment.epoch + 1) as f64 * self.settings.penalty;
        let rate = self.settings.score_rate;
        let lowest = LOWEST * self.density;
        let Some(learning) = &mut self.learning else {
            return;
        };
        let mut slopes = learning.scores.slopes(subject, gradients);
        let total: usize = slopes.iter().map(Vec::len).sum();
        for (r, slopes) in learning.rates.iter_mut().zip(&slopes) {
            let mut slope: f64 = slopes.iter().map(|s| f64::from(*s)).sum();
            if excess > 0.0 {
                slope += gamma * slopes.len() as f64 / (self.density * total as f64);
            }
            let at = logistic(*r);
            *r -= (rate * slope * at * (1.0 - at) * (1.0 - lowest)) as f32;
        }
        through_absolute(&learning.scores, &mut slopes);
        learning.scores.descend(&slopes, rate);
        freeze_weights(subject.network, gradients);
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
        state
    }

    fn restore(
        &mut self,
        network: &Network,
        mut state: BTreeMap<String, Vec<f32>>,
    ) -> Result<(), PruneError> {
        if state.is_empty() {
            return Ok(());
        }
        let scores = Scores::restore(network, &mut state)?;
        let rates = state.remove("rates").unwrap_or_default();
        if rates.len() != scores.values.len() {
            return Err(PruneError::State(
                "\"rates\" is missing or does not fit".to_owned(),
            ));
        }
        self.learning = Some(Learning { scores, rates });
        Ok(())
    }
}

/// Scales densities, none above 1, until the mean over all weights is `density`.
fn to_budget(densities: &mut [f64], scores: &Scores, density: f64) {
    // Each round at least one more layer is full, or the budget is met.
    for _ in 0..=densities.len() {
        let factor = density / mean_density(densities, scores);
        for k in densities.iter_mut() {
            *k = (*k * factor).min(1.0);
        }
    }
}
