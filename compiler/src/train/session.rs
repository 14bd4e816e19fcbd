//! A training run in progress: its steps and epochs.

use rand::Rng;
use rand::seq::SliceRandom;
use sinew_models::{Network, Role};

use super::batch::Batch;
use super::checkpoint::{Checkpoint, Position};
use super::optimizer::{Optimizer, State};
use super::perturbation::perturb;
use super::risk::{Known, Risk};
use super::stopping::{Epoch, Stopped};
use super::{EpochRecord, TrainError, TrainRun};
use crate::attack::{Pgd, ThreatModel};
use crate::classifier::decision;
use crate::evaluate::accuracy_under;
use crate::gradients::trainable;
use crate::prune::{Moment, Observe, Sparsifier, Subject};
use crate::seed::stream;
use crate::trainable::{Normalization, Request, Responses, Trainable, Wanted};

/// Of the running statistics of batch norm, per training step.
const STATISTICS_MOMENTUM: f32 = 0.1;

pub(super) struct Session<'a> {
    run: &'a TrainRun<'a>,
    initial: &'a Network,
    engine: Box<dyn Trainable + 'a>,
    /// The parent, where there is a distillation.
    teacher: Option<Box<dyn Trainable + 'a>>,
    risk: Risk,
    /// Mean of each channel of the training images: what cutout leaves.
    fill: Vec<f32>,
    sparsifier: &'a mut dyn Sparsifier,
    optimizer: Optimizer,
    pub(super) checkpoint: Checkpoint,
    batch_size: usize,
    pub(super) steps_per_epoch: usize,
}

impl<'a> Session<'a> {
    pub(super) fn open(
        run: &'a TrainRun<'a>,
        initial: &'a Network,
        sparsifier: &'a mut dyn Sparsifier,
    ) -> Result<Self, TrainError> {
        let settings = run.settings;
        let augmentation = settings.augmentation.problem(run.train.shape());
        if let Some(problem) = augmentation {
            return Err(TrainError::Settings(format!("augmentation.{problem}")));
        }
        let risk = Risk::new(settings, initial).map_err(TrainError::Settings)?;
        let teacher = match (settings.distillation, run.teacher) {
            (None, _) => None,
            (Some(_), Some(network)) => Some(trainable(network, run.device)?),
            (Some(_), None) => {
                let problem = "distillation: there is no parent to listen to";
                return Err(TrainError::Settings(problem.to_owned()));
            }
        };
        let checkpoint = if run.checkpoint.exists() {
            let (checkpoint, state) = Checkpoint::load(run.checkpoint, initial)?;
            // Most methods remember nothing once the network is as sparse as it shall be.
            if !state.is_empty() {
                sparsifier.restore(initial, state)?;
            }
            checkpoint
        } else {
            Checkpoint {
                position: Position::default(),
                state: State::new(initial),
                best: None,
            }
        };
        let batch_size = settings.batch_size.min(run.train.len());
        Ok(Self {
            run,
            initial,
            engine: trainable(initial, run.device)?,
            risk,
            teacher,
            fill: run.train.moments().0,
            sparsifier,
            optimizer: Optimizer::new(initial, run.settings),
            checkpoint,
            batch_size,
            steps_per_epoch: run.train.len() / batch_size,
        })
    }

    /// Whether all epochs are over, or there is a reason to end before.
    pub(super) fn finished(&self) -> bool {
        let position = &self.checkpoint.position;
        position.epoch >= self.run.settings.epochs || self.stopped().is_some()
    }

    /// Why training ends before its last epoch, if it does. Epochs before the network is as sparse as it shall be are not judged.
    pub(super) fn stopped(&self) -> Option<Stopped> {
        let history = &self.checkpoint.position.history;
        let early = history.iter().take_while(|record| !record.settled).count();
        let epochs = history[early..].iter().map(|record| Epoch {
            training: record.training_accuracy,
            validation: record.robust_accuracy,
        });
        self.run
            .settings
            .stopping
            .after(early, &epochs.collect::<Vec<_>>())
    }

    pub(super) fn finished_steps(&self) -> usize {
        let position = &self.checkpoint.position;
        position.epoch * self.steps_per_epoch + position.step
    }

    fn moment(&self) -> Moment {
        let (step, settings) = (self.finished_steps(), self.run.settings);
        let steps = settings.epochs * self.steps_per_epoch;
        Moment {
            step,
            steps,
            epoch: self.checkpoint.position.epoch,
            learning_rate: settings.learning_rate.at(step, steps),
        }
    }

