//! The iteration of Auto-PGD (Croce and Hein, 2020), whatever it raises.
//!
//! It takes projected steps with momentum. Their length begins at 2ε. At checkpoints it is halved, and the climb goes on from the best
//! point so far, if too few of the steps since the last checkpoint went up, or if neither the length nor the best loss has changed since
//! then. Every example has a step length of its own. Non-goals: which loss (`apgd`, `apgd_t`).

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::live::Live;
use super::{Ball, Examples, Norm, ThreatModel};
use crate::classifier::{ComputeError, Gradient};

/// Share of the steps of a window that must go up, or the step length is halved.
const RISING: f64 = 0.75;
/// Weight of the gradient's step; the rest is that of the step before.
const STEP_SHARE: f32 = 0.75;

/// Asks for logits, losses and gradients at one image for each live example.
pub(super) type Query<'q> = dyn Fn(&Live<'_>, &[f32]) -> Result<Gradient, ComputeError> + 'q;

/// Climbs of a batch of examples, and the best images that they have found.
pub(super) struct Ascent<'e> {
    threat: ThreatModel,
    steps: usize,
    /// What random starts are drawn for.
    purpose: &'static str,
    examples: Examples<'e>,
    /// The examples that no climb has turned.
    pub(super) live: Live<'e>,
    best: Vec<f32>,
    best_losses: Vec<f32>,
}

impl<'e> Ascent<'e> {
    /// Climbs of `steps` steps. Those with another `purpose` start elsewhere.
    pub(super) fn new(
        threat: ThreatModel,
        steps: usize,
        purpose: &'static str,
        examples: Examples<'e>,
    ) -> Self {
        Self {
            threat,
            steps,
            purpose,
            examples,
            live: Live::new(examples),
            best: examples.images().to_vec(),
            best_losses: vec![f32::NEG_INFINITY; examples.len()],
        }
    }

    /// Queries of each climb.
    pub(super) fn queries(steps: usize) -> usize {
        steps + 1
    }

    /// Climbs once with every live example, from the random start number `start`. An example is done at the first point where it is turned.
    pub(super) fn climb(&mut self, start: usize, query: &Query<'_>) -> Result<(), ComputeError> {
        let pixels = self.examples.pixels();
        let mut current = self.examples.images().to_vec();
        let mut paths = Vec::with_capacity(self.examples.len());
        for (index, image) in current.chunks_mut(pixels.max(1)).enumerate() {
            self.scatter(image, index, start);
            paths.push(Path::new(image, 2.0 * self.threat.epsilon));
        }
        let checkpoints = checkpoints(self.steps);
        for step in 0..=self.steps {
            if self.live.is_empty() {
                return Ok(());
            }
            let images = self.live.images(&current);
            let gradient = query(&self.live, &images)?;
            for slot in self.live.settle(&images, &gradient.logits) {
                let path = &mut paths[slot.index];
                let image = &mut current[slot.index * pixels..][..pixels];
                let slope = &gradient.pixels[slot.place * pixels..][..pixels];
                path.arrive(image, gradient.losses[slot.place], slope);
                if checkpoints.contains(&step) {
                    path.check(image);
                }
                if step < self.steps {
                    let ball = Ball::new(self.threat, self.examples.image(slot.index));
                    path.step(image, self.threat.norm, &ball);
                }
            }
        }
        for &index in self.live.indices() {
            let path = &paths[index];
            if path.best_loss > self.best_losses[index] {
                self.best_losses[index] = path.best_loss;
                self.best[index * pixels..][..pixels].copy_from_slice(&path.best);
            }
        }
        Ok(())
    }

    /// One image for each example: where it was turned, or else where the loss was highest.
    pub(super) fn finish(self) -> Vec<f32> {
        self.live.finish(self.best)
    }

