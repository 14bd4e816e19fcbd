//! Evaluation: how many images a network classifies, and how many it still does under attack.
//!
//! Each attack sees all images, or only those that no earlier one has turned, as AutoAttack does (Croce and Hein, 2020). What counts is the
//! victim's own decision on each perturbed image. Non-goals: the attacks themselves (`attack`).

mod bar;
mod checks;
mod corrupted;
mod counted;
mod interval;
mod journal;
mod packed;
mod runner;
mod saved;

pub use bar::Bar;
pub use checks::{Check, Checks, Status, SweepPoint, check_evaluation};
pub use corrupted::{CorruptedAccuracy, corrupted_accuracies};
pub use interval::wilson;
pub use journal::{BatchRecord, FolderJournal, Journal, JournalError, Volatile};
pub use packed::PackedClassifier;
pub use runner::{Observer, Silent};
pub use saved::save_adversarial;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::atomic_file::WriteError;
use crate::attack::{
    Access, Attack, Examples, Gradients, NamedAttack, Norm, ThreatModel, Unsuitable, Victim,
};
use crate::classifier::{ComputeError, Differentiable};
use crate::data::Dataset;
use crate::seed::seeds;
use runner::{Runner, batches};

/// A robustness figure with everything that gives it a meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Of the threat model.
    pub norm: Norm,
    /// Radius of the ball in units of [0, 1] pixels.
    pub epsilon: f32,
    /// Number of images.
    pub samples: usize,
    /// Decides random starts.
    pub seed: u64,
    /// Fraction of images that are classified.
    pub clean_accuracy: f64,
    /// 95 % confidence interval of it.
    pub clean_interval: [f64; 2],
    /// Fraction that no attack turned: the minimum over the attacks, image by image.
    pub robust_accuracy: f64,
    /// 95 % confidence interval of it.
    pub robust_interval: [f64; 2],
    /// Images that are not classified before any attack, by their numbers in the test set.
    pub misclassified: Vec<usize>,
    /// One entry per attack.
    pub attacks: Vec<AttackResult>,
}

/// What one attack left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttackResult {
    /// Name with the parameters that decide its strength.
    pub name: String,
    /// Fraction of all images that are classified clean and after this attack; if it saw survivors only, and after all earlier ones.
    pub robust_accuracy: f64,
    /// 95 % confidence interval of it.
    pub robust_interval: [f64; 2],
    /// Whether the attack saw all classified images, not only the survivors of earlier attacks.
    pub alone: bool,
    /// How many images it saw.
    pub attacked: usize,
    /// Those it turned, by their numbers in the test set.
    pub turned: Vec<usize>,
    /// Mean queries of an attacked image; a forward and a backward pass together are one.
    pub queries: f64,
    /// The most queries that an image could have cost.
    pub budget: usize,
    /// Wall-clock time.
    pub seconds: f64,
}

/// What is to be measured.
pub struct Protocol<'a> {
    /// How far attacks may go.
    pub threat: ThreatModel,
    /// In this order.
    pub attacks: Vec<NamedAttack<'a>>,
    /// Whether each attack sees all classified images instead of the survivors of those before it.
    pub alone: bool,
    /// Decides random starts.
    pub seed: u64,
}

/// The images that are measured on.
#[derive(Clone, Copy)]
pub struct Samples<'a> {
    /// A test set.
    pub data: &'a Dataset,
    /// Which of its images, in this order.
    pub indices: &'a [usize],
}

/// Figures, and the images behind them.
pub struct Findings {
    /// The figures.
    pub evaluation: Evaluation,
    /// Turned images by their numbers in the test set: `[channel, height, width]`, flattened, by the first attack that found one.
    pub adversarial: BTreeMap<usize, Vec<f32>>,
}

