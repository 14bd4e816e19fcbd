//! Fast gradient sign method (Goodfellow, Shlens and Szegedy, 2015): one step of ε up the cross-entropy.

use super::{Attack, Ball, CrossEntropy, Examples, Gradients, ThreatModel};
use crate::classifier::ComputeError;

/// FGSM; in L2 the step follows the gradient itself.
#[derive(Clone, Copy, Debug)]
pub struct Fgsm {
    /// How far the step goes.
    pub threat: ThreatModel,
}

impl Attack<Gradients<'_>> for Fgsm {
    fn perturb(
        &self,
        model: &Gradients<'_>,
        examples: &Examples<'_>,
    ) -> Result<Vec<f32>, ComputeError> {
        let gradient = model.gradient(examples.images(), &CrossEntropy(examples.labels()))?;
        let mut adversarial = examples.images().to_vec();
        let pixels = examples.pixels();
        let images = adversarial.chunks_mut(pixels.max(1));
        for (index, image) in images.enumerate() {
            let gradient = &gradient.pixels[index * pixels..][..pixels];
            let threat = self.threat;
            threat.norm.step(image, gradient, threat.epsilon);
            Ball::new(threat, examples.image(index)).project(image);
        }
        Ok(adversarial)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Linear, check_promises, random_images};
    use super::*;

    #[test]
    fn steps_against_the_label_by_epsilon() {
        let model = Linear::pair(&[1.0, -2.0, 0.0]);
        let fgsm = Fgsm {
            threat: ThreatModel::linf(0.25),
        };
        let images = [0.5, 0.5, 0.5, 0.5, 0.875, 0.5];
        let examples = Examples::new(&images, &[0, 1], &[0, 0]);
        let moved = fgsm.perturb(&model, &examples).unwrap();
        assert_eq!(moved, [0.25, 0.75, 0.5, 0.75, 0.625, 0.5]);
    }

    #[test]
    fn it_keeps_its_promises() {
        let model = Linear::random(5, 16, 1);
        let images = random_images(8, 16, 2);
        let labels = model.labels(&images);
        for threat in [ThreatModel::linf(0.2), ThreatModel::l2(0.7)] {
            let fgsm = Fgsm { threat };
            let perturb = |examples: &Examples<'_>| fgsm.perturb(&model, examples).unwrap();
            assert!(check_promises(perturb, &model, threat, &images, &labels) > 0.3);
        }
    }
}
