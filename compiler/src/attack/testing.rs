//! Networks whose strongest attack is known, and properties that every attack has.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::classifier::{Gradient, slopes};
use crate::seed::stream;
use rand::RngExt;

/// A linear network: logits W·x + b. The shortest way to another class is known in closed form.
pub(crate) struct Linear {
    /// `[class, pixel]`.
    pub(crate) weights: Vec<Vec<f32>>,
    pub(crate) biases: Vec<f32>,
    /// How many images it was asked about.
    pub(crate) asked: AtomicUsize,
}

impl Linear {
    pub(crate) fn new(weights: Vec<Vec<f32>>, biases: Vec<f32>) -> Self {
        Self {
            weights,
            biases,
            asked: AtomicUsize::new(0),
        }
    }

    /// Two classes with the logits ±w·(x − ½): the strongest L∞ attack moves every pixel by ε against the sign of w.
    pub(crate) fn pair(weights: &[f32]) -> Self {
        let opposite = weights.iter().map(|w| -w).collect();
        let bias = -0.5 * weights.iter().sum::<f32>();
        Self::new(vec![weights.to_vec(), opposite], vec![bias, -bias])
    }

    /// Random weights for images of `pixels` and `classes`.
    pub(crate) fn random(classes: usize, pixels: usize, seed: u64) -> Self {
        let mut random = stream(seed, "linear network", &[]);
        let mut row = || {
            (0..pixels)
                .map(|_| random.random_range(-1.0..1.0))
                .collect()
        };
        let weights: Vec<Vec<f32>> = (0..classes).map(|_| row()).collect();
        let biases = weights.iter().map(|row| -0.5 * row.iter().sum::<f32>());
        let biases = biases.collect();
        Self::new(weights, biases)
    }

    pub(crate) fn pixels(&self) -> usize {
        self.weights[0].len()
    }

    /// The label of each image: what the network says of it.
    pub(crate) fn labels(&self, images: &[f32]) -> Vec<usize> {
        let decisions = self.decide(images, images.len() / self.pixels()).unwrap();
        decisions.into_iter().map(Option::unwrap).collect()
    }

    /// Slopes of the logit of `target` minus that of `label`.
    fn difference(&self, label: usize, target: usize) -> Vec<f32> {
        let rows = self.weights[target].iter().zip(&self.weights[label]);
        rows.map(|(target, label)| target - label).collect()
    }

    /// The reachable image that is the most `target` and the least `label`. In L2 only where [0, 1] does not get in the way.
    pub(crate) fn strongest(
        &self,
        threat: ThreatModel,
        image: &[f32],
        label: usize,
        target: usize,
    ) -> Vec<f32> {
        let mut moved = image.to_vec();
        let direction = self.difference(label, target);
        threat.norm.step(&mut moved, &direction, threat.epsilon);
        Ball::new(threat, image).project(&mut moved);
        moved
    }

    /// Whether one of the [`strongest`](Self::strongest) images is turned.
    pub(crate) fn can_be_turned(&self, threat: ThreatModel, image: &[f32], label: usize) -> bool {
        let mut others = (0..self.classes()).filter(|class| *class != label);
        others.any(|target| self.labels(&self.strongest(threat, image, label, target)) != [label])
    }

    /// How far it is to the next class where [0, 1] does not get in the way: the difference of logits over the dual norm of its slopes.
    pub(crate) fn distance(&self, norm: Norm, image: &[f32], label: usize) -> f64 {
        let logits = self.logits(image).unwrap();
        let others = (0..self.classes()).filter(|class| *class != label);
        let distances = others.map(|target| {
            let slopes = self.difference(label, target);
            let dual = match norm {
                Norm::Linf => slopes.iter().map(|w| f64::from(w.abs())).sum(),
                Norm::L2 => Norm::L2.length(&slopes),
            };
            f64::from(logits[label] - logits[target]) / dual
        });
        distances.fold(f64::INFINITY, f64::min)
    }
}

impl Classifier for Linear {
    /// A map of one row, or a square one where that is possible.
    fn input_shape(&self) -> [usize; 3] {
        let side = self.pixels().isqrt();
        if side * side == self.pixels() {
            [1, side, side]
        } else {
            [1, 1, self.pixels()]
        }
    }

    fn classes(&self) -> usize {
        self.weights.len()
    }

    fn logits(&self, images: &[f32]) -> Result<Vec<f32>, ComputeError> {
        self.asked
            .fetch_add(images.len() / self.pixels(), Ordering::Relaxed);
        let logit = |image: &[f32], class: usize| -> f32 {
            let terms = image.iter().zip(&self.weights[class]);
            terms.map(|(x, w)| x * w).sum::<f32>() + self.biases[class]
        };
        Ok(images
            .chunks(self.pixels())
            .flat_map(|image| (0..self.classes()).map(move |class| logit(image, class)))
            .collect())
    }
}

