//! `Softmax`, its logarithm, and the position of the maximum as a vector of one 1.

use super::{GraphNode, Lower, Lowering, Refusal, Value};
use crate::function::{BinaryFunction, Function, Reduction};
use crate::onnx::import::tensor::ElementType;

type AlongAxis = fn(&mut Lowering, &Value, usize) -> Result<Value, Refusal>;

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[
    ("Hardmax", |lowering, node| of_node(lowering, node, hardmax)),
    ("LogSoftmax", |lowering, node| {
        of_node(lowering, node, log_softmax)
    }),
    ("Softmax", |lowering, node| {
        of_node(lowering, node, Lowering::softmax)
    }),
];

/// Logarithms of the softmax, which by way of the softmax itself would lose all that is below the smallest float.
fn log_softmax(lowering: &mut Lowering, x: &Value, axis: usize) -> Result<Value, Refusal> {
    let largest = lowering.reduce(Reduction::Maximum, x, &[axis])?;
    let below = lowering.binary(BinaryFunction::Subtract, x, &largest)?;
    let powers = lowering.unary(Function::Exp, &below)?;
    let sum = lowering.reduce(Reduction::Sum, &powers, &[axis])?;
    let logarithm = lowering.unary(Function::Log, &sum)?;
    lowering.binary(BinaryFunction::Subtract, &below, &logarithm)
}

/// 1 at the first of the largest elements, else 0.
fn hardmax(lowering: &mut Lowering, x: &Value, axis: usize) -> Result<Value, Refusal> {
    let position = lowering.reduce(Reduction::ArgMaximum, x, &[axis])?;
    let mut shape = vec![1; x.rank()];
    shape[axis] = x.shape()[axis];
    let length = lowering.claim(&shape)? as i64;
    let positions = (0..length).collect();
    let all = lowering.integer_constant(ElementType::Int64, &shape, positions)?;
    let chosen = lowering.binary(BinaryFunction::Equal, &position, &all)?;
    lowering.retype(&chosen, x.element())
}

/// `function` along the axis that `node` names.
fn of_node(
    lowering: &mut Lowering,
    node: &GraphNode,
    function: AlongAxis,
) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let axis = node.int("axis", default_axis(node.opset))?;
    Ok(vec![along_axis(lowering, &x, axis, node.opset, function)?])
}

/// The axis where none is named.
pub(super) fn default_axis(opset: i64) -> i64 {
    if opset < 13 { 1 } else { -1 }
}

/// `function` along an axis. Before opset 13, it was along all axes from there on, taken as one.
pub(super) fn along_axis(
    lowering: &mut Lowering,
    x: &Value,
    axis: i64,
    opset: i64,
    function: AlongAxis,
) -> Result<Value, Refusal> {
    let axis = x.axis(axis)?;
    let (rows, columns) = x.shape().split_at(axis);
    if opset >= 13 || columns[1..].iter().all(|length| *length == 1) {
        return function(lowering, x, axis);
    }
    let matrix = [rows, columns].map(|axes| axes.iter().product());
    let flat = lowering.reshape(x, &matrix)?;
    let y = function(lowering, &flat, 1)?;
    lowering.reshape(&y, x.shape())
}

#[cfg(test)]
mod tests {
    use crate::onnx::import::testing::{Model, int_attribute};

    fn run(operator: &str, opset: i64, axis: Option<i64>) -> Vec<f32> {
        let attributes = axis
            .map(|axis| int_attribute("axis", axis))
            .into_iter()
            .collect();
        let model = Model::of_node(opset, &[2, 2, 2], operator, &[], attributes);
        let ln = f32::ln;
        model.run(&[
            ln(1.0),
            ln(2.0),
            ln(3.0),
            ln(4.0),
            ln(1.0),
            ln(1.0),
            ln(2.0),
            ln(6.0),
        ])
    }

    fn near(got: &[f32], wanted: &[f32]) -> bool {
        got.len() == wanted.len() && got.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-6)
    }

    #[test]
    fn softmax_was_along_all_axes_from_one_on_and_is_along_one() {
        let all = [0.1, 0.2, 0.3, 0.4, 0.1, 0.1, 0.2, 0.6];
        assert!(near(&run("Softmax", 11, None), &all));
        let last = [
            1.0 / 3.0,
            2.0 / 3.0,
            3.0 / 7.0,
            4.0 / 7.0,
            0.5,
            0.5,
            0.25,
            0.75,
        ];
        assert!(near(&run("Softmax", 13, None), &last));
        assert!(near(&run("Softmax", 11, Some(2)), &last));
        let middle = [
            0.25,
            1.0 / 3.0,
            0.75,
            2.0 / 3.0,
            1.0 / 3.0,
            1.0 / 7.0,
            2.0 / 3.0,
            6.0 / 7.0,
        ];
        assert!(near(&run("Softmax", 13, Some(-2)), &middle));
    }

    #[test]
    fn the_logarithm_of_a_softmax_does_not_underflow() {
        let model = Model::of_node(13, &[1, 2], "LogSoftmax", &[], vec![]);
        assert_eq!(model.run(&[0.0, 1000.0]), [-1000.0, 0.0]);
        let all = run("LogSoftmax", 12, None);
        assert!(near(
            &all[..4],
            &[0.1f32.ln(), 0.2f32.ln(), 0.3f32.ln(), 0.4f32.ln()]
        ));
    }

    #[test]
    fn hardmax_marks_the_first_of_the_largest() {
        let model = Model::of_node(13, &[2, 3], "Hardmax", &[], vec![]);
        let x = [1.0, 5.0, 5.0, -1.0, -2.0, -3.0];
        assert_eq!(model.run(&x), [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
        let flat = Model::of_node(11, &[2, 3], "Hardmax", &[], vec![int_attribute("axis", 0)]);
        assert_eq!(flat.run(&x), [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn an_axis_that_is_not_there_is_refused() {
        let model = Model::of_node(13, &[2, 3], "Softmax", &[], vec![int_attribute("axis", 2)]);
        assert!(model.refusal().contains("axis 2 of a value with 2 axes"));
    }
}
