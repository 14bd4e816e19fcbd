//! Functions of two values of which one is a constant number.

use super::draft::Draft;
use crate::function::{BinaryFunction, Function};
use crate::network::ValueId;
use crate::operator::Operator;

/// Makes a function of two values one of a single value, where the results are the same to the bit: quotients become products only if
/// the reciprocal is exact.
pub(super) fn fold(draft: &mut Draft, value: ValueId) -> bool {
    let (Some(Operator::Binary(function)), &[left, right]) =
        (draft.operator(value), draft.inputs(value))
    else {
        return false;
    };
    let number = |value: ValueId| match draft.constant(value)?.values() {
        [number] => Some(*number),
        _ => None,
    };
    let (input, unary) = match (number(left), number(right)) {
        (None, Some(constant)) => (left, with_right(*function, constant)),
        (Some(constant), None) => (right, with_left(*function, constant)),
        _ => return false,
    };
    let same_shape = draft.shape(input) == draft.shape(value);
    let Some(unary) = unary.filter(|unary| same_shape && unary.problem().is_none()) else {
        return false;
    };
    draft.replace(value, Operator::Unary(unary), vec![input]);
    true
}

/// `function(x, constant)`.
fn with_right(function: BinaryFunction, constant: f32) -> Option<Function> {
    match function {
        BinaryFunction::Subtract => with_left(BinaryFunction::Add, -constant),
        BinaryFunction::Divide => {
            let reciprocal = exact_reciprocal(constant)?;
            with_left(BinaryFunction::Multiply, reciprocal)
        }
        BinaryFunction::Power => Some(Function::Power { exponent: constant }),
        BinaryFunction::Add
        | BinaryFunction::Multiply
        | BinaryFunction::Minimum
        | BinaryFunction::Maximum => with_left(function, constant),
        BinaryFunction::Greater | BinaryFunction::Equal => None,
    }
}

/// `function(constant, x)`.
fn with_left(function: BinaryFunction, constant: f32) -> Option<Function> {
    let affine = |scale, shift| Some(Function::Affine { scale, shift });
    match function {
        BinaryFunction::Add => affine(1.0, constant),
        BinaryFunction::Subtract => affine(-1.0, constant),
        BinaryFunction::Multiply => affine(constant, 0.0),
        BinaryFunction::Divide if constant == 1.0 => Some(Function::Power { exponent: -1.0 }),
        BinaryFunction::Minimum => Some(Function::Clip {
            low: None,
            high: Some(constant),
        }),
        BinaryFunction::Maximum => Some(Function::Clip {
            low: Some(constant),
            high: None,
        }),
        BinaryFunction::Divide
        | BinaryFunction::Power
        | BinaryFunction::Greater
        | BinaryFunction::Equal => None,
    }
}

/// `1 / x` for powers of two.
fn exact_reciprocal(x: f32) -> Option<f32> {
    let has_fraction = x.to_bits().trailing_zeros() < f32::MANTISSA_DIGITS - 1;
    (x.is_normal() && !has_fraction).then_some(1.0 / x)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Graph, assert_kept, nodes, origins, simplified};
    use super::*;

    /// The function that a function of a number and the input, or the other way round, becomes.
    fn folded(function: BinaryFunction, number: f32, number_first: bool) -> Option<Function> {
        let mut graph = Graph::new(&[5]);
        let constant = graph.constant("number", &[1], &[number]);
        let mut inputs = [ValueId::INPUT, constant];
        if number_first {
            inputs.reverse();
        }
        graph.binary("out", function, inputs);
        let network = graph.finish();
        let after = simplified(&network);
        let Operator::Unary(function) = after.nodes()[0].operator else {
            assert_eq!(after, network);
            return None;
        };
        assert_eq!(nodes(&after).len(), 1);
        assert_eq!(origins(&network), [[0, 1]]);
        Some(function)
    }

    #[test]
    fn numbers_become_constants_of_functions() {
        let affine = |scale, shift| Some(Function::Affine { scale, shift });
        let clip = |low, high| Some(Function::Clip { low, high });
        let power = |exponent| Some(Function::Power { exponent });
        for (function, number, right, left) in [
            (BinaryFunction::Add, 3.0, affine(1.0, 3.0), affine(1.0, 3.0)),
            (
                BinaryFunction::Subtract,
                3.0,
                affine(1.0, -3.0),
                affine(-1.0, 3.0),
            ),
            (
                BinaryFunction::Multiply,
                3.0,
                affine(3.0, 0.0),
                affine(3.0, 0.0),
            ),
            (BinaryFunction::Divide, -0.25, affine(-4.0, 0.0), None),
            (BinaryFunction::Divide, 3.0, None, None),
            (BinaryFunction::Divide, 0.0, None, None),
            (BinaryFunction::Divide, 1e-40, None, None),
            (
                BinaryFunction::Divide,
                f32::MIN_POSITIVE,
                affine(2f32.powi(126), 0.0),
                None,
            ),
            (
                BinaryFunction::Divide,
                2f32.powi(127),
                affine(2f32.powi(-127), 0.0),
                None,
            ),
            (
                BinaryFunction::Minimum,
                0.5,
                clip(None, Some(0.5)),
                clip(None, Some(0.5)),
            ),
            (
                BinaryFunction::Maximum,
                0.5,
                clip(Some(0.5), None),
                clip(Some(0.5), None),
            ),
            (BinaryFunction::Minimum, f32::INFINITY, None, None),
            (BinaryFunction::Power, 2.0, power(2.0), None),
            (BinaryFunction::Greater, 0.0, None, None),
            (BinaryFunction::Equal, 0.0, None, None),
        ] {
            assert_eq!(
                folded(function, number, false),
                right,
                "{function:?} {number}"
            );
            assert_eq!(
                folded(function, number, true),
                left,
                "{number} {function:?}"
            );
        }
        // An identity is taken out, where it is not the whole network.
        assert_eq!(folded(BinaryFunction::Divide, 1.0, true), power(-1.0));
        assert_eq!(folded(BinaryFunction::Divide, 1.0, false), affine(1.0, 0.0));
    }

    #[test]
    fn a_number_with_more_axes_than_the_value_gives_it_them() {
        let mut graph = Graph::new(&[5]);
        let constant = graph.constant("number", &[1, 1], &[2.0]);
        graph.binary("out", BinaryFunction::Multiply, [ValueId::INPUT, constant]);
        assert_kept(&graph.finish());
    }
}
