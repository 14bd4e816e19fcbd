//! What a training step sees: the next images of its epoch, augmented, and their adversarial versions.

use rand::Rng;

use super::schedule::epsilon;
use super::{TrainRun, augment};
use crate::attack::Examples;
use crate::classifier::{ComputeError, Differentiable};
use crate::prune::Moment;
use crate::seed::{seeds, stream};

/// Images `[batch, channel, height, width]` in [0, 1], flattened, with their labels.
pub(super) struct Batch {
    pub(super) images: Vec<f32>,
    pub(super) labels: Vec<usize>,
}

impl Batch {
    /// The training images with these numbers as they are in this epoch. `fill` is what cutout leaves, one value per channel.
    pub(super) fn new(run: &TrainRun<'_>, fill: &[f32], epoch: usize, indices: &[usize]) -> Self {
        let mut images = run.train.batch(indices);
        let moment = augment::Moment {
            seed: run.seed,
            epoch,
        };
        let shape = run.train.shape();
        (run.settings.augmentation).apply(&mut images, shape, fill, moment, indices);
        Self {
            images,
            labels: run.train.batch_labels(indices),
        }
    }

    /// Their adversarial versions for `model`; in plain training they themselves. `at` is the epoch and its step.
    pub(super) fn adversarial(
        &self,
        run: &TrainRun<'_>,
        model: &dyn Differentiable,
        moment: &Moment,
        at: [u64; 2],
    ) -> Result<Vec<f32>, ComputeError> {
        let settings = run.settings;
        let warm_up = settings.epsilon_warm_up;
        let epsilon = epsilon(run.epsilon, warm_up, moment.step, moment.steps);
        let Some(attack) = settings.adversary.attack(epsilon) else {
            return Ok(self.images.clone());
        };
        let seed = stream(run.seed, "training attack", &at).next_u64();
        let seeds = seeds(seed, "attacked image", 0..self.labels.len() as u64);
        attack.perturb(model, &Examples::new(&self.images, &self.labels, &seeds))
    }
}
