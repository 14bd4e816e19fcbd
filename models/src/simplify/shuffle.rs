//! Channels that are reordered by way of more axes (Zhang et al., "ShuffleNet", 2018).

use super::draft::Draft;
use crate::network::ValueId;
use crate::operator::Operator;
use crate::reference::layout::{Offsets, strides};

/// Joins a reshaping, a transposition and a reshaping that reorder a map's channels and nothing else into one selection. Tried at the
/// last of the three and, since the first may change alone, at the transposition.
pub(super) fn join(draft: &mut Draft, value: ValueId) -> bool {
    let last = match draft.operator(value) {
        Some(Operator::Transpose { .. }) => draft.only_consumer(value),
        _ => Some(value),
    };
    let Some((value, (input, indices))) = last.and_then(|l| Some((l, reordered(draft, l)?))) else {
        return false;
    };
    let operator = Operator::Select {
        axis: 0,
        indices: indices.map(Some).collect(),
        fill: 0.0,
    };
    draft.replace(value, operator, vec![input]);
    true
}

/// The map before the three nodes that end at `value`, and the channel that each of the result's is.
fn reordered(draft: &mut Draft, value: ValueId) -> Option<(ValueId, Offsets)> {
    let Operator::Reshape { .. } = draft.operator(value)? else {
        return None;
    };
    let &[transposed] = draft.inputs(value) else {
        return None;
    };
    let Operator::Transpose { order } = draft.operator(transposed)? else {
        return None;
    };
    let &[split] = draft.inputs(transposed) else {
        return None;
    };
    let Operator::Reshape { shape } = draft.operator(split)? else {
        return None;
    };
    let &[input] = draft.inputs(split) else {
        return None;
    };
    let map = draft.shape(input);
    let alone = |value: ValueId| draft.only_consumer(value).is_some();
    if map.0.len() != 3 || draft.shape(value) != map || !alone(transposed) || !alone(split) {
        return None;
    }
    // The axes that make up the channels: as few of the first as have their product and stay among themselves.
    let channels = map.0[0];
    let stay = |count: &usize| {
        let product: usize = shape[..*count].iter().product();
        product == channels && order[*count..].iter().copied().eq(*count..shape.len())
    };
    let count = (1..=shape.len()).find(stay)?;
    let own = strides(&shape[..count]);
    let order = &order[..count];
    let lengths: Vec<usize> = order.iter().map(|axis| shape[*axis]).collect();
    let moved = order.iter().map(|axis| own[*axis]).collect();
    let indices = Offsets::new(&lengths, moved);
    draft.spend(channels).then_some((input, indices))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Graph, assert_kept, nodes, origins, simplified};
    use super::*;
    use crate::function::{BinaryFunction, Function};

    fn shuffled(split: &[usize], order: &[usize]) -> Graph {
        let mut graph = Graph::new(&[6, 2, 2]);
        let x = graph.reshape("split", split, ValueId::INPUT);
        let x = graph.transpose("move", order, x);
        graph.reshape("join", &[6, 2, 2], x);
        graph
    }

    #[test]
    fn a_shuffle_is_a_selection() {
        for (split, order) in [
            (&[2, 3, 2, 2][..], &[1, 0, 2, 3][..]),
            (&[2, 3, 4], &[1, 0, 2]),
        ] {
            let network = shuffled(split, order).finish();
            let after = simplified(&network);
            assert_eq!(nodes(&after), ["join: select"]);
            let expected = Operator::Select {
                axis: 0,
                indices: [0, 3, 1, 4, 2, 5].map(Some).to_vec(),
                fill: 0.0,
            };
            assert_eq!(after.nodes()[0].operator, expected);
            assert_eq!(origins(&network), [[0, 1, 2]]);
        }
    }

    #[test]
    fn a_shuffle_is_found_once_others_have_left_it_alone() {
        let mut graph = Graph::new(&[6, 2, 2]);
        let split = graph.reshape("split", &[2, 3, 2, 2], ValueId::INPUT);
        let x = graph.transpose("move", &[1, 0, 2, 3], split);
        let x = graph.reshape("join", &[6, 2, 2], x);
        // The first of these becomes a reshaping of the input.
        let y = graph.reshape("flatten", &[24], split);
        let y = graph.unary("tanh", Function::Tanh, y);
        let y = graph.reshape("map", &[6, 2, 2], y);
        graph.binary("add", BinaryFunction::Add, [x, y]);
        let after = simplified(&graph.finish());
        assert_eq!(
            nodes(&after),
            [
                "join: select",
                "flatten: reshape",
                "tanh: tanh",
                "map: reshape",
                "add: add"
            ]
        );
    }

    #[test]
    fn a_split_that_others_take_stays() {
        let mut graph = Graph::new(&[6, 2, 2]);
        let split = graph.reshape("split", &[2, 3, 2, 2], ValueId::INPUT);
        let x = graph.transpose("move", &[1, 0, 2, 3], split);
        let x = graph.reshape("join", &[6, 2, 2], x);
        let y = graph.node("softmax", Operator::Softmax { axis: 0 }, &[split]);
        let y = graph.reshape("map", &[6, 2, 2], y);
        graph.binary("add", BinaryFunction::Add, [x, y]);
        assert_kept(&graph.finish());
    }

    #[test]
    fn more_than_channels_moving_is_no_shuffle() {
        assert_kept(&shuffled(&[2, 3, 2, 2], &[0, 2, 1, 3]).finish());
        assert_kept(&shuffled(&[3, 4, 2], &[1, 0, 2]).finish());
    }
}
