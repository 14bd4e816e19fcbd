//! x · scale + shift for each channel: input normalisation, batch normalisation that could not be
//! folded, and activation functions on their own.

use crate::format::{Bounds, ScaleShift};

/// Scales and shifts each channel, and clamps.
#[derive(Clone, Copy, Debug)]
pub struct Affine<'m> {
    pub weights: ScaleShift<'m>,
    pub bounds: Bounds,
}

impl Affine<'_> {
    pub fn run(&self, input: &[f32], output: &mut [f32]) {
        let area = input.len() / self.weights.scale.len();
        let maps = input.chunks_exact(area).zip(output.chunks_exact_mut(area));
        let channels = self.weights.scale.iter().zip(self.weights.shift);
        for ((map, result), (&scale, &shift)) in maps.zip(channels) {
            let [scale, shift] = [scale, shift].map(f32::from_le_bytes);
            for (result, &value) in result.iter_mut().zip(map) {
                *result = self.bounds.clamp(value * scale + shift);
            }
        }
    }
}