    /// Moves a clean image to a random point at the rim of the ball: a uniform perturbation whose largest element is scaled to ε, or in
    /// L2 a direction of that length.
    fn scatter(&self, image: &mut [f32], index: usize, start: usize) {
        let mut random = self.examples.stream(index, self.purpose, &[start as u64]);
        let epsilon = self.threat.epsilon;
        match self.threat.norm {
            Norm::Linf => {
                let draw = |_| random.random_range(-1.0..=1.0f32);
                let direction: Vec<f32> = (0..image.len()).map(draw).collect();
                let largest = direction
                    .iter()
                    .fold(f32::MIN_POSITIVE, |a, b| a.max(b.abs()));
                for (x, d) in image.iter_mut().zip(direction) {
                    *x += epsilon * d / largest;
                }
            }
            Norm::L2 => {
                let draw = |_| StandardNormal.sample(&mut random);
                let direction: Vec<f32> = (0..image.len()).map(draw).collect();
                Norm::L2.step(image, &direction, epsilon);
            }
        }
        Ball::new(self.threat, self.examples.image(index)).project(image);
    }
}

/// The steps after which step lengths are looked at. The first window is 22 % of all, and each is 3 % shorter than the one before, down to
/// 6 %.
fn checkpoints(steps: usize) -> Vec<usize> {
    let percent = |share: usize| (share * steps / 100).max(1);
    let mut window = percent(22);
    let mut checkpoints = Vec::new();
    let mut at = window;
    while at <= steps {
        checkpoints.push(at);
        window = window.saturating_sub(percent(3)).max(percent(6));
        at += window;
    }
    checkpoints
}

/// The climb of one example.
struct Path {
    step_size: f32,
    /// Where the last step began, if there was one.
    previous: Option<Vec<f32>>,
    /// Gradient at the present point.
    gradient: Vec<f32>,
    /// Loss of the last query.
    loss: f32,
    /// The point with the highest loss, with its gradient.
    best: Vec<f32>,
    best_gradient: Vec<f32>,
    best_loss: f32,
    /// Steps since the last checkpoint, and how many of them went up.
    window: usize,
    rises: usize,
    /// What the last checkpoint saw.
    best_loss_then: f32,
    /// Whether the last checkpoint halved the step length; counts as done before the first.
    halved: bool,
}

impl Path {
    fn new(start: &[f32], step_size: f32) -> Self {
        Self {
            step_size,
            previous: None,
            gradient: vec![0.0; start.len()],
            loss: f32::NAN,
            best: start.to_vec(),
            best_gradient: vec![0.0; start.len()],
            best_loss: f32::NEG_INFINITY,
            window: 0,
            rises: 0,
            best_loss_then: f32::NEG_INFINITY,
            halved: true,
        }
    }

    /// Takes note of what a query at `image` has told.
    fn arrive(&mut self, image: &[f32], loss: f32, gradient: &[f32]) {
        // The start has no loss before it, which is no number and so below nothing.
        self.rises += usize::from(loss > self.loss);
        self.loss = loss;
        self.gradient.copy_from_slice(gradient);
        if loss > self.best_loss {
            self.best_loss = loss;
            self.best.copy_from_slice(image);
            self.best_gradient.copy_from_slice(gradient);
        }
    }

    /// Looks back at a checkpoint; if the climb has stalled, halves the step length and moves `image` to the best point.
    fn check(&mut self, image: &mut [f32]) {
        let few_rises = self.rises as f64 <= RISING * self.window as f64;
        let stuck = !self.halved && self.best_loss <= self.best_loss_then;
        self.halved = few_rises || stuck;
        if self.halved {
            self.step_size /= 2.0;
            image.copy_from_slice(&self.best);
            self.gradient.copy_from_slice(&self.best_gradient);
        }
        self.best_loss_then = self.best_loss;
        self.window = 0;
        self.rises = 0;
    }

