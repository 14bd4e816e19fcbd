//! Projected gradient descent (Madry et al., 2018), with random restarts.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::live::Live;
use super::{Attack, Ball, CrossEntropy, Examples, Gradients, Loss, Margin, Norm, ThreatModel};
use crate::classifier::ComputeError;

/// PGD: every restart begins at a random point of the ball and takes steps of one length up a loss.
#[derive(Clone, Copy, Debug)]
pub struct Pgd {
    /// How far the attack may go.
    pub threat: ThreatModel,
    /// Length of one step.
    pub step_size: f32,
    /// Steps per restart.
    pub steps: usize,
    /// Independent tries.
    pub restarts: usize,
    /// What is raised.
    pub loss: PgdLoss,
    /// Whether an example is done as soon as it is turned, as it should be where only that counts. Otherwise every example goes all the
    /// way, and the restart with the highest loss counts, as it should be where examples are made for another network or for training.
    pub until_turned: bool,
}

/// What PGD raises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PgdLoss {
    /// Cross-entropy.
    #[default]
    Ce,
    /// The strongest other logit minus the label's (Carlini and Wagner, 2017).
    Margin,
}

impl Pgd {
    /// All the way, once, with steps of 2.5·ε/steps, Madry's rule: the whole ball can be crossed, with steps to spare.
    pub fn new(threat: ThreatModel, steps: usize) -> Self {
        Self {
            threat,
            step_size: 2.5 * threat.epsilon / steps as f32,
            steps,
            restarts: 1,
            loss: PgdLoss::Ce,
            until_turned: false,
        }
    }

    /// FGSM with a random start (Wong, Rice and Kolter, 2020, "Fast is better than free"), which crafts training examples with one
    /// gradient: one step of 1.25·ε from a random point of the ball. A network in training can overfit to it all at once
    /// (`train::stopping` watches for that).
    pub fn fgsm_rs(threat: ThreatModel) -> Self {
        Self {
            step_size: 1.25 * threat.epsilon,
            ..Self::new(threat, 1)
        }
    }

    /// The most queries of an example.
    pub(super) fn budget(&self) -> usize {
        self.restarts * (self.steps + 1)
    }

    /// A uniformly random point of the ball (in L2, of the ball before [0, 1] cuts it off).
    fn start(&self, examples: &Examples<'_>, index: usize, restart: usize) -> Vec<f32> {
        let mut random = examples.stream(index, "pgd start", &[restart as u64]);
        let mut image = examples.image(index).to_vec();
        let epsilon = self.threat.epsilon;
        match self.threat.norm {
            Norm::Linf => {
                for x in &mut image {
                    *x += epsilon * random.random_range(-1.0..=1.0f32);
                }
            }
            Norm::L2 => {
                let direction: Vec<f32> = image
                    .iter()
                    .map(|_| StandardNormal.sample(&mut random))
                    .collect();
                let radius = random
                    .random_range(0.0..=1.0f64)
                    .powf(1.0 / image.len() as f64);
                let length = (f64::from(epsilon) * radius) as f32;
                Norm::L2.step(&mut image, &direction, length);
            }
        }
        Ball::new(self.threat, examples.image(index)).project(&mut image);
        image
    }
}

