//! The walk of one example: what it asks next, and what it makes of the answers.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::super::{Norm, ThreatModel};

/// Random images that are tried as a start.
const STARTS: usize = 100;

/// Probes of the first estimate, B_0, and the most of any; their number grows with the root of the iteration.
const FIRST_PROBES: f64 = 100.0;
const MOST_PROBES: usize = 10_000;

/// How far the first probes lie from the image, in units of [0, 1] pixels and in L2.
const FIRST_OFFSET: f64 = 0.1;

/// Where the blend of the start with the clean image stops.
const BLEND_PRECISION: f64 = 1e-3;

/// One example on its way.
pub(super) struct Walk<'e> {
    threat: ThreatModel,
    clean: &'e [f32],
    random: ChaCha8Rng,
    /// Queries that are left.
    left: usize,
    phase: Phase,
    /// The paper's t.
    iteration: usize,
    /// The nearest turned image, if there is one, and its distance.
    nearest: Vec<f32>,
    distance: f64,
}

enum Phase {
    /// Looks for any image that is turned.
    Start { tries: usize },
    /// Blends the start with the clean image.
    Blend(Bisection),
    /// Goes back to the boundary from where it was at this `distance`.
    Return { bisection: Bisection, distance: f64 },
    /// Estimates the direction across the boundary.
    Estimate(Estimate),
    /// Leaps from a point along an estimate.
    Leap {
        from: Vec<f32>,
        across: Vec<f32>,
        length: f64,
    },
    /// Nothing more to ask.
    Over,
}

