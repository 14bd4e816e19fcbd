//! SPSA (Uesato, O'Donoghue, van den Oord and Kohli, 2018; Spall, 1992): ascent along gradients estimated from logits.
//!
//! The margin is asked for on both sides of the image along random directions of ±1; each pair of answers tells a little of every slope at
//! once. What it needs is no gradient, so it shows whether a network only hides its own.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::adam::Adam;
use super::live::{AT_ONCE, Live};
use super::{Attack, Ball, Examples, Logits, Loss, Margin, ThreatModel};
use crate::classifier::ComputeError;

/// SPSA with Adam, from the clean image, projected into the ball after every step.
#[derive(Clone, Copy, Debug)]
pub struct Spsa {
    /// How far the attack may go.
    pub threat: ThreatModel,
    /// Steps.
    pub steps: usize,
    /// Queries per estimate, two for each direction.
    pub samples: usize,
}

/// How far the two queries of a direction lie from the image, in each pixel.
const OFFSET: f32 = 0.01;

/// Adam's learning rate, in units of [0, 1] pixels.
const RATE: f64 = 0.01;

impl Spsa {
    /// A hundred steps with 64 directions each.
    pub fn new(threat: ThreatModel) -> Self {
        Self {
            threat,
            steps: 100,
            samples: 128,
        }
    }

    /// The most queries per example: besides the samples, one for the result of each step.
    pub fn budget(&self) -> usize {
        self.steps * (2 * self.directions() + 1)
    }

    fn directions(&self) -> usize {
        self.samples / 2
    }

    /// The estimated slopes of minus the margin, which Adam goes down, for the image of each live example.
    fn slopes(
        &self,
        model: &Logits<'_>,
        live: &Live<'_>,
        images: &[f32],
        streams: &mut [ChaCha8Rng],
    ) -> Result<Vec<f32>, ComputeError> {
        let (labels, count) = (live.labels(), live.indices().len());
        let (pixels, classes) = (images.len() / count, model.classes());
        let at_once = (AT_ONCE / (2 * count)).max(1);
        let mut estimates = vec![0.0; images.len()];
        let mut unused = vec![0.0; classes];
        let mut probes = Vec::new();
        let mut left = self.directions();
        while left > 0 {
            let directions = at_once.min(left);
            left -= directions;
            probes.clear();
            for (image, index) in images.chunks(pixels).zip(live.indices()) {
                for _ in 0..directions {
                    push_pair(&mut probes, image, &mut streams[*index]);
                }
            }
            let logits = model.logits(&probes)?;
            let pairs = probes.chunks(2 * pixels).zip(logits.chunks(2 * classes));
            for (number, (probes, logits)) in pairs.enumerate() {
                let place = number / directions;
                let (up, down) = probes.split_at(pixels);
                let mut margin = |logits: &[f32]| Margin(&labels).of(place, logits, &mut unused);
                let rise = margin(&logits[..classes]) - margin(&logits[classes..]);
                if rise.is_finite() {
                    let estimate = &mut estimates[place * pixels..][..pixels];
                    for ((slope, up), down) in estimate.iter_mut().zip(up).zip(down) {
                        *slope -= rise / (up - down);
                    }
                }
            }
        }
        for slope in &mut estimates {
            *slope /= self.directions() as f32;
        }
        Ok(estimates)
    }
}

/// The image moved along a random direction, and against it. Where [0, 1] cuts off one side, the two are that much nearer.
fn push_pair(probes: &mut Vec<f32>, image: &[f32], random: &mut ChaCha8Rng) {
    let mut offset = || if random.random() { OFFSET } else { -OFFSET };
    let offsets: Vec<f32> = image.iter().map(|_| offset()).collect();
    for side in [1.0, -1.0] {
        let moved = image.iter().zip(&offsets);
        probes.extend(moved.map(|(x, offset)| (x + side * offset).clamp(0.0, 1.0)));
    }
}

