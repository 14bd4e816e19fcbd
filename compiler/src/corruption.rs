//! Common corruptions: what happens to pictures without an adversary, as a natural control beside attacks.
//!
//! Four kinds after Hendrycks and Dietterich (2019), at five severities, with the constants that the authors use for small images (CIFAR-10-C);
//! lengths grow with the image, which there has 32 pixels a side. They leave every ε-ball, and no robust accuracy counts them.

use rand::RngExt;
use rand_distr::{Distribution, Normal};
use serde::{Deserialize, Serialize};

use crate::seed::stream;

/// A kind of corruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Corruption {
    /// Gaussian noise on every value.
    Noise,
    /// Gaussian blur.
    Blur,
    /// Values drawn towards the mean of their channel.
    Contrast,
    /// A move along one axis; what comes in is black.
    Shift,
}

/// Severities count from 1.
pub const SEVERITIES: usize = 5;

/// Standard deviation of the noise.
const NOISE: [f32; SEVERITIES] = [0.04, 0.06, 0.08, 0.09, 0.10];
/// Standard deviation of the blur, in pixels of an image with [`SIDE`] of them.
const BLUR: [f64; SEVERITIES] = [0.4, 0.6, 0.7, 0.8, 1.0];
/// What is left of the contrast.
const CONTRAST: [f32; SEVERITIES] = [0.75, 0.5, 0.4, 0.3, 0.15];
/// Pixels of the move, in an image with [`SIDE`] of them. Not among the authors' corruptions.
const SHIFT: [f64; SEVERITIES] = [1.0, 2.0, 3.0, 4.0, 5.0];
/// Side of the images that the constants are for.
const SIDE: f64 = 32.0;

impl Corruption {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Noise, Self::Blur, Self::Contrast, Self::Shift];

    /// A corrupted copy of an image `[channel, height, width]` in [0, 1]. `seed` decides what is random.
    ///
    /// # Panics
    /// If `severity` is not in 1..=[`SEVERITIES`], or the image not of that shape.
    pub fn apply(self, image: &[f32], shape: [usize; 3], severity: usize, seed: u64) -> Vec<f32> {
        assert_eq!(image.len(), shape.iter().product::<usize>());
        let [_, height, width] = shape;
        let level = severity - 1;
        let scale = height.min(width) as f64 / SIDE;
        let mut corrupted = image.to_vec();
        let maps = corrupted.chunks_mut(height * width);
        match self {
            Self::Noise => {
                let mut random = stream(seed, "noise corruption", &[]);
                let normal = Normal::new(0.0, NOISE[level]).expect("a positive deviation");
                for x in &mut corrupted {
                    *x += normal.sample(&mut random);
                }
            }
            Self::Blur => maps.for_each(|map| blur(map, width, BLUR[level] * scale)),
            Self::Contrast => maps.for_each(|map| {
                let mean = map.iter().sum::<f32>() / map.len() as f32;
                for x in map {
                    *x = mean + CONTRAST[level] * (*x - mean);
                }
            }),
            Self::Shift => {
                let mut random = stream(seed, "shift corruption", &[]);
                let [down, backwards] = [random.random::<bool>(), random.random::<bool>()];
                let pixels = (SHIFT[level] * scale).round().max(1.0) as isize;
                let pixels = if backwards { -pixels } else { pixels };
                let (rows, columns) = if down { (pixels, 0) } else { (0, pixels) };
                maps.for_each(|map| shift(map, width, rows, columns));
            }
        }
        for x in &mut corrupted {
            *x = x.clamp(0.0, 1.0);
        }
        corrupted
    }
}

