//! The normative loops. Each output starts at the bias; to it the products of the stored weights are
//! added in the order of their columns, products and sums rounded separately; then the result is
//! clamped. Nothing is vectorised by hand: compilers vectorise over the outputs of a row.

use crate::format::{Bounds, SparseMatrix};
use crate::kernel::Staged;

pub fn convolve(staged: &Staged, matrix: &SparseMatrix, bounds: Bounds, maps: &mut [f32]) {
    let maps = maps.chunks_exact_mut(staged.map_len());
    for ((bias, values, columns), map) in matrix.iter().zip(maps) {
        for (y, outputs) in map.chunks_exact_mut(staged.width()).enumerate() {
            outputs.fill(bias);
            for (&value, &column) in values.iter().zip(columns) {
                let value = f32::from_le_bytes(value);
                let offset = staged.offsets()[usize::from(u16::from_le_bytes(column))];
                let inputs = staged.row(offset, y);
                for (output, &input) in outputs.iter_mut().zip(inputs) {
                    *output += value * input;
                }
            }
            for output in outputs {
                *output = bounds.clamp(*output);
            }
        }
    }
}
