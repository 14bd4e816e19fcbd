//! Matrix products. With a constant matrix on the right they are linear layers, whose weights may be pruned.

use super::composition::affine;
use super::{GraphNode, Lower, Lowering, Refusal, Value};
use crate::function::BinaryFunction;
use crate::onnx::import::lowering::Constant;

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[("Gemm", gemm), ("MatMul", mat_mul)];

/// `MatMul`.
fn mat_mul(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let (a, b) = (lowering.input(node, 0)?, lowering.input(node, 1)?);
    Ok(vec![product(lowering, &a, &b)?])
}

/// The product of NumPy's `matmul`: a vector on the left is a row, one on the right a column.
pub(super) fn product(lowering: &mut Lowering, a: &Value, b: &Value) -> Result<Value, Refusal> {
    if a.rank() == 0 || b.rank() == 0 {
        return Err("a matrix product of single numbers is not defined".into());
    }
    if b.rank() == 1 {
        let column = lowering.reshape(b, &[b.elements(), 1])?;
        let y = product(lowering, a, &column)?;
        let shape = y.shape()[..y.rank() - 1].to_vec();
        return lowering.reshape(&y, &shape);
    }
    if let (None, Some(matrix)) = (a.constant(), b.constant())
        && b.rank() == 2
    {
        let weight = turned(lowering, matrix)?;
        return lowering.linear(a, &weight, None);
    }
    if a.rank() == 1 {
        let row = lowering.reshape(a, &[1, a.elements()])?;
        let y = lowering.mat_mul(&row, b)?;
        let mut shape = y.shape().to_vec();
        shape.remove(y.rank() - 2);
        return lowering.reshape(&y, &shape);
    }
    lowering.mat_mul(a, b)
}

/// `Gemm`: `α·A·B + β·C`.
fn gemm(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    // What it allowed before opset 7 is always allowed since.
    node.ignore(&["broadcast"]);
    let (a, b) = (lowering.input(node, 0)?, lowering.input(node, 1)?);
    let c = lowering.optional(node, 2);
    let beta = node.float("beta", 1.0)?;
    let c = c.map(|c| affine(lowering, &c, beta, 0.0)).transpose()?;
    Ok(vec![general_product(lowering, node, &a, &b, c.as_ref())?])
}

/// `α·A·B + C`, with `α` and what to transpose from the attributes of `node`.
pub(super) fn general_product(
    lowering: &mut Lowering,
    node: &GraphNode,
    a: &Value,
    b: &Value,
    c: Option<&Value>,
) -> Result<Value, Refusal> {
    if a.rank() != 2 || b.rank() != 2 {
        return Err("takes two matrices".into());
    }
    let a = match node.int("transA", 0)? {
        0 => a.clone(),
        _ => lowering.transpose(a, &[1, 0])?,
    };
    let alpha = node.float("alpha", 1.0)?;
    let b_is_turned = node.int("transB", 0)? != 0;
    if let (None, Some(matrix)) = (a.constant(), b.constant()) {
        let weight = match b_is_turned {
            true => matrix.clone(),
            false => turned(lowering, matrix)?,
        };
        let weight = scaled(lowering, &weight, alpha)?;
        let outputs = weight.shape[0];
        let bias = c
            .and_then(Value::constant)
            .filter(|c| c.elements() == outputs && c.shape.last() == Some(&outputs));
        let y = lowering.linear(&a, &weight, bias)?;
        return match c {
            Some(c) if bias.is_none() => add(lowering, &y, c),
            _ => Ok(y),
        };
    }
    let b = match b_is_turned {
        true => lowering.transpose(b, &[1, 0])?,
        false => b.clone(),
    };
    let y = lowering.mat_mul(&a, &b)?;
    let y = affine(lowering, &y, alpha, 0.0)?;
    c.map_or(Ok(y.clone()), |c| add(lowering, &y, c))
}

/// `y + c`, where `c` is broadcast to the shape of `y` and not the other way round.
fn add(lowering: &mut Lowering, y: &Value, c: &Value) -> Result<Value, Refusal> {
    let sum = lowering.binary(BinaryFunction::Add, y, c)?;
    match sum.shape() == y.shape() {
        true => Ok(sum),
        false => Err(format!("C of shape {:?} does not fit {:?}", c.shape(), y.shape()).into()),
    }
}

/// A matrix with rows and columns exchanged, under the same name.
fn turned(lowering: &mut Lowering, matrix: &Constant) -> Result<Constant, Refusal> {
    let turned = lowering.transpose(&Value::Constant(matrix.clone()), &[1, 0])?;
    Ok(made_from(matrix, turned))
}

/// A matrix times a number, under the same name.
fn scaled(lowering: &mut Lowering, matrix: &Constant, factor: f32) -> Result<Constant, Refusal> {
    let scaled = affine(lowering, &Value::Constant(matrix.clone()), factor, 0.0)?;
    Ok(made_from(matrix, scaled))
}

/// What was computed from the constant `source` alone, under its name.
fn made_from(source: &Constant, value: Value) -> Constant {
    match value {
        Value::Constant(constant) => constant.named_as(source),
        Value::Computed(_) => unreachable!("functions of constants are constants"),
    }
}
