//! What an attack is given: images, their labels, and a seed for each.

use rand_chacha::ChaCha8Rng;

use crate::seed::stream;

/// Images under attack. Every image has a seed of its own, so that what becomes of it does not depend on the rest of its batch.
#[derive(Clone, Copy, Debug)]
pub struct Examples<'a> {
    images: &'a [f32],
    labels: &'a [usize],
    seeds: &'a [u64],
}

impl<'a> Examples<'a> {
    /// `images` are `[batch, channel, height, width]` in [0, 1], flattened.
    ///
    /// # Panics
    /// If labels and seeds are not as many, or the images cannot be.
    pub fn new(images: &'a [f32], labels: &'a [usize], seeds: &'a [u64]) -> Self {
        assert_eq!(labels.len(), seeds.len(), "a seed for each image");
        let count = labels.len().max(1);
        assert_eq!(images.len() % count, 0, "images of one size");
        Self {
            images,
            labels,
            seeds,
        }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The images, one after the other.
    pub fn images(&self) -> &'a [f32] {
        self.images
    }

    /// The label of each image.
    pub fn labels(&self) -> &'a [usize] {
        self.labels
    }

    /// The seed of each image.
    pub fn seeds(&self) -> &'a [u64] {
        self.seeds
    }

    /// Values of one image: channels × height × width.
    pub fn pixels(&self) -> usize {
        self.images.len() / self.labels.len().max(1)
    }

    /// One image.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn image(&self, index: usize) -> &'a [f32] {
        &self.images[index * self.pixels()..][..self.pixels()]
    }

    /// The generator of one image for a `purpose` at a `position`, such as a restart and a step.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn stream(&self, index: usize, purpose: &str, position: &[u64]) -> ChaCha8Rng {
        stream(self.seeds[index], purpose, position)
    }
}
