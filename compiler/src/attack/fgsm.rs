//! Fast gradient sign method (Goodfellow, Shlens and Szegedy, 2015): one step of ε along the sign of the gradient.

use super::{Attack, Ball, sign};
use crate::classifier::{ComputeError, Differentiable};

/// FGSM in the L∞ ball.
#[derive(Clone, Copy, Debug)]
pub struct Fgsm {
    /// Radius of the ball.
    pub epsilon: f32,
}

impl Attack for Fgsm {
    fn name(&self) -> String {
        "fgsm".to_owned()
    }

    fn perturb(
        &self,
        model: &dyn Differentiable,
        images: &[f32],
        labels: &[usize],
        _seed: u64,
    ) -> Result<Vec<f32>, ComputeError> {
        let gradient = model.gradient(images, labels)?;
        let mut adversarial: Vec<f32> = images
            .iter()
            .zip(&gradient.pixels)
            .map(|(x, g)| x + self.epsilon * sign(*g))
            .collect();
        Ball::new(images, self.epsilon).project(&mut adversarial);
        Ok(adversarial)
    }

    fn queries(&self) -> usize {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::LinearPair;
    use super::*;

    #[test]
    fn steps_against_the_label_by_epsilon() {
        let model = LinearPair {
            weights: vec![1.0, -2.0, 0.0],
        };
        let fgsm = Fgsm { epsilon: 0.25 };
        let moved = fgsm.perturb(&model, &[0.5, 0.5, 0.5], &[0], 0).unwrap();
        assert_eq!(moved, [0.25, 0.75, 0.5]);
        let other = fgsm.perturb(&model, &[0.5, 0.9, 0.5], &[1], 0).unwrap();
        assert_eq!(other, [0.75, 0.65, 0.5]);
    }
}
