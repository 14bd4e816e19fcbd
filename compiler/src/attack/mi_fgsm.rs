//! Momentum iterative fast gradient sign method (Dong et al., 2018).

use super::live::Live;
use super::{Attack, Ball, CrossEntropy, Examples, Gradients, ThreatModel};
use crate::classifier::ComputeError;

/// MI-FGSM: steps of ε/steps from the clean image, up the cross-entropy, along a running sum of the gradients; in L2 along that sum itself.
/// Each gradient is divided by its L1 norm before it is added. An example is done as soon as it is turned.
#[derive(Clone, Copy, Debug)]
pub struct MiFgsm {
    /// How far the attack may go.
    pub threat: ThreatModel,
    /// Number of steps.
    pub steps: usize,
    /// What is left of the sum at each step: 0 forgets all earlier gradients, 1 forgets nothing.
    pub decay: f32,
}

impl MiFgsm {
    /// Nothing is forgotten, as in the paper.
    pub fn new(threat: ThreatModel, steps: usize) -> Self {
        Self {
            threat,
            steps,
            decay: 1.0,
        }
    }

    /// The most queries that an image can cost.
    pub fn budget(&self) -> usize {
        self.steps
    }
}

impl Attack<Gradients<'_>> for MiFgsm {
    fn perturb(
        &self,
        model: &Gradients<'_>,
        examples: &Examples<'_>,
    ) -> Result<Vec<f32>, ComputeError> {
        let pixels = examples.pixels();
        let step_size = self.threat.epsilon / self.steps as f32;
        let mut live = Live::new(*examples);
        let mut current = examples.images().to_vec();
        let mut momenta = vec![0.0; current.len()];
        for _ in 0..self.steps {
            if live.is_empty() {
                return Ok(live.finish(current));
            }
            let images = live.images(&current);
            let gradient = model.gradient(&images, &CrossEntropy(&live.labels()))?;
            for slot in live.settle(&images, &gradient.logits) {
                let range = slot.index * pixels..(slot.index + 1) * pixels;
                let momentum = &mut momenta[range.clone()];
                let gradient = &gradient.pixels[slot.place * pixels..][..pixels];
                accumulate(momentum, gradient, self.decay);
                let image = &mut current[range];
                self.threat.norm.step(image, momentum, step_size);
                Ball::new(self.threat, examples.image(slot.index)).project(image);
            }
        }
        Ok(live.finish(current))
    }
}

/// Adds a gradient, as long as 1 in L1, to what is left of the momentum. Gradients without a direction add nothing.
fn accumulate(momentum: &mut [f32], gradient: &[f32], decay: f32) {
    let norm: f64 = gradient.iter().map(|g| f64::from(g.abs())).sum();
    let has_direction = norm > 0.0 && norm.is_finite();
    for (m, g) in momentum.iter_mut().zip(gradient) {
        *m *= decay;
        if has_direction {
            *m += (f64::from(*g) / norm) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Norm;
    use super::super::testing::{Linear, check_gradient_attack, queries_without_success};
    use super::*;

    #[test]
    fn momentum_is_the_decayed_sum_of_gradients_of_length_one() {
        let mut momentum = [0.0; 2];
        accumulate(&mut momentum, &[3.0, -1.0], 0.5);
        assert_eq!(momentum, [0.75, -0.25]);
        accumulate(&mut momentum, &[0.0, 2e-30], 0.5);
        assert_eq!(momentum, [0.375, 0.875]);
        for nothing in [[0.0; 2], [f32::NAN, 1.0], [f32::INFINITY, 1.0]] {
            accumulate(&mut momentum, &nothing, 1.0);
            assert_eq!(momentum, [0.375, 0.875]);
        }
    }

    #[test]
    fn it_goes_from_the_clean_image_to_the_rim_in_equal_steps() {
        // The second class is far ahead: no step turns the image.
        let weights = vec![vec![1.0, -2.0, 0.0], vec![-1.0, 2.0, 0.0]];
        let model = Linear::new(weights, vec![0.0, 9.0]);
        let images = [0.5; 3];
        let examples = Examples::new(&images, &[1], &[0]);
        let root = 5.0f32.sqrt();
        for (threat, moves) in [
            (ThreatModel::linf(0.25), [0.25, -0.25, 0.0]),
            (ThreatModel::l2(0.25), [0.25 / root, -0.5 / root, 0.0]),
        ] {
            let moved = MiFgsm::new(threat, 4).perturb(&model, &examples).unwrap();
            let end = moves.map(|d| 0.5 + d);
            assert!(Norm::Linf.distance(&end, &moved) < 1e-6, "{moved:?}");
        }
    }

    #[test]
    fn it_keeps_its_promises() {
        let attack = |threat| MiFgsm::new(threat, 10);
        let turned = check_gradient_attack(attack, 10);
        assert!(turned.iter().all(|share| *share > 0.4), "{turned:?}");
        assert_eq!(queries_without_success(attack), 10);
    }
}
