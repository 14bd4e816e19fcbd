//! Adversarial training of a `Network`, resumable to the bit.
//!
//! Every step crafts adversarial versions of its images against the network in evaluation mode and descends on their cross-entropy.
//! After every epoch the averaged weights face PGD on the validation images; the best epoch is the result (early stopping in the
//! sense of Rice, Wong and Kolter, 2020). All randomness is a function of seed, epoch and step.
//! Non-goals: what is pruned (`prune`), what is reported (`evaluate`).

mod checkpoint;
mod optimizer;
mod schedule;
mod settings;

pub use settings::{Adversary, TrainSettings};

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor};
use rand::Rng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use sinew_models::Network;

use crate::atomic_file::WriteError;
use crate::attack::{Examples, Pgd, ThreatModel};
use crate::classifier::ComputeError;
use crate::data::Dataset;
use crate::evaluate::accuracy_under;
use crate::execute::{Executor, Normalization, cross_entropy, download, forward, upload_images};
use crate::progress::Progress;
use crate::seed::{seeds, stream};
use checkpoint::{Checkpoint, Position};
use optimizer::{Optimizer, State};
use schedule::one_cycle;

/// Of the running statistics of batch norm, per training step.
const STATISTICS_MOMENTUM: f64 = 0.1;

/// At most this much work is lost when a run is killed.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);

/// What one epoch gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Mean adversarial cross-entropy over the epoch.
    pub loss: f64,
    /// Of the averaged weights on the validation images.
    pub clean_accuracy: f64,
    /// The same under PGD with [`TrainSettings::validation_steps`] steps.
    pub robust_accuracy: f64,
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
    /// A checkpoint that cannot be used.
    #[error("resume from {}: {problem}; delete the file to start this stage again", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The device failed.
    #[error(transparent)]
    Execute(#[from] ComputeError),
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
    /// Where to compute.
    pub device: &'a Device,
    /// The state file: written along the way, resumed from if it exists.
    pub checkpoint: &'a Path,
}