impl Differentiable for Linear {
    fn gradient(&self, images: &[f32], loss: &dyn Loss) -> Result<Gradient, ComputeError> {
        let logits = self.logits(images)?;
        let (losses, slopes) = slopes(loss, &logits, self.classes(), 0);
        let pixel = |slopes: &[f32], pixel: usize| -> f32 {
            let terms = slopes.iter().zip(&self.weights);
            terms.map(|(slope, row)| slope * row[pixel]).sum()
        };
        let pixels = slopes
            .chunks(self.classes())
            .flat_map(|slopes| (0..self.pixels()).map(move |p| pixel(slopes, p)))
            .collect();
        Ok(Gradient {
            logits,
            losses,
            pixels,
        })
    }
}

/// Random images in [0, 1], with exact zeros and ones among their pixels.
pub(crate) fn random_images(count: usize, pixels: usize, seed: u64) -> Vec<f32> {
    let mut random = stream(seed, "test images", &[]);
    let pixel = |_| random.random_range(-0.2..1.2f32).clamp(0.0, 1.0);
    (0..count * pixels).map(pixel).collect()
}

/// Random images whose pixels are far from 0 and 1.
pub(crate) fn inner_images(count: usize, pixels: usize, seed: u64) -> Vec<f32> {
    let mut random = stream(seed, "inner test images", &[]);
    let pixel = |_| random.random_range(0.35..0.65);
    (0..count * pixels).map(pixel).collect()
}

/// Checks the promises of an attack with gradients against a linear network of five classes, and that no image costs more than `budget`.
/// Returns the shares of images that it turns: with 0.2 in L∞, with 0.7 in L2.
pub(crate) fn check_gradient_attack<A: for<'m> Attack<Gradients<'m>>>(
    attack: impl Fn(ThreatModel) -> A,
    budget: usize,
) -> [f64; 2] {
    let model = Linear::random(5, 16, 1);
    let images = random_images(8, 16, 2);
    let labels = model.labels(&images);
    [ThreatModel::linf(0.2), ThreatModel::l2(0.7)].map(|threat| {
        let attack = attack(threat);
        let perturb = |examples: &Examples<'_>| {
            let before = model.asked.load(Ordering::Relaxed);
            let moved = attack.perturb(&model, examples).unwrap();
            let asked = model.asked.load(Ordering::Relaxed) - before;
            assert!(asked <= budget * examples.len(), "{asked} queries");
            moved
        };
        check_promises(perturb, &model, threat, &images, &labels)
    })
}

/// What an attack asks about an image that it cannot turn.
pub(crate) fn queries_without_success<A: for<'m> Attack<Gradients<'m>>>(
    attack: impl Fn(ThreatModel) -> A,
) -> usize {
    let model = Linear::random(5, 16, 1);
    let images = random_images(1, 16, 2);
    let labels = model.labels(&images);
    let before = model.asked.load(Ordering::Relaxed);
    let examples = Examples::new(&images, &labels, &[0]);
    let attack = attack(ThreatModel::linf(1e-6));
    let moved = attack.perturb(&model, &examples).unwrap();
    let asked = model.asked.load(Ordering::Relaxed) - before;
    assert_eq!(model.labels(&moved), labels);
    asked
}

/// Two classes, and images far from the boundary between them, and from the ends of [0, 1], which play no part then. Returns them with their
/// label.
pub(crate) fn images_with_a_way_out() -> (Linear, Vec<f32>, usize) {
    let mut model = Linear::random(2, 16, 1);
    model.biases[0] += 1.0;
    let images = random_images(6, 16, 2);
    let images: Vec<f32> = images.iter().map(|x| 0.4 + 0.2 * x).collect();
    assert_eq!(model.labels(&images), [0; 6]);
    (model, images, 0)
}

/// Checks what every attack promises of `perturb`: one image each, all in the ball of `threat` to the last bit, the same again for the
/// same seeds, and the same for an example alone as in company. Returns the share of images that `model` then decides wrongly.
pub(crate) fn check_promises(
    perturb: impl Fn(&Examples<'_>) -> Vec<f32>,
    model: &dyn Decider,
    threat: ThreatModel,
    images: &[f32],
    labels: &[usize],
) -> f64 {
    let seeds: Vec<u64> = (0..labels.len() as u64).collect();
    let all = Examples::new(images, labels, &seeds);
    let perturbed = perturb(&all);
    assert_eq!(perturbed.len(), images.len());
    assert_eq!(perturbed, perturb(&all));
    let pixels = all.pixels();
    for index in 0..all.len() {
        let image = &perturbed[index * pixels..][..pixels];
        assert!(
            Ball::new(threat, all.image(index)).contains(image),
            "image {index} is outside of {threat:?}"
        );
        let one = index..index + 1;
        let alone = Examples::new(all.image(index), &labels[one.clone()], &seeds[one]);
        assert_eq!(perturb(&alone), image, "image {index} alone");
    }
    let decisions = model.decide(&perturbed, labels.len()).unwrap();
    let turned = decisions
        .iter()
        .zip(labels)
        .filter(|(decision, label)| **decision != Some(**label));
    turned.count() as f64 / labels.len() as f64
}