/// An evaluation that came to no end.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// No figure can be made of no images.
    #[error("evaluate: there are no images")]
    NoImages,
    /// An image that does not exist.
    #[error("evaluate: image {index} of {count}")]
    NoImage {
        /// Its number.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// Not a radius.
    #[error("evaluate: ε = {0} is not in [0, 1], the range of a pixel, or for L2 not a number ≥ 0")]
    Epsilon(f32),
    /// The network is about other images or other classes.
    #[error(
        "evaluate: the network takes {takes:?} images and gives {gives} logits, the data are {shape:?} of {classes} classes"
    )]
    Unfit {
        /// `[channel, height, width]` that the network takes.
        takes: [usize; 3],
        /// How many logits it gives.
        gives: usize,
        /// Shape of the data's images.
        shape: [usize; 3],
        /// How many classes the data have.
        classes: usize,
    },
    /// A check asked for an attack that makes no sense here.
    #[error(transparent)]
    Unsuitable(#[from] Unsuitable),
    /// An attack has to see more than the victim shows.
    #[error(
        "evaluate: attack {attack} needs {needs:?} of the network, which shows its {shows:?} alone"
    )]
    Hidden {
        /// The attack.
        attack: String,
        /// What it has to see.
        needs: Access,
        /// What there is.
        shows: Access,
    },
    /// An attack broke the threat model.
    #[error(
        "evaluate: attack {attack} left the ball around image {index}; its figure would mean nothing"
    )]
    OutOfBall {
        /// The attack.
        attack: String,
        /// Number of the image in the test set.
        index: usize,
    },
    /// The network failed.
    #[error(transparent)]
    Compute(#[from] ComputeError),
    /// The state of an earlier, interrupted run cannot be used, or this one's not be kept.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Turned images could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Attacks `victim` as `protocol` says. `journal` remembers finished batches, so that a killed evaluation can go on; `observer` is told
/// how it goes.
///
/// # Errors
/// See [`EvaluateError`].
pub fn evaluate(
    victim: Victim<'_>,
    samples: Samples<'_>,
    protocol: &Protocol<'_>,
    journal: &mut dyn Journal,
    observer: &dyn Observer,
) -> Result<Findings, EvaluateError> {
    check(victim, samples, protocol)?;
    let mut runner = Runner {
        victim,
        data: samples.data,
        seed: protocol.seed,
        journal,
        observer,
    };
    let classified = runner.classified(samples.indices)?;
    let total = samples.indices.len();
    let fraction = |count: usize| count as f64 / total as f64;
    observer.clean(classified.len(), total);
    let mut survivors = classified.clone();
    let mut adversarial = BTreeMap::new();
    let mut attacks = Vec::new();
    for (number, attack) in protocol.attacks.iter().enumerate() {
        let attacked = if protocol.alone {
            &classified
        } else {
            &survivors
        };
        observer.attack(number, attack, attacked.len());
        let key = format!("{number:02}-{}", attack.name);
        let found = runner.attack(&key, attack, protocol.threat, attacked)?;
        let left = attacked.len() - found.turned.len();
        attacks.push(AttackResult {
            name: attack.name.clone(),
            robust_accuracy: fraction(left),
            robust_interval: wilson(left, total),
            alone: protocol.alone || number == 0,
            attacked: attacked.len(),
            turned: found.turned.keys().copied().collect(),
            queries: found.queries as f64 / attacked.len().max(1) as f64,
            budget: attack.budget,
            seconds: found.seconds,
        });
        survivors.retain(|index| !found.turned.contains_key(index));
        for (index, image) in found.turned {
            adversarial.entry(index).or_insert(image);
        }
        observer.finished(number, &attacks[number]);
    }
    let kept: std::collections::BTreeSet<usize> = classified.iter().copied().collect();
    let misclassified = samples.indices.iter().copied();
    Ok(Findings {
        evaluation: Evaluation {
            norm: protocol.threat.norm,
            epsilon: protocol.threat.epsilon,
            samples: total,
            seed: protocol.seed,
            clean_accuracy: fraction(classified.len()),
            clean_interval: wilson(classified.len(), total),
            robust_accuracy: fraction(survivors.len()),
            robust_interval: wilson(survivors.len(), total),
            misclassified: misclassified.filter(|i| !kept.contains(i)).collect(),
            attacks,
        },
        adversarial,
    })
}

/// Refuses what would end in no figure, or in one without a meaning.
fn check(
    victim: Victim<'_>,
    samples: Samples<'_>,
    protocol: &Protocol<'_>,
) -> Result<(), EvaluateError> {
    let count = samples.data.len();
    if samples.indices.is_empty() {
        return Err(EvaluateError::NoImages);
    }
    if let Some(&index) = samples.indices.iter().find(|index| **index >= count) {
        return Err(EvaluateError::NoImage { index, count });
    }
    let (shape, classes) = (samples.data.shape(), samples.data.classes().len());
    if let Some(model) = victim.classifier() {
        let (takes, gives) = (model.input_shape(), model.classes());
        if (takes, gives) != (shape, classes) {
            return Err(EvaluateError::Unfit {
                takes,
                gives,
                shape,
                classes,
            });
        }
    }
    let ThreatModel { norm, epsilon } = protocol.threat;
    let largest = match norm {
        Norm::Linf => 1.0,
        Norm::L2 => f32::MAX,
    };
    if !(0.0..=largest).contains(&epsilon) {
        return Err(EvaluateError::Epsilon(epsilon));
    }
    let shows = victim.access();
    let hidden = |attack: &&NamedAttack<'_>| attack.method.access() > shows;
    match protocol.attacks.iter().find(hidden) {
        Some(attack) => Err(EvaluateError::Hidden {
            attack: attack.name.clone(),
            needs: attack.method.access(),
            shows,
        }),
        None => Ok(()),
    }
}

/// Clean and robust accuracy under one attack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracy {
    /// Fraction classified.
    pub clean: f64,
    /// Fraction classified clean and attacked.
    pub robust: f64,
}

/// Clean accuracy of `model` on all of `data`, and its accuracy under `attack`: what training looks at after an epoch.
///
/// # Errors
/// What the device reports.
pub fn accuracy_under(
    model: &dyn Differentiable,
    attack: &dyn for<'m> Attack<Gradients<'m>>,
    data: &Dataset,
    seed: u64,
) -> Result<Accuracy, ComputeError> {
    let (mut clean, mut robust) = (0, 0);
    let all: Vec<usize> = (0..data.len()).collect();
    for indices in batches(&all) {
        let (images, labels) = (data.batch(indices), data.batch_labels(indices));
        let seeds = seeds(seed, "attacked image", indices.iter().map(|i| *i as u64));
        let right = |images: &[f32]| -> Result<Vec<bool>, ComputeError> {
            let decisions = model.decide(images, labels.len())?;
            let pairs = decisions.iter().zip(&labels);
            Ok(pairs.map(|(d, label)| *d == Some(*label)).collect())
        };
        let before = right(&images)?;
        let adversarial = attack.perturb(model, &Examples::new(&images, &labels, &seeds))?;
        let after = right(&adversarial)?;
        clean += before.iter().filter(|right| **right).count();
        robust += before
            .iter()
            .zip(&after)
            .filter(|(b, a)| **b && **a)
            .count();
    }
    let fraction = |count: usize| count as f64 / data.len().max(1) as f64;
    Ok(Accuracy {
        clean: fraction(clean),
        robust: fraction(robust),
    })
}

#[cfg(test)]
mod tests;
