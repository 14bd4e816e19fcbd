//! Addition of two tensors of equal shape.

use crate::format::{Bounds, TensorRecord};

/// Adds a second tensor to a copy of the first.
#[derive(Clone, Copy, Debug)]
pub struct Add {
    pub second: TensorRecord,
    pub bounds: Bounds,
}

impl Add {
    /// Adds `second` to `output`, which already is a copy of the first tensor, and clamps.
    pub fn run(&self, second: &[f32], output: &mut [f32]) {
        for (sum, &value) in output.iter_mut().zip(second) {
            *sum = self.bounds.clamp(*sum + value);
        }
    }
}
