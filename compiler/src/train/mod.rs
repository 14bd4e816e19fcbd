//! Adversarial training of a `Network`, resumable to the bit.
//!
//! Every step crafts adversarial versions of its images against the network in evaluation mode and descends on their loss, while a
//! sparsifier says which weights are zero. After every epoch the averaged weights face PGD on the validation images; the best epoch is the result (early stopping in the
//! sense of Rice, Wong and Kolter, 2020). All randomness is a function of seed, epoch and step.
//! Non-goals: what is pruned (`prune`), what is reported (`evaluate`).

mod augment;
mod batch;
mod checkpoint;
mod loss;
mod optimizer;
mod penalty;
mod perturbation;
mod risk;
mod schedule;
mod session;
mod settings;
mod stopping;

pub use augment::Augmentation;
pub use loss::{CrossEntropy, Distillation, Mart, Trades, TrainingLoss};
pub use penalty::Penalty;
pub use schedule::LearningRate;
pub use settings::{Adversary, TrainSettings};
pub use stopping::{Stopped, Stopping};

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sinew_models::Network;

use crate::atomic_file::WriteError;
use crate::classifier::ComputeError;
use crate::data::Dataset;
use crate::execute::{DeviceChoice, DeviceError};
use crate::progress::Progress;
use crate::prune::{Observe, PruneError, Sparsifier};
use checkpoint::Checkpoint;
use session::Session;

/// At most this much work is lost when a run is killed.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);

/// What one epoch gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Mean of what is lowered, over the epoch.
    pub loss: f64,
    /// Fraction of the training images that were classified as they were crafted, in the step that then learnt from them.
    pub training_accuracy: f64,
    /// Of the averaged weights on the validation images.
    pub clean_accuracy: f64,
    /// The same under PGD with [`TrainSettings::validation_steps`] steps.
    pub robust_accuracy: f64,
    /// Whether the network was as sparse as it was to be. Only such epochs compete for the best.
    pub settled: bool,
}

impl EpochRecord {
    /// The epoch of a run whose network was kept: of those that are as sparse as they were to be, the most robust one, and of equals the
    /// last.
    pub fn kept(history: &[Self]) -> Option<&Self> {
        let settled = history.iter().filter(|epoch| epoch.settled);
        settled.max_by(|a, b| a.robust_accuracy.total_cmp(&b.robust_accuracy))
    }
}

/// A training run that could not go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The loss left the numbers.
    #[error(
        "train: the numbers left the finite range in epoch {epoch} ({problem}); lower learning_rate and use a new folder"
    )]
    Diverged {
        /// Counted from 1.
        epoch: usize,
        /// What is not finite.
        problem: String,
    },
    /// Settings that this network or its images cannot be trained with.
    #[error("train: {0}")]
    Settings(String),
    /// A checkpoint that cannot be used.
    #[error("resume from {}: {problem}; delete the file to start this stage again", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The network could not be pruned.
    #[error(transparent)]
    Prune(#[from] PruneError),
    /// The device failed.
    #[error(transparent)]
    Execute(#[from] ComputeError),
    /// The device cannot be had.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The checkpoint could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Everything a run needs besides its settings.
#[derive(Clone, Copy, Debug)]
pub struct TrainRun<'a> {
    /// What to do.
    pub settings: &'a TrainSettings,
    /// Radius of the L∞ ball to withstand.
    pub epsilon: f32,
    /// Decides every random choice.
    pub seed: u64,
    /// Images to learn from.
    pub train: &'a Dataset,
    /// Images that choose the epoch; cut from the training data, never test images.
    pub validation: &'a Dataset,
    /// The network that distillation listens to.
    pub teacher: Option<&'a Network>,
    /// Where to compute.
    pub device: DeviceChoice,
    /// The state file: written along the way, resumed from if it exists.
    pub checkpoint: &'a Path,
}

/// Trains `initial` while `sparsifier` prunes it, and returns the averaged network of the best epoch with the run's history.
///
/// `observe` measures a network under attack, where the sparsifier asks for it.
///
/// # Errors
/// If settings do not fit the network or the images, the loss diverges, the sparsity cannot be met, the checkpoint cannot be read or
/// written, or the device fails.
pub fn train(
    run: &TrainRun<'_>,
    initial: Network,
    sparsifier: &mut dyn Sparsifier,
    observe: Observe<'_>,
    progress: &Progress,
    label: &str,
) -> Result<(Network, Vec<EpochRecord>), TrainError> {
    let mut session = Session::open(run, &initial, sparsifier)?;
    let steps = run.settings.epochs * session.steps_per_epoch;
    let bar = progress.bar(label.to_owned(), steps as u64);
    bar.set_position(session.finished_steps() as u64);
    let mut saved = Instant::now();
    while !session.finished() {
        let order = session.epoch_order();
        while session.checkpoint.position.step < session.steps_per_epoch {
            session.step(&order, &mut *observe)?;
            bar.inc(1);
            if saved.elapsed() >= CHECKPOINT_INTERVAL {
                session.save()?;
                saved = Instant::now();
            }
        }
        let record = session.finish_epoch()?;
        bar.set_message(format!(
            "clean/robust {:.1}/{:.1}",
            100.0 * record.clean_accuracy,
            100.0 * record.robust_accuracy
        ));
        session.save()?;
        saved = Instant::now();
    }
    match session.stopped() {
        Some(reason) => {
            bar.println(format!("{label}: {reason}"));
            bar.abandon();
        }
        None => bar.finish(),
    }
    let Checkpoint { best, position, .. } = session.checkpoint;
    // The last epoch is settled at the latest, so a run of this program has one.
    let best = best.ok_or_else(|| TrainError::Checkpoint {
        path: run.checkpoint.to_owned(),
        problem: "it is at the end of its run and has no best network".to_owned(),
    })?;
    Ok((best, position.history))
}

#[cfg(test)]
mod tests;