impl<'e> Walk<'e> {
    /// From the `clean` image, for so many `queries`.
    pub(super) fn new(
        threat: ThreatModel,
        clean: &'e [f32],
        random: ChaCha8Rng,
        queries: usize,
    ) -> Self {
        let phase = if queries == 0 {
            Phase::Over
        } else {
            Phase::Start { tries: 0 }
        };
        Self {
            threat,
            clean,
            random,
            left: queries,
            phase,
            iteration: 0,
            nearest: clean.to_vec(),
            distance: f64::INFINITY,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// The nearest turned image that was seen; the clean one if there was none.
    pub(super) fn into_nearest(self) -> Vec<f32> {
        self.nearest
    }

    /// Appends what it asks next, at most `at_once` images and at least one, to `images`, and returns their number.
    pub(super) fn ask(&mut self, at_once: usize, images: &mut Vec<f32>) -> usize {
        let mut asked = 1;
        match &self.phase {
            Phase::Start { .. } => {
                let random = &mut self.random;
                images.extend(self.clean.iter().map(|_| random.random::<f32>()));
            }
            Phase::Blend(bisection) | Phase::Return { bisection, .. } => {
                images.extend(bisection.middle(self.clean));
            }
            Phase::Estimate(estimate) => {
                asked = at_once.min(estimate.left).min(self.left);
                for _ in 0..asked {
                    estimate.push_probe(self.threat.norm, images, &mut self.random);
                }
            }
            Phase::Leap {
                from,
                across,
                length,
            } => {
                let mut image = from.clone();
                self.threat.norm.step(&mut image, across, *length as f32);
                images.extend(image.iter().map(|x| x.clamp(0.0, 1.0)));
            }
            Phase::Over => asked = 0,
        }
        self.left -= asked;
        asked
    }

    /// What became of the `images` it asked about.
    pub(super) fn hear(&mut self, images: &[f32], turned: &[bool]) {
        for (image, turned) in images.chunks(self.clean.len()).zip(turned) {
            let distance = self.threat.norm.distance(self.clean, image);
            if *turned && distance < self.distance {
                self.distance = distance;
                self.nearest.copy_from_slice(image);
            }
        }
        let within_reach = self.distance <= f64::from(self.threat.epsilon);
        if within_reach || self.left == 0 {
            self.phase = Phase::Over;
            return;
        }
        let phase = std::mem::replace(&mut self.phase, Phase::Over);
        self.phase = self.after(phase, images, turned);
    }

    fn after(&mut self, phase: Phase, images: &[f32], turned: &[bool]) -> Phase {
        match phase {
            Phase::Start { tries } => {
                if turned[0] {
                    Phase::Blend(Bisection::line(images, BLEND_PRECISION))
                } else if tries + 1 < STARTS {
                    Phase::Start { tries: tries + 1 }
                } else {
                    Phase::Over
                }
            }
            Phase::Blend(mut bisection) => {
                bisection.hear(images, turned[0]);
                if bisection.is_done() {
                    self.come_back(bisection.reached)
                } else {
                    Phase::Blend(bisection)
                }
            }
            Phase::Return {
                mut bisection,
                distance,
            } => {
                bisection.hear(images, turned[0]);
                self.go_back(bisection, distance)
            }
            Phase::Estimate(mut estimate) => {
                estimate.hear(images, turned);
                if estimate.left > 0 {
                    return Phase::Estimate(estimate);
                }
                let distance = self.threat.norm.distance(self.clean, &estimate.from);
                Phase::Leap {
                    across: estimate.across(),
                    from: estimate.from,
                    length: distance / (self.iteration as f64).sqrt(),
                }
            }
            Phase::Leap {
                from,
                across,
                length,
            } => {
                if turned[0] {
                    self.come_back(images.to_vec())
                } else {
                    Phase::Leap {
                        from,
                        across,
                        length: 0.5 * length,
                    }
                }
            }
            Phase::Over => Phase::Over,
        }
    }

    /// Back to the boundary from a turned image.
    fn come_back(&mut self, from: Vec<f32>) -> Phase {
        let distance = self.threat.norm.distance(self.clean, &from);
        let pixels = self.clean.len() as f64;
        let bisection = match self.threat.norm {
            Norm::L2 => Bisection::line(&from, pixels.powf(-1.5)),
            Norm::Linf => Bisection::cube(&from, distance, pixels.powi(-2)),
        };
        self.go_back(bisection, distance)
    }

    /// On with the way back, or, on the boundary, with the next iteration.
    fn go_back(&mut self, bisection: Bisection, distance: f64) -> Phase {
        if !bisection.is_done() {
            return Phase::Return {
                bisection,
                distance,
            };
        }
        let from = bisection.reached;
        self.iteration += 1;
        let offset = if self.iteration == 1 {
            FIRST_OFFSET
        } else {
            distance / from.len() as f64
        };
        let probes = (FIRST_PROBES * (self.iteration as f64).sqrt()) as usize;
        Phase::Estimate(Estimate::new(from, offset, probes.min(MOST_PROBES)))
    }
}

/// A binary search between the clean image and a turned one.
struct Bisection {
    far: Vec<f32>,
    /// How far from the clean image, on the path between them, images are known to be classified and to be turned.
    low: f64,
    high: f64,
    precision: f64,
    path: Path,
    /// The image at `high`.
    reached: Vec<f32>,
}

enum Path {
    /// Straight; distances are shares of the whole.
    Line,
    /// By cutting every pixel's change to the distance.
    Cube,
}

impl Bisection {
    fn line(far: &[f32], precision: f64) -> Self {
        Self {
            far: far.to_vec(),
            low: 0.0,
            high: 1.0,
            precision,
            path: Path::Line,
            reached: far.to_vec(),
        }
    }

    /// `distance` is the far image's in L∞; the precision is relative to it where it is below 1.
    fn cube(far: &[f32], distance: f64, precision: f64) -> Self {
        Self {
            high: distance,
            precision: precision * distance.min(1.0),
            path: Path::Cube,
            ..Self::line(far, precision)
        }
    }

    fn is_done(&self) -> bool {
        self.high - self.low <= self.precision
    }

    /// The image half-way between `low` and `high`.
    fn middle(&self, clean: &[f32]) -> impl Iterator<Item = f32> {
        let at = 0.5 * (self.low + self.high);
        self.far.iter().zip(clean).map(move |(far, clean)| {
            let (far, clean) = (f64::from(*far), f64::from(*clean));
            let change = match self.path {
                Path::Line => at * (far - clean),
                Path::Cube => (far - clean).clamp(-at, at),
            };
            ((clean + change) as f32).clamp(0.0, 1.0)
        })
    }

    fn hear(&mut self, image: &[f32], turned: bool) {
        let at = 0.5 * (self.low + self.high);
        if turned {
            self.high = at;
            self.reached.copy_from_slice(image);
        } else {
            self.low = at;
        }
    }
}

/// A Monte Carlo estimate of the direction across the boundary: the mean of random directions, each weighed by whether it leads there,
/// less the mean of these weights, which lowers the variance.
struct Estimate {
    from: Vec<f32>,
    offset: f64,
    /// Probes to come.
    left: usize,
    probes: usize,
    turned: usize,
    /// Sums of the directions of all probes, and of those that are turned.
    all: Vec<f64>,
    across: Vec<f64>,
}

impl Estimate {
    fn new(from: Vec<f32>, offset: f64, probes: usize) -> Self {
        let zeros = vec![0.0; from.len()];
        Self {
            from,
            offset,
            left: probes,
            probes: 0,
            turned: 0,
            all: zeros.clone(),
            across: zeros,
        }
    }

    /// One image at the offset in a random direction: in L2 a uniform one, in L∞ that of a uniform point of the cube.
    fn push_probe(&self, norm: Norm, images: &mut Vec<f32>, random: &mut ChaCha8Rng) {
        let direction: Vec<f32> = (self.from.iter())
            .map(|_| match norm {
                Norm::L2 => StandardNormal.sample(random),
                Norm::Linf => random.random_range(-1.0..=1.0),
            })
            .collect();
        let mut probe = self.from.clone();
        Norm::L2.step(&mut probe, &direction, self.offset as f32);
        images.extend(probe.iter().map(|x| x.clamp(0.0, 1.0)));
    }

    /// Directions are taken from the probes, after [0, 1] has cut them off.
    fn hear(&mut self, probes: &[f32], turned: &[bool]) {
        for (probe, turned) in probes.chunks(self.from.len()).zip(turned) {
            self.left -= 1;
            self.probes += 1;
            self.turned += usize::from(*turned);
            let sums = self.all.iter_mut().zip(&mut self.across);
            for ((all, across), (x, from)) in sums.zip(probe.iter().zip(&self.from)) {
                let direction = f64::from(*x) - f64::from(*from);
                *all += direction;
                if *turned {
                    *across += direction;
                }
            }
        }
    }

    /// The estimate, whose length means nothing. If all probes lie on one side, their mean, or its opposite.
    fn across(&self) -> Vec<f32> {
        let share = self.turned as f64 / self.probes.max(1) as f64;
        let sums = self.all.iter().zip(&self.across);
        sums.map(|(all, across)| {
            let direction = if self.turned == self.probes {
                *all
            } else if self.turned == 0 {
                -all
            } else {
                across - share * all
            };
            direction as f32
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::stream;

    #[test]
    fn estimates_point_across_the_boundary() {
        // Turned where x₀ + 2·x₁ is above its value at the centre, which lies on the boundary.
        let from = vec![0.5f32; 8];
        let across = |image: &[f32]| image[0] + 2.0 * image[1] > 1.5;
        for norm in [Norm::L2, Norm::Linf] {
            let mut estimate = Estimate::new(from.clone(), 0.01, 4000);
            let mut random = stream(1, "test", &[]);
            while estimate.left > 0 {
                let mut probes = Vec::new();
                estimate.push_probe(norm, &mut probes, &mut random);
                let length = Norm::L2.distance(&from, &probes);
                assert!((length - 0.01).abs() < 1e-6, "{length}");
                estimate.hear(&probes, &[across(&probes)]);
            }
            let direction = estimate.across();
            let length = Norm::L2.distance(&[0.0; 8], &direction) as f32;
            let cosine = (direction[0] + 2.0 * direction[1]) / length / 5.0f32.sqrt();
            assert!(cosine > 0.99, "{norm:?}: {cosine}");
        }
    }

    #[test]
    fn estimates_from_one_side_are_the_mean_or_its_opposite() {
        for turned in [true, false] {
            let mut estimate = Estimate::new(vec![0.5f32; 2], 0.25, 2);
            estimate.hear(&[0.75, 0.5, 0.5, 0.25], &[turned; 2]);
            let sign = if turned { 1.0 } else { -1.0 };
            assert_eq!(estimate.across(), [0.25 * sign, -0.25 * sign]);
        }
    }

    #[test]
    fn bisections_end_at_the_boundary_on_the_other_side() {
        let (clean, far) = ([0.25f32, 0.5, 1.0], [1.0f32, 0.25, 0.0]);
        // The line crosses x₀ = 0.625 half-way; the cube at a distance of 0.375.
        for (mut bisection, expected) in [
            (Bisection::line(&far, 1e-4), [0.625, 0.375, 0.5]),
            (Bisection::cube(&far, 1.0, 1e-4), [0.625, 0.25, 0.625]),
        ] {
            let mut asked = 0;
            while !bisection.is_done() {
                let image: Vec<f32> = bisection.middle(&clean).collect();
                bisection.hear(&image, image[0] > 0.625);
                asked += 1;
            }
            assert_eq!(asked, 14);
            assert!(bisection.reached[0] > 0.625);
            for (x, expected) in bisection.reached.iter().zip(expected) {
                assert!((x - expected).abs() < 2e-4, "{:?}", bisection.reached);
            }
        }
    }
}
