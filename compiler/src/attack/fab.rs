//! FAB-T, the targeted fast adaptive boundary attack (Croce and Hein, 2020, "Minimally distorted adversarial examples").
//!
//! Looks for the nearest image that is turned, wherever the ball ends. Each iteration replaces the boundary between label and target by a
//! hyperplane, and goes to a mean of the points of this plane that are nearest to the present and to the clean image, a little beyond. From an
//! image that is turned it goes back towards the clean one.

use super::live::Live;
use super::plane::shortest_move;
use super::{Attack, Ball, Examples, Gradients, Norm, TargetedMargin, ThreatModel, targets};
use crate::classifier::{ComputeError, decision};

/// Largest weight of the way from the clean image.
const LARGEST_CLEAN_SHARE: f64 = 0.1;
/// How far moves go beyond the plane: a twentieth of their length.
const EXTRAPOLATION: f32 = 1.05;
/// What the way back leaves of a perturbation.
const BACKWARD: f32 = 0.9;
/// Moves count as at least this long when shares are computed.
const SHORTEST: f64 = 1e-8;

/// FAB-T from the clean image, as in AutoAttack. An example is done as soon as a turned image lies in the ball.
#[derive(Clone, Copy, Debug)]
pub struct FabT {
    /// How far the attack may go.
    pub threat: ThreatModel,
    /// Iterations per target.
    pub steps: usize,
    /// Number of targets: the classes with the highest logits on the clean image besides the label, at most all others.
    pub targets: usize,
}

impl FabT {
    /// The most queries that an image can cost, where there are `classes`: each iteration needs the gradient at one point, and then the
    /// logits at the next one to decide whether to go back.
    pub fn budget(&self, classes: usize) -> usize {
        1 + targets::ranks(self.targets, classes) * 2 * self.steps
    }
}

impl Attack<Gradients<'_>> for FabT {
    fn perturb(
        &self,
        model: &Gradients<'_>,
        examples: &Examples<'_>,
    ) -> Result<Vec<f32>, ComputeError> {
        let pixels = examples.pixels();
        let norm = self.threat.norm;
        let mut live = Live::new(*examples);
        let mut nearest = Nearest::new(examples);
        for targets in targets::by_rank(model, examples, &mut live, self.targets)? {
            let mut current = examples.images().to_vec();
            for _ in 0..self.steps {
                if live.is_empty() {
                    break;
                }
                let (labels, targets) = (&live.labels(), &live.of(&targets));
                let loss = TargetedMargin { labels, targets };
                let gradient = model.gradient(&live.images(&current), &loss)?;
                for slot in live.slots() {
                    let image = &mut current[slot.index * pixels..][..pixels];
                    let slopes = &gradient.pixels[slot.place * pixels..][..pixels];
                    let value = gradient.losses[slot.place];
                    approach(norm, examples.image(slot.index), image, value, slopes);
                }
                let images = live.images(&current);
                let rows = model.logits(&images)?;
                let rows = rows.chunks(model.classes());
                let mut decisions: Vec<Option<usize>> = rows.map(decision).collect();
                for slot in live.slots() {
                    let label = Some(examples.labels()[slot.index]);
                    let clean = examples.image(slot.index);
                    let image = &mut current[slot.index * pixels..][..pixels];
                    let outside = !Ball::new(self.threat, clean).contains(image);
                    if decisions[slot.place] != label && outside {
                        nearest.note(slot.index, norm.distance(clean, image), image);
                        for (x, clean) in image.iter_mut().zip(clean) {
                            *x = clean + BACKWARD * (*x - clean);
                        }
                        // Turned too far away does not count.
                        decisions[slot.place] = label;
                    }
                }
                live.settle_decided(&images, &decisions);
            }
        }
        let mut adversarial = live.finish(nearest.images);
        for (index, image) in adversarial.chunks_mut(pixels.max(1)).enumerate() {
            Ball::new(self.threat, examples.image(index)).project(image);
        }
        Ok(adversarial)
    }
}

/// The nearest turned image of each example, or its clean image.
struct Nearest {
    images: Vec<f32>,
    distances: Vec<f64>,
}

impl Nearest {
    fn new(examples: &Examples<'_>) -> Self {
        Self {
            images: examples.images().to_vec(),
            distances: vec![f64::INFINITY; examples.len()],
        }
    }

