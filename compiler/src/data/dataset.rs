//! Labelled images in memory.
//!
//! Non-goals: reading files (one module for each format), anything a network does to its input.

use super::{DataError, contents::hexadecimal};
use sha2::{Digest, Sha256};
use std::fmt;

/// Images of one shape, each with the label of its class.
///
/// Holds from construction on: no dimension is 0, every image is complete, every label is the index of a class.
#[derive(Clone, PartialEq, Eq)]
pub struct Dataset {
    name: String,
    classes: Vec<String>,
    shape: [usize; 3],
    pixels: Vec<u8>,
    labels: Vec<u16>,
}

impl Dataset {
    /// A data set of `labels.len()` images of shape `[channel, height, width]`, whose `pixels` lie one image after
    /// the other, each channel row by row.
    ///
    /// # Errors
    /// [`DataError::Inconsistent`] if a dimension is 0, if the number of pixels does not fit shape and labels, or if
    /// a label is not below the number of classes.
    pub fn new(
        name: impl Into<String>,
        classes: Vec<String>,
        shape: [usize; 3],
        pixels: Vec<u8>,
        labels: Vec<u16>,
    ) -> Result<Self, DataError> {
        let name = name.into();
        let size = shape
            .iter()
            .try_fold(labels.len(), |size, &side| size.checked_mul(side));
        let problem = if shape.contains(&0) {
            format!("its images have the shape {shape:?}")
        } else if size != Some(pixels.len()) {
            let (images, pixels) = (labels.len(), pixels.len());
            format!("{pixels} pixels for {images} labels and images of shape {shape:?}")
        } else if let Some(label) = labels.iter().find(|&&l| usize::from(l) >= classes.len()) {
            format!("label {label}, but only {} classes", classes.len())
        } else {
            return Ok(Self {
                name,
                classes,
                shape,
                pixels,
                labels,
            });
        };
        Err(DataError::Inconsistent { name, problem })
    }

    /// The data set's name, such as `fashion-mnist`; its training and its test part bear the same one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The classes' names; a label is an index into them.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The shape of one image: `[channel, height, width]`.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The label of each image.
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The bytes of one image, `[channel, height, width]`.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn pixels(&self, index: usize) -> &[u8] {
        let size = self.shape.iter().product::<usize>();
        &self.pixels[index * size..][..size]
    }

    /// The images at `indices` as a batch for a network: `[batch, channel, height, width]`, each value
    /// byte / 255, thus in [0, 1].
    ///
    /// # Panics
    /// If an index is not below [`len`](Self::len).
    pub fn batch(&self, indices: &[usize]) -> Vec<f32> {
        indices
            .iter()
            .flat_map(|&index| self.pixels(index))
            .map(|&byte| f32::from(byte) / 255.0)
            .collect()
    }

    /// Labels of the images at `indices`, in the order given: what goes with [`Dataset::batch`].
    ///
    /// # Panics
    /// If an index is not below [`Dataset::len`].
    pub fn batch_labels(&self, indices: &[usize]) -> Vec<usize> {
        let label = |index: &usize| usize::from(self.labels[*index]);
        indices.iter().map(label).collect()
    }

    /// A data set of the images at `indices` (a range or a list), in that order.
    ///
    /// # Panics
    /// If an index is not below [`len`](Self::len).
    pub fn subset(&self, indices: impl IntoIterator<Item = usize>) -> Self {
        let indices = indices.into_iter();
        let (count, _) = indices.size_hint();
        let mut pixels = Vec::with_capacity(count * self.shape.iter().product::<usize>());
        let mut labels = Vec::with_capacity(count);
        for index in indices {
            pixels.extend_from_slice(self.pixels(index));
            labels.push(self.labels[index]);
        }
        Self {
            name: self.name.clone(),
            classes: self.classes.clone(),
            shape: self.shape,
            pixels,
            labels,
        }
    }

    /// A data set of the first `count` images, or of all if there are fewer.
    pub fn first(&self, count: usize) -> Self {
        self.subset(0..count.min(self.len()))
    }