impl Attack<Gradients<'_>> for Pgd {
    fn perturb(
        &self,
        model: &Gradients<'_>,
        examples: &Examples<'_>,
    ) -> Result<Vec<f32>, ComputeError> {
        let pixels = examples.pixels();
        let mut live = Live::new(*examples);
        let mut best = examples.images().to_vec();
        let mut best_losses = vec![f32::NEG_INFINITY; examples.len()];
        for restart in 0..self.restarts {
            let mut current = examples.images().to_vec();
            for &index in live.indices() {
                current[index * pixels..][..pixels]
                    .copy_from_slice(&self.start(examples, index, restart));
            }
            for _ in 0..self.steps {
                let labels = live.labels();
                let loss: &dyn Loss = match self.loss {
                    PgdLoss::Ce => &CrossEntropy(&labels),
                    PgdLoss::Margin => &Margin(&labels),
                };
                let images = live.images(&current);
                let gradient = model.gradient(&images, loss)?;
                let slots = if self.until_turned {
                    live.settle(&images, &gradient.logits)
                } else {
                    live.slots()
                };
                for slot in slots {
                    let image = &mut current[slot.index * pixels..][..pixels];
                    let gradient = &gradient.pixels[slot.place * pixels..][..pixels];
                    self.threat.norm.step(image, gradient, self.step_size);
                    Ball::new(self.threat, examples.image(slot.index)).project(image);
                }
                if live.is_empty() {
                    return Ok(live.finish(current));
                }
            }
            if self.restarts == 1 && !self.until_turned {
                return Ok(current);
            }
            let images = live.images(&current);
            let logits = model.logits(&images)?;
            let labels = live.labels();
            let slots = if self.until_turned {
                live.settle(&images, &logits)
            } else {
                live.slots()
            };
            let classes = model.classes();
            for slot in slots {
                let logits = &logits[slot.place * classes..][..classes];
                let loss = CrossEntropy(&labels).of(slot.place, logits, &mut vec![0.0; classes]);
                // `total_cmp`: a loss that is not a number counts as the highest, such an image is surely not classified.
                if loss.total_cmp(&best_losses[slot.index]).is_gt() {
                    best_losses[slot.index] = loss;
                    let image = slot.index * pixels..(slot.index + 1) * pixels;
                    best[image.clone()].copy_from_slice(&current[image]);
                }
            }
        }
        Ok(live.finish(best))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::super::testing::{Linear, check_promises, random_images};
    use super::*;

    fn examples_of<'a>(images: &'a [f32], labels: &'a [usize]) -> Examples<'a> {
        Examples::new(images, labels, &[7, 8, 9, 10][..labels.len()])
    }

    #[test]
    fn finds_the_corner_of_a_linear_model() {
        let model = Linear::pair(&[0.5, -1.0, 3.0]);
        let images = [0.5, 0.5, 0.05];
        let threat = ThreatModel::linf(0.1);
        for restarts in [1, 3] {
            let attack = Pgd {
                restarts,
                ..Pgd::new(threat, 10)
            };
            let moved = attack.perturb(&model, &examples_of(&images, &[0])).unwrap();
            let mut corner = [0.4, 0.6, -0.05];
            Ball::new(threat, &images).project(&mut corner);
            assert_eq!(moved, corner);
        }
    }

    #[test]
    fn fgsm_rs_goes_from_anywhere_in_the_ball_past_the_middle_and_stays_inside() {
        let model = Linear::pair(&[-1.0; 1000]);
        let images = [0.5; 1000];
        let threat = ThreatModel::linf(0.25);
        let attack = Pgd::fgsm_rs(threat);
        let examples = Examples::new(&images, &[0], &[3]);
        let moved = attack.perturb(&model, &examples).unwrap();
        // Uniform in ±0.25, then 0.3125 up and cut off at 0.25: a quarter of an ε up at least, and at the rim from −0.0625 on, which is
        // where 5/8 of all starts are; of 1000 within five standard errors of 15.
        assert!(moved.iter().all(|x| (0.5625..=0.75).contains(x)));
        let least = moved.iter().copied().fold(1.0, f32::min);
        assert!(least < 0.57, "{least}");
        let rim = moved.iter().filter(|x| **x == 0.75).count();
        assert!((550..=700).contains(&rim), "{rim}");
    }

    #[test]
    fn the_seed_decides_the_start() {
        let model = Linear::pair(&[0.0; 3]);
        let attack = Pgd::new(ThreatModel::linf(0.1), 1);
        let at = |seed| {
            let examples = Examples::new(&[0.5; 3], &[0], std::slice::from_ref(&seed));
            attack.perturb(&model, &examples).unwrap()
        };
        assert_eq!(at(1), at(1));
        assert_ne!(at(1), at(2));
    }

    #[test]
    fn it_keeps_its_promises_and_stops_when_examples_are_turned() {
        let model = Linear::random(5, 16, 1);
        let images = random_images(8, 16, 2);
        let labels = model.labels(&images);
        for (threat, loss) in [
            (ThreatModel::linf(0.2), PgdLoss::Ce),
            (ThreatModel::linf(0.2), PgdLoss::Margin),
            (ThreatModel::l2(0.7), PgdLoss::Ce),
        ] {
            let mut attack = Pgd {
                restarts: 2,
                loss,
                ..Pgd::new(threat, 10)
            };
            let asked = |attack: &Pgd| {
                let before = model.asked.load(Ordering::Relaxed);
                let perturb = |examples: &Examples<'_>| attack.perturb(&model, examples).unwrap();
                let turned = check_promises(perturb, &model, threat, &images, &labels);
                (turned, model.asked.load(Ordering::Relaxed) - before)
            };
            let (all_the_way, all) = asked(&attack);
            attack.until_turned = true;
            let (turned, fewer) = asked(&attack);
            assert!(turned > 0.5 && turned >= all_the_way, "{turned}");
            assert!(fewer < all, "{fewer} against {all}");
        }
    }
}
