//! Layers of quantised values: the real numbers that integers stand for, the layer as it is on these, and the result quantised again.
//!
//! Of the operators of ONNX Runtime's own domain, those are here that its tool for static quantisation writes.

use super::composition::{affine, multiply};
use super::convolution::convolve;
use super::matrix::{general_product, product};
use super::pool;
use super::quantization::{Grid, centre};
use super::softmax::{along_axis, default_axis};
use super::{GraphNode, Lower, Lowering, Refusal, Value};
use crate::function::{BinaryFunction, Function, Reduction};
use crate::onnx::import::tensor::ElementType;

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[
    ("ConvInteger", conv_integer),
    ("MatMulInteger", mat_mul_integer),
    ("QLinearConv", convolution),
    ("QLinearMatMul", mat_mul),
    ("com.microsoft.QGemm", gemm),
    ("com.microsoft.QLinearAdd", |lowering, node| {
        binary(lowering, node, BinaryFunction::Add)
    }),
    ("com.microsoft.QLinearAveragePool", average_pool),
    ("com.microsoft.QLinearConcat", concat),
    (
        "com.microsoft.QLinearGlobalAveragePool",
        global_average_pool,
    ),
    ("com.microsoft.QLinearLeakyRelu", leaky_relu),
    ("com.microsoft.QLinearMul", |lowering, node| {
        binary(lowering, node, BinaryFunction::Multiply)
    }),
    ("com.microsoft.QLinearSigmoid", sigmoid),
    ("com.microsoft.QLinearSoftmax", softmax),
];

/// The grid whose scale a node takes at `index`, and its zero point behind that.
fn grid(lowering: &mut Lowering, node: &GraphNode, index: usize) -> Result<Grid, Refusal> {
    grid_before(lowering, node, index, 0)
}

/// A grid for each position of an axis that `behind` others follow, or one for all.
fn grid_before(
    lowering: &mut Lowering,
    node: &GraphNode,
    index: usize,
    behind: usize,
) -> Result<Grid, Refusal> {
    let scale = lowering.input(node, index)?;
    Ok(Grid {
        scale: extended(lowering, &scale, behind)?,
        zero: zero(lowering, node, index + 1, behind)?,
    })
}

/// The zero point a node takes at `index`, if it takes one.
fn zero(
    lowering: &mut Lowering,
    node: &GraphNode,
    index: usize,
    behind: usize,
) -> Result<Option<Value>, Refusal> {
    let zero = lowering.optional(node, index);
    zero.map(|zero| extended(lowering, &zero, behind))
        .transpose()
}

/// One number as such; a vector with `behind` axes of length 1 after it.
fn extended(lowering: &mut Lowering, value: &Value, behind: usize) -> Result<Value, Refusal> {
    match value.shape() {
        _ if value.elements() == 1 => lowering.reshape(value, &[]),
        &[length] => lowering.reshape(value, &[&[length], &vec![1; behind][..]].concat()),
        _ => Ok(value.clone()),
    }
}

/// The real numbers that a node takes at `index`, with scale and zero point behind.
fn real(lowering: &mut Lowering, node: &GraphNode, index: usize) -> Result<Value, Refusal> {
    let q = lowering.input(node, index)?;
    grid(lowering, node, index + 1)?.dequantize(lowering, &q)
}

/// `y` on the grid that the node takes at `index`. Its zero point gives the type; without one it is that of `alike`.
fn quantized(
    lowering: &mut Lowering,
    node: &GraphNode,
    index: usize,
    y: &Value,
    alike: ElementType,
) -> Result<Vec<Value>, Refusal> {
    let grid = grid(lowering, node, index)?;
    let element = grid.zero.as_ref().map_or(alike, Value::element);
    Ok(vec![grid.quantize(lowering, y, element)?])
}

/// A function of one quantised value, whose grid lies at 1 and that of the result at 3.
fn unary(
    lowering: &mut Lowering,
    node: &GraphNode,
    function: impl FnOnce(&mut Lowering, &Value) -> Result<Value, Refusal>,
) -> Result<Vec<Value>, Refusal> {
    let element = lowering.input(node, 0)?.element();
    let x = real(lowering, node, 0)?;
    let y = function(lowering, &x)?;
    quantized(lowering, node, 3, &y, element)
}

fn convolution(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let (q, q_weight) = (lowering.input(node, 0)?, lowering.input(node, 3)?);
    let x_grid = grid(lowering, node, 1)?;
    let x = x_grid.dequantize(lowering, &q)?;
    let behind = q_weight.rank().saturating_sub(1);
    let weight = grid_before(lowering, node, 4, behind)?.dequantize(lowering, &q_weight)?;
    let bias = match lowering.optional(node, 8) {
        None => None,
        Some(q_bias) => {
            // Its scale is the product of the two others, its zero point 0.
            let weight_scale = grid(lowering, node, 4)?.scale;
            let scale = multiply(lowering, &x_grid.scale, &weight_scale)?;
            let bias = Grid { scale, zero: None }.dequantize(lowering, &q_bias)?;
            Some(
                bias.constant()
                    .cloned()
                    .ok_or("a bias that is computed is not supported")?,
            )
        }
    };
    let y = convolve(lowering, node, &x, &weight, bias.as_ref())?;
    quantized(lowering, node, 6, &y, q.element())
}