/// Gaussian blur of one map, rows and columns in turn; edges repeat.
fn blur(map: &mut [f32], width: usize, sigma: f64) {
    let radius = (3.0 * sigma).ceil() as isize;
    let weight = |offset: isize| (-0.5 * (offset as f64 / sigma).powi(2)).exp();
    let sum: f64 = (-radius..=radius).map(weight).sum();
    let height = map.len() / width;
    for (length, stride, lines, line_stride) in
        [(width, 1, height, width), (height, width, width, 1)]
    {
        for line in 0..lines {
            let at = |place: isize| {
                let place = place.clamp(0, length as isize - 1) as usize;
                line * line_stride + place * stride
            };
            let blurred: Vec<f32> = (0..length as isize)
                .map(|place| {
                    let terms = (-radius..=radius)
                        .map(|offset| weight(offset) * f64::from(map[at(place + offset)]));
                    (terms.sum::<f64>() / sum) as f32
                })
                .collect();
            for (place, value) in blurred.into_iter().enumerate() {
                map[at(place as isize)] = value;
            }
        }
    }
}

/// Moves one map by so many rows and columns.
fn shift(map: &mut [f32], width: usize, rows: isize, columns: isize) {
    let before = map.to_vec();
    let height = map.len() / width;
    for (index, x) in map.iter_mut().enumerate() {
        let row = (index / width) as isize - rows;
        let column = (index % width) as isize - columns;
        let inside = (0..height as isize).contains(&row) && (0..width as isize).contains(&column);
        *x = if inside {
            before[row as usize * width + column as usize]
        } else {
            0.0
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: [usize; 3] = [2, 32, 32];

    fn image() -> Vec<f32> {
        (0..2 * 32 * 32)
            .map(|i| (i * 37 % 256) as f32 / 255.0)
            .collect()
    }

    fn distance(a: &[f32], b: &[f32]) -> f32 {
        a.iter()
            .zip(b)
            .map(|(a, b)| (a - b).powi(2))
            .sum::<f32>()
            .sqrt()
    }

    #[test]
    fn severities_grow_and_results_are_images() {
        for corruption in Corruption::ALL {
            let image = image();
            let mut last = 0.0;
            for severity in 1..=SEVERITIES {
                let corrupted = corruption.apply(&image, SHAPE, severity, 3);
                assert!(corrupted.iter().all(|x| (0.0..=1.0).contains(x)));
                assert_eq!(corrupted, corruption.apply(&image, SHAPE, severity, 3));
                // Moving a periodic pattern farther does not change it more.
                if corruption != Corruption::Shift {
                    let distance = distance(&image, &corrupted);
                    assert!(distance > last, "{corruption:?} {severity}");
                    last = distance;
                }
            }
        }
    }

    #[test]
    fn each_does_what_its_name_says() {
        // A white dot on black.
        let mut dot = vec![0.0; 32 * 32];
        dot[16 * 32 + 16] = 1.0;
        let apply = |corruption: Corruption| corruption.apply(&dot, [1, 32, 32], 5, 3);
        let shifted = apply(Corruption::Shift);
        let place = shifted.iter().position(|x| *x == 1.0).unwrap() as isize;
        let moved = place - (16 * 32 + 16);
        assert!([5, -5, 5 * 32, -5 * 32].contains(&moved), "{moved}");
        let blurred = apply(Corruption::Blur);
        assert!((blurred.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        // The peak of a Gaussian of deviation 1, cut at 3: (Σ e^(−k²/2))⁻².
        assert!(
            (blurred[16 * 32 + 16] - 0.1592).abs() < 1e-3,
            "{}",
            blurred[16 * 32 + 16]
        );
        let flat = apply(Corruption::Contrast);
        let mean = 1.0 / 1024.0;
        assert!((flat[16 * 32 + 16] - (mean + 0.15 * (1.0 - mean))).abs() < 1e-6);
        let noisy = Corruption::Noise.apply(&vec![0.5; 1024], [1, 32, 32], 5, 3);
        let variance = noisy.iter().map(|x| (x - 0.5).powi(2)).sum::<f32>() / 1024.0;
        assert!((variance.sqrt() - 0.1).abs() < 0.01);
    }
}
