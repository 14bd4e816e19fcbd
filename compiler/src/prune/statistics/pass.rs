//! What backward passes show of a batch of clean images and their adversarial versions.

use std::collections::BTreeSet;

use sinew_models::ValueId;

use crate::classifier::ComputeError;
use crate::softmax::Softmax;
use crate::trainable::{Normalization, Request, Responses, Trainable, Wanted};

/// Clean images and their adversarial versions, in this order.
pub(super) struct Batch<'a> {
    pub(super) engine: &'a dyn Trainable,
    pub(super) images: [&'a [f32]; 2],
    pub(super) labels: &'a [usize],
}

/// Which version of the images.
pub(super) const CLEAN: usize = 0;
pub(super) const ATTACKED: usize = 1;

/// The values at some points of the network, and the gradients there, for both versions of the images.
pub(super) struct Seen<'a> {
    images: [&'a [f32]; 2],
    points: Vec<ValueId>,
    values: Vec<Vec<Vec<f32>>>,
    gradients: Vec<Vec<Vec<f32>>>,
}

impl Seen<'_> {
    /// A value for one version, `[batch, …]`.
    pub(super) fn value(&self, version: usize, value: ValueId) -> &[f32] {
        match value {
            ValueId::INPUT => self.images[version],
            _ => &self.values[version][self.position(value)],
        }
    }

    /// The gradient of each image's loss with respect to a value.
    pub(super) fn gradient(&self, version: usize, value: ValueId) -> &[f32] {
        &self.gradients[version][self.position(value)]
    }

    fn position(&self, value: ValueId) -> usize {
        let position = self.points.binary_search(&value);
        position.expect("every value that is summed was asked for")
    }
}

impl<'a> Batch<'a> {
    /// Values and gradients at `points`, from one call.
    pub(super) fn see(&self, points: BTreeSet<ValueId>) -> Result<Seen<'a>, ComputeError> {
        let points: Vec<ValueId> = points
            .into_iter()
            .filter(|p| *p != ValueId::INPUT)
            .collect();
        let request = Request {
            batches: &self.images,
            normalization: Normalization::Running,
            points: &points,
            parameters: Wanted::None,
        };
        let mut values = Vec::new();
        let backward = self.engine.backward(&request, &mut |responses| {
            values.clone_from(&responses.points);
            self.loss_slopes(responses, self.labels)
        })?;
        Ok(Seen {
            images: self.images,
            points,
            values,
            gradients: backward.points,
        })
    }

    /// ∂L/∂parameter, summed over `labels.len()` images of one version from image `first` on.
    pub(super) fn parameter_gradients(
        &self,
        version: usize,
        first: usize,
        count: usize,
    ) -> Result<Vec<Vec<f32>>, ComputeError> {
        let images = self.images[version];
        let pixels = images.len() / self.labels.len();
        let images = &images[first * pixels..][..count * pixels];
        let labels = &self.labels[first..][..count];
        let request = Request {
            batches: &[images],
            normalization: Normalization::Running,
            points: &[],
            parameters: Wanted::All,
        };
        let loss = &mut |responses: &Responses| self.loss_slopes(responses, labels);
        Ok(self.engine.backward(&request, loss)?.parameters)
    }

    /// The gradients of all parameters of `½·‖z‖²` for the adversarial images, z being the value `point`. For the weights of the layer
    /// that computes z they are `Σ z·a` over images and positions.
    pub(super) fn correlations(&self, point: ValueId) -> Result<Vec<Vec<f32>>, ComputeError> {
        let request = Request {
            batches: &self.images[ATTACKED..],
            normalization: Normalization::Running,
            points: &[point],
            parameters: Wanted::All,
        };
        let half_square = &mut |responses: &Responses| Responses {
            logits: vec![vec![0.0; responses.logits[0].len()]],
            points: responses.points.clone(),
        };
        Ok(self.engine.backward(&request, half_square)?.parameters)
    }

    /// The slopes of Σ L over the images of each batch.
    fn loss_slopes(&self, responses: &Responses, labels: &[usize]) -> Responses {
        let classes = self.engine.classes();
        let of = |logits: &Vec<f32>| {
            let images = logits.chunks_exact(classes).zip(labels);
            images
                .flat_map(|(logits, label)| cross_entropy_slopes(logits, *label))
                .collect()
        };
        Responses {
            logits: responses.logits.iter().map(of).collect(),
            points: Vec::new(),
        }
    }
}

/// ∂(−log p_label)/∂logit of one image: p minus the one-hot label.
fn cross_entropy_slopes(logits: &[f32], label: usize) -> Vec<f32> {
    let softmax = Softmax::of(logits, 1.0);
    let probabilities = softmax.probabilities.iter().enumerate();
    probabilities
        .map(|(class, p)| match class == label {
            true => -softmax.others(label) as f32,
            false => *p as f32,
        })
        .collect()
}
