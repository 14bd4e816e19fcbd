//! Products of matrices that lie row by row in slices.
//!
//! Non-goals: how they are computed, which is `faer`'s.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// A matrix of `rows` × `columns`, whose rows begin a `stride` apart.
pub(super) fn matrix(
    numbers: &[f32],
    [rows, columns]: [usize; 2],
    stride: usize,
) -> MatRef<'_, f32> {
    MatRef::from_row_major_slice_with_stride(numbers, rows, columns, stride)
}

/// `target = left · right`, or added to what is there. `target` has `shape`, and its rows begin a `stride` apart.
pub(super) fn multiply(
    target: &mut [f32],
    [rows, columns]: [usize; 2],
    stride: usize,
    add: bool,
    left: MatRef<'_, f32>,
    right: MatRef<'_, f32>,
) {
    // Not by `from_row_major_slice_with_stride_mut`, which in 0.23.2 takes the stride for that of columns, and leaves the slice.
    let target = MatMut::from_column_major_slice_with_stride_mut(target, columns, rows, stride);
    let accumulation = if add { Accum::Add } else { Accum::Replace };
    matmul(
        target.transpose_mut(),
        accumulation,
        left,
        right,
        1.0,
        Par::Seq,
    );
}