impl Attack<Logits<'_>> for Spsa {
    fn perturb(
        &self,
        model: &Logits<'_>,
        examples: &Examples<'_>,
    ) -> Result<Vec<f32>, ComputeError> {
        let pixels = examples.pixels();
        let (mut streams, mut descents): (Vec<_>, Vec<_>) = (0..examples.len())
            .map(|index| {
                let stream = examples.stream(index, "spsa directions", &[]);
                (stream, Adam::new(RATE, pixels))
            })
            .unzip();
        let mut live = Live::new(*examples);
        let mut current = examples.images().to_vec();
        for _ in 0..self.steps {
            if live.is_empty() {
                break;
            }
            let mut images = live.images(&current);
            let slopes = self.slopes(model, &live, &images, &mut streams)?;
            let moves = images.chunks_mut(pixels).zip(slopes.chunks(pixels));
            for ((image, slopes), &index) in moves.zip(live.indices()) {
                descents[index].descend(image, slopes);
                Ball::new(self.threat, examples.image(index)).project(image);
                current[index * pixels..][..pixels].copy_from_slice(image);
            }
            let logits = model.logits(&images)?;
            live.settle(&images, &logits);
        }
        Ok(live.finish(current))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::super::testing::{Linear, check_promises, random_images};
    use super::*;

    #[test]
    fn it_comes_near_the_corner_of_a_linear_network_within_its_budget() {
        let weights: Vec<f32> = (0..16)
            .map(|pixel| if pixel % 3 == 0 { -2.0 } else { 1.0 })
            .collect();
        let model = Linear::pair(&weights);
        // Too far from the boundary to be turned, with two pixels at the ends of [0, 1].
        let mut clean: Vec<f32> = weights.iter().map(|w| 0.5 + 0.3 * w.signum()).collect();
        (clean[0], clean[1]) = (0.0, 1.0);
        for threat in [ThreatModel::linf(0.1), ThreatModel::l2(0.3)] {
            let spsa = Spsa::new(threat);
            let examples = Examples::new(&clean, &[0], &[3]);
            let before = model.asked.load(Ordering::Relaxed);
            let moved = spsa.perturb(&model, &examples).unwrap();
            assert_eq!(model.asked.load(Ordering::Relaxed) - before, spsa.budget());
            let mut best = clean.clone();
            let down: Vec<f32> = weights.iter().map(|w| -w).collect();
            threat.norm.step(&mut best, &down, threat.epsilon);
            let fall = |image: &[f32]| -> f32 {
                let terms = image.iter().zip(&clean).zip(&weights);
                terms.map(|((x, clean), w)| (clean - x) * w).sum()
            };
            let reached = fall(&moved) / fall(&best);
            assert!(reached > 0.95, "{threat:?}: {reached}");
        }
    }

    #[test]
    fn estimates_are_the_gradient_on_average_also_where_the_unit_interval_ends() {
        let weights = [1.0f32, -2.0, 0.5, 0.0];
        let model = Linear::pair(&weights);
        let images = [0.0f32, 1.0, 0.5, 0.5];
        let spsa = Spsa {
            samples: 20_000,
            ..Spsa::new(ThreatModel::linf(0.1))
        };
        let examples = Examples::new(&images, &[0], &[3]);
        let mut streams = [examples.stream(0, "test", &[])];
        let live = Live::new(examples);
        let slopes = spsa.slopes(&model, &live, &images, &mut streams).unwrap();
        // The margin of the pair falls by twice the weights.
        for (slope, weight) in slopes.iter().zip(weights) {
            assert!((slope - 2.0 * weight).abs() < 0.15, "{slopes:?}");
        }
    }

    #[test]
    fn it_keeps_its_promises_and_turns_what_is_well_within_reach() {
        let model = Linear::random(5, 16, 1);
        let images = random_images(8, 16, 2);
        let labels = model.labels(&images);
        for threat in [ThreatModel::linf(0.2), ThreatModel::l2(0.7)] {
            let spsa = Spsa {
                steps: 40,
                ..Spsa::new(threat)
            };
            let perturb = |examples: &Examples<'_>| spsa.perturb(&model, examples).unwrap();
            let turned = check_promises(perturb, &model, threat, &images, &labels);
            assert!(turned > 0.7, "{turned}");
        }
    }
}
