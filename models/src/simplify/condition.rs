//! Conditions that ask what the choice asks itself.

use super::draft::Draft;
use crate::function::{BinaryFunction, Function};
use crate::network::ValueId;
use crate::operator::Operator;

/// Has a choice take a value directly instead of 1 where it is not zero and 0 where it is: what converts numbers to truth values.
pub(super) fn bypass(draft: &mut Draft, value: ValueId) -> bool {
    let (Some(Operator::Where), &[condition, yes, no]) =
        (draft.operator(value), draft.inputs(value))
    else {
        return false;
    };
    let Some(tested) = tested(draft, condition) else {
        return false;
    };
    draft.replace(value, Operator::Where, vec![tested, yes, no]);
    true
}

/// `x`, if the value is `1 − (x = 0)`.
fn tested(draft: &Draft, value: ValueId) -> Option<ValueId> {
    let inverted = Function::Affine {
        scale: -1.0,
        shift: 1.0,
    };
    let &[is_zero] = draft.inputs(value) else {
        return None;
    };
    if *draft.operator(value)? != Operator::Unary(inverted)
        || *draft.operator(is_zero)? != Operator::Binary(BinaryFunction::Equal)
    {
        return None;
    }
    let &[x, zero] = draft.inputs(is_zero) else {
        return None;
    };
    let zero = draft.constant(zero)?;
    (zero.values() == [0.0] && draft.shape(x) == draft.shape(is_zero)).then_some(x)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Graph, assert_kept, nodes, origins, simplified};
    use super::*;
    use crate::network::Network;

    /// A choice on `shift − scale·(sin x = number)`.
    fn choice(number: f32, scale: f32, shift: f32) -> Network {
        let mut graph = Graph::new(&[3]);
        let x = graph.unary("x", Function::Sin, ValueId::INPUT);
        let number = graph.constant("number", &[], &[number]);
        let equal = graph.binary("equal", BinaryFunction::Equal, [x, number]);
        let scale = -scale;
        let inverted = graph.unary("not", Function::Affine { scale, shift }, equal);
        graph.node("out", Operator::Where, &[inverted, ValueId::INPUT, x]);
        graph.finish()
    }

    #[test]
    fn choices_test_for_zero_themselves() {
        let network = choice(0.0, 1.0, 1.0);
        assert_eq!(nodes(&simplified(&network)), ["x: sin", "out: where"]);
        assert_eq!(origins(&network), [vec![0], vec![1, 2, 3, 4]]);
    }

    #[test]
    fn other_conditions_stay() {
        assert_kept(&choice(0.5, 1.0, 1.0));
        assert_kept(&choice(0.0, 2.0, 1.0));
        assert_kept(&choice(0.0, 1.0, 2.0));
    }
}
