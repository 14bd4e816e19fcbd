//! Is the number real? Signs of gradient masking and of mistakes, after Carlini et al. (2019, "On Evaluating Adversarial Robustness") and the
//! flags of AutoAttack.
//!
//! Each check measures something on a small part of the samples and says `passed` or `warning`, with its figure and what that means. A
//! warning is a reason to look, not a verdict. Non-goals: the accuracy itself (`evaluate`).

mod logits;
mod strength;
mod sweep;

pub use sweep::SweepPoint;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::runner::Runner;
use super::{EvaluateError, Evaluation, Journal, Observer, Samples};
use crate::attack::{AttackSettings, Circumstances, ThreatModel, Victim};
use crate::classifier::Differentiable;

/// Images that are checked on: the first classified ones. One of them is one percent.
pub const IMAGES: usize = 100;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// In kebab case.
    pub name: String,
    /// The verdict.
    pub status: Status,
    /// The figure, and what it means, in one line.
    pub detail: String,
}

/// A check's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// No sign of trouble.
    Passed,
    /// The accuracy may not be what it seems.
    Warning,
}

/// All checks, and the curve that one of them draws.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Checks {
    /// In a fixed order; those that need more than the victim shows are not there.
    pub checks: Vec<Check>,
    /// Accuracy against ε.
    pub sweep: Vec<SweepPoint>,
}

fn check(name: &str, passed: bool, detail: String) -> Check {
    let status = if passed {
        Status::Passed
    } else {
        Status::Warning
    };
    Check {
        name: name.to_owned(),
        status,
        detail,
    }
}

/// Checks the `evaluation` of `victim` on `samples`, attacking with `seed`'s randomness. `surrogate` is another network to transfer from.
/// `journal` and `observer` as for [`evaluate`](super::evaluate).
///
/// # Errors
/// As [`evaluate`](super::evaluate).
pub fn check_evaluation(
    victim: Victim<'_>,
    samples: Samples<'_>,
    evaluation: &Evaluation,
    surrogate: Option<&dyn Differentiable>,
    journal: &mut dyn Journal,
    observer: &dyn Observer,
) -> Result<Checks, EvaluateError> {
    let mut bench = Bench::new(victim, samples, evaluation, surrogate, journal, observer);
    let mut checks = Vec::new();
    let mut sweep = Vec::new();
    if let Some(model) = victim.classifier() {
        checks.push(logits::varying(&bench, model)?);
        checks.push(logits::softmax(&bench, model)?);
    }
    if let Victim::Gradients(model) = victim {
        checks.push(logits::zero_gradients(&bench, model)?);
        checks.push(strength::nothing_at_zero(&mut bench)?);
        sweep = sweep::measure(&mut bench)?;
        checks.extend(sweep::check(&bench, &sweep));
        checks.push(strength::iterations(&mut bench)?);
        checks.push(strength::more_steps(&mut bench)?);
        checks.push(strength::more_restarts(&mut bench)?);
        checks.push(strength::black_box(&mut bench)?);
        if bench.surrogate.is_some() {
            checks.push(strength::transfer(&mut bench)?);
        }
    }
    checks.extend(strength::square_drop(evaluation));
    Ok(Checks { checks, sweep })
}

/// The images that are checked on, and what was already done to them.
struct Bench<'a> {
    runner: Runner<'a>,
    threat: ThreatModel,
    classes: usize,
    surrogate: Option<&'a dyn Differentiable>,
    images: Vec<usize>,
    /// Which of the images each attack turned, by radius (its bits) and name.
    done: BTreeMap<(u32, String), Vec<usize>>,
    /// Attacks that were run, for the journal's names.
    count: usize,
}

impl<'a> Bench<'a> {
    fn new(
        victim: Victim<'a>,
        samples: Samples<'a>,
        evaluation: &Evaluation,
        surrogate: Option<&'a dyn Differentiable>,
        journal: &'a mut dyn Journal,
        observer: &'a dyn Observer,
    ) -> Self {
        let classified = samples.indices.iter().copied();
        let classified = classified.filter(|index| !evaluation.misclassified.contains(index));
        Self {
            runner: Runner {
                victim,
                data: samples.data,
                seed: evaluation.seed,
                journal,
                observer,
            },
            threat: ThreatModel {
                norm: evaluation.norm,
                epsilon: evaluation.epsilon,
            },
            classes: samples.data.classes().len(),
            surrogate,
            images: classified.take(IMAGES).collect(),
            done: BTreeMap::new(),
            count: 0,
        }
    }

    /// Which images `settings` turn within `epsilon`.
    fn turned(
        &mut self,
        settings: &AttackSettings,
        epsilon: f32,
    ) -> Result<Vec<usize>, EvaluateError> {
        let name = settings.name();
        let key = (epsilon.to_bits(), name);
        if let Some(turned) = self.done.get(&key) {
            return Ok(turned.clone());
        }
        let threat = ThreatModel {
            epsilon,
            ..self.threat
        };
        let at = Circumstances {
            threat,
            classes: self.classes,
            surrogate: self.surrogate,
        };
        let attack = settings.attack(&at)?;
        let journal_key = format!("check-{:02}", self.count);
        self.count += 1;
        let found = self
            .runner
            .attack(&journal_key, &attack, threat, &self.images)?;
        let turned: Vec<usize> = found.turned.into_keys().collect();
        self.done.insert(key, turned.clone());
        Ok(turned)
    }

    /// The same at the evaluation's own radius.
    fn turned_here(&mut self, settings: &AttackSettings) -> Result<Vec<usize>, EvaluateError> {
        self.turned(settings, self.threat.epsilon)
    }

    /// A share of the checked images in percent.
    fn percent(&self, count: usize) -> f64 {
        100.0 * count as f64 / self.images.len().max(1) as f64
    }

    /// More images than this are not explained by chance: one in a hundred, but at least one.
    fn few(&self) -> usize {
        (self.images.len() / 100).max(1)
    }
}

#[cfg(test)]
mod tests;
