//! Attacks: what an adversary may use, and the ball it must stay in.
//!
//! An attack sees a network through [`Classifier`](crate::classifier::Classifier) or [`Differentiable`] alone. Non-goals: which
//! examples are attacked and how results are counted (`evaluate`).

mod ball;
mod fgsm;
mod n_fgsm;
mod pgd;

pub use ball::Ball;
pub use fgsm::Fgsm;
pub use n_fgsm::NFgsm;
pub use pgd::Pgd;

use crate::classifier::{ComputeError, Differentiable};

/// A white-box attack.
pub trait Attack: Sync {
    /// Name as results show it, with the parameters that decide its strength.
    fn name(&self) -> String;

    /// Adversarial versions of `images`, one each. Draws nothing but what `seed` decides.
    ///
    /// # Errors
    /// What the model reports.
    fn perturb(
        &self,
        model: &dyn Differentiable,
        images: &[f32],
        labels: &[usize],
        seed: u64,
    ) -> Result<Vec<f32>, ComputeError>;

    /// Forward and backward passes per image.
    fn queries(&self) -> usize;
}

/// −1, 0 or 1: unlike `f32::signum`, a zero gradient moves nothing.
fn sign(value: f32) -> f32 {
    if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        0.0
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::classifier::{Classifier, Gradient};

    /// Two classes whose logits are ±(w·x): the strongest L∞ attack is known in closed form.
    pub(crate) struct LinearPair {
        pub(crate) weights: Vec<f32>,
    }

    impl Classifier for LinearPair {
        fn input_shape(&self) -> [usize; 3] {
            [1, 1, self.weights.len()]
        }

        fn classes(&self) -> usize {
            2
        }

        fn logits(&self, images: &[f32]) -> Result<Vec<f32>, ComputeError> {
            Ok(images
                .chunks(self.weights.len())
                .flat_map(|image| {
                    let score: f32 = image.iter().zip(&self.weights).map(|(x, w)| x * w).sum();
                    [score, -score]
                })
                .collect())
        }
    }

    impl Differentiable for LinearPair {
        fn gradient(&self, images: &[f32], labels: &[usize]) -> Result<Gradient, ComputeError> {
            let logits = self.logits(images)?;
            let mut losses = Vec::new();
            let mut pixels = Vec::new();
            for (pair, &label) in logits.chunks(2).zip(labels) {
                let margin = pair[label] - pair[1 - label];
                losses.push((-margin).exp().ln_1p());
                let towards = if label == 0 { 1.0 } else { -1.0 };
                let slope = -2.0 * towards / (1.0 + margin.exp());
                pixels.extend(self.weights.iter().map(|w| slope * w));
            }
            Ok(Gradient { losses, pixels })
        }
    }
}
