//! N-FGSM (de Jorge et al., 2022): crafts training examples with one gradient, from unclipped noise.
//!
//! Only for training: the noise is wide and the result is not projected, so it leaves the ε-ball. That is what keeps
//! single-step training from collapsing against stronger attacks; as an evaluation it would break the threat model.

use rand::RngExt;

use super::{Attack, sign};
use crate::classifier::{ComputeError, Differentiable};
use crate::seed::stream;

/// Uniform noise of ±`noise`·ε, then one step of ε; only [0, 1] is kept.
#[derive(Clone, Copy, Debug)]
pub struct NFgsm {
    /// Radius of the ball that the trained network is to withstand.
    pub epsilon: f32,
    /// The paper's k, in units of ε: 2 there for every ε; less keeps more clean accuracy.
    pub noise: f32,
}

impl Attack for NFgsm {
    fn name(&self) -> String {
        "n-fgsm".to_owned()
    }

    fn perturb(
        &self,
        model: &dyn Differentiable,
        images: &[f32],
        labels: &[usize],
        seed: u64,
    ) -> Result<Vec<f32>, ComputeError> {
        let mut random = stream(seed, "n-fgsm noise", &[]);
        let width = self.noise * self.epsilon;
        let mut noisy: Vec<f32> = images
            .iter()
            .map(|x| x + width * random.random_range(-1.0..=1.0f32))
            .collect();
        let gradient = model.gradient(&noisy, labels)?;
        for (x, g) in noisy.iter_mut().zip(&gradient.pixels) {
            *x = (*x + self.epsilon * sign(*g)).clamp(0.0, 1.0);
        }
        Ok(noisy)
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
    fn stays_in_the_unit_cube_and_goes_beyond_epsilon() {
        let model = LinearPair {
            weights: vec![1.0; 64],
        };
        let images = [0.3f32; 64];
        let moved = NFgsm {
            epsilon: 0.1,
            noise: 2.0,
        }
        .perturb(&model, &images, &[0], 3)
        .unwrap();
        assert!(moved.iter().all(|x| (0.0..=1.0).contains(x)));
        let farthest = moved
            .iter()
            .zip(&images)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(farthest > 0.2 && farthest <= 0.3 + 1e-6, "{farthest}");
    }
}
