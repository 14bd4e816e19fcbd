//! Elements that change their places and nothing else.

use super::Input;
use super::layout::{Offsets, strides};
use crate::shape::Shape;

/// Other order of the axes.
pub(super) fn transpose((shape, values): Input, order: &[usize], result: &Shape) -> Vec<f32> {
    let own = strides(&shape.0);
    let moved = order.iter().map(|axis| own[*axis]).collect();
    let offsets = Offsets::new(&result.0, moved);
    offsets.map(|offset| values[offset]).collect()
}

/// Chosen positions of an axis.
pub(super) fn select(
    (shape, values): Input,
    axis: usize,
    indices: &[Option<usize>],
    fill: f32,
) -> Vec<f32> {
    let row = after(shape, axis);
    let blank = vec![fill; row];
    let blocks = values.chunks_exact(shape.0[axis] * row);
    blocks
        .flat_map(|block| indices.iter().map(move |index| (block, *index)))
        .flat_map(|(block, index)| index.map_or(&blank[..], |index| &block[index * row..][..row]))
        .copied()
        .collect()
}

/// Values one after the other along an axis.
pub(super) fn concat(inputs: &[Input], axis: usize, result: &Shape) -> Vec<f32> {
    let mut elements = Vec::with_capacity(result.elements());
    for block in 0..result.0[..axis].iter().product() {
        for (shape, values) in inputs {
            let size = shape.0[axis] * after(shape, axis);
            elements.extend_from_slice(&values[block * size..][..size]);
        }
    }
    elements
}

/// Number of elements at one position of `axis` and of all axes before it.
fn after(shape: &Shape, axis: usize) -> usize {
    shape.0[axis + 1..].iter().product()
}
