//! Robust ADMM (Ye et al., 2019): weights are pulled towards their own pruned version while they train on the adversarial loss.
//!
//! With Z the nearest pruned weights and U the dual variable, the loss has the term ρ/2·‖W − Z + U‖²; every so often Z becomes the pruning of
//! W + U by magnitude, and U gains W − Z. ρ grows tenfold from quarter to quarter of the pulling, each of which begins anew with U = 0 and Z
//! the pruning of W. Then the smallest weights are removed and the rest is tuned. The authors prune every layer alike; any scope can be
//! asked for here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sinew_models::{Network, ParameterId};

use super::{absolute_weights, keep, save, taken};
use crate::prune::{Moment, Observe, PruneError, Sparsifier, Subject, Target, prunable};

/// Constants of the method.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RadmmSettings {
    /// ρ of the last quarter of the pulling; each quarter before has a tenth of the next (multi-ρ, as the authors).
    pub penalty: f64,
    /// Fraction of the run in which weights are pulled.
    pub pull: f64,
    /// Updates of Z in that time, the first of each quarter among them.
    pub updates: usize,
}

impl Default for RadmmSettings {
    fn default() -> Self {
        Self {
            penalty: 0.1,
            pull: 0.5,
            updates: 12,
        }
    }
}

/// The method at work.
#[derive(Debug)]
pub struct Radmm {
    settings: RadmmSettings,
    target: Target,
    pulling: Option<Pulling>,
}

/// One entry per prunable layer in each.
#[derive(Debug)]
struct Pulling {
    pruned: Vec<Vec<f32>>,
    dual: Vec<Vec<f32>>,
}

impl Radmm {
    /// Nothing is pulled yet.
    pub fn new(settings: RadmmSettings, target: Target) -> Self {
        Self {
            settings,
            target,
            pulling: None,
        }
    }

    /// Updates that are over once the step that comes is.
    fn updates(&self, moment: &Moment) -> usize {
        let share = moment.fraction() / self.settings.pull;
        (share * self.settings.updates as f64) as usize + 1
    }

    /// Of the four stretches with a ρ of their own, the one in which the step that comes lies.
    fn quarter(&self, moment: &Moment) -> usize {
        // By the last update, so that ρ and U change together.
        let last = self.updates(moment) - 1;
        (4 * last / self.settings.updates).min(3)
    }

    /// Z becomes the pruning of W + U, and U what that takes away; `anew`, Z that of W, and U zero.
    fn update(
        &self,
        subject: &Subject<'_>,
        pulling: &mut Pulling,
        anew: bool,
    ) -> Result<(), PruneError> {
        if anew {
            pulling.dual.iter_mut().for_each(|dual| dual.fill(0.0));
        }
        let layers = prunable(subject.network);
        let mut sum = subject.parameters.to_vec();
        for (id, dual) in layers.iter().zip(&pulling.dual) {
            for (w, u) in sum[id.0].iter_mut().zip(dual) {
                *w += u;
            }
        }
        let scores = absolute_weights(subject.network, &sum);
        let masks = self
            .target
            .masks(subject.network, &scores, self.target.sparsity)?;
        for (layer, id) in layers.iter().enumerate() {
            let (pruned, dual) = (&mut pulling.pruned[layer], &mut pulling.dual[layer]);
            for (index, keep) in masks[layer].iter().enumerate() {
                let whole = sum[id.0][index];
                pruned[index] = if *keep { whole } else { 0.0 };
                dual[index] = if anew { 0.0 } else { whole - pruned[index] };
            }
        }
        Ok(())
    }
}

impl Sparsifier for Radmm {
    fn prepare(
        &mut self,
        moment: &Moment,
        subject: &mut Subject<'_>,
        _observe: Observe<'_>,
    ) -> Result<(), PruneError> {
        if moment.step == 0 {
            let zeros = |id: ParameterId| vec![0.0; subject.parameters[id.0].len()];
            let zeros: Vec<Vec<f32>> = prunable(subject.network).into_iter().map(zeros).collect();
            self.pulling = Some(Pulling {
                pruned: zeros.clone(),
                dual: zeros,
            });
        }
        let Some(mut pulling) = self.pulling.take() else {
            return Ok(());
        };
        if moment.has_reached(self.settings.pull) {
            let scores = absolute_weights(subject.network, subject.parameters);
            let masks = self
                .target
                .masks(subject.network, &scores, self.target.sparsity)?;
            keep(subject, masks, self.target.granularity);
            return Ok(());
        }
        let before = moment.before();
        if before.is_none_or(|before| self.updates(&before) < self.updates(moment)) {
            let anew = before.is_none_or(|before| self.quarter(&before) < self.quarter(moment));
            self.update(subject, &mut pulling, anew)?;
        }
        self.pulling = Some(pulling);
        Ok(())
    }

    fn learn(&mut self, moment: &Moment, subject: &Subject<'_>, gradients: &mut [Vec<f32>]) {
        let Some(pulling) = &self.pulling else {
            return;
        };
        let quarter = self.quarter(moment) as i32;
        let rho = (self.settings.penalty * 0.1f64.powi(3 - quarter)) as f32;
        for (layer, id) in prunable(subject.network).into_iter().enumerate() {
            let (pruned, dual) = (&pulling.pruned[layer], &pulling.dual[layer]);
            let weights = &subject.parameters[id.0];
            for (index, gradient) in gradients[id.0].iter_mut().enumerate() {
                *gradient += rho * (weights[index] - pruned[index] + dual[index]);
            }
        }
    }

    fn settled(&self, _moment: &Moment) -> bool {
        self.pulling.is_none()
    }

    fn state(&self) -> BTreeMap<String, Vec<f32>> {
        let mut state = BTreeMap::new();
        if let Some(pulling) = &self.pulling {
            save(&mut state, "pruned", &pulling.pruned);
            save(&mut state, "dual", &pulling.dual);
        }
        state
    }

    fn restore(
        &mut self,
        network: &Network,
        mut state: BTreeMap<String, Vec<f32>>,
    ) -> Result<(), PruneError> {
        self.pulling = Some(Pulling {
            pruned: taken(network, "pruned", &mut state)?,
            dual: taken(network, "dual", &mut state)?,
        });
        Ok(())
    }
}
