//! N-FGSM (de Jorge et al., 2022): crafts training examples with one gradient, from unclipped noise.
//!
//! Only for training: the noise is wide and the result is not projected, so it leaves the ε-ball. That is what keeps
//! single-step training from collapsing against stronger attacks; as an evaluation it would break the threat model.

use rand::RngExt;

use super::{Attack, CrossEntropy, Examples, Gradients, Norm};
use crate::classifier::ComputeError;

/// Uniform noise of ±`noise`·ε, then one step of ε; only [0, 1] is kept.
#[derive(Clone, Copy, Debug)]
pub struct NFgsm {
    /// Radius of the L∞ ball that the trained network is to withstand.
    pub epsilon: f32,
    /// The paper's k, in units of ε: 2 there for every ε; less keeps more clean accuracy.
    pub noise: f32,
}

impl Attack<Gradients<'_>> for NFgsm {
    fn perturb(
        &self,
        model: &Gradients<'_>,
        examples: &Examples<'_>,
    ) -> Result<Vec<f32>, ComputeError> {
        let width = self.noise * self.epsilon;
        let pixels = examples.pixels();
        let mut noisy = examples.images().to_vec();
        for (index, image) in noisy.chunks_mut(pixels.max(1)).enumerate() {
            let mut random = examples.stream(index, "n-fgsm noise", &[]);
            for x in image {
                *x += width * random.random_range(-1.0..=1.0f32);
            }
        }
        let gradient = model.gradient(&noisy, &CrossEntropy(examples.labels()))?;
        Norm::Linf.step(&mut noisy, &gradient.pixels, self.epsilon);
        for x in &mut noisy {
            *x = x.clamp(0.0, 1.0);
        }
        Ok(noisy)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Linear;
    use super::*;

    #[test]
    fn stays_in_the_unit_cube_and_goes_beyond_epsilon() {
        let model = Linear::pair(&[1.0; 64]);
        let images = [0.3f32; 64];
        let attack = NFgsm {
            epsilon: 0.1,
            noise: 2.0,
        };
        let examples = Examples::new(&images, &[0], &[3]);
        let moved = attack.perturb(&model, &examples).unwrap();
        assert!(moved.iter().all(|x| (0.0..=1.0).contains(x)));
        let farthest = Norm::Linf.distance(&images, &moved);
        assert!(farthest > 0.2 && farthest <= 0.3 + 1e-6, "{farthest}");
    }
}
