//! Matrix times vector, with dense and with sparse rows: one dot product per output. At batch size 1
//! every weight is used once, so memory sets the pace, and the scalar loops are written so that
//! compilers vectorise the dense one.

mod scalar;

use crate::format::{Bounds, DenseMatrix, SparseMatrix};

/// Computes one output for each row of a dense matrix.
pub fn dense(matrix: &DenseMatrix, bounds: Bounds, input: &[f32], output: &mut [f32]) {
    assert_eq!(output.len(), matrix.bias.len());
    assert_eq!(input.len(), matrix.columns());
    for ((bias, values), output) in matrix.iter().zip(output) {
        *output = bounds.clamp(bias + scalar::dense(values, input));
    }
}

/// Computes one output for each row of a sparse matrix.
pub fn sparse(matrix: &SparseMatrix, bounds: Bounds, input: &[f32], output: &mut [f32]) {
    assert_eq!(output.len(), matrix.bias.len());
    for ((bias, values, columns), output) in matrix.iter().zip(output) {
        *output = bounds.clamp(bias + scalar::sparse(values, columns, input));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::format::{DenseMatrix, SparseMatrix};
    use crate::kernel::case::Case;

    proptest! {
        #[test]
        fn dense_agrees_with_the_oracle(case in Case::vectors()) {
            let blob = case.dense_blob();
            let matrix = DenseMatrix::from_blob(&blob, case.rows, case.columns).unwrap();
            case.check(|maps| super::dense(&matrix, case.bounds, case.vector(), maps));
        }

        #[test]
        fn sparse_agrees_with_the_oracle(case in Case::vectors()) {
            let blob = case.sparse_blob();
            let matrix = SparseMatrix::from_blob(&blob, case.rows).unwrap();
            case.check(|maps| super::sparse(&matrix, case.bounds, case.vector(), maps));
        }
    }
}