    /// Moves `image` along the gradient and on along the step before.
    fn step(&mut self, image: &mut [f32], norm: Norm, ball: &Ball<'_>) {
        let mut target = image.to_vec();
        norm.step(&mut target, &self.gradient, self.step_size);
        ball.project(&mut target);
        let here = image.to_vec();
        match &self.previous {
            None => image.copy_from_slice(&target),
            Some(previous) => {
                for (((x, here), target), previous) in
                    image.iter_mut().zip(&here).zip(&target).zip(previous)
                {
                    *x += STEP_SHARE * (target - here) + (1.0 - STEP_SHARE) * (here - previous);
                }
            }
        }
        self.previous = Some(here);
        ball.project(image);
        self.window += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_those_of_the_paper() {
        assert_eq!(checkpoints(100), [22, 41, 57, 70, 80, 87, 93, 99]);
        assert_eq!(checkpoints(1), [1]);
        assert_eq!(checkpoints(10), [2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }

    /// A path at 0.5 that has met `losses`, with a step after each but the last; its image is 0.01 for the first of them, 0.02 for the
    /// next.
    fn walked(path: &mut Path, losses: &[f32]) {
        for (number, loss) in losses.iter().enumerate() {
            path.window += usize::from(number > 0);
            path.arrive(&[0.01 * (number + 1) as f32], *loss, &[-loss]);
        }
    }

    #[test]
    fn steps_are_halved_from_the_best_point_where_too_few_go_up() {
        let mut path = Path::new(&[0.5], 0.4);
        walked(&mut path, &[0.0, 1.0, 2.0, 3.0, 2.5]);
        let mut image = [0.05];
        path.check(&mut image);
        assert_eq!(
            (path.step_size, image, path.gradient[0]),
            (0.2, [0.04], -3.0)
        );
        let mut path = Path::new(&[0.5], 0.4);
        walked(&mut path, &[0.0, 1.0, 2.0, 3.0, 4.0]);
        let mut image = [0.05];
        path.check(&mut image);
        assert_eq!(
            (path.step_size, image, path.gradient[0]),
            (0.4, [0.05], -4.0)
        );
    }

    #[test]
    fn steps_are_halved_where_the_best_point_stays_but_not_twice_in_a_row_for_that() {
        let mut path = Path::new(&[0.5], 0.4);
        let mut lengths = Vec::new();
        walked(&mut path, &[0.0, 1.0, 2.0, 3.0, 9.0]);
        for _ in 0..3 {
            path.check(&mut [0.0]);
            lengths.push(path.step_size);
            // Up and up from 1, never as high as 9.
            path.loss = 0.0;
            for loss in [1.0, 2.0, 3.0, 4.0] {
                path.window += 1;
                path.arrive(&[0.0], loss, &[1.0]);
            }
        }
        assert_eq!(lengths, [0.4, 0.2, 0.2]);
    }

    #[test]
    fn steps_go_on_in_the_direction_of_those_before() {
        let clean = [0.5, 0.5];
        let ball = Ball::new(ThreatModel::linf(0.5), &clean);
        let mut path = Path::new(&clean, 0.1);
        let mut image = clean;
        path.arrive(&image, 0.0, &[1.0, 0.0]);
        path.step(&mut image, Norm::Linf, &ball);
        let close =
            |image: &[f32], expected: [f32; 2]| Norm::Linf.distance(image, &expected) < 1e-6;
        assert!(close(&image, [0.6, 0.5]), "{image:?}");
        path.arrive(&image, 1.0, &[0.0, -1.0]);
        path.step(&mut image, Norm::Linf, &ball);
        assert!(
            close(&image, [0.6 + 0.25 * 0.1, 0.5 - 0.75 * 0.1]),
            "{image:?}"
        );
    }

    #[test]
    fn climbs_start_at_the_rim() {
        let images = [0.5; 8];
        let examples = Examples::new(&images, &[0], &[3]);
        for threat in [ThreatModel::linf(0.25), ThreatModel::l2(0.25)] {
            let ascent = Ascent::new(threat, 1, "a test", examples);
            let start = |number| {
                let mut image = images;
                ascent.scatter(&mut image, 0, number);
                image
            };
            let distance = threat.norm.distance(&images, &start(0));
            assert!((distance - 0.25).abs() < 1e-6, "{threat:?}: {distance}");
            assert_eq!(start(0), start(0));
            assert_ne!(start(0), start(1));
        }
    }
}