    /// Mean and standard deviation of every channel over all pixels, in units of [0, 1] pixels.
    pub fn moments(&self) -> (Vec<f32>, Vec<f32>) {
        let [channels, height, width] = self.shape;
        let map = height * width;
        let count = (self.len() * map).max(1) as f64;
        let channel = |channel: usize| {
            let (mut sum, mut squares) = (0u64, 0u64);
            for index in 0..self.len() {
                for &pixel in &self.pixels(index)[channel * map..(channel + 1) * map] {
                    sum += u64::from(pixel);
                    squares += u64::from(pixel) * u64::from(pixel);
                }
            }
            let mean = sum as f64 / count / 255.0;
            let variance = squares as f64 / count / 255.0f64.powi(2) - mean * mean;
            // A constant channel carries nothing; any scale will do.
            let deviation = if variance > 1e-12 {
                variance.sqrt()
            } else {
                1.0
            };
            (mean as f32, deviation as f32)
        };
        (0..channels).map(channel).unzip()
    }

    /// What the data are, for a run's records: the SHA-256, in hexadecimal digits, of shape and number of images
    /// (four 64-bit integers), labels (16-bit integers) and pixels, all little endian. Names do not count.
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for number in self.shape.into_iter().chain([self.len()]) {
            hasher.update((number as u64).to_le_bytes());
        }
        for label in &self.labels {
            hasher.update(label.to_le_bytes());
        }
        hasher.update(&self.pixels);
        hexadecimal(hasher)
    }
}

/// Prints a summary; the pixels would fill the screen.
impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset")
            .field("name", &self.name)
            .field("shape", &self.shape)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One image of one pixel per label; the pixel is the image's index.
    pub fn numbered(labels: Vec<u16>) -> Dataset {
        let classes = (0..=9).map(|class: u16| class.to_string()).collect();
        let pixels = (0..labels.len()).map(|index| index as u8).collect();
        Dataset::new("numbered", classes, [1, 1, 1], pixels, labels).unwrap()
    }

    fn classes(count: usize) -> Vec<String> {
        vec![String::from("class"); count]
    }

    #[test]
    fn a_batch_is_scaled_and_in_the_order_asked_for() {
        let data = Dataset::new(
            "two",
            classes(2),
            [1, 1, 2],
            vec![0, 255, 51, 102],
            vec![1, 0],
        );
        let data = data.unwrap();
        assert_eq!(data.batch(&[1, 0, 1]), [0.2, 0.4, 0.0, 1.0, 0.2, 0.4]);
        assert!(data.batch(&[]).is_empty());
        assert_eq!(data.pixels(1), [51, 102]);
    }

    #[test]
    fn a_subset_takes_a_range_or_a_list() {
        let data = numbered(vec![5, 6, 7, 8]);
        assert_eq!(data.subset(1..3).labels(), [6, 7]);
        assert_eq!(data.subset([3, 0]).labels(), [8, 5]);
        assert_eq!(data.subset([3, 0]).pixels(0), [3]);
        assert_eq!(data.first(2), data.subset(0..2));
        assert_eq!(data.first(9), data);
        assert!(data.first(0).is_empty());
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let problem = |classes, shape, pixels: usize, labels: &[u16]| {
            Dataset::new("bad", classes, shape, vec![0; pixels], labels.to_vec())
                .unwrap_err()
                .to_string()
        };
        assert!(problem(classes(1), [1, 0, 1], 0, &[0]).contains("shape [1, 0, 1]"));
        assert!(problem(classes(1), [1, 2, 2], 7, &[0, 0]).contains("7 pixels for 2 labels"));
        assert!(problem(classes(1), [1, usize::MAX, 2], 0, &[0]).contains("0 pixels"));
        assert!(problem(classes(2), [1, 1, 1], 2, &[1, 2]).contains("label 2, but only 2 classes"));
    }

    #[test]
    fn the_hash_depends_on_shape_labels_and_pixels_alone() {
        let data = |name: &str, shape, pixel, label| {
            Dataset::new(name, classes(2), shape, vec![pixel, 0], vec![label])
                .unwrap()
                .hash()
        };
        let hash = data("a", [1, 1, 2], 7, 0);
        assert_eq!(
            hash,
            "b9a89e28680367a8451b07a6cd81e75a3dcb0de323f98fe18c6c908a405b5df0"
        );
        assert_eq!(hash, data("b", [1, 1, 2], 7, 0));
        assert_ne!(hash, data("a", [1, 2, 1], 7, 0));
        assert_ne!(hash, data("a", [1, 1, 2], 8, 0));
        assert_ne!(hash, data("a", [1, 1, 2], 7, 1));
    }
}
