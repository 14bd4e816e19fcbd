//! The set an attacker may reach: all images within ε of the clean one, inside [0, 1].
//!
//! Holds exactly: no reachable image is farther than ε from the clean one in real arithmetic, although ε and the pixels are rounded
//! numbers.

use super::{Norm, ThreatModel};

/// The reachable images around one image.
#[derive(Clone, Copy, Debug)]
pub struct Ball<'a> {
    threat: ThreatModel,
    clean: &'a [f32],
}

impl<'a> Ball<'a> {
    /// The ball around `clean`, whose pixels are in [0, 1].
    pub fn new(threat: ThreatModel, clean: &'a [f32]) -> Self {
        Self { threat, clean }
    }

    /// Moves every pixel to the nearest point of the ball; in L2, first along the line to the clean image and then into [0, 1].
    ///
    /// A pixel that is not a number becomes the clean one.
    pub fn project(&self, image: &mut [f32]) {
        for (x, clean) in image.iter_mut().zip(self.clean) {
            if x.is_nan() {
                *x = *clean;
            }
        }
        let epsilon = self.threat.epsilon;
        match self.threat.norm {
            Norm::Linf => {
                for (x, clean) in image.iter_mut().zip(self.clean) {
                    *x = x.max(low(*clean, epsilon)).min(high(*clean, epsilon));
                }
            }
            Norm::L2 => {
                shrink(self.clean, image, f64::from(epsilon));
                for x in image {
                    *x = x.clamp(0.0, 1.0);
                }
            }
        }
    }

    /// The least and the largest value that each pixel can have in an L∞ ball.
    pub(super) fn bounds(&self) -> (Vec<f32>, Vec<f32>) {
        let epsilon = self.threat.epsilon;
        let bound = |of: fn(f32, f32) -> f32| self.clean.iter().map(|x| of(*x, epsilon)).collect();
        (bound(low), bound(high))
    }

    /// Whether `image` is in the ball.
    pub fn contains(&self, image: &[f32]) -> bool {
        let in_range = image.iter().all(|x| (0.0..=1.0).contains(x));
        let epsilon = f64::from(self.threat.epsilon);
        in_range && self.threat.norm.distance(self.clean, image) <= epsilon
    }
}

/// The least reachable value of a pixel: the smallest `f32` not below x − ε. The difference of two `f32` of this range is exact in `f64`.
fn low(x: f32, epsilon: f32) -> f32 {
    let exact = f64::from(x) - f64::from(epsilon);
    let rounded = exact as f32;
    let inside = if f64::from(rounded) < exact {
        rounded.next_up()
    } else {
        rounded
    };
    inside.max(0.0)
}

/// The largest `f32` not above x + ε.
fn high(x: f32, epsilon: f32) -> f32 {
    let exact = f64::from(x) + f64::from(epsilon);
    let rounded = exact as f32;
    let inside = if f64::from(rounded) > exact {
        rounded.next_down()
    } else {
        rounded
    };
    inside.min(1.0)
}

/// Shortens the perturbation of `image` to at most `epsilon` in L2.
fn shrink(clean: &[f32], image: &mut [f32], epsilon: f64) {
    let distance = Norm::L2.distance(clean, image);
    if distance <= epsilon {
        return;
    }
    // A few units in the last place more than needed, until rounding leaves nothing outside; at the latest, the clean image itself.
    let mut scale = epsilon / distance;
    let original: Vec<f64> = clean
        .iter()
        .zip(image.iter())
        .map(|(a, b)| f64::from(*b) - f64::from(*a))
        .collect();
    for attempt in 0..32 {
        for ((x, clean), d) in image.iter_mut().zip(clean).zip(&original) {
            *x = (f64::from(*clean) + scale * d) as f32;
        }
        if Norm::L2.distance(clean, image) <= epsilon {
            return;
        }
        scale *= 1.0 - f64::from(f32::EPSILON) * f64::from(1u32 << attempt);
    }
    image.copy_from_slice(clean);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pixels(range: std::ops::RangeInclusive<f32>) -> impl Strategy<Value = Vec<f32>> {
        proptest::collection::vec(range, 12)
    }

    proptest! {
        #[test]
        fn projections_are_inside_to_the_last_bit(
            clean in pixels(0.0..=1.0), candidate in pixels(-3.0..=3.0), epsilon in 0.0f32..=1.0,
        ) {
            for threat in [ThreatModel::linf(epsilon), ThreatModel::l2(epsilon)] {
                let mut image = candidate.clone();
                let ball = Ball::new(threat, &clean);
                ball.project(&mut image);
                prop_assert!(ball.contains(&image), "{threat:?}: {image:?}");
            }
        }

        #[test]
        fn what_is_inside_stays(
            clean in pixels(0.0..=1.0), towards in pixels(0.0..=1.0), epsilon in 0.0f32..=1.0,
        ) {
            for threat in [ThreatModel::linf(epsilon), ThreatModel::l2(epsilon)] {
                let ball = Ball::new(threat, &clean);
                let mut inside = towards.clone();
                ball.project(&mut inside);
                let before = inside.clone();
                ball.project(&mut inside);
                prop_assert_eq!(before, inside);
            }
        }
    }

    #[test]
    fn what_is_no_number_becomes_the_clean_pixel() {
        for threat in [ThreatModel::linf(0.1), ThreatModel::l2(0.1)] {
            let mut image = [f32::NAN, 0.55, f32::INFINITY];
            let clean = [0.25, 0.5, 0.5];
            let ball = Ball::new(threat, &clean);
            ball.project(&mut image);
            assert!(ball.contains(&image), "{threat:?}: {image:?}");
            assert_eq!(image[0], 0.25);
        }
    }
}
