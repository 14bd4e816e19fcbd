//! The set an L∞ attacker may reach: all images within ε of the clean one, pixel by pixel, inside [0, 1].

/// Bounds of every pixel of a batch. Holds exactly: no reachable value is farther than ε from the clean one in real arithmetic,
/// although ε and the pixels are rounded numbers.
#[derive(Clone, Debug)]
pub struct Ball {
    low: Vec<f32>,
    high: Vec<f32>,
}

impl Ball {
    /// The ball of radius `epsilon` around `images`, cut off at 0 and 1.
    pub fn new(images: &[f32], epsilon: f32) -> Self {
        Self {
            low: images.iter().map(|&x| floor(x, epsilon)).collect(),
            high: images
                .iter()
                .map(|&x| -floor_raw(-x, epsilon))
                .map(|x| x.min(1.0))
                .collect(),
        }
    }

    /// Moves every pixel to the nearest point of the ball.
    pub fn project(&self, pixels: &mut [f32]) {
        for ((pixel, low), high) in pixels.iter_mut().zip(&self.low).zip(&self.high) {
            *pixel = pixel.max(*low).min(*high);
        }
    }
}

fn floor(x: f32, epsilon: f32) -> f32 {
    floor_raw(x, epsilon).max(0.0)
}

/// The smallest `f32` not below x − ε. The difference of two `f32` of this range is exact in `f64`.
fn floor_raw(x: f32, epsilon: f32) -> f32 {
    let exact = f64::from(x) - f64::from(epsilon);
    let rounded = exact as f32;
    if f64::from(rounded) < exact {
        rounded.next_up()
    } else {
        rounded
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn projections_are_inside_to_the_last_bit(
            x in 0.0f32..=1.0, epsilon in 0.0f32..=1.0, candidate in -3.0f32..3.0,
        ) {
            let mut pixel = [candidate];
            Ball::new(&[x], epsilon).project(&mut pixel);
            prop_assert!((0.0..=1.0).contains(&pixel[0]));
            prop_assert!((f64::from(pixel[0]) - f64::from(x)).abs() <= f64::from(epsilon));
        }

        #[test]
        fn what_is_inside_stays(x in 0.0f32..=1.0, epsilon in 0.0f32..=1.0, t in 0.0f64..=1.0) {
            let low = (f64::from(x) - f64::from(epsilon)).max(0.0);
            let high = (f64::from(x) + f64::from(epsilon)).min(1.0);
            let inside = (low + t * (high - low)) as f32;
            prop_assume!(f64::from(inside) >= low && f64::from(inside) <= high);
            let mut pixel = [inside];
            Ball::new(&[x], epsilon).project(&mut pixel);
            prop_assert_eq!(pixel[0], inside);
        }
    }
}
