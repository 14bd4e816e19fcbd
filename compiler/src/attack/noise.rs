//! Random points of the ball: the weakest attack, which every other must beat (Carlini et al., 2019, "On evaluating adversarial
//! robustness"; Ford et al., 2019).

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::live::Live;
use super::{Attack, Ball, Decisions, Examples, Norm, ThreatModel};
use crate::classifier::ComputeError;

/// Tries random points, in L∞ uniform in the ball, in L2 in uniform directions at its full radius, and keeps the first that turns. Where
/// none does, the image stays clean.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    /// How far the points may lie.
    pub threat: ThreatModel,
    /// Points per image.
    pub queries: usize,
}

impl Noise {
    /// A hundred queries.
    pub fn new(threat: ThreatModel) -> Self {
        Self {
            threat,
            queries: 100,
        }
    }

    /// The most queries per example.
    pub fn budget(&self) -> usize {
        self.queries
    }
}

impl Attack<Decisions<'_>> for Noise {
    fn perturb(
        &self,
        model: &Decisions<'_>,
        examples: &Examples<'_>,
    ) -> Result<Vec<f32>, ComputeError> {
        let mut streams: Vec<_> = (0..examples.len())
            .map(|index| examples.stream(index, "noise", &[]))
            .collect();
        let mut live = Live::new(*examples);
        for _ in 0..self.queries {
            if live.is_empty() {
                break;
            }
            let mut images = live.images(examples.images());
            let points = images.chunks_mut(examples.pixels().max(1));
            for (point, &index) in points.zip(live.indices()) {
                let ball = Ball::new(self.threat, examples.image(index));
                scatter(self.threat, &ball, point, &mut streams[index]);
            }
            let decisions = model.decide(&images, live.indices().len())?;
            live.settle_decided(&images, &decisions);
        }
        Ok(live.finish(examples.images().to_vec()))
    }
}

/// Moves `point` from the centre of `ball` to a random place.
fn scatter(threat: ThreatModel, ball: &Ball<'_>, point: &mut [f32], random: &mut impl rand::Rng) {
    match threat.norm {
        Norm::Linf => {
            let (low, high) = ball.bounds();
            for (x, (low, high)) in point.iter_mut().zip(low.iter().zip(&high)) {
                *x = low + (high - low) * random.random_range(0.0..=1.0f32);
            }
        }
        Norm::L2 => {
            let direction: Vec<f32> = point
                .iter()
                .map(|_| StandardNormal.sample(random))
                .collect();
            threat.norm.step(point, &direction, threat.epsilon);
        }
    }
    ball.project(point);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::super::testing::{Linear, check_promises, random_images};
    use super::*;
    use crate::seed::stream;

    #[test]
    fn it_keeps_its_promises_and_turns_what_is_near_the_boundary() {
        let model = Linear::random(5, 16, 1);
        let images = random_images(16, 16, 2);
        let labels = model.labels(&images);
        for threat in [ThreatModel::linf(0.3), ThreatModel::l2(1.0)] {
            let noise = Noise::new(threat);
            let perturb = |examples: &Examples<'_>| noise.perturb(&model, examples).unwrap();
            let turned = check_promises(perturb, &model, threat, &images, &labels);
            assert!(turned > 0.3, "{turned}");
        }
    }

    #[test]
    fn points_fill_the_cube_and_lie_on_the_sphere() {
        let clean = [0.5f32, 0.0, 1.0];
        let mut random = stream(1, "test", &[]);
        let threat = ThreatModel::linf(0.25);
        let (mut least, mut most) = ([1.0f32; 3], [0.0f32; 3]);
        for _ in 0..500 {
            let mut point = clean;
            scatter(threat, &Ball::new(threat, &clean), &mut point, &mut random);
            for pixel in 0..3 {
                least[pixel] = least[pixel].min(point[pixel]);
                most[pixel] = most[pixel].max(point[pixel]);
            }
        }
        for (found, expected) in least.iter().zip([0.25, 0.0, 0.75]) {
            assert!((found - expected).abs() < 0.01, "{least:?}");
        }
        for (found, expected) in most.iter().zip([0.75, 0.25, 1.0]) {
            assert!((found - expected).abs() < 0.01, "{most:?}");
        }
        let (clean, threat) = ([0.5f32; 3], ThreatModel::l2(0.25));
        let mut point = clean;
        scatter(threat, &Ball::new(threat, &clean), &mut point, &mut random);
        assert!((threat.norm.distance(&clean, &point) - 0.25).abs() < 1e-6);
    }

    #[test]
    fn it_asks_for_every_try_and_leaves_clean_what_it_cannot_turn() {
        let model = Linear::pair(&[1.0; 4]);
        let images = [0.9f32; 4];
        let noise = Noise::new(ThreatModel::linf(0.1));
        let examples = Examples::new(&images, &[0], &[1]);
        assert_eq!(noise.perturb(&model, &examples).unwrap(), images);
        assert_eq!(model.asked.load(Ordering::Relaxed), noise.budget());
        // Already turned: one try is enough.
        let examples = Examples::new(&images, &[1], &[1]);
        noise.perturb(&model, &examples).unwrap();
        assert_eq!(model.asked.load(Ordering::Relaxed), noise.budget() + 1);
    }
}
