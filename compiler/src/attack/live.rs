//! Early exit: the examples of a batch that no try has turned yet, and what became of the others.

use super::Examples;
use crate::classifier::decision;

/// Images in one question, where an attack could ask any number at once: enough to keep a device busy.
pub(super) const AT_ONCE: usize = 512;

/// The examples that are still attacked. A network is only ever asked about these, side by side without gaps.
pub(super) struct Live<'e> {
    examples: Examples<'e>,
    indices: Vec<usize>,
    turned: Vec<Option<Vec<f32>>>,
}

/// Closes the gaps that settled examples leave in `images`, of which there was one for each live example: those of `left` move up, in
/// order.
pub(super) fn close_gaps(images: &mut Vec<f32>, left: &[Slot], pixels: usize) {
    for (place, slot) in left.iter().enumerate() {
        if slot.place != place {
            images.copy_within(
                slot.place * pixels..(slot.place + 1) * pixels,
                place * pixels,
            );
        }
    }
    images.truncate(left.len() * pixels);
}

/// One example that is still attacked.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    /// Its place among the live ones.
    pub(super) place: usize,
    /// Its number in the batch.
    pub(super) index: usize,
}

impl<'e> Live<'e> {
    /// All of `examples`.
    pub(super) fn new(examples: Examples<'e>) -> Self {
        Self {
            examples,
            indices: (0..examples.len()).collect(),
            turned: vec![None; examples.len()],
        }
    }

    /// Whether none is left.
    pub(super) fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Their numbers in the batch.
    pub(super) fn indices(&self) -> &[usize] {
        &self.indices
    }

    /// Where they stand, if all of them stay.
    pub(super) fn slots(&self) -> Vec<Slot> {
        let slot = |(place, &index)| Slot { place, index };
        self.indices.iter().enumerate().map(slot).collect()
    }

    /// Their labels.
    pub(super) fn labels(&self) -> Vec<usize> {
        self.of(self.examples.labels())
    }

    /// Those of `all`, a value for each example of the batch, that belong to the live ones.
    pub(super) fn of<T: Copy>(&self, all: &[T]) -> Vec<T> {
        self.indices.iter().map(|index| all[*index]).collect()
    }

    /// Those of `all`, an image for each example of the batch, that belong to the live ones.
    pub(super) fn images(&self, all: &[f32]) -> Vec<f32> {
        let pixels = self.examples.pixels();
        let image = |index: &usize| &all[index * pixels..][..pixels];
        self.indices.iter().flat_map(image).copied().collect()
    }

    /// Lets go of the live examples that `logits` decide wrongly, keeping the image of each, of which `images` has one for each live
    /// example. Returns the others with the places they had.
    pub(super) fn settle(&mut self, images: &[f32], logits: &[f32]) -> Vec<Slot> {
        let classes = logits.len() / self.indices.len().max(1);
        let rows = logits.chunks(classes.max(1));
        let decisions: Vec<Option<usize>> = rows.map(decision).collect();
        self.settle_decided(images, &decisions)
    }

    /// The same for decisions.
    pub(super) fn settle_decided(
        &mut self,
        images: &[f32],
        decisions: &[Option<usize>],
    ) -> Vec<Slot> {
        let labels = self.examples.labels();
        let rows = self.indices.iter().zip(decisions);
        let turned: Vec<bool> = rows
            .map(|(index, decision)| *decision != Some(labels[*index]))
            .collect();
        self.settle_done(images, &turned)
    }

    /// The same for those that are `done` by whatever the attack demands.
    pub(super) fn settle_done(&mut self, images: &[f32], done: &[bool]) -> Vec<Slot> {
        let pixels = self.examples.pixels();
        let mut left = Vec::with_capacity(self.indices.len());
        for (place, (&index, done)) in self.indices.iter().zip(done).enumerate() {
            if *done {
                self.turned[index] = Some(images[place * pixels..][..pixels].to_vec());
            } else {
                left.push(Slot { place, index });
            }
        }
        self.indices = left.iter().map(|slot| slot.index).collect();
        left
    }

    /// The turned images, and from `others`, an image for each example of the batch, those of the rest.
    pub(super) fn finish(self, mut others: Vec<f32>) -> Vec<f32> {
        let pixels = self.examples.pixels();
        for (index, turned) in self.turned.iter().enumerate() {
            if let Some(image) = turned {
                others[index * pixels..][..pixels].copy_from_slice(image);
            }
        }
        others
    }
}
