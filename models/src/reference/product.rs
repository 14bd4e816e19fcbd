//! Products of matrices.

use super::Input;
use super::layout::{Offsets, broadcast_strides};
use crate::network::Parameter;
use crate::shape::Shape;

/// `W·x + b` of every vector `x` along the last axis.
pub(super) fn linear((_, values): Input, weight: &Parameter, bias: Option<&Parameter>) -> Vec<f32> {
    let features = weight.shape()[1];
    let mut elements = Vec::with_capacity(values.len() / features * weight.shape()[0]);
    for vector in values.chunks_exact(features) {
        for (output, row) in weight.values().chunks_exact(features).enumerate() {
            let start = bias.map_or(0.0, |bias| f64::from(bias.values()[output]));
            let products = row.iter().zip(vector);
            let products = products.map(|(w, x)| f64::from(*w) * f64::from(*x));
            elements.push(products.fold(start, |sum, product| sum + product) as f32);
        }
    }
    elements
}

/// Products of the matrices in the last two axes.
pub(super) fn mat_mul([left, right]: [Input; 2], result: &Shape) -> Vec<f32> {
    let [rows, shared] = matrix(left.0);
    let [_, columns] = matrix(right.0);
    let leading = &result.0[..result.0.len() - 2];
    let starts = |(shape, _): Input, size: usize| {
        let strides = broadcast_strides(&shape.0[..shape.0.len() - 2], leading);
        Offsets::new(leading, strides).map(move |matrix| matrix * size)
    };
    let mut elements = Vec::with_capacity(result.elements());
    let pairs = starts(left, rows * shared).zip(starts(right, shared * columns));
    for (left_start, right_start) in pairs {
        for row in left.1[left_start..][..rows * shared].chunks_exact(shared) {
            let mut sums = vec![0.0; columns];
            let right_rows = right.1[right_start..][..shared * columns].chunks_exact(columns);
            for (x, right_row) in row.iter().zip(right_rows) {
                for (sum, y) in sums.iter_mut().zip(right_row) {
                    *sum += f64::from(*x) * f64::from(*y);
                }
            }
            elements.extend(sums.into_iter().map(|sum| sum as f32));
        }
    }
    elements
}

/// The last two axes.
fn matrix(shape: &Shape) -> [usize; 2] {
    let axes = shape.0.last_chunk().expect("a matrix has two axes");
    *axes
}
