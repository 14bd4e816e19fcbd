//! A training run in progress: its steps and epochs.

use rand::Rng;
use rand::seq::SliceRandom;
use sinew_models::Network;

use super::augment;
use super::checkpoint::{Checkpoint, Position};
use super::optimizer::{Optimizer, State};
use super::perturbation::perturb;
use super::risk::{Known, Risk};
use super::schedule::epsilon;
use super::stopping::{Epoch, Stopped};
use super::{EpochRecord, TrainError, TrainRun};
use crate::attack::{Examples, Pgd, ThreatModel};
use crate::classifier::decision;
use crate::evaluate::accuracy_under;
use crate::gradients::trainable;
use crate::prune::{Moment, Observe, Sparsifier, Subject};
use crate::seed::{seeds, stream};
use crate::trainable::{Normalization, Request, Trainable};

/// Of the running statistics of batch norm, per training step.
const STATISTICS_MOMENTUM: f32 = 0.1;

pub(super) struct Session<'a> {
    run: &'a TrainRun<'a>,
    initial: &'a Network,
    engine: Box<dyn Trainable + 'a>,
    /// The parent, where it is listened to.
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
        let checkpoint = if run.checkpoint.exists() {
            let (checkpoint, state) = Checkpoint::load(run.checkpoint, initial)?;
            sparsifier.restore(initial, state)?;
            checkpoint
        } else {
            Checkpoint {
                position: Position::default(),
                state: State::new(initial),
                best: None,
            }
        };
        let batch_size = run.settings.batch_size.min(run.train.len());
        let teacher = run.teacher.filter(|_| run.settings.distillation.is_some());
        let teacher = teacher
            .map(|network| trainable(network, run.device))
            .transpose()?;
        Ok(Self {
            run,
            initial,
            engine: trainable(initial, run.device)?,
            risk: Risk::new(run.settings, initial, teacher.is_some()),
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
            .after(&epochs.collect::<Vec<_>>())
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

    /// One step on the next batch of the epoch.
    pub(super) fn step(&mut self, order: &[usize], observe: Observe<'_>) -> Result<(), TrainError> {
        let run = self.run;
        let moment = self.moment();
        let state = &mut self.checkpoint.state;
        let mut subject = Subject {
            network: self.initial,
            parameters: &mut state.parameters,
            masks: &mut state.masks,
        };
        self.sparsifier.prepare(&moment, &mut subject, observe)?;

        let position = &self.checkpoint.position;
        let batch = &order[position.step * self.batch_size..][..self.batch_size];
        let (at, epoch) = (
            [position.epoch as u64, position.step as u64],
            position.epoch,
        );
        let labels = run.train.batch_labels(batch);
        let mut images = run.train.batch(batch);
        let moment_of_images = augment::Moment {
            seed: run.seed,
            epoch,
        };
        let settings = run.settings;
        let shape = run.train.shape();
        (settings.augmentation).apply(&mut images, shape, &self.fill, moment_of_images, batch);
        let seed = stream(run.seed, "training attack", &at).next_u64();
        let seeds = seeds(seed, "attacked image", 0..labels.len() as u64);
        let effective = self.effective(&self.checkpoint.state.parameters);
        self.engine.set_parameters(&effective)?;
        let (warm_up, Moment { step, steps, .. }) = (settings.epsilon_warm_up, moment);
        let attack = (settings.adversary).attack(epsilon(run.epsilon, warm_up, step, steps));
        let examples = Examples::new(&images, &labels, &seeds);
        let adversarial = match attack {
            Some(attack) => attack.perturb(&*self.engine, &examples)?,
            None => images.clone(),
        };
        let teacher = match &self.teacher {
            Some(teacher) if self.risk.needs_teacher() => Some(teacher.logits(&images)?),
            _ => None,
        };

        let clean = self.risk.needs_clean().then_some(&images[..]);
        let batches: Vec<&[f32]> = clean.into_iter().chain([&adversarial[..]]).collect();
        let request = Request {
            batches: &batches,
            normalization: Normalization::Batch,
            points: self.risk.points(),
            parameters: true,
        };
        let classes = self.initial.classes();
        let known = Known {
            labels: &labels,
            teacher: teacher.as_deref(),
        };
        let (mut loss, mut withstood) = (0.0, 0);
        let mut descend = |engine: &dyn Trainable| {
            engine.backward(&request, &mut |responses| {
                let (value, slopes) = self.risk.of(responses, known);
                loss = value;
                let rows = responses.logits[batches.len() - 1].chunks(classes);
                let right = rows
                    .zip(&labels)
                    .filter(|(row, label)| decision(row) == Some(**label));
                withstood = right.count();
                slopes
            })
        };
        let mut backward = descend(&*self.engine)?;
        if settings.weight_perturbation > 0.0 {
            let radius = settings.weight_perturbation;
            let moved = perturb(self.initial, &effective, &backward.parameters, radius);
            self.engine.set_parameters(&moved)?;
            backward.parameters = descend(&*self.engine)?.parameters;
        }

        let state = &mut self.checkpoint.state;
        let subject = Subject {
            network: self.initial,
            parameters: &mut state.parameters,
            masks: &mut state.masks,
        };
        let gradients = &mut backward.parameters;
        self.sparsifier.learn(&moment, &subject, gradients);
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
            let state = &mut self.checkpoint.state;
            let subject = Subject {
                network: self.initial,
                parameters: &mut state.parameters,
                masks: &mut state.masks,
            };
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
