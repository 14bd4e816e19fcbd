//! The L2 attack of Carlini and Wagner (2017): the shortest perturbation that turns an image.
//!
//! Minimises ‖δ‖² + c·max(z_y − max_{j≠y} z_j, 0) over w, where the image is ½(tanh w + 1) and so never leaves [0, 1]. A binary search
//! over c, for each example, finds the balance. The paper looks for the shortest perturbation; here only counts whether there is one within
//! ε, so an example is done as soon as one is found.

use super::adam::Adam;
use super::live::Live;
use super::{Attack, Ball, Examples, Gradients, Margin, Norm, ThreatModel};
use crate::classifier::{ComputeError, decision};

/// C&W in L2, without confidence (κ = 0).
#[derive(Clone, Copy, Debug)]
pub struct CarliniWagner {
    /// How far the attack may go. Meant for L2: the length that is minimised is always that.
    pub threat: ThreatModel,
    /// Steps of Adam for each c.
    pub steps: usize,
    /// Values of c that are tried.
    pub searches: usize,
}

/// Adam's learning rate, in units of w.
const RATE: f64 = 0.01;

/// The first c. It grows tenfold until an example is turned.
const FIRST_WEIGHT: f32 = 1e-3;

/// Keeps w finite where a pixel is 0 or 1.
const INSIDE: f32 = 0.999_999;

impl CarliniWagner {
    /// The paper's 1,000 steps for each of 9 values of c.
    pub fn new(threat: ThreatModel) -> Self {
        Self {
            threat,
            steps: 1000,
            searches: 9,
        }
    }

    /// The most queries per example.
    pub fn budget(&self) -> usize {
        self.steps * self.searches
    }
}

/// The search for one example.
struct Search {
    /// c, and between which values it lies as far as is known.
    weight: f32,
    low: f32,
    high: Option<f32>,
    /// Whether this c turned the image.
    turned: bool,
    w: Vec<f32>,
    descent: Adam,
    /// The length of the shortest perturbation so far that turns.
    shortest: f64,
}

impl Search {
    fn new(clean: &[f32]) -> Self {
        Self {
            weight: FIRST_WEIGHT,
            low: 0.0,
            high: None,
            turned: false,
            w: start(clean),
            descent: Adam::new(RATE, clean.len()),
            shortest: f64::INFINITY,
        }
    }

    /// Goes back to the clean image with the next c: a smaller one if this one was enough.
    fn next_weight(&mut self, clean: &[f32]) {
        if self.turned {
            self.high = Some(self.weight);
        } else {
            self.low = self.weight;
        }
        self.weight = match self.high {
            Some(high) => 0.5 * (self.low + high),
            None => 10.0 * self.weight,
        };
        self.turned = false;
        self.w = start(clean);
        self.descent = Adam::new(RATE, clean.len());
    }

    /// One step, given the image, and the slopes of max_{j≠y} z_j − z_y.
    fn step(&mut self, image: &[f32], clean: &[f32], slopes: &[f32], turned: bool) {
        let pull = if turned { 0.0 } else { self.weight };
        let slopes: Vec<f32> = (image.iter().zip(clean).zip(slopes))
            .map(|((x, clean), slope)| {
                let of_image = 2.0 * (x - clean) - pull * slope;
                // The derivative of ½(tanh w + 1) is ½(1 − tanh² w).
                of_image * 2.0 * x * (1.0 - x)
            })
            .collect();
        self.descent.descend(&mut self.w, &slopes);
    }
}

/// The w of an image.
fn start(image: &[f32]) -> Vec<f32> {
    let w = |x: &f32| (INSIDE * (2.0 * x - 1.0)).atanh();
    image.iter().map(w).collect()
}

/// The image of w.
fn image(w: &[f32]) -> impl Iterator<Item = f32> {
    w.iter().map(|w| 0.5 * (w.tanh() + 1.0))
}

