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
    let all = node.int("noop_with_empty_axes", 0)? == 0;
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
        lowering.claim(&[length])?;
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

#[cfg(test)]
mod tests {
    use crate::onnx::import::testing::{Model, int_attribute, ints, ints_attribute};

    const X: [f32; 6] = [1.0, -2.0, 3.0, 4.0, 5.0, -6.0];

    /// Rows reduced, by way of the attribute.
    fn rows(operator: &str) -> Vec<f32> {
        let attributes = vec![ints_attribute("axes", &[-1]), int_attribute("keepdims", 0)];
        let model = Model::of_node(11, &[2, 3], operator, &[], attributes);
        assert_eq!(model.output_shape(), [2]);
        model.run(&X)
    }

    #[test]
    fn reductions_are_what_they_are_called() {
        let near = |operator, wanted: [f32; 2]| {
            let got = rows(operator);
            assert!(
                (got[0] - wanted[0]).abs() < 1e-5 && (got[1] - wanted[1]).abs() < 1e-5,
                "{operator}: {got:?}"
            );
        };
        near("ReduceSum", [2.0, 3.0]);
        near("ReduceMean", [2.0 / 3.0, 1.0]);
        near("ReduceMax", [3.0, 5.0]);
        near("ReduceMin", [-2.0, -6.0]);
        near("ReduceProd", [-6.0, -120.0]);
        near("ReduceL1", [6.0, 15.0]);
        near("ReduceL2", [14f32.sqrt(), 77f32.sqrt()]);
        near("ReduceSumSquare", [14.0, 77.0]);
        near("ReduceLogSum", [2f32.ln(), 3f32.ln()]);
        let exponentials = |values: &[f32]| values.iter().map(|x| x.exp()).sum::<f32>().ln();
        near(
            "ReduceLogSumExp",
            [exponentials(&X[..3]), exponentials(&X[3..])],
        );
    }

    #[test]
    fn a_sum_of_exponentials_does_not_overflow() {
        let model = Model::of_node(18, &[1, 2], "ReduceLogSumExp", &[], vec![]);
        assert_eq!(model.run(&[1000.0, 0.0]), [1000.0]);
    }

    #[test]
    fn axes_are_an_input_since_opset_18_and_all_where_none_are_named() {
        let axes = ints("axes", &[1], &[0]);
        let model = Model::of_node(18, &[2, 3], "ReduceMax", &[axes], vec![]);
        assert_eq!(model.output_shape(), [1, 3]);
        assert_eq!(model.run(&X), [4.0, 5.0, 3.0]);
        let all = Model::of_node(13, &[2, 3], "ReduceSum", &[], vec![]);
        assert_eq!(all.output_shape(), [1, 1]);
        assert_eq!(all.run(&X), [5.0]);
    }

    #[test]
    fn no_axes_may_mean_none() {
        let none = || vec![int_attribute("noop_with_empty_axes", 1)];
        let sum = Model::of_node(18, &[2, 3], "ReduceSum", &[], none());
        assert_eq!(sum.run(&X), X);
        let squares = Model::of_node(18, &[2, 3], "ReduceSumSquare", &[], none());
        assert_eq!(squares.run(&X), X.map(|x| x * x));
    }

    #[test]
    fn positions_are_the_first_or_the_last() {
        let run = |operator, last| {
            let attributes = vec![
                int_attribute("axis", 1),
                int_attribute("select_last_index", last),
                int_attribute("keepdims", 0),
            ];
            let model = Model::of_node(13, &[2, 4], operator, &[], attributes);
            model.run(&[1.0, 7.0, 7.0, 1.0, 2.0, 0.0, 0.0, 1.0])
        };
        assert_eq!(run("ArgMax", 0), [1.0, 0.0]);
        assert_eq!(run("ArgMax", 1), [2.0, 0.0]);
        assert_eq!(run("ArgMin", 0), [0.0, 1.0]);
        assert_eq!(run("ArgMin", 1), [3.0, 2.0]);
    }

    #[test]
    fn running_sums_go_forwards_or_backwards_with_the_element_or_without() {
        let run = |axis, exclusive, reverse| {
            let attributes = vec![
                int_attribute("exclusive", exclusive),
                int_attribute("reverse", reverse),
            ];
            let axis = ints("axis", &[], &[axis]);
            Model::of_node(14, &[2, 3], "CumSum", &[axis], attributes).run(&X)
        };
        assert_eq!(run(1, 0, 0), [1.0, -1.0, 2.0, 4.0, 9.0, 3.0]);
        assert_eq!(run(1, 1, 0), [0.0, 1.0, -1.0, 0.0, 4.0, 9.0]);
        assert_eq!(run(1, 0, 1), [2.0, 1.0, 3.0, 3.0, -1.0, -6.0]);
        assert_eq!(run(1, 1, 1), [1.0, 3.0, 0.0, -1.0, -6.0, 0.0]);
        assert_eq!(run(0, 0, 0), [1.0, -2.0, 3.0, 5.0, 3.0, -3.0]);
    }

    #[test]
    fn axes_that_are_not_there_are_refused() {
        let refusal = |axes: &[i64]| {
            Model::of_node(
                11,
                &[2, 3],
                "ReduceSum",
                &[],
                vec![ints_attribute("axes", axes)],
            )
            .refusal()
        };
        assert!(refusal(&[2]).contains("axis 2 of a value with 2 axes"));
        assert!(refusal(&[1, -1]).contains("named twice"));
        let running = Model::of_node(14, &[2], "CumSum", &[], vec![]);
        assert!(running.refusal().contains("needs one axis"));
    }
}
