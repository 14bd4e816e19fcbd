//! The examples that TRADES trains on (Zhang et al., 2019): PGD up the divergence between the answers on clean and adversarial image.
//!
//! Only for training: it does not know the labels, and what it raises is not what evaluation counts. Non-goals: what is then learnt from
//! the examples (`train::loss`).

use rand_distr::{Distribution, Normal};

use super::{Attack, Ball, Divergence, Examples, Gradients, ThreatModel};
use crate::classifier::ComputeError;

/// Standard deviation of the start's distance from the clean image, where the divergence has no slope.
const START: f32 = 0.001;

/// Steps up KL(p(x) ‖ p(x')), from normal noise around the clean image.
#[derive(Clone, Copy, Debug)]
pub struct TradesAttack {
    /// How far the attack may go.
    pub threat: ThreatModel,
    /// Length of one step.
    pub step_size: f32,
    /// Number of steps.
    pub steps: usize,
}

impl TradesAttack {
    /// Steps of 2.5·ε/steps, as those of [`Pgd`](super::Pgd); the paper's 0.007 for ε = 0.031 and 10 steps is close to it.
    pub fn new(threat: ThreatModel, steps: usize) -> Self {
        Self {
            threat,
            step_size: 2.5 * threat.epsilon / steps as f32,
            steps,
        }
    }
}

impl Attack<Gradients<'_>> for TradesAttack {
    fn perturb(
        &self,
        model: &Gradients<'_>,
        examples: &Examples<'_>,
    ) -> Result<Vec<f32>, ComputeError> {
        let clean = model.logits(examples.images())?;
        let pixels = examples.pixels();
        let normal = Normal::new(0.0, START).expect("a positive deviation");
        let mut adversarial = examples.images().to_vec();
        for (index, image) in adversarial.chunks_mut(pixels.max(1)).enumerate() {
            let mut random = examples.stream(index, "trades start", &[]);
            for x in image.iter_mut() {
                *x += normal.sample(&mut random);
            }
            Ball::new(self.threat, examples.image(index)).project(image);
        }
        for _ in 0..self.steps {
            let gradient = model.gradient(&adversarial, &Divergence { clean: &clean })?;
            for (index, image) in adversarial.chunks_mut(pixels.max(1)).enumerate() {
                let gradient = &gradient.pixels[index * pixels..][..pixels];
                self.threat.norm.step(image, gradient, self.step_size);
                Ball::new(self.threat, examples.image(index)).project(image);
            }
        }
        Ok(adversarial)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Linear, check_gradient_attack};
    use super::super::{Classifier, Loss, Norm};
    use super::*;

    #[test]
    fn without_steps_it_is_noise_around_the_clean_image() {
        let model = Linear::pair(&[1.0; 1000]);
        let images = [0.5; 1000];
        let examples = Examples::new(&images, &[0], &[3]);
        let attack = |epsilon| TradesAttack {
            threat: ThreatModel::linf(epsilon),
            step_size: 0.0,
            steps: 0,
        };
        let start = attack(0.1).perturb(&model, &examples).unwrap();
        let deviation = Norm::L2.distance(&images, &start) / 1000f64.sqrt();
        // Of 1000 numbers, within five standard errors of σ/√2000.
        assert!((deviation - 1e-3).abs() < 1.2e-4, "{deviation}");
        let start = attack(5e-4).perturb(&model, &examples).unwrap();
        assert!(Norm::Linf.distance(&images, &start) <= 5e-4);
    }

    #[test]
    fn it_ends_in_the_corner_where_the_answer_differs_most_whatever_the_label() {
        // The logits are ±w·(x − ½). The divergence has a maximum at either end of their range, so the start decides which is reached.
        let model = Linear::pair(&[0.5, -1.0, 3.0]);
        let images = [0.4, 0.5, 0.5];
        let threat = ThreatModel::linf(0.1);
        let attack = TradesAttack::new(threat, 10);
        let clean = model.logits(&images).unwrap();
        let corners = [[0.5, 0.4, 0.6], [0.3, 0.6, 0.4]];
        let divergences = corners.map(|corner| {
            let logits = model.logits(&corner).unwrap();
            Divergence { clean: &clean }.of(0, &logits, &mut [0.0; 2])
        });
        assert!(divergences.iter().all(|d| *d > 0.05), "{divergences:?}");
        let mut reached = [false; 2];
        for seed in 0..20 {
            let [end, other] = [0, 1].map(|label| {
                let (labels, seeds) = ([label], [seed]);
                let examples = Examples::new(&images, &labels, &seeds);
                attack.perturb(&model, &examples).unwrap()
            });
            assert_eq!(end, other);
            let at = corners
                .iter()
                .position(|corner| Norm::Linf.distance(corner, &end) < 1e-6);
            reached[at.unwrap_or_else(|| panic!("{end:?}"))] = true;
        }
        assert_eq!(reached, [true; 2]);
    }

    #[test]
    fn it_keeps_its_promises() {
        let turned = check_gradient_attack(|threat| TradesAttack::new(threat, 10), 11);
        assert!(turned.iter().all(|share| *share > 0.3), "{turned:?}");
    }
}
