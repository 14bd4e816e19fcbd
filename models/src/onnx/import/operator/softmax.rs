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
