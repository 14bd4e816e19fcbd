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
    lowering.claim(&[length])?;
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

#[cfg(test)]
mod tests {
    use onnx_protobuf::tensor_proto::DataType;

    use crate::onnx::import::testing::{Model, floats, int_attribute, small_ints};

    #[test]
    fn quantising_rounds_halves_to_even_shifts_and_saturates() {
        let constants = [
            floats("scale", &[], &[0.5]),
            small_ints("zero", DataType::INT8, &[], &[10]),
        ];
        let model = Model::of_node(13, &[6], "QuantizeLinear", &constants, vec![]);
        // Ratios 0.5, 1.5, −2.5, 200, −200, 0.
        let x = [0.25, 0.75, -1.25, 100.0, -100.0, 0.0];
        assert_eq!(model.run(&x), [10.0, 12.0, 8.0, 127.0, -128.0, 10.0]);
    }

    #[test]
    fn the_type_is_that_of_the_zero_point_or_the_one_named_or_uint8() {
        let run = |attributes| {
            let scale = [floats("scale", &[], &[1.0])];
            Model::of_node(21, &[2], "QuantizeLinear", &scale, attributes).run(&[-300.0, 300.0])
        };
        assert_eq!(run(vec![]), [0.0, 255.0]);
        assert_eq!(run(vec![int_attribute("output_dtype", 3)]), [-128.0, 127.0]);
        assert_eq!(run(vec![int_attribute("output_dtype", 21)]), [0.0, 15.0]);
        let scale = [floats("scale", &[], &[1.0])];
        let wide = vec![int_attribute("output_dtype", 6)];
        let wide = Model::of_node(21, &[2], "QuantizeLinear", &scale, wide).refusal();
        assert!(wide.contains("quantising to int32"), "{wide}");
    }

    fn dequantized(scale: &[i64], scales: &[f32], attributes: &[(&str, i64)]) -> Model {
        let count = scales.len() as i32;
        let zeros: Vec<i32> = (0..count).collect();
        let attributes = attributes
            .iter()
            .map(|(name, value)| int_attribute(name, *value));
        Model::new(21)
            .typed_input("q", DataType::UINT8, &[2, 4])
            .node(
                "DequantizeLinear",
                &["q", "scale", "zero"],
                &["y"],
                attributes.collect(),
            )
            .initializer(floats("scale", scale, scales))
            .initializer(small_ints("zero", DataType::UINT8, scale, &zeros))
            .output("y")
    }

    #[test]
    fn grids_are_for_all_for_an_axis_or_for_blocks() {
        let q = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let all = dequantized(&[], &[2.0], &[]);
        assert_eq!(all.run(&q), q.map(|q| 2.0 * q));
        let rows = dequantized(&[2], &[1.0, 10.0], &[("axis", 0)]);
        assert_eq!(rows.run(&q), [1.0, 2.0, 3.0, 4.0, 40.0, 50.0, 60.0, 70.0]);
        let columns = dequantized(&[4], &[1.0; 4], &[]);
        assert_eq!(columns.run(&q), [1.0, 1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 5.0]);
        let blocks = [("axis", -1), ("block_size", 3)];
        let blocks = dequantized(&[2, 2], &[1.0, 10.0, 100.0, 1000.0], &blocks);
        assert_eq!(
            blocks.run(&q),
            [1.0, 2.0, 3.0, 30.0, 300.0, 400.0, 500.0, 5000.0]
        );
    }

    #[test]
    fn grids_that_do_not_fit_are_refused() {
        let axis = dequantized(&[3], &[1.0; 3], &[]);
        assert!(axis.refusal().contains("for an axis of length 4"));
        let blocks = dequantized(&[2, 3], &[1.0; 6], &[("block_size", 3)]);
        assert!(blocks.refusal().contains("instead of [2, 2]"));
        let block = dequantized(&[2, 2], &[1.0; 4], &[("block_size", -1)]);
        assert!(block.refusal().contains("block_size"));
    }

    fn dynamic(x: &[f32]) -> [Vec<f32>; 3] {
        ["y", "scale", "zero"].map(|output| {
            let model = Model::new(11)
                .input("x", &[x.len() as i64])
                .node(
                    "DynamicQuantizeLinear",
                    &["x"],
                    &["y", "scale", "zero"],
                    vec![],
                )
                .output(output);
            model.run(x)
        })
    }

    #[test]
    fn a_dynamic_grid_spans_zero_and_all_elements() {
        // 255 steps from −1 to 1.55.
        let [y, scale, zero] = dynamic(&[-1.0, 0.0, 1.55]);
        assert!((scale[0] - 0.01).abs() < 1e-8);
        assert_eq!((y, zero), (vec![0.0, 100.0, 255.0], vec![100.0]));
        let [y, scale, zero] = dynamic(&[51.0, 255.0]);
        assert_eq!((y, scale, zero), (vec![51.0, 255.0], vec![1.0], vec![0.0]));
        let [y, scale, zero] = dynamic(&[0.0, 0.0]);
        assert_eq!((y, scale, zero), (vec![0.0, 0.0], vec![1.0], vec![0.0]));
    }
}
