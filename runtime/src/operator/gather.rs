//! Chosen positions of an axis: slices, padding, repetition and nearest-neighbour resizing alike.

use crate::format::{Indices, View};

/// Copies one position of an axis after the other, or fills it.
#[derive(Clone, Copy, Debug)]
pub struct Gather<'m> {
    pub indices: Indices<'m>,
    pub view: View,
    pub fill: f32,
}

impl Gather<'_> {
    pub fn run(&self, input: &[f32], output: &mut [f32]) {
        let [axis, inner] = [self.view.axis, self.view.inner].map(|length| length as usize);
        let mut results = output.chunks_exact_mut(inner);
        for values in input.chunks_exact(axis * inner) {
            for (index, result) in self.indices.iter().zip(&mut results) {
                match index {
                    Some(index) => result.copy_from_slice(&values[index * inner..][..inner]),
                    None => result.fill(self.fill),
                }
            }
        }
    }
}
