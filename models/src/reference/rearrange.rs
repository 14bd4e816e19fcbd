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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{apply, at, index_of, pattern};
    use crate::operator::Operator;

    fn shapes() -> impl Strategy<Value = Vec<usize>> {
        prop::collection::vec(1usize..5, 1..5)
    }

    proptest! {
        #[test]
        fn transposed_indices_are_reordered(
            (shape, order) in shapes().prop_flat_map(|shape| {
                let axes: Vec<usize> = (0..shape.len()).collect();
                (Just(shape), Just(axes).prop_shuffle())
            }),
        ) {
            let input = pattern(&shape);
            let operator = Operator::Transpose { order: order.clone() };
            let (result_shape, elements) = apply(&operator, std::slice::from_ref(&input), &[]);
            for (flat, element) in elements.iter().enumerate() {
                let mut index = vec![0; shape.len()];
                for (position, axis) in index_of(&result_shape.0, flat).into_iter().zip(&order) {
                    index[*axis] = position;
                }
                prop_assert_eq!(*element, at(&input, &index));
            }
        }

        #[test]
        fn selected_positions_are_looked_up(
            (shape, axis, indices) in (shapes(), any::<prop::sample::Index>()).prop_flat_map(|(shape, axis)| {
                let axis = axis.index(shape.len());
                let index = prop::option::of(0..shape[axis]);
                (Just(shape), Just(axis), prop::collection::vec(index, 1..6))
            }),
        ) {
            let input = pattern(&shape);
            let operator = Operator::Select { axis, indices: indices.clone(), fill: 0.5 };
            let (result_shape, elements) = apply(&operator, std::slice::from_ref(&input), &[]);
            for (flat, element) in elements.iter().enumerate() {
                let mut index = index_of(&result_shape.0, flat);
                let expected = indices[index[axis]].map_or(0.5, |position| {
                    index[axis] = position;
                    at(&input, &index)
                });
                prop_assert_eq!(*element, expected);
            }
        }

        #[test]
        fn joined_values_can_be_selected_again(
            shape in shapes(),
            axis: prop::sample::Index,
            lengths in prop::collection::vec(1usize..4, 1..4),
        ) {
            let axis = axis.index(shape.len());
            let mut parts = Vec::new();
            for length in lengths {
                let mut shape = shape.clone();
                shape[axis] = length;
                let mut part = pattern(&shape);
                part.1.iter_mut().for_each(|x| *x += parts.len() as f32 / 8.0);
                parts.push(part);
            }
            let joined = apply(&Operator::Concat { axis }, &parts, &[]);
            let mut start = 0;
            for part in parts {
                let length = part.0.0[axis];
                let indices = (start..start + length).map(Some).collect();
                let operator = Operator::Select { axis, indices, fill: 0.0 };
                prop_assert_eq!(apply(&operator, std::slice::from_ref(&joined), &[]), part);
                start += length;
            }
        }
    }
}
