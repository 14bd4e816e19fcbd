//! The threat model: how far an attacker may move an image.

use serde::{Deserialize, Serialize};

/// How the length of a perturbation is measured, over all pixels of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// The largest change of a pixel.
    Linf,
    /// The root of the sum of squares.
    L2,
}

impl Norm {
    /// As tables write it.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Linf => "L∞",
            Self::L2 => "L2",
        }
    }

    /// The length of `to` − `from`, in `f64`.
    pub fn distance(self, from: &[f32], to: &[f32]) -> f64 {
        let differences = from
            .iter()
            .zip(to)
            .map(|(a, b)| f64::from(*b) - f64::from(*a));
        self.of(differences)
    }

    /// The length of a perturbation, in `f64`.
    pub fn length(self, perturbation: &[f32]) -> f64 {
        self.of(perturbation.iter().map(|d| f64::from(*d)))
    }

    fn of(self, differences: impl Iterator<Item = f64>) -> f64 {
        match self {
            Self::Linf => differences.map(f64::abs).fold(0.0, f64::max),
            Self::L2 => differences.map(|d| d * d).sum::<f64>().sqrt(),
        }
    }

    /// Moves one image by `length` along the steepest direction: along the gradient's sign, or along the gradient itself. A gradient of
    /// zeros moves nothing.
    pub fn step(self, image: &mut [f32], gradient: &[f32], length: f32) {
        match self {
            Self::Linf => {
                for (x, g) in image.iter_mut().zip(gradient) {
                    *x += length * sign(*g);
                }
            }
            Self::L2 => {
                let squares = gradient.iter().map(|g| f64::from(*g) * f64::from(*g));
                let norm = squares.sum::<f64>().sqrt();
                if norm > 0.0 && norm.is_finite() {
                    let scale = f64::from(length) / norm;
                    for (x, g) in image.iter_mut().zip(gradient) {
                        *x += (scale * f64::from(*g)) as f32;
                    }
                }
            }
        }
    }
}

/// −1, 0 or 1: unlike `f32::signum`, a zero gradient moves nothing.
fn sign(value: f32) -> f32 {
    if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        0.0
    }
}

/// All images within `epsilon` of the clean one that stay in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThreatModel {
    /// How lengths are measured.
    pub norm: Norm,
    /// Largest length, in units of [0, 1] pixels.
    pub epsilon: f32,
}

impl ThreatModel {
    /// An L∞ ball.
    pub fn linf(epsilon: f32) -> Self {
        Self {
            norm: Norm::Linf,
            epsilon,
        }
    }

    /// An L2 ball.
    pub fn l2(epsilon: f32) -> Self {
        Self {
            norm: Norm::L2,
            epsilon,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_have_their_length_and_zero_gradients_move_nothing() {
        let clean = [0.5f32; 3];
        for (norm, expected) in [
            (Norm::Linf, [0.75, 0.25, 0.5]),
            (Norm::L2, [0.65, 0.3, 0.5]),
        ] {
            let mut image = clean;
            norm.step(&mut image, &[3.0, -4.0, 0.0], 0.25);
            assert!(
                image
                    .iter()
                    .zip(expected)
                    .all(|(a, b)| (a - b).abs() < 1e-6)
            );
            assert!((norm.distance(&clean, &image) - 0.25).abs() < 1e-6);
            let mut image = clean;
            norm.step(&mut image, &[0.0; 3], 0.25);
            assert_eq!(image, clean);
        }
    }
}
