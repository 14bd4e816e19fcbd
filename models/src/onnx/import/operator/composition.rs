//! Steps that several operators are composed of.

use super::{GraphNode, Lowering, Refusal, Value};
use crate::function::{BinaryFunction, Function};

/// The operator that is a function of one value.
pub(super) fn function(
    lowering: &mut Lowering,
    node: &GraphNode,
    function: Function,
) -> Result<Vec<Value>, Refusal> {
    node.ignore(&["consumed_inputs"]);
    let x = lowering.input(node, 0)?;
    Ok(vec![lowering.unary(function, &x)?])
}

/// `scale·x + shift`.
pub(super) fn affine(
    lowering: &mut Lowering,
    x: &Value,
    scale: f32,
    shift: f32,
) -> Result<Value, Refusal> {
    match (scale, shift) {
        (1.0, 0.0) => Ok(x.clone()),
        _ => lowering.unary(Function::Affine { scale, shift }, x),
    }
}

/// `x^exponent`.
pub(super) fn power(lowering: &mut Lowering, x: &Value, exponent: f32) -> Result<Value, Refusal> {
    match exponent {
        1.0 => Ok(x.clone()),
        _ => lowering.unary(Function::Power { exponent }, x),
    }
}

/// `x·y`.
pub(super) fn multiply(lowering: &mut Lowering, x: &Value, y: &Value) -> Result<Value, Refusal> {
    lowering.binary(BinaryFunction::Multiply, x, y)
}

/// `x / y`.
pub(super) fn divide(lowering: &mut Lowering, x: &Value, y: &Value) -> Result<Value, Refusal> {
    lowering.binary(BinaryFunction::Divide, x, y)
}

/// `x²`.
pub(super) fn square(lowering: &mut Lowering, x: &Value) -> Result<Value, Refusal> {
    multiply(lowering, x, x)
}

/// `|x|^order`: what a norm adds up.
pub(super) fn absolute_power(
    lowering: &mut Lowering,
    x: &Value,
    order: f32,
) -> Result<Value, Refusal> {
    if order == 2.0 {
        return square(lowering, x);
    }
    let absolute = lowering.unary(Function::Abs, x)?;
    power(lowering, &absolute, order)
}

/// A vector with one element per channel, as it is broadcast to a value of `shape`, `[batch, channel, …]`.
pub(super) fn per_channel(
    lowering: &mut Lowering,
    vector: &Value,
    shape: &[usize],
) -> Result<Value, Refusal> {
    let &[_, channels, ref positions @ ..] = shape else {
        return Err("takes [batch, channel, …]".into());
    };
    if vector.shape() != [channels] {
        let numbers = vector.elements();
        return Err(format!("{numbers} numbers for {channels} channels").into());
    }
    lowering.reshape(
        vector,
        &[&[channels], &vec![1; positions.len()][..]].concat(),
    )
}

/// A constant matrix, `length` rows of as many elements as `axis` of `x` has, applied along that axis.
pub(super) fn apply_along(
    lowering: &mut Lowering,
    x: &Value,
    axis: usize,
    length: usize,
    matrix: Vec<f32>,
) -> Result<Value, Refusal> {
    let mut shape = x.shape().to_vec();
    let matrix = lowering.constant(&[length, shape[axis]], matrix);
    if axis > 0 && axis + 1 == shape.len() {
        let columns = lowering.transpose(&matrix, &[1, 0])?;
        return lowering.mat_mul(x, &columns);
    }
    let [outer, inner] = [&shape[..axis], &shape[axis + 1..]].map(|axes| axes.iter().product());
    let stacked = lowering.reshape(x, &[outer, shape[axis], inner])?;
    let product = lowering.mat_mul(&matrix, &stacked)?;
    shape[axis] = length;
    lowering.reshape(&product, &shape)
}