fn mat_mul(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let (q_a, q_b) = (lowering.input(node, 0)?, lowering.input(node, 3)?);
    // One grid per row of the left matrix, one per column of the right.
    let a = grid_before(lowering, node, 1, 1)?.dequantize(lowering, &q_a)?;
    let b = grid(lowering, node, 4)?.dequantize(lowering, &q_b)?;
    let y = product(lowering, &a, &b)?;
    quantized(lowering, node, 6, &y, q_a.element())
}

/// `Gemm` of quantised values; without an output scale the result stays real.
fn gemm(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let q_a = lowering.input(node, 0)?;
    let q_b = lowering.input(node, 3)?;
    let a_grid = grid(lowering, node, 1)?;
    let a = a_grid.dequantize(lowering, &q_a)?;
    // One grid per column of the product: per row of the matrix where it is given transposed.
    let behind = usize::from(node.int("transB", 0)? != 0);
    let b = grid_before(lowering, node, 4, behind)?.dequantize(lowering, &q_b)?;
    let c = match lowering.optional(node, 6) {
        None => None,
        Some(q_c) => {
            let b_scale = grid(lowering, node, 4)?.scale;
            let scale = multiply(lowering, &a_grid.scale, &b_scale)?;
            let alpha = node.float("alpha", 1.0)?;
            let scale = affine(lowering, &scale, alpha, 0.0)?;
            Some(Grid { scale, zero: None }.dequantize(lowering, &q_c)?)
        }
    };
    let y = general_product(lowering, node, &a, &b, c.as_ref())?;
    match lowering.optional(node, 7) {
        None => Ok(vec![y]),
        Some(_) => quantized(lowering, node, 7, &y, q_a.element()),
    }
}

fn binary(
    lowering: &mut Lowering,
    node: &GraphNode,
    function: BinaryFunction,
) -> Result<Vec<Value>, Refusal> {
    let element = lowering.input(node, 0)?.element();
    let (a, b) = (real(lowering, node, 0)?, real(lowering, node, 3)?);
    let y = lowering.binary(function, &a, &b)?;
    quantized(lowering, node, 6, &y, element)
}

fn sigmoid(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    unary(lowering, node, |lowering, x| {
        lowering.unary(Function::Sigmoid, x)
    })
}

fn leaky_relu(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let slope = node.float("alpha", 0.01)?;
    unary(lowering, node, |lowering, x| {
        lowering.unary(Function::LeakyRelu { slope }, x)
    })
}

/// Its attribute `opset` says by which version of `Softmax` it takes its axis.
fn softmax(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let version = node.int("opset", 13)?;
    let axis = node.int("axis", default_axis(version))?;
    unary(lowering, node, |lowering, x| {
        along_axis(lowering, x, axis, version, Lowering::softmax)
    })
}

fn global_average_pool(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    channels_first(node)?;
    unary(lowering, node, |lowering, x| {
        pool::globally(lowering, x, Reduction::Mean)
    })
}

fn average_pool(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    channels_first(node)?;
    unary(lowering, node, |lowering, x| {
        pool::average(lowering, node, x)
    })
}

fn channels_first(node: &GraphNode) -> Result<(), Refusal> {
    match node.int("channels_last", 0)? {
        0 => Ok(()),
        _ => Err("channels_last is not supported: quantise the model with channels first".into()),
    }
}

/// Takes the grid of the result, then each value with its grid.
fn concat(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let mut values = Vec::new();
    for index in (2..node.inputs.len()).step_by(3) {
        values.push(real(lowering, node, index)?);
    }
    let first = values.first().ok_or("has no values")?;
    let axis = first.axis(node.int("axis", 0)?)?;
    let joined = lowering.concat(&values, axis)?;
    let element = lowering.input(node, 2)?.element();
    quantized(lowering, node, 0, &joined, element)
}

/// Sums are exact below 2²⁴; beyond it they are rounded as floats are.
fn conv_integer(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let (q, q_weight) = (lowering.input(node, 0)?, lowering.input(node, 1)?);
    let x_zero = zero(lowering, node, 2, 0)?;
    let weight_zero = zero(lowering, node, 3, q_weight.rank().saturating_sub(1))?;
    let x = centre(lowering, &q, x_zero.as_ref())?;
    let weight = centre(lowering, &q_weight, weight_zero.as_ref())?;
    let y = convolve(lowering, node, &x, &weight, None)?;
    Ok(vec![lowering.retype(&y, ElementType::Int32)?])
}

/// Sums are exact below 2²⁴; beyond it they are rounded as floats are.
fn mat_mul_integer(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let (q_a, q_b) = (lowering.input(node, 0)?, lowering.input(node, 1)?);
    let a_zero = zero(lowering, node, 2, 1)?;
    let b_zero = zero(lowering, node, 3, 0)?;
    let a = centre(lowering, &q_a, a_zero.as_ref())?;
    let b = centre(lowering, &q_b, b_zero.as_ref())?;
    let y = product(lowering, &a, &b)?;
    Ok(vec![lowering.retype(&y, ElementType::Int32)?])
}

#[cfg(test)]
mod tests;
