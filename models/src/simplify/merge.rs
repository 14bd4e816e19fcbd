//! Neighbours that do together what one of them can do alone.

use super::draft::Draft;
use crate::function::Function;
use crate::network::ValueId;
use crate::operator::Operator;

/// Joins a node and the one before it into one of the same kind. Where numbers are folded, the node before must have no other
/// consumer; where elements only move, the node leaves it to the others.
pub(super) fn join(draft: &mut Draft, value: ValueId) -> bool {
    let &[before] = draft.inputs(value) else {
        return false;
    };
    let (Some(second), Some(first)) = (draft.operator(value), draft.operator(before)) else {
        return false;
    };
    let alone = draft.only_consumer(before).is_some();
    let joined = match (first, second) {
        (Operator::Reshape { .. }, Operator::Reshape { .. }) => Some(second.clone()),
        (Operator::Transpose { order: first }, Operator::Transpose { order: second }) => {
            let order = second.iter().map(|axis| first[*axis]).collect();
            Some(Operator::Transpose { order })
        }
        (Operator::Select { .. }, Operator::Select { .. }) => selections(first, second),
        (Operator::Unary(first), Operator::Unary(second)) if alone => {
            functions(*first, *second).map(Operator::Unary)
        }
        _ => None,
    };
    let Some(joined) = joined else {
        return false;
    };
    let inputs = draft.inputs(before).to_vec();
    draft.replace(value, joined, inputs);
    true
}

/// Two selections along one axis. Positions that either of them fills stay filled, so their values must agree.
fn selections(first: &Operator, second: &Operator) -> Option<Operator> {
    let (
        Operator::Select {
            axis,
            indices: first,
            fill: first_fill,
        },
        Operator::Select {
            axis: second_axis,
            indices: second,
            fill: second_fill,
        },
    ) = (first, second)
    else {
        return None;
    };
    if axis != second_axis {
        return None;
    }
    let fills_first = second.iter().flatten().any(|index| first[*index].is_none());
    let fills_second = second.contains(&None);
    let fill = match (fills_first, fills_second) {
        (true, true) if first_fill.to_bits() != second_fill.to_bits() => return None,
        (true, _) => *first_fill,
        (false, true) => *second_fill,
        (false, false) => 0.0,
    };
    let indices = second.iter().map(|index| first[(*index)?]);
    Some(Operator::Select {
        axis: *axis,
        indices: indices.collect(),
        fill,
    })
}

