//! Leading axes of length 1, which broadcasting adds by itself.

use super::draft::Draft;
use crate::network::ValueId;
use crate::operator::Operator;

/// Has a node that broadcasts take a value directly instead of the same with axes of length 1 put in front of it, if another of its
/// inputs has as many axes.
pub(super) fn bypass(draft: &mut Draft, value: ValueId) -> bool {
    // Before such a value is joined to what stands in front of it.
    let value = match draft.operator(value) {
        Some(Operator::Reshape { .. }) => draft.only_consumer(value).unwrap_or(value),
        _ => value,
    };
    let Some(operator @ (Operator::Binary(_) | Operator::Where | Operator::MatMul)) =
        draft.operator(value)
    else {
        return false;
    };
    let (operator, mut inputs) = (operator.clone(), draft.inputs(value).to_vec());
    // A matrix product broadcasts the axes before the last two.
    let least = if operator == Operator::MatMul { 2 } else { 0 };
    let rank = |input: &ValueId| draft.shape(*input).0.len();
    for index in 0..inputs.len() {
        let Some(source) = extended(draft, inputs[index], least) else {
            continue;
        };
        let others = inputs
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index);
        if others.map(|(_, input)| rank(input)).max() >= Some(rank(&inputs[index])) {
            inputs[index] = source;
            draft.replace(value, operator, inputs);
            return true;
        }
    }
    false
}

/// The value that the node of `value` only puts axes of length 1 in front of, if that has at least `least` axes.
fn extended(draft: &Draft, value: ValueId, least: usize) -> Option<ValueId> {
    let (Operator::Reshape { shape }, &[source]) = (draft.operator(value)?, draft.inputs(value))
    else {
        return None;
    };
    let before = draft.shape(source).0.as_slice();
    let added = shape.len().checked_sub(before.len())?;
    let only_added = shape[added..] == *before && shape[..added].iter().all(|axis| *axis == 1);
    (only_added && added > 0 && before.len() >= least).then_some(source)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Graph, assert_kept, nodes, origins, simplified};
    use super::*;
    use crate::function::{BinaryFunction, Function};

    /// A value of shape 2×3 and one of shape 3, put into `shape`, in a node.
    fn with(operator: Operator, shape: &[usize]) -> Graph {
        let mut graph = Graph::new(&[2, 3]);
        let x = graph.unary("x", Function::Tanh, ValueId::INPUT);
        let row = graph.select("row", 0, &[Some(1)], 0.0, x);
        let row = graph.reshape("vector", &[3], row);
        let row = graph.unary("y", Function::Sin, row);
        let aligned = graph.reshape("aligned", shape, row);
        let condition = (operator == Operator::Where).then_some(x);
        let inputs: Vec<ValueId> = condition.into_iter().chain([aligned, x]).collect();
        graph.node("out", operator, &inputs);
        graph
    }

    #[test]
    fn leading_axes_of_length_one_are_left_to_broadcasting() {
        for operator in [Operator::Binary(BinaryFunction::Subtract), Operator::Where] {
            let network = with(operator, &[1, 3]).finish();
            let after = simplified(&network);
            assert!(!nodes(&after).iter().any(|node| node.starts_with("aligned")));
            let last = after.nodes().len() - 1;
            assert_eq!(origins(&network)[last], [4, 5]);
        }
    }

    #[test]
    fn axes_that_are_needed_stay() {
        // The result would have fewer axes.
        assert_kept(&with(Operator::Binary(BinaryFunction::Add), &[1, 1, 3]).finish());
        // Those are not leading.
        assert_kept(&with(Operator::Binary(BinaryFunction::Add), &[3, 1, 1]).finish());
        let product = |rank: usize| {
            let mut graph = Graph::new(&[3, 3]);
            let x = graph.unary("x", Function::Tanh, ValueId::INPUT);
            let row = graph.select("row", 0, &[Some(1)], 0.0, x);
            let row = graph.reshape("vector", &[3], row);
            let row = graph.unary("y", Function::Sin, row);
            let shape = [vec![1; rank - 1], vec![3]].concat();
            let row = graph.reshape("aligned", &shape, row);
            graph.node("out", Operator::MatMul, &[row, x]);
            graph.finish()
        };
        // A matrix product takes no vectors.
        assert_kept(&product(2));
    }

    #[test]
    fn matrices_in_a_product_get_their_leading_axes_by_broadcasting() {
        let mut graph = Graph::new(&[2, 3, 3]);
        let x = graph.unary("x", Function::Tanh, ValueId::INPUT);
        let matrix = graph.select("matrix", 0, &[Some(1)], 0.0, x);
        let matrix = graph.reshape("plain", &[3, 3], matrix);
        let matrix = graph.unary("y", Function::Sin, matrix);
        let aligned = graph.reshape("aligned", &[1, 3, 3], matrix);
        graph.node("out", Operator::MatMul, &[x, aligned]);
        let after = simplified(&graph.finish());
        assert!(!nodes(&after).iter().any(|node| node.starts_with("aligned")));
    }
}
