//! Evaluation: how many images a network classifies, and how many it still does under attack.
//!
//! The network that is attacked may differ from the one that is judged: a packed model is judged by its own arithmetic, on examples
//! crafted with the gradients of its float twin. Non-goals: the attacks themselves (`attack`).

mod packed;

pub use packed::PackedClassifier;

use std::time::Instant;

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::attack::Attack;
use crate::classifier::{Classifier, ComputeError, Differentiable};
use crate::data::Dataset;
use crate::progress::Progress;
use crate::seed::stream;

/// Images per forward or backward pass.
const BATCH: usize = 250;

/// A robustness figure with everything that gives it a meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Of the threat model: "linf".
    pub norm: String,
    /// Radius of the ball in units of [0, 1] pixels.
    pub epsilon: f32,
    /// Number of images: the first of the test set in file order.
    pub samples: usize,
    /// Decides random starts.
    pub seed: u64,
    /// Fraction of images that are classified.
    pub clean_accuracy: f64,
    /// Fraction that no attack turned: the minimum over the attacks, image by image.
    pub robust_accuracy: f64,
    /// One entry per attack.
    pub attacks: Vec<AttackResult>,
}

/// What one attack left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttackResult {
    /// Name with the parameters that decide its strength.
    pub name: String,
    /// Fraction of all images that are classified clean and after this attack.
    pub robust_accuracy: f64,
    /// Whether the attack saw all images, not only the survivors of earlier ones.
    pub alone: bool,
    /// Forward and backward passes per image.
    pub queries: usize,
    /// Wall-clock time.
    pub seconds: f64,
}

/// Clean and robust accuracy under one attack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracy {
    /// Fraction classified.
    pub clean: f64,
    /// Fraction classified clean and attacked.
    pub robust: f64,
}

/// Clean accuracy of `victim`, and its accuracy under `attack` crafted with the gradients of `surrogate`.
///
/// # Errors
/// What the device reports.
pub fn accuracy_under(
    victim: &dyn Classifier,
    surrogate: &dyn Differentiable,
    attack: &dyn Attack,
    data: &Dataset,
    seed: u64,
) -> Result<Accuracy, ComputeError> {
    let mut survivors = Survivors::of_clean(victim, data)?;
    let clean = survivors.fraction();
    survivors.keep(&attack_all(
        victim,
        surrogate,
        attack,
        data,
        seed,
        &mut || {},
    )?);
    Ok(Accuracy {
        clean,
        robust: survivors.fraction(),
    })
}

/// Attacks every image of `data` with every attack. `label` names the network on the progress bar.
///
/// # Errors
/// What the device reports.
pub fn evaluate(
    victim: &dyn Classifier,
    surrogate: &dyn Differentiable,
    attacks: &[Box<dyn Attack>],
    epsilon: f32,
    data: &Dataset,
    seed: u64,
    (progress, label): (&Progress, &str),
) -> Result<Evaluation, ComputeError> {
    let clean = Survivors::of_clean(victim, data)?;
    let batches = data.len().div_ceil(BATCH);
    let total: usize = attacks
        .iter()
        .map(|attack| attack.queries() * batches)
        .sum();
    let bar = progress.bar(label.to_owned(), total as u64);
    let mut all = clean.clone();
    let mut results = Vec::new();
    for attack in attacks {
        let start = Instant::now();
        bar.set_message(attack.name());
        let mut advance = || bar.inc(attack.queries() as u64);
        let correct = attack_all(victim, surrogate, attack.as_ref(), data, seed, &mut advance)?;
        let mut survivors = clean.clone();
        survivors.keep(&correct);
        all.keep(&correct);
        results.push(AttackResult {
            name: attack.name(),
            robust_accuracy: survivors.fraction(),
            alone: true,
            queries: attack.queries(),
            seconds: start.elapsed().as_secs_f64(),
        });
    }
    bar.finish_and_clear();
    Ok(Evaluation {
        norm: "linf".to_owned(),
        epsilon,
        samples: data.len(),
        seed,
        clean_accuracy: clean.fraction(),
        robust_accuracy: all.fraction(),
        attacks: results,
    })
}

/// Which images are still classified.
#[derive(Clone)]
struct Survivors(Vec<bool>);

impl Survivors {
    fn of_clean(victim: &dyn Classifier, data: &Dataset) -> Result<Self, ComputeError> {
        let mut correct = Vec::with_capacity(data.len());
        for indices in batches(data) {
            let logits = victim.logits(&data.batch(&indices))?;
            correct.extend(classified(&logits, &data.batch_labels(&indices)));
        }
        Ok(Self(correct))
    }

    fn keep(&mut self, correct: &[bool]) {
        for (survives, correct) in self.0.iter_mut().zip(correct) {
            *survives &= correct;
        }
    }

    fn fraction(&self) -> f64 {
        self.0.iter().filter(|survives| **survives).count() as f64 / self.0.len().max(1) as f64
    }
}

/// Whether each attacked image is classified.
fn attack_all(
    victim: &dyn Classifier,
    surrogate: &dyn Differentiable,
    attack: &dyn Attack,
    data: &Dataset,
    seed: u64,
    advance: &mut dyn FnMut(),
) -> Result<Vec<bool>, ComputeError> {
    let mut correct = Vec::with_capacity(data.len());
    for (number, indices) in batches(data).enumerate() {
        let labels = data.batch_labels(&indices);
        let seed = stream(seed, "attacked batch", &[number as u64]).next_u64();
        let adversarial = attack.perturb(surrogate, &data.batch(&indices), &labels, seed)?;
        correct.extend(classified(&victim.logits(&adversarial)?, &labels));
        advance();
    }
    Ok(correct)
}

fn batches(data: &Dataset) -> impl Iterator<Item = Vec<usize>> {
    let count = data.len();
    (0..count)
        .step_by(BATCH)
        .map(move |first| (first..count.min(first + BATCH)).collect())
}

/// An image counts as classified only if the label's logit is above all others: ties and non-numbers count against the network.
fn classified(logits: &[f32], labels: &[usize]) -> Vec<bool> {
    let classes = logits.len() / labels.len().max(1);
    let rows = logits.chunks(classes.max(1)).zip(labels);
    rows.map(|(row, label)| {
        row.iter()
            .enumerate()
            .all(|(class, logit)| class == *label || *logit < row[*label])
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_and_non_numbers_are_not_classified() {
        let logits = [1.0, 2.0, 2.0, 2.0, f32::NAN, 0.0, 3.0, f32::NAN];
        assert_eq!(
            classified(&logits, &[1, 0, 1, 0]),
            [true, false, false, false]
        );
    }
}
