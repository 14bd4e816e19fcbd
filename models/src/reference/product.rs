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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{apply, at, index_of, pattern};
    use crate::operator::Operator;

    proptest! {
        #[test]
        fn products_are_sums_over_the_shared_axis(
            leading in prop::collection::vec(1usize..4, 0..3),
            ones: [[bool; 2]; 2],
            missing in 0usize..3,
            [rows, shared, columns] in [1usize..4, 1usize..4, 1usize..4],
        ) {
            let side = |ones: [bool; 2], matrix: [usize; 2]| -> Vec<usize> {
                let lengths = leading.iter().zip(ones);
                let lengths = lengths.map(|(length, one)| if one { 1 } else { *length });
                lengths.chain(matrix).collect()
            };
            let left = pattern(&side(ones[0], [rows, shared]));
            // An axis that the left side repeats is whole on the right, which lacks some of its first axes.
            let right = side([0, 1].map(|axis| ones[1][axis] && !ones[0][axis]), [shared, columns]);
            let lacking = right[..leading.len()].iter().take(missing).take_while(|length| **length == 1);
            let right = pattern(&right[lacking.count()..]);
            let (shape, elements) = apply(&Operator::MatMul, &[left.clone(), right.clone()], &[]);
            for (flat, element) in elements.iter().enumerate() {
                let index = index_of(&shape.0, flat);
                let [leading @ .., row, column] = index.as_slice() else {
                    panic!("a matrix has two axes");
                };
                let repeated = |lengths: &[usize], matrix: [usize; 2]| -> Vec<usize> {
                    let lengths = &lengths[..lengths.len() - 2];
                    let aligned = &leading[leading.len() - lengths.len()..];
                    let index = aligned.iter().zip(lengths).map(|(i, n)| i % n);
                    index.chain(matrix).collect()
                };
                let products = (0..shared).map(|k| {
                    at(&left, &repeated(&left.0.0, [*row, k])) * at(&right, &repeated(&right.0.0, [k, *column]))
                });
                // Small integers: exact in any order.
                prop_assert_eq!(*element, products.sum::<f32>());
            }
        }
    }
}