impl Attack<Gradients<'_>> for CarliniWagner {
    fn perturb(
        &self,
        model: &Gradients<'_>,
        examples: &Examples<'_>,
    ) -> Result<Vec<f32>, ComputeError> {
        let (pixels, classes) = (examples.pixels(), model.classes());
        let ball = |index| Ball::new(self.threat, examples.image(index));
        let clean = |index| examples.image(index);
        let mut searches: Vec<Search> = (0..examples.len())
            .map(|index| Search::new(clean(index)))
            .collect();
        let mut live = Live::new(*examples);
        let mut best = examples.images().to_vec();
        for _ in 0..self.searches {
            for _ in 0..self.steps {
                if live.is_empty() {
                    break;
                }
                let labels = live.labels();
                let current = live.indices().iter().map(|index| &searches[*index].w);
                let images: Vec<f32> = current.flat_map(|w| image(w)).collect();
                let gradient = model.gradient(&images, &Margin(&labels))?;
                let mut done = Vec::with_capacity(labels.len());
                for (place, &index) in live.indices().iter().enumerate() {
                    let search = &mut searches[index];
                    let image = &images[place * pixels..][..pixels];
                    let slopes = &gradient.pixels[place * pixels..][..pixels];
                    let logits = &gradient.logits[place * classes..][..classes];
                    let turned = decision(logits) != Some(labels[place]);
                    if turned {
                        search.turned = true;
                        let length = Norm::L2.distance(clean(index), image);
                        if length < search.shortest {
                            search.shortest = length;
                            best[index * pixels..][..pixels].copy_from_slice(image);
                        }
                    }
                    search.step(image, clean(index), slopes, turned);
                    done.push(turned && ball(index).contains(image));
                }
                live.settle_done(&images, &done);
            }
            for &index in live.indices() {
                searches[index].next_weight(clean(index));
            }
        }
        for (index, image) in best.chunks_mut(pixels.max(1)).enumerate() {
            ball(index).project(image);
        }
        Ok(live.finish(best))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::super::testing::{Linear, check_promises, images_with_a_way_out, random_images};
    use super::*;

    #[test]
    fn it_turns_a_linear_network_just_beyond_the_boundary_and_not_before() {
        // Two classes, because with more the strongest rival's boundary need not be the nearest.
        let (model, images, label) = images_with_a_way_out();
        for image in images.chunks(16) {
            let way = model.distance(Norm::L2, image, label) as f32;
            let examples = Examples::new(image, std::slice::from_ref(&label), &[0]);
            for (epsilon, expected) in [(1.005 * way, true), (0.99 * way, false)] {
                let attack = CarliniWagner {
                    steps: 200,
                    ..CarliniWagner::new(ThreatModel::l2(epsilon))
                };
                let moved = attack.perturb(&model, &examples).unwrap();
                assert_eq!(model.labels(&moved) != [label], expected, "{epsilon}");
                if !expected {
                    // The shortest perturbation, cut to ε.
                    let length = Norm::L2.distance(image, &moved);
                    assert!(length > 0.999 * f64::from(epsilon), "{length}");
                }
            }
        }
    }

    #[test]
    fn it_keeps_its_promises_within_its_budget() {
        let model = Linear::random(5, 16, 1);
        let images = random_images(8, 16, 2);
        let labels = model.labels(&images);
        let threat = ThreatModel::l2(0.7);
        let attack = CarliniWagner {
            steps: 100,
            ..CarliniWagner::new(threat)
        };
        let perturb = |examples: &Examples<'_>| {
            let before = model.asked.load(Ordering::Relaxed);
            let moved = attack.perturb(&model, examples).unwrap();
            let asked = model.asked.load(Ordering::Relaxed) - before;
            assert!(asked < attack.budget() * examples.len(), "{asked}");
            moved
        };
        let turned = check_promises(perturb, &model, threat, &images, &labels);
        assert!(turned > 0.7, "{turned}");
    }

    #[test]
    fn what_cannot_be_turned_costs_the_whole_budget() {
        // The second class never wins, whatever the image.
        let model = Linear::new(vec![vec![1.0; 4], vec![0.0; 4]], vec![1.0, 0.0]);
        let images = [0.0f32, 0.25, 0.5, 1.0];
        let attack = CarliniWagner {
            steps: 20,
            searches: 5,
            threat: ThreatModel::l2(0.5),
        };
        let examples = Examples::new(&images, &[0], &[0]);
        assert_eq!(attack.perturb(&model, &examples).unwrap(), images);
        assert_eq!(model.asked.load(Ordering::Relaxed), attack.budget());
    }
}
