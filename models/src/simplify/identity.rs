//! Nodes that change nothing.

use super::draft::Draft;
use crate::function::Function;
use crate::network::ValueId;
use crate::operator::Operator;

/// Takes out a node whose result is its input.
pub(super) fn bypass(draft: &mut Draft, value: ValueId) -> bool {
    is_identity(draft, value) && draft.bypass(value)
}

fn is_identity(draft: &Draft, value: ValueId) -> bool {
    let (Some(operator), &[input]) = (draft.operator(value), draft.inputs(value)) else {
        return false;
    };
    let shape = draft.shape(input);
    match operator {
        Operator::Reshape { .. } => draft.shape(value) == shape,
        Operator::Transpose { order } => order.is_sorted(),
        Operator::Select { axis, indices, .. } => {
            indices.iter().copied().eq((0..shape.0[*axis]).map(Some))
        }
        Operator::Unary(function) => matches!(
            function,
            Function::Affine {
                scale: 1.0,
                shift: 0.0
            } | Function::Clip {
                low: None,
                high: None
            }
        ),
        Operator::Concat { .. } => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Graph, assert_kept, nodes, origins, simplified};
    use super::*;

    #[test]
    fn nodes_that_change_nothing_are_taken_out() {
        let everything = [Some(0), Some(1), Some(2)];
        let open = Function::Clip {
            low: None,
            high: None,
        };
        let one = Function::Affine {
            scale: 1.0,
            shift: 0.0,
        };
        let mut graph = Graph::new(&[2, 3]);
        let x = graph.reshape("reshape", &[2, 3], ValueId::INPUT);
        let x = graph.unary("tanh", Function::Tanh, x);
        let x = graph.transpose("transpose", &[0, 1], x);
        let x = graph.select("select", 1, &everything, 7.0, x);
        let x = graph.unary("clip", open, x);
        let x = graph.unary("affine", one, x);
        let x = graph.node("concat", Operator::Concat { axis: 1 }, &[x]);
        graph.unary("abs", Function::Abs, x);
        let network = graph.finish();
        assert_eq!(nodes(&simplified(&network)), ["tanh: tanh", "abs: abs"]);
        // Each is accounted for by the node that computes its value, or at the input by the one that takes it.
        assert_eq!(origins(&network), [vec![0, 1, 2, 3, 4, 5, 6], vec![7]]);
    }

    #[test]
    fn the_output_keeps_its_name() {
        let mut graph = Graph::new(&[2]);
        let x = graph.unary("tanh", Function::Tanh, ValueId::INPUT);
        let logits = graph.reshape("logits", &[2], x);
        assert_eq!(logits, ValueId(2));
        let network = graph.finish();
        assert_eq!(nodes(&simplified(&network)), ["logits: tanh"]);
        assert_eq!(origins(&network), [[0, 1]]);
    }

    #[test]
    fn a_network_keeps_one_node() {
        let mut graph = Graph::new(&[2]);
        let x = graph.reshape("one", &[2], ValueId::INPUT);
        graph.reshape("two", &[2], x);
        assert_eq!(nodes(&simplified(&graph.finish())), ["two: reshape"]);
    }

    #[test]
    fn what_changes_something_stays() {
        let mut graph = Graph::new(&[2, 2]);
        let x = graph.select("reverse", 1, &[Some(1), Some(0)], 0.0, ValueId::INPUT);
        let x = graph.unary("tanh", Function::Tanh, x);
        let x = graph.select("pad", 0, &[Some(0), Some(1), None], 0.0, x);
        let x = graph.node("concat", Operator::Concat { axis: 1 }, &[x, x]);
        let x = graph.transpose("transpose", &[1, 0], x);
        graph.reshape("flatten", &[12], x);
        assert_kept(&graph.finish());
    }
}
