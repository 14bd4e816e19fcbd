//! Elements that change their places and nothing else, whatever they are.

use super::layout::{Offsets, strides};
use crate::shape::Shape;

/// Other order of the axes.
pub(crate) fn transpose<T: Copy>(
    (shape, values): (&Shape, &[T]),
    order: &[usize],
    result: &Shape,
) -> Vec<T> {
    let own = strides(&shape.0);
    let moved = order.iter().map(|axis| own[*axis]).collect();
    let offsets = Offsets::new(&result.0, moved);
    offsets.map(|offset| values[offset]).collect()
}

/// Chosen positions of an axis.
pub(crate) fn select<T: Copy>(
    (shape, values): (&Shape, &[T]),
    axis: usize,
    indices: &[Option<usize>],
    fill: T,
) -> Vec<T> {
    let row = after(shape, axis);
    let block = shape.0[axis] * row;
    let blank = vec![fill; row];
    let blocks = 0..shape.0[..axis].iter().product();
    blocks
        .flat_map(|number| indices.iter().map(move |index| (number * block, *index)))
        .flat_map(|(start, index)| {
            index.map_or(&blank[..], |index| &values[start + index * row..][..row])
        })
        .copied()
        .collect()
}

/// Values one after the other along an axis.
pub(crate) fn concat<T: Copy>(inputs: &[(&Shape, &[T])], axis: usize, result: &Shape) -> Vec<T> {
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