    /// The order of the images of the epoch that has begun.
    pub(super) fn epoch_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.run.train.len()).collect();
        let epoch = self.checkpoint.position.epoch as u64;
        order.shuffle(&mut stream(self.run.seed, "training order", &[epoch]));
        order
    }

    /// The values that the network computes with, given those that are stored.
    fn effective(&self, stored: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let mut values = stored.to_vec();
        self.sparsifier.effective(&mut values);
        values
    }

    /// Of which parameters a step needs gradients. A weight that is zero by chance, and no mask says that it stays so, needs its own.
    fn wanted(&self, moment: &Moment, effective: &[Vec<f32>]) -> Wanted {
        let masks = self.checkpoint.state.masks.iter();
        let stays_zero = |(values, mask): (&Vec<f32>, &Option<Vec<bool>>)| match mask {
            Some(mask) => values.iter().zip(mask).all(|(x, keep)| *x != 0.0 || !keep),
            None => values.iter().all(|x| *x != 0.0),
        };
        let parameters = self.initial.parameters().iter();
        let weights = parameters.zip(effective.iter().zip(masks));
        let mut weights = weights.filter(|(parameter, _)| parameter.role() == Role::Weight);
        let is_pruned = weights.all(|(_, pair)| stays_zero(pair));
        if is_pruned && !self.sparsifier.learns_from_removed(moment) {
            Wanted::Kept
        } else {
            Wanted::All
        }
    }

    /// One step on the next batch of the epoch.
    pub(super) fn step(&mut self, order: &[usize], observe: Observe<'_>) -> Result<(), TrainError> {
        let (initial, settings) = (self.initial, self.run.settings);
        let moment = self.moment();
        let mut subject = subject(initial, &mut self.checkpoint.state);
        self.sparsifier.prepare(&moment, &mut subject, observe)?;
        let effective = self.effective(&self.checkpoint.state.parameters);
        self.engine.set_parameters(&effective)?;

        let Position { epoch, step, .. } = self.checkpoint.position;
        let indices = &order[step * self.batch_size..][..self.batch_size];
        let batch = Batch::new(self.run, &self.fill, epoch, indices);
        let at = [epoch as u64, step as u64];
        let adversarial = batch.adversarial(self.run, &*self.engine, &moment, at)?;
        let Batch { images, labels } = batch;
        let teacher = self.teacher.as_ref();
        let teacher = teacher.map(|teacher| teacher.logits(&images)).transpose()?;
        let known = Known {
            labels: &labels,
            teacher: teacher.as_deref(),
        };
        // The adversarial batch comes last, in the running statistics too.
        let clean = self.risk.needs_clean().then_some(&images[..]);
        let batches: Vec<&[f32]> = clean.into_iter().chain([&adversarial[..]]).collect();
        let request = Request {
            batches: &batches,
            normalization: Normalization::Batch,
            points: self.risk.points(),
            parameters: self.wanted(&moment, &effective),
        };
        let (mut loss, mut withstood) = (0.0, 0);
        let mut backward = self.engine.backward(&request, &mut |responses| {
            withstood = right_answers(responses, &labels);
            let (value, slopes) = self.risk.of(responses, known);
            loss = value;
            slopes
        })?;
        if settings.weight_perturbation > 0.0 {
            let radius = settings.weight_perturbation;
            let worse = perturb(initial, &effective, &backward.parameters, radius);
            self.engine.set_parameters(&worse)?;
            // Statistics and answers stay those of the network itself.
            let there = self.engine.backward(&request, &mut |responses| {
                let (value, slopes) = self.risk.of(responses, known);
                loss = value;
                slopes
            })?;
            backward.parameters = there.parameters;
        }

        let gradients = &mut backward.parameters;
        let state = &mut self.checkpoint.state;
        (self.sparsifier).learn(&moment, &self::subject(initial, state), gradients);
        self.optimizer
            .descend(state, gradients, moment.learning_rate);
        for (id, seen) in backward.statistics.iter().flatten() {
            for (running, seen) in state.parameters[id.0].iter_mut().zip(seen) {
                *running += STATISTICS_MOMENTUM * (seen - *running);
            }
        }
        self.optimizer.average(state, moment.step);
        let position = &mut self.checkpoint.position;
        position.loss += loss;
        position.withstood += withstood;
        position.step += 1;
        Ok(())
    }

    /// Judges the averaged weights on the validation images, and keeps them if they are the best so far.
    pub(super) fn finish_epoch(&mut self) -> Result<EpochRecord, TrainError> {
        let run = self.run;
        let loss = self.checkpoint.position.loss / self.steps_per_epoch as f64;
        if !loss.is_finite() {
            return Err(TrainError::Diverged {
                epoch: self.checkpoint.position.epoch + 1,
                problem: format!("the loss is {loss}"),
            });
        }
        let averages = self.effective(&self.checkpoint.state.averages);
        self.engine.set_parameters(&averages)?;
        let attack = Pgd::new(
            ThreatModel::linf(run.epsilon),
            run.settings.validation_steps,
        );
        let seed = stream(run.seed, "validation attack", &[]).next_u64();
        let accuracy = accuracy_under(&*self.engine, &attack, run.validation, seed)?;
        let settled = self.sparsifier.settled(&self.moment());
        let seen = self.steps_per_epoch * self.batch_size;
        let record = EpochRecord {
            loss,
            training_accuracy: self.checkpoint.position.withstood as f64 / seen as f64,
            clean_accuracy: accuracy.clean,
            robust_accuracy: accuracy.robust,
            settled,
        };
        let position = &mut self.checkpoint.position;
        let rivals = position.history.iter().filter(|rival| rival.settled);
        let best = rivals
            .map(|rival| rival.robust_accuracy)
            .fold(f64::NEG_INFINITY, f64::max);
        // Of equal epochs the later counts: it has learnt longer.
        if settled && record.robust_accuracy >= best {
            let subject = subject(self.initial, &mut self.checkpoint.state);
            self.checkpoint.best = Some(subject.network_with(&averages));
        }
        position.history.push(record.clone());
        position.epoch += 1;
        position.step = 0;
        position.loss = 0.0;
        position.withstood = 0;
        Ok(record)
    }

    pub(super) fn save(&self) -> Result<(), TrainError> {
        let sparsifier = self.sparsifier.state();
        self.checkpoint
            .save(self.run.checkpoint, self.initial, sparsifier)
    }
}

/// What a sparsifier sees of the state.
fn subject<'s>(network: &'s Network, state: &'s mut State) -> Subject<'s> {
    Subject {
        network,
        parameters: &mut state.parameters,
        masks: &mut state.masks,
    }
}

/// How many of the adversarial images are classified as their labels say.
fn right_answers(responses: &Responses, labels: &[usize]) -> usize {
    let logits = responses.logits.last().expect("adversarial images");
    let rows = logits.chunks(logits.len() / labels.len()).zip(labels);
    rows.filter(|(row, label)| decision(row) == Some(**label))
        .count()
}
