//! Two tensors, one behind the other along an axis.

use crate::format::View;

/// Puts the second tensor behind the first.
#[derive(Clone, Copy, Debug)]
pub struct Concat {
    pub view: View,
    pub second_axis: u32,
}

impl Concat {
    pub fn run(&self, input: &[f32], second: &[f32], output: &mut [f32]) {
        let inner = self.view.inner as usize;
        let [length, second_length] =
            [self.view.axis, self.second_axis].map(|axis| axis as usize * inner);
        let parts = input
            .chunks_exact(length)
            .zip(second.chunks_exact(second_length));
        for ((values, others), results) in
            parts.zip(output.chunks_exact_mut(length + second_length))
        {
            let (front, back) = results.split_at_mut(length);
            front.copy_from_slice(values);
            back.copy_from_slice(others);
        }
    }
}
