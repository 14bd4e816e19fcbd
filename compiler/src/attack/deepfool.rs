//! DeepFool (Moosavi-Dezfooli, Fawzi and Frossard, 2016): step by step to the nearest of the linearised boundaries.
//!
//! Looks for a near image that is turned, wherever the ball ends; what it finds is then projected into the ball.

use super::live::Live;
use super::{Attack, Ball, Examples, Gradients, Norm, TargetedMargin, ThreatModel, targets};
use crate::classifier::ComputeError;

/// How many classes are compared at most: as many as the authors' program compares, label included.
const CLASSES: usize = 10;
/// How far moves go beyond the boundary, as a share of the whole perturbation.
const OVERSHOOT: f32 = 0.02;

/// DeepFool; in L∞ its steps are those of that norm. The label is compared with the classes that have the highest logits on the
/// clean image. An example is done as soon as it is turned.
#[derive(Clone, Copy, Debug)]
pub struct DeepFool {
    /// How far the result may be.
    pub threat: ThreatModel,
    /// Most steps.
    pub steps: usize,
}

impl DeepFool {
    /// The most queries that an image can cost, where there are `classes`: one for each compared class at every step.
    pub fn budget(&self, classes: usize) -> usize {
        1 + targets::ranks(CLASSES - 1, classes) * self.steps
    }
}

impl Attack<Gradients<'_>> for DeepFool {
    fn perturb(
        &self,
        model: &Gradients<'_>,
        examples: &Examples<'_>,
    ) -> Result<Vec<f32>, ComputeError> {
        let pixels = examples.pixels();
        let norm = self.threat.norm;
        let mut live = Live::new(*examples);
        let by_rank = targets::by_rank(model, examples, &mut live, CLASSES - 1)?;
        let mut perturbations = vec![0.0; examples.images().len()];
        let mut current = examples.images().to_vec();
        for _ in 0..self.steps {
            let mut nearest = vec![Boundary::NONE; examples.len()];
            for targets in &by_rank {
                if live.is_empty() {
                    break;
                }
                let images = live.images(&current);
                let (labels, targets) = (&live.labels(), &live.of(targets));
                let loss = TargetedMargin { labels, targets };
                let gradient = model.gradient(&images, &loss)?;
                for slot in live.settle(&images, &gradient.logits) {
                    let slopes = &gradient.pixels[slot.place * pixels..][..pixels];
                    let value = gradient.losses[slot.place];
                    let distance = f64::from(value.abs()) / dual_length(norm, slopes);
                    if distance < nearest[slot.index].distance {
                        nearest[slot.index] = Boundary {
                            distance,
                            direction: slopes.to_vec(),
                        };
                    }
                }
            }
            for &index in live.indices() {
                let range = index * pixels..(index + 1) * pixels;
                let perturbation = &mut perturbations[range.clone()];
                let boundary = &nearest[index];
                norm.step(perturbation, &boundary.direction, boundary.distance as f32);
                let clean = examples.image(index);
                for ((x, clean), d) in current[range].iter_mut().zip(clean).zip(perturbation) {
                    *x = (clean + (1.0 + OVERSHOOT) * *d).clamp(0.0, 1.0);
                }
            }
        }
        let mut adversarial = live.finish(current);
        for (index, image) in adversarial.chunks_mut(pixels.max(1)).enumerate() {
            Ball::new(self.threat, examples.image(index)).project(image);
        }
        Ok(adversarial)
    }
}

/// A linearised boundary between the label and another class.
#[derive(Clone)]
struct Boundary {
    distance: f64,
    /// Slopes of the other class's logit minus the label's.
    direction: Vec<f32>,
}

impl Boundary {
    /// None found: farther than all others, and with no direction to move to.
    const NONE: Self = Self {
        distance: f64::INFINITY,
        direction: Vec::new(),
    };
}

/// The length of a gradient in the dual norm: what a linear function gains per unit of its steepest step.
fn dual_length(norm: Norm, gradient: &[f32]) -> f64 {
    let slopes = gradient.iter().map(|g| f64::from(*g));
    match norm {
        Norm::Linf => slopes.map(f64::abs).sum(),
        Norm::L2 => slopes.map(|g| g * g).sum::<f64>().sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Linear, check_gradient_attack, inner_images};
    use super::*;

    #[test]
    fn a_linear_network_is_turned_by_one_step_of_the_shortest_length() {
        let model = Linear::random(5, 16, 1);
        let images = inner_images(16, 16, 2);
        let labels = model.labels(&images);
        let examples = Examples::new(&images, &labels, &[0; 16]);
        for threat in [ThreatModel::linf(1.0), ThreatModel::l2(4.0)] {
            let attack = DeepFool { threat, steps: 1 };
            let moved = attack.perturb(&model, &examples).unwrap();
            for (index, moved) in moved.chunks(16).enumerate() {
                let clean = examples.image(index);
                let shortest = model.distance(threat.norm, clean, labels[index]);
                let ratio = threat.norm.distance(clean, moved) / shortest;
                assert!((ratio - 1.02).abs() < 1e-4, "image {index}: {ratio}");
                assert_ne!(model.labels(moved), [labels[index]]);
            }
        }
    }

    #[test]
    fn it_keeps_its_promises() {
        let attack = |threat| DeepFool { threat, steps: 50 };
        let budget = attack(ThreatModel::linf(0.0)).budget(5);
        assert_eq!(budget, 1 + 4 * 50);
        let turned = check_gradient_attack(attack, budget);
        assert!(turned.iter().all(|share| *share > 0.4), "{turned:?}");
    }
}
