//! Reductions along axes: sums, norms, extremes and their positions, and running sums.

use super::composition::{affine, apply_along, power, square};
use super::{GraphNode, Lower, Lowering, Refusal, Value};
use crate::function::{BinaryFunction, Function, Reduction};
use crate::onnx::import::tensor::ElementType;

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[
    ("ArgMax", |lowering, node| {
        position(lowering, node, Extreme::Largest)
    }),
    ("ArgMin", |lowering, node| {
        position(lowering, node, Extreme::Smallest)
    }),
    ("CumSum", running_sum),
    ("ReduceL1", |lowering, node| {
        reduce(lowering, node, 18, |lowering, x, axes| {
            let sizes = lowering.unary(Function::Abs, x)?;
            along(lowering, Reduction::Sum, &sizes, axes)
        })
    }),
    ("ReduceL2", |lowering, node| {
        reduce(lowering, node, 18, |lowering, x, axes| {
            let sum = sum_of_squares(lowering, x, axes)?;
            power(lowering, &sum, 0.5)
        })
    }),
    ("ReduceLogSum", |lowering, node| {
        reduce(lowering, node, 18, |lowering, x, axes| {
            let sum = along(lowering, Reduction::Sum, x, axes)?;
            lowering.unary(Function::Log, &sum)
        })
    }),
    ("ReduceLogSumExp", |lowering, node| {
        reduce(lowering, node, 18, log_sum_exp)
    }),
    ("ReduceMax", |lowering, node| {
        plain(lowering, node, 18, Reduction::Maximum)
    }),
    ("ReduceMean", |lowering, node| {
        plain(lowering, node, 18, Reduction::Mean)
    }),
    ("ReduceMin", |lowering, node| {
        plain(lowering, node, 18, Reduction::Minimum)
    }),
    ("ReduceProd", |lowering, node| {
        plain(lowering, node, 18, Reduction::Product)
    }),
    ("ReduceSum", |lowering, node| {
        plain(lowering, node, 13, Reduction::Sum)
    }),
    ("ReduceSumSquare", |lowering, node| {
        reduce(lowering, node, 18, sum_of_squares)
    }),
];

/// A reduction of the network as it is.
fn plain(
    lowering: &mut Lowering,
    node: &GraphNode,
    since: i64,
    reduction: Reduction,
) -> Result<Vec<Value>, Refusal> {
    reduce(lowering, node, since, |lowering, x, axes| {
        along(lowering, reduction, x, axes)
    })
}

/// `function` along the axes of `node`, which are an input since opset `since` and were an attribute before.
fn reduce(
    lowering: &mut Lowering,
    node: &GraphNode,
    since: i64,
    function: impl FnOnce(&mut Lowering, &Value, &[usize]) -> Result<Value, Refusal>,
) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let numbers = match node.opset >= since {
        true => lowering.integers(node, 1)?,
        false => node.ints("axes")?,
    };
    let numbers = numbers.unwrap_or_default();
    let all = node.opset < since || node.int("noop_with_empty_axes", 0)? == 0;
    let axes = match numbers[..] {
        [] if all => (0..x.rank()).collect(),
        _ => x.axes(&numbers)?,
    };
    let y = function(lowering, &x, &axes)?;
    Ok(vec![without(lowering, node, &y, &axes)?])
}

fn sum_of_squares(lowering: &mut Lowering, x: &Value, axes: &[usize]) -> Result<Value, Refusal> {
    let squares = square(lowering, x)?;
    along(lowering, Reduction::Sum, &squares, axes)
}

/// `ln Σ eˣ`, by way of the largest so that nothing overflows.
fn log_sum_exp(lowering: &mut Lowering, x: &Value, axes: &[usize]) -> Result<Value, Refusal> {
    let largest = along(lowering, Reduction::Maximum, x, axes)?;
    let below = lowering.binary(BinaryFunction::Subtract, x, &largest)?;
    let powers = lowering.unary(Function::Exp, &below)?;
    let sum = along(lowering, Reduction::Sum, &powers, axes)?;
    let logarithm = lowering.unary(Function::Log, &sum)?;
    lowering.binary(BinaryFunction::Add, &largest, &logarithm)
}

/// A reduction along any number of axes; along none every element is its own result.
fn along(
    lowering: &mut Lowering,
    reduction: Reduction,
    x: &Value,
    axes: &[usize],
) -> Result<Value, Refusal> {
    match axes {
        [] => Ok(x.clone()),
        axes => lowering.reduce(reduction, x, axes),
    }
}

/// `y` without the axes of length 1 that were reduced, unless the node wants to keep them.
fn without(
    lowering: &mut Lowering,
    node: &GraphNode,
    y: &Value,
    axes: &[usize],
) -> Result<Value, Refusal> {
    if node.int("keepdims", 1)? != 0 {
        return Ok(y.clone());
    }
    let left = y
        .shape()
        .iter()
        .enumerate()
        .filter(|(axis, _)| !axes.contains(axis));
    let shape: Vec<usize> = left.map(|(_, length)| *length).collect();
    lowering.reshape(y, &shape)
}

enum Extreme {
    Largest,
    Smallest,
}

/// The first position of an extreme, or the last.
fn position(
    lowering: &mut Lowering,
    node: &GraphNode,
    extreme: Extreme,
) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let axis = x.axis(node.int("axis", 0)?)?;
    let mut searched = match (x.element().is_float(), x.constant()) {
        (false, None) => lowering.retype(&x, ElementType::Float)?,
        _ => x.clone(),
    };
    if matches!(extreme, Extreme::Smallest) {
        searched = affine(lowering, &searched, -1.0, 0.0)?;
    }
    let last = node.int("select_last_index", 0)? != 0;
    let length = x.shape()[axis];
    if last {
        let backwards = (0..length).rev().map(Some).collect();
        searched = lowering.select(&searched, axis, backwards, 0.0)?;
    }
    let mut y = lowering.reduce(Reduction::ArgMaximum, &searched, &[axis])?;
    if last {
        let from_end = lowering.retype(&y, ElementType::Float)?;
        let from_begin = affine(lowering, &from_end, -1.0, length as f32 - 1.0)?;
        y = lowering.retype(&from_begin, ElementType::Int64)?;
    }
    Ok(vec![without(lowering, node, &y, &[axis])?])
}

/// `CumSum`: sums of all elements up to each, by a product with a triangular matrix.
fn running_sum(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let numbers = lowering.integers(node, 1)?.unwrap_or_default();
    let [number] = numbers[..] else {
        return Err("needs one axis".into());
    };
    let axis = x.axis(number)?;
    if !x.element().is_float() {
        return Err("a running sum of integers is not supported: cast them to float before".into());
    }
    let exclusive = node.int("exclusive", 0)? != 0;
    let reverse = node.int("reverse", 0)? != 0;
    let length = x.shape()[axis];
    lowering.claim(&[length, length])?;
    let counts = |row: usize, column: usize| {
        let (before, last) = if reverse {
            (row, column)
        } else {
            (column, row)
        };
        before < last || (before == last && !exclusive)
    };
    let matrix = (0..length)
        .flat_map(|row| (0..length).map(move |column| (row, column)))
        .map(|(row, column)| if counts(row, column) { 1.0 } else { 0.0 })
        .collect();
    Ok(vec![apply_along(lowering, &x, axis, length, matrix)?])
}
