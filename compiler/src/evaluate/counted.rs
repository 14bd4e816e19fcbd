//! A victim that counts what it is asked.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::attack::{Loss, Victim};
use crate::classifier::{Classifier, ComputeError, Decider, Differentiable, Gradient};

/// Passes every question on and counts the images in it. One type for each kind of victim, because what a victim does not show it must not
/// seem to show.
pub(super) struct Counted<'a, M: ?Sized> {
    model: &'a M,
    images: &'a AtomicU64,
    /// Told the number of images of each question.
    asked: &'a (dyn Fn(u64) + Sync),
}

impl<M: ?Sized> Counted<'_, M> {
    fn count(&self, images: usize) {
        self.images.fetch_add(images as u64, Ordering::Relaxed);
        (self.asked)(images as u64);
    }
}

/// Calls `attack` with a victim that counts what it is asked; returns the count beside the result.
pub(super) fn counting<T>(
    victim: Victim<'_>,
    asked: &(dyn Fn(u64) + Sync),
    attack: impl FnOnce(Victim<'_>) -> T,
) -> (T, u64) {
    let images = &AtomicU64::new(0);
    let result = match victim {
        Victim::Gradients(model) => attack(Victim::Gradients(&Counted {
            model,
            images,
            asked,
        })),
        Victim::Logits(model) => attack(Victim::Logits(&Counted {
            model,
            images,
            asked,
        })),
        Victim::Decisions(model) => attack(Victim::Decisions(&CountedDecider(Counted {
            model,
            images,
            asked,
        }))),
    };
    (result, images.load(Ordering::Relaxed))
}

impl<M: Classifier + ?Sized> Classifier for Counted<'_, M> {
    fn input_shape(&self) -> [usize; 3] {
        self.model.input_shape()
    }

    fn classes(&self) -> usize {
        self.model.classes()
    }

    fn logits(&self, images: &[f32]) -> Result<Vec<f32>, ComputeError> {
        self.count(images.len() / self.input_shape().iter().product::<usize>().max(1));
        self.model.logits(images)
    }
}

impl<M: Differentiable + ?Sized> Differentiable for Counted<'_, M> {
    fn gradient(&self, images: &[f32], loss: &dyn Loss) -> Result<Gradient, ComputeError> {
        self.count(images.len() / self.input_shape().iter().product::<usize>().max(1));
        self.model.gradient(images, loss)
    }
}

/// Every classifier decides by its logits; this one has none.
struct CountedDecider<'a>(Counted<'a, dyn Decider + 'a>);

impl Decider for CountedDecider<'_> {
    fn decide(&self, images: &[f32], count: usize) -> Result<Vec<Option<usize>>, ComputeError> {
        self.0.count(count);
        self.0.model.decide(images, count)
    }
}