/// `second(first(x))` as one function.
fn functions(first: Function, second: Function) -> Option<Function> {
    let joined = match (first, second) {
        (
            Function::Affine { scale, shift },
            Function::Affine {
                scale: factor,
                shift: summand,
            },
        ) => {
            let [scale, shift, factor, summand] = [scale, shift, factor, summand].map(f64::from);
            Function::Affine {
                scale: (factor * scale) as f32,
                shift: (factor * shift + summand) as f32,
            }
        }
        // The second clamp is monotone, so the bounds of the first go through it.
        (
            Function::Clip { low, high },
            Function::Clip {
                low: floor,
                high: ceiling,
            },
        ) => {
            let through = |bound: f32| {
                let raised = floor.map_or(bound, |floor| bound.max(floor));
                ceiling.map_or(raised, |ceiling| raised.min(ceiling))
            };
            Function::Clip {
                low: low.map(through).or(floor),
                high: high.map(through).or(ceiling),
            }
        }
        _ => return None,
    };
    joined.problem().is_none().then_some(joined)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{Graph, assert_kept, nodes, origins, simplified};
    use super::*;
    use crate::function::BinaryFunction;
    use crate::reference::elementwise::unary;

    fn pair(first: Function, second: Function) -> Vec<Operator> {
        let mut graph = Graph::new(&[7]);
        let x = graph.unary("first", first, ValueId::INPUT);
        graph.unary("second", second, x);
        let after = simplified(&graph.finish());
        let nodes = after.nodes().iter();
        nodes.map(|node| node.operator.clone()).collect()
    }

    #[test]
    fn the_last_shape_counts() {
        let mut graph = Graph::new(&[2, 3, 4]);
        let x = graph.reshape("first", &[6, 4], ValueId::INPUT);
        let x = graph.reshape("second", &[24], x);
        graph.reshape("third", &[3, 8], x);
        let network = graph.finish();
        assert_eq!(nodes(&simplified(&network)), ["third: reshape"]);
        assert_eq!(origins(&network), [[0, 1, 2]]);
    }

    #[test]
    fn orders_are_composed() {
        let mut graph = Graph::new(&[2, 3, 4]);
        let x = graph.transpose("first", &[2, 0, 1], ValueId::INPUT);
        graph.transpose("second", &[2, 1, 0], x);
        let after = simplified(&graph.finish());
        let order = vec![1, 0, 2];
        assert_eq!(after.nodes()[0].operator, Operator::Transpose { order });
        assert_eq!(nodes(&after), ["second: transpose"]);
    }

    #[test]
    fn neighbours_that_others_take_stay_for_them() {
        let mut graph = Graph::new(&[2, 3]);
        let x = graph.reshape("six", &[6], ValueId::INPUT);
        let y = graph.reshape("square", &[2, 3], x);
        let z = graph.unary("tanh", Function::Tanh, x);
        let z = graph.reshape("back", &[2, 3], z);
        graph.binary("add", BinaryFunction::Add, [y, z]);
        let network = graph.finish();
        let after = simplified(&network);
        assert_eq!(
            nodes(&after),
            ["six: reshape", "tanh: tanh", "back: reshape", "add: add"]
        );
        // The second reshaping has become one to the shape it had in the beginning, which is none.
        assert_eq!(after.nodes()[3].inputs, [ValueId::INPUT, ValueId(3)]);
        assert_eq!(origins(&network), [vec![0], vec![2], vec![3], vec![1, 4]]);
    }

    #[test]
    fn numbers_are_not_folded_for_one_consumer_of_two() {
        let affine = |scale| Function::Affine { scale, shift: 1.0 };
        let mut graph = Graph::new(&[3]);
        let x = graph.unary("first", affine(2.0), ValueId::INPUT);
        let y = graph.unary("second", affine(3.0), x);
        graph.binary("add", BinaryFunction::Multiply, [x, y]);
        assert_kept(&graph.finish());
    }

    #[test]
    fn selections_of_selections_look_twice() {
        let mut graph = Graph::new(&[2, 4]);
        let x = graph.select(
            "first",
            1,
            &[Some(3), None, Some(0), Some(1)],
            5.0,
            ValueId::INPUT,
        );
        graph.select("second", 1, &[Some(1), None, Some(0), Some(0)], 5.0, x);
        let after = simplified(&graph.finish());
        let expected = Operator::Select {
            axis: 1,
            indices: vec![None, None, Some(3), Some(3)],
            fill: 5.0,
        };
        assert_eq!(nodes(&after), ["second: select"]);
        assert_eq!(after.nodes()[0].operator, expected);
    }

    #[test]
    fn a_fill_that_does_not_show_does_not_count() {
        let select = |second: &[Option<usize>]| {
            let mut graph = Graph::new(&[3]);
            let x = graph.select("first", 0, &[Some(2), None], 5.0, ValueId::INPUT);
            graph.select("second", 0, second, 6.0, x);
            let after = simplified(&graph.finish());
            match &after.nodes() {
                [node] => Some(node.operator.clone()),
                _ => None,
            }
        };
        let one = |index: Option<usize>, fill| {
            let indices = vec![index];
            Some(Operator::Select {
                axis: 0,
                indices,
                fill,
            })
        };
        assert_eq!(select(&[Some(0)]), one(Some(2), 0.0));
        assert_eq!(select(&[Some(1)]), one(None, 5.0));
        assert_eq!(select(&[None]), one(None, 6.0));
        assert_eq!(select(&[None, Some(1)]), None, "5 and 6 are needed");
    }

    #[test]
    fn selections_along_different_axes_stay() {
        let mut graph = Graph::new(&[2, 2]);
        let x = graph.select("first", 0, &[Some(1)], 0.0, ValueId::INPUT);
        graph.select("second", 1, &[Some(1)], 0.0, x);
        assert_kept(&graph.finish());
    }

    #[test]
    fn affine_functions_are_composed() {
        let affine = |scale, shift| Function::Affine { scale, shift };
        assert_eq!(
            pair(affine(2.0, 3.0), affine(5.0, 7.0)),
            [Operator::Unary(affine(10.0, 22.0))]
        );
        // The constants would be infinite.
        assert_eq!(pair(affine(1e30, 0.0), affine(1e30, 0.0)).len(), 2);
    }

    proptest! {
        #[test]
        fn two_clamps_are_one(
            bounds in prop::array::uniform2((prop::option::of(-3i8..4), prop::option::of(0i8..4))),
            x in -5i8..6,
        ) {
            let [first, second] = bounds.map(|(low, width)| {
                let high = width.map(|width| f32::from(low.unwrap_or(0) + width));
                Function::Clip { low: low.map(f32::from), high }
            });
            let joined = functions(first, second).unwrap();
            let x = f32::from(x);
            prop_assert_eq!(unary(joined, x), unary(second, unary(first, x)));
        }
    }
}
