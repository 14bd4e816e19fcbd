//! Nodes that nothing takes.

use super::draft::Draft;
use crate::network::ValueId;

/// Removes the node of a value that is not needed.
pub(super) fn remove(draft: &mut Draft, value: ValueId) -> bool {
    let dead = draft.is_dead(value);
    if dead {
        draft.remove(value);
    }
    dead
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Graph, nodes, origins, simplified};
    use super::*;
    use crate::function::{BinaryFunction, Function};

    #[test]
    fn what_the_output_does_not_need_is_removed() {
        let mut graph = Graph::new(&[3]);
        let x = graph.unary("kept", Function::Tanh, ValueId::INPUT);
        let constant = graph.constant("constant", &[3], &[1.0, 2.0, 3.0]);
        let side = graph.binary("side", BinaryFunction::Add, [x, constant]);
        graph.unary("end", Function::Exp, side);
        graph.unary("out", Function::Abs, x);
        let network = graph.finish();
        let after = simplified(&network);
        assert_eq!(nodes(&after), ["kept: tanh", "out: abs"]);
        assert_eq!(after.parameters(), []);
        assert_eq!(origins(&network), [[0], [4]]);
    }
}
