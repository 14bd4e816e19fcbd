//! What others may know of a network: its decisions, its logits, its gradients, each level containing the one before.
//!
//! Everything goes as plain slices on the host. So one attack serves training, evaluation, the packed model and a user's own code; what a
//! device pays for the copies is small beside its forward pass. Non-goals: how any of this is computed.

use crate::attack::Loss;

/// A network that did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("compute the network: {0}")]
pub struct ComputeError(pub String);

/// A network that tells nothing but its decisions.
///
/// Every [`Classifier`] is one.
pub trait Decider: Sync {
    /// The class of each of `count` images `[count, channel, height, width]` in [0, 1], flattened. `None` where no class stands out:
    /// a tie, or a logit that is not a number.
    ///
    /// # Errors
    /// What the device reports.
    fn decide(&self, images: &[f32], count: usize) -> Result<Vec<Option<usize>>, ComputeError>;
}

/// A network as an attacker without gradients sees it.
///
/// Images are `[batch, channel, height, width]` in [0, 1], flattened; logits are `[batch, class]`, flattened.
pub trait Classifier: Decider {
    /// `[channel, height, width]` of one image.
    fn input_shape(&self) -> [usize; 3];

    /// Number of logits per image.
    fn classes(&self) -> usize;

    /// Logits of a batch of images.
    ///
    /// # Errors
    /// What the device reports.
    fn logits(&self, images: &[f32]) -> Result<Vec<f32>, ComputeError>;
}

impl<C: Classifier> Decider for C {
    fn decide(&self, images: &[f32], _count: usize) -> Result<Vec<Option<usize>>, ComputeError> {
        let logits = self.logits(images)?;
        Ok(logits.chunks(self.classes().max(1)).map(decision).collect())
    }
}

/// A network as a white-box attacker sees it.
pub trait Differentiable: Classifier {
    /// The logits of every image, the `loss` that they have, and the gradient of that loss with respect to the image.
    ///
    /// # Errors
    /// What the device reports.
    fn gradient(&self, images: &[f32], loss: &dyn Loss) -> Result<Gradient, ComputeError>;
}

/// What one backward pass tells.
#[derive(Clone, Debug)]
pub struct Gradient {
    /// `[batch, class]`, flattened.
    pub logits: Vec<f32>,
    /// Loss of each image.
    pub losses: Vec<f32>,
    /// ∂loss/∂pixel of each image: `[batch, channel, height, width]`, flattened.
    pub pixels: Vec<f32>,
}

/// The class whose logit is above all others. Ties and non-numbers decide for none, and so count against a network.
pub fn decision(logits: &[f32]) -> Option<usize> {
    let above_others =
        |class: &usize| (0..logits.len()).all(|c| c == *class || logits[c] < logits[*class]);
    (0..logits.len()).find(above_others)
}

/// The losses of a batch of logits `[batch, class]`, and their slopes ∂loss/∂logit in the same order.
///
/// What implementations of [`Differentiable`] put between their forward and their backward pass. `first` is the number, within the
/// batch that the loss is about, of the first image.
pub fn slopes(
    loss: &dyn Loss,
    logits: &[f32],
    classes: usize,
    first: usize,
) -> (Vec<f32>, Vec<f32>) {
    let mut slopes = vec![0.0; logits.len()];
    let rows = logits.chunks(classes).zip(slopes.chunks_mut(classes));
    let losses = rows
        .enumerate()
        .map(|(index, (row, slopes))| loss.of(first + index, row, slopes))
        .collect();
    (losses, slopes)
}

/// The arithmetic that is deployed, with the gradients of a network that computes the same up to rounding, as Athalye, Carlini and Wagner
/// (2018) attack what has none of its own.
///
/// Logits are the deployed ones, so decisions are, and so is all that black-box attacks see. Those that come with a gradient are the twin's,
/// whose forward pass is needed for it anyway; asking both would cost half as much again.
#[derive(Clone, Copy)]
pub struct WithTwin<'a> {
    /// What is attacked.
    pub deployed: &'a dyn Classifier,
    /// Whose gradients are used.
    pub twin: &'a dyn Differentiable,
}

impl Classifier for WithTwin<'_> {
    fn input_shape(&self) -> [usize; 3] {
        self.deployed.input_shape()
    }

    fn classes(&self) -> usize {
        self.deployed.classes()
    }

    fn logits(&self, images: &[f32]) -> Result<Vec<f32>, ComputeError> {
        self.deployed.logits(images)
    }
}

impl Differentiable for WithTwin<'_> {
    fn gradient(&self, images: &[f32], loss: &dyn Loss) -> Result<Gradient, ComputeError> {
        self.twin.gradient(images, loss)
    }
}

/// A function from images to logits as a classifier: whatever a user has.
pub struct FunctionClassifier<F> {
    input_shape: [usize; 3],
    classes: usize,
    logits: F,
}

impl<F: Fn(&[f32]) -> Vec<f32> + Sync> FunctionClassifier<F> {
    /// `logits` is given a batch `[batch, channel, height, width]` in [0, 1], flattened, of images of `input_shape`, and returns
    /// `[batch, class]`, flattened.
    pub fn new(input_shape: [usize; 3], classes: usize, logits: F) -> Self {
        Self {
            input_shape,
            classes,
            logits,
        }
    }
}

impl<F: Fn(&[f32]) -> Vec<f32> + Sync> Classifier for FunctionClassifier<F> {
    fn input_shape(&self) -> [usize; 3] {
        self.input_shape
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn logits(&self, images: &[f32]) -> Result<Vec<f32>, ComputeError> {
        let logits = (self.logits)(images);
        let pixels: usize = self.input_shape.iter().product();
        let expected = images.len() / pixels.max(1) * self.classes;
        if logits.len() == expected {
            return Ok(logits);
        }
        Err(ComputeError(format!(
            "the function gave {} numbers where {expected} logits belong",
            logits.len()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_that_gives_another_number_of_logits_is_refused() {
        let sums = |images: &[f32]| images.chunks(2).map(|x| x[0] + x[1]).collect();
        let model = FunctionClassifier::new([1, 1, 2], 1, sums);
        assert_eq!(model.logits(&[1.0, 2.0, 3.0, 4.0]).unwrap(), [3.0, 7.0]);
        let model = FunctionClassifier::new([1, 1, 2], 2, sums);
        let error = model.logits(&[1.0, 2.0]).unwrap_err();
        assert!(error.to_string().contains("1 numbers where 2"), "{error}");
    }

    #[test]
    fn ties_and_non_numbers_decide_for_no_class() {
        assert_eq!(decision(&[1.0, 2.0]), Some(1));
        assert_eq!(decision(&[2.0, 2.0]), None);
        assert_eq!(decision(&[2.0, f32::NAN]), None);
        assert_eq!(decision(&[f32::NAN, 3.0]), None);
        assert_eq!(decision(&[f32::NEG_INFINITY, 3.0, -1.0]), Some(1));
    }
}