    fn note(&mut self, index: usize, distance: f64, image: &[f32]) {
        if distance < self.distances[index] {
            self.distances[index] = distance;
            self.images[index * image.len()..][..image.len()].copy_from_slice(image);
        }
    }
}

/// Moves `image` towards, and a little across, the plane where the linearised difference of two logits is zero. `value` and `slopes` are those
/// of the difference at `image`.
fn approach(norm: Norm, clean: &[f32], image: &mut [f32], value: f32, slopes: &[f32]) {
    let value = f64::from(value);
    let terms = clean.iter().zip(image.iter()).zip(slopes);
    let change = terms.map(|((clean, x), w)| (f64::from(*clean) - f64::from(*x)) * f64::from(*w));
    let value_at_clean = value + change.sum::<f64>();
    let from_image = shortest_move(norm, image, value, slopes);
    let from_clean = shortest_move(norm, clean, value_at_clean, slopes);
    let length = |moved: &[f32]| norm.length(moved).max(SHORTEST);
    let (length_here, length_clean) = (length(&from_image), length(&from_clean));
    let share = (length_here / (length_here + length_clean)).min(LARGEST_CLEAN_SHARE) as f32;
    let moves = from_image.iter().zip(&from_clean);
    for ((x, clean), (here, there)) in image.iter_mut().zip(clean).zip(moves) {
        let from_here = *x + EXTRAPOLATION * here;
        let from_clean = clean + EXTRAPOLATION * there;
        *x = ((1.0 - share) * from_here + share * from_clean).clamp(0.0, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        Linear, check_gradient_attack, inner_images, queries_without_success,
    };
    use super::*;

    fn fab(threat: ThreatModel) -> FabT {
        FabT {
            threat,
            steps: 20,
            targets: 9,
        }
    }

    #[test]
    fn the_distance_to_a_linear_boundary_is_found() {
        let model = Linear::random(5, 16, 1);
        let images = inner_images(16, 16, 2);
        let labels = model.labels(&images);
        for norm in [Norm::Linf, Norm::L2] {
            for (image, label) in images.chunks(16).zip(&labels) {
                let shortest = model.distance(norm, image, *label) as f32;
                let turned_within = |epsilon: f32| {
                    let threat = ThreatModel { norm, epsilon };
                    let examples = Examples::new(image, std::slice::from_ref(label), &[0]);
                    let moved = fab(threat).perturb(&model, &examples).unwrap();
                    model.labels(&moved) != [*label]
                };
                assert!(turned_within(1.001 * shortest));
                assert!(!turned_within(0.999 * shortest));
            }
        }
    }

    #[test]
    fn an_iteration_of_the_paper_by_hand() {
        // The plane 2·x₀ − x₁ = 1: the difference is −1 at the present image and −1.25 at the clean one.
        let (clean, slopes) = ([0.25, 0.75], [2.0, -1.0]);
        let mut image = [0.25, 0.5];
        approach(Norm::Linf, &clean, &mut image, -1.0, &slopes);
        // The moves are 1/3 and 5/12 of (1, −1). The share of the clean image, 4/9, is cut to 0.1.
        let expected = |x: f32, x0: f32, sign: f32| {
            0.9 * (x + sign * 1.05 / 3.0) + 0.1 * (x0 + sign * 1.05 * 5.0 / 12.0)
        };
        let expected = [expected(0.25, 0.25, 1.0), expected(0.5, 0.75, -1.0)];
        assert!(Norm::Linf.distance(&expected, &image) < 1e-6, "{image:?}");
        // An image on the plane stays where it is.
        let mut image = [0.75, 0.5];
        approach(Norm::L2, &clean, &mut image, 0.0, &slopes);
        assert!(Norm::L2.distance(&[0.75, 0.5], &image) < 1e-6, "{image:?}");
    }

    #[test]
    fn it_keeps_its_promises() {
        let budget = fab(ThreatModel::linf(0.0)).budget(5);
        let turned = check_gradient_attack(fab, budget);
        assert!(turned.iter().all(|share| *share > 0.4), "{turned:?}");
        assert_eq!(queries_without_success(fab), budget);
        assert_eq!(budget, 1 + 4 * 2 * 20);
    }
}
