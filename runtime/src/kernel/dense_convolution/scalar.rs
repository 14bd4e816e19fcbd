//! The normative loops. Each output starts at the bias; to it the products of all weights are
//! added in the order of their columns, products and sums rounded separately; then the result is
//! clamped. Nothing is vectorised by hand: compilers vectorise over the outputs of a row.

use crate::format::{Bounds, DenseMatrix};
use crate::kernel::Staged;

pub fn convolve(staged: &Staged, matrix: &DenseMatrix, bounds: Bounds, maps: &mut [f32]) {
    let maps = maps.chunks_exact_mut(staged.map_len());
    for ((bias, values), map) in matrix.iter().zip(maps) {
        for (y, outputs) in map.chunks_exact_mut(staged.width()).enumerate() {
            outputs.fill(bias);
            for (&value, &offset) in values.iter().zip(staged.offsets()) {
                let value = f32::from_le_bytes(value);
                for (output, &input) in outputs.iter_mut().zip(staged.row(offset, y)) {
                    *output += value * input;
                }
            }
            for output in outputs {
                *output = bounds.clamp(*output);
            }
        }
    }
}
