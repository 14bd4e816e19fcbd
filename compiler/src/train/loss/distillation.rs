//! Distillation from a robust parent (adversarially robust distillation, Goldblum et al., 2020; the temperature is that of Hinton, Vinyals
//! and Dean, 2015): (1 − w)·L + w·T²·KL(t^T(x) ‖ p^T(x')), where ·^T is the softmax of logits over T.
//!
//! The teacher is asked about the clean image, as by Goldblum et al., although the pupil answers the adversarial one: x' misleads the
//! teacher too, and its clean answer is what the pupil should give in the whole ball. L is whatever training loss there is, where the
//! paper has the clean image's cross-entropy: so hardening goes on as before, and a run without clean images needs no further pass. T²
//! keeps the slopes' size, which fall with 1/T².

use serde::{Deserialize, Serialize};

use super::{ImageLoss, add};
use crate::softmax::Softmax;

/// How much a parent's answer counts beside the labels. It is the parent's answer on the clean images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distillation {
    /// w, in [0, 1]: the share of the parent in the loss. 1 listens to it alone, as the authors'
    /// program does by default.
    pub weight: f64,
    /// T: how far the answers are flattened before they are compared; 1 leaves them.
    pub temperature: f64,
}

impl Distillation {
    /// The first setting that cannot be used, as "key: problem".
    pub fn problem(&self) -> Option<String> {
        let (weight, temperature) = (self.weight, self.temperature);
        if !(0.0..=1.0).contains(&weight) {
            return Some(format!("weight: {weight} is not in [0, 1]"));
        }
        let usable = temperature.is_finite() && temperature > 0.0;
        (!usable).then(|| format!("temperature: {temperature} is not above 0"))
    }

    /// Takes the teacher into an image's loss.
    pub(super) fn blend(self, loss: &mut ImageLoss, adversarial: &[f32], teacher: &[f32]) {
        let (weight, temperature) = (self.weight, self.temperature);
        let t = Softmax::of(teacher, temperature);
        let p = Softmax::of(adversarial, temperature);
        let divergence = temperature * temperature * t.divergence(&p);
        loss.value = (1.0 - weight) * loss.value + weight * divergence;
        for slope in loss.adversarial.iter_mut().chain(&mut loss.clean) {
            *slope *= 1.0 - weight;
        }
        // T² from the loss, 1/T from the logits.
        let slopes = t.divergence_slopes(&p);
        add(&mut loss.adversarial, weight * temperature, &slopes);
    }
}
