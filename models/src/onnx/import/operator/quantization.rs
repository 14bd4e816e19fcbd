//! Quantised values: integers are kept as floats without a fraction, and rounding, clipping and scaling become explicit.
//!
//! A network so made computes what the integer kernels of other runtimes compute, up to the rounding of f32 sums. Its gradient passes
//! rounding as if it were not there. Non-goals: layers of quantised values (`quantized`), 8-bit floats.

use super::composition::{affine, divide, multiply};
use super::{GraphNode, Lower, Lowering, Refusal, Value};
use crate::function::{BinaryFunction, Function, Reduction};
use crate::onnx::import::tensor::ElementType;

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[
    ("DequantizeLinear", dequantize_linear),
    ("DynamicQuantizeLinear", dynamic_quantize_linear),
    ("QuantizeLinear", quantize_linear),
    ("com.microsoft.DequantizeLinear", dequantize_linear),
    ("com.microsoft.QuantizeLinear", quantize_linear),
];

/// How real numbers lie on integers: `x = scale·(q − zero)`.
pub(super) struct Grid {
    /// One number, or as many as broadcast to the value.
    pub scale: Value,
    /// The same; `None` for zero.
    pub zero: Option<Value>,
}

impl Grid {
    /// The real numbers that the integers `q` stand for.
    pub fn dequantize(&self, lowering: &mut Lowering, q: &Value) -> Result<Value, Refusal> {
        let centred = centre(lowering, q, self.zero.as_ref())?;
        multiply(lowering, &centred, &self.scale)
    }

    /// The integers of type `element` closest to the real numbers `x`; halves go to the even one.
    pub fn quantize(
        &self,
        lowering: &mut Lowering,
        x: &Value,
        element: ElementType,
    ) -> Result<Value, Refusal> {
        let Some((low, high)) = element.integer_range().filter(|(_, high)| *high < 1 << 16) else {
            return Err(format!("quantising to {element} is not supported").into());
        };
        let x = lowering.retype(x, ElementType::Float)?;
        let ratio = divide(lowering, &x, &self.scale)?;
        let mut rounded = lowering.unary(Function::Round, &ratio)?;
        if let Some(zero) = self.zero.as_ref().filter(|zero| !vanishes(zero)) {
            let zero = lowering.retype(zero, ElementType::Float)?;
            rounded = lowering.binary(BinaryFunction::Add, &rounded, &zero)?;
        }
        let clip = Function::Clip {
            low: Some(low as f32),
            high: Some(high as f32),
        };
        let clipped = lowering.unary(clip, &rounded)?;
        lowering.retype(&clipped, element)
    }
}

/// Integers as floats, less their zero point.
pub(super) fn centre(
    lowering: &mut Lowering,
    q: &Value,
    zero: Option<&Value>,
) -> Result<Value, Refusal> {
    let q = lowering.retype(q, ElementType::Float)?;
    let Some(zero) = zero.filter(|zero| !vanishes(zero)) else {
        return Ok(q);
    };
    let zero = lowering.retype(zero, ElementType::Float)?;
    lowering.binary(BinaryFunction::Subtract, &q, &zero)
}

fn vanishes(zero: &Value) -> bool {
    let constant = zero.constant();
    constant.is_some_and(|zero| zero.floats().iter().all(|number| *number == 0.0))
}

fn quantize_linear(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    // They say how floats are rounded to 8 bits, and in which float type the division is done.
    node.ignore(&["saturate", "precision"]);
    let x = lowering.input(node, 0)?;
    let named = match node.int("output_dtype", 0)? {
        0 => None,
        code => Some(ElementType::from_code(code)?),
    };
    let element = match lowering.optional(node, 2) {
        Some(zero) => zero.element(),
        None => named.unwrap_or(ElementType::Uint8),
    };
    let grid = grid(lowering, node, &x)?;
    Ok(vec![grid.quantize(lowering, &x, element)?])
}

fn dequantize_linear(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    // Everything is computed in f32.
    node.ignore(&["output_dtype"]);
    let x = lowering.input(node, 0)?;
    let grid = grid(lowering, node, &x)?;
    Ok(vec![grid.dequantize(lowering, &x)?])
}

/// Scale and zero point that `node` takes after `x`.
fn grid(lowering: &mut Lowering, node: &GraphNode, x: &Value) -> Result<Grid, Refusal> {
    let scale = lowering.input(node, 1)?;
    let zero = lowering.optional(node, 2);
    Ok(Grid {
        scale: spread(lowering, node, x, &scale)?,
        zero: zero
            .map(|zero| spread(lowering, node, x, &zero))
            .transpose()?,
    })
}

/// One number for all of `x`, one for each position of an axis, or one for each block along it, so that it can be broadcast to `x`.
fn spread(
    lowering: &mut Lowering,
    node: &GraphNode,
    x: &Value,
    numbers: &Value,
) -> Result<Value, Refusal> {
    let block = node.int("block_size", 0)?;
    let number = node.int("axis", 1)?;
    if block == 0 && numbers.elements() == 1 {
        return lowering.reshape(numbers, &[]);
    }
    let axis = x.axis(number)?;
    let length = x.shape()[axis];
    if block == 0 {
        if numbers.shape() != [length] {
            let shape = numbers.shape();
            return Err(format!("scales of shape {shape:?} for an axis of length {length}").into());
        }
        let mut shape = vec![1; x.rank()];
        shape[axis] = length;
        return lowering.reshape(numbers, &shape);
    }
    let block = usize::try_from(block).map_err(|_| "block_size is negative")?;
    let mut blocks = x.shape().to_vec();
    blocks[axis] = length.div_ceil(block);
    if numbers.shape() != blocks {
        let shape = numbers.shape();
        return Err(format!("scales of shape {shape:?} instead of {blocks:?}").into());
    }
    let indices = (0..length).map(|position| Some(position / block)).collect();
    lowering.select(numbers, axis, indices, 0.0)
}

/// Quantises to unsigned 8 bits, with scale and zero point from the smallest and the largest element.
fn dynamic_quantize_linear(
    lowering: &mut Lowering,
    node: &GraphNode,
) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let axes: Vec<usize> = (0..x.rank()).collect();
    let nothing = lowering.scalar(0.0);
    let mut bound = |reduction, function| {
        let bound = lowering.reduce(reduction, &x, &axes)?;
        let bound = lowering.reshape(&bound, &[])?;
        lowering.binary(function, &bound, &nothing)
    };
    let low = bound(Reduction::Minimum, BinaryFunction::Minimum)?;
    let high = bound(Reduction::Maximum, BinaryFunction::Maximum)?;
    let range = lowering.binary(BinaryFunction::Subtract, &high, &low)?;
    // Where all elements are 0, any scale will do.
    let empty = lowering.binary(BinaryFunction::Equal, &range, &nothing)?;
    let one = lowering.scalar(1.0);
    let levels = lowering.scalar(255.0);
    let steps = divide(lowering, &range, &levels)?;
    let scale = lowering.choose(&empty, &one, &steps)?;
    let lowest = divide(lowering, &low, &scale)?;
    let zero = affine(lowering, &lowest, -1.0, 0.0)?;
    let zero = lowering.unary(Function::Round, &zero)?;
    let zero = lowering.retype(&zero, ElementType::Uint8)?;
    let grid = Grid {
        scale: scale.clone(),
        zero: Some(zero.clone()),
    };
    let y = grid.quantize(lowering, &x, ElementType::Uint8)?;
    Ok(vec![y, scale, zero])
}
