//! The product of a weight matrix and the flattened input.

use crate::format::{Bounds, Matrix};
use crate::kernel::linear;

/// A fully connected layer.
#[derive(Clone, Copy, Debug)]
pub struct Linear<'m> {
    pub matrix: Matrix<'m>,
    pub bounds: Bounds,
}

impl Linear<'_> {
    pub fn run(&self, input: &[f32], output: &mut [f32]) {
        match &self.matrix {
            Matrix::Dense(matrix) => linear::dense(matrix, self.bounds, input, output),
            Matrix::Sparse(matrix) => linear::sparse(matrix, self.bounds, input, output),
        }
    }

    pub fn kernel_name(&self) -> &'static str {
        match self.matrix {
            Matrix::Dense(_) => "dense-linear/scalar",
            Matrix::Sparse(_) => "sparse-linear/scalar",
        }
    }
}