/// Trains `initial`, keeping pruned weights at zero, and returns the averaged network of the best epoch with the run's history.
///
/// # Errors
/// If the loss diverges, the checkpoint cannot be read or written, or the device fails.
pub fn train(
    run: &TrainRun<'_>,
    initial: Network,
    progress: &Progress,
    label: &str,
) -> Result<(Network, Vec<EpochRecord>), TrainError> {
    let mut session = Session::open(run, &initial)?;
    let steps = run.settings.epochs * session.steps_per_epoch;
    let bar = progress.bar(label.to_owned(), steps as u64);
    bar.set_position(session.finished_steps() as u64);
    let mut saved = Instant::now();
    while session.checkpoint.position.epoch < run.settings.epochs {
        let order = session.epoch_order();
        while session.checkpoint.position.step < session.steps_per_epoch {
            session.step(&order)?;
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
    bar.finish();
    let Checkpoint { best, position, .. } = session.checkpoint;
    Ok((best.unwrap_or(initial), position.history))
}

struct Session<'a> {
    run: &'a TrainRun<'a>,
    initial: &'a Network,
    optimizer: Optimizer,
    checkpoint: Checkpoint,
    /// Losses of steps of this epoch that are still on the device.
    pending_losses: Vec<Tensor<1>>,
    batch_size: usize,
    steps_per_epoch: usize,
}

impl<'a> Session<'a> {
    fn open(run: &'a TrainRun<'a>, initial: &'a Network) -> Result<Self, TrainError> {
        let checkpoint = if run.checkpoint.exists() {
            Checkpoint::load(run.checkpoint, initial, run.device)?
        } else {
            Checkpoint {
                position: Position::default(),
                state: State::new(initial, run.device),
                best: None,
            }
        };
        let batch_size = run.settings.batch_size.min(run.train.len());
        Ok(Self {
            run,
            initial,
            optimizer: Optimizer::new(initial, run.settings, run.device),
            checkpoint,
            pending_losses: Vec::new(),
            batch_size,
            steps_per_epoch: run.train.len() / batch_size,
        })
    }

    fn finished_steps(&self) -> usize {
        let position = &self.checkpoint.position;
        position.epoch * self.steps_per_epoch + position.step
    }

    fn epoch_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.run.train.len()).collect();
        let epoch = self.checkpoint.position.epoch as u64;
        order.shuffle(&mut stream(self.run.seed, "training order", &[epoch]));
        order
    }

    fn step(&mut self, order: &[usize]) -> Result<(), TrainError> {
        let (run, position) = (self.run, &self.checkpoint.position);
        let batch = &order[position.step * self.batch_size..][..self.batch_size];
        let images = run.train.batch(batch);
        let labels = run.train.batch_labels(batch);
        let at = [position.epoch as u64, position.step as u64];
        let seed = stream(run.seed, "training attack", &at).next_u64();

        let state = &mut self.checkpoint.state;
        let model = Executor::with_parameters(self.initial, state.parameters.clone(), run.device);
        let attack = run.settings.adversary.attack(run.epsilon);
        let seeds = seeds(seed, "attacked image", 0..labels.len() as u64);
        let adversarial = attack.perturb(&model, &Examples::new(&images, &labels, &seeds))?;

        let network = self.initial;
        let leaves: Vec<Tensor<1>> = network
            .parameters()
            .iter()
            .zip(&state.parameters)
            .map(|(parameter, tensor)| {
                let tensor = tensor.clone();
                if parameter.role().is_trainable() {
                    tensor.autodiff().require_grad()
                } else {
                    tensor
                }
            })
            .collect();
        let images = upload_images(&adversarial, network, run.device);
        let pass = forward(
            network,
            &leaves,
            images,
            Normalization::Batch,
            &mut |_, tensor| tensor,
        );
        let loss = cross_entropy(pass.logits, &labels, run.device).mean();
        let mut gradients = loss.backward();

        let step = position.epoch * self.steps_per_epoch + position.step;
        let steps = run.settings.epochs * self.steps_per_epoch;
        let learning_rate = one_cycle(
            run.settings.learning_rate,
            run.settings.warm_up,
            step,
            steps,
        );
        for (index, leaf) in leaves.iter().enumerate() {
            if let Some(gradient) = leaf.grad_remove(&mut gradients) {
                self.optimizer
                    .descend(state, index, gradient, learning_rate);
            }
        }
        for statistics in pass.statistics {
            for (id, seen) in [statistics.mean, statistics.variance] {
                let running = state.parameters[id.0].clone();
                state.parameters[id.0] =
                    running * (1.0 - STATISTICS_MOMENTUM) + seen * STATISTICS_MOMENTUM;
            }
        }
        self.optimizer.average(state, step);
        self.pending_losses.push(loss.inner());
        self.checkpoint.position.step += 1;
        Ok(())
    }

    /// Brings the losses that are still on the device into the position.
    fn settle_loss(&mut self) -> Result<(), TrainError> {
        if !self.pending_losses.is_empty() {
            // One by one, in order: the sum must not depend on when checkpoints were taken.
            for loss in download(Tensor::cat(std::mem::take(&mut self.pending_losses), 0))? {
                self.checkpoint.position.loss += f64::from(loss);
            }
        }
        Ok(())
    }

    fn finish_epoch(&mut self) -> Result<EpochRecord, TrainError> {
        self.settle_loss()?;
        let run = self.run;
        let position = &mut self.checkpoint.position;
        let loss = position.loss / self.steps_per_epoch as f64;
        if !loss.is_finite() {
            let problem = format!("the loss is {loss}");
            return Err(TrainError::Diverged {
                epoch: position.epoch + 1,
                problem,
            });
        }
        let averages = &self.checkpoint.state.averages;
        let model = Executor::with_parameters(self.initial, averages.clone(), run.device);
        let attack = Pgd::new(
            ThreatModel::linf(run.epsilon),
            run.settings.validation_steps,
        );
        let seed = stream(run.seed, "validation attack", &[]).next_u64();
        let accuracy = accuracy_under(&model, &attack, run.validation, seed)?;
        let record = EpochRecord {
            loss,
            clean_accuracy: accuracy.clean,
            robust_accuracy: accuracy.robust,
        };
        let best = position
            .history
            .iter()
            .map(|r| r.robust_accuracy)
            .fold(f64::NEG_INFINITY, f64::max);
        // Of equal epochs the later counts: it has learnt longer.
        if record.robust_accuracy >= best {
            let mut network = self.initial.clone();
            for (parameter, average) in network.parameters_mut().iter_mut().zip(averages) {
                parameter.set_values(download(average.clone())?);
            }
            self.checkpoint.best = Some(network);
        }
        position.history.push(record.clone());
        position.epoch += 1;
        position.step = 0;
        position.loss = 0.0;
        Ok(record)
    }

    fn save(&mut self) -> Result<(), TrainError> {
        self.settle_loss()?;
        self.checkpoint.save(self.run.checkpoint, self.initial)
    }
}

#[cfg(test)]
mod tests;
