//! Functions of constants: floats as the reference computes them, integers exactly.

use super::value::{Constant, Refusal, Value};
use crate::function::{BinaryFunction, Function, Reduction};
use crate::onnx::import::tensor::{Data, ElementType, Tensor};
use crate::operator::Operator;
use crate::reference::{self, elementwise, layout, rearrange};
use crate::shape::Shape;

/// `operator` on constants as floats.
pub(super) fn floats(operator: &Operator, inputs: &[&Tensor], shape: Vec<usize>) -> Tensor {
    let shape = Shape(shape);
    let shapes: Vec<Shape> = inputs.iter().map(|x| Shape(x.shape.clone())).collect();
    let values: Vec<_> = inputs.iter().map(|x| x.floats()).collect();
    let inputs: Vec<_> = shapes
        .iter()
        .zip(values.iter().map(|values| &values[..]))
        .collect();
    let empty = shape.elements() == 0;
    let values = if empty {
        Vec::new()
    } else {
        reference::compute(operator, &[], &inputs, &shape)
    };
    Tensor::of_floats(shape.0, values)
}

/// A function of every element.
pub(super) fn unary(function: Function, x: &Constant) -> Result<Value, Refusal> {
    let data = match &x.data {
        Data::Float(values) => {
            let values = values.iter().map(|x| elementwise::unary(function, *x));
            Data::Float(values.collect())
        }
        Data::Int(values) => {
            let results: Option<Vec<i64>> = values.iter().map(|x| integer(function, *x)).collect();
            let results = results.ok_or_else(|| {
                let name = function.name();
                Refusal(format!("{name} of integers is not supported or overflows"))
            })?;
            in_range(&results, x.element)?;
            Data::Int(results)
        }
    };
    Ok(constant(x.element, x.shape.clone(), data))
}

/// A function of an integer, where it is one.
fn integer(function: Function, x: i64) -> Option<i64> {
    match function {
        Function::Affine { scale, shift } => {
            x.checked_mul(whole(scale)?)?.checked_add(whole(shift)?)
        }
        Function::Clip { low, high } => {
            let x = low.map_or(Some(x), |low| Some(x.max(whole(low)?)))?;
            high.map_or(Some(x), |high| Some(x.min(whole(high)?)))
        }
        Function::Abs => x.checked_abs(),
        Function::Sign => Some(x.signum()),
        Function::Floor | Function::Round => Some(x),
        _ => None,
    }
}

/// The integer that a float is, if it is one.
fn whole(value: f32) -> Option<i64> {
    let integer = value as i64;
    (value.abs() < i64::MAX as f32 && integer as f32 == value).then_some(integer)
}

/// A function of every pair of elements, repeated to `shape`.
pub(super) fn binary(
    function: BinaryFunction,
    a: &Constant,
    b: &Constant,
    shape: Vec<usize>,
) -> Result<Value, Refusal> {
    let compares = matches!(function, BinaryFunction::Greater | BinaryFunction::Equal);
    let element = if compares {
        ElementType::Bool
    } else {
        a.element
    };
    let (Data::Int(x), Data::Int(y)) = (&a.data, &b.data) else {
        let result = floats(&Operator::Binary(function), &[a, b], shape);
        let result = constant(ElementType::Float, result.shape, result.data);
        return match result {
            Value::Constant(result) if compares => retype(&result, element),
            result => Ok(result),
        };
    };
    let pairs = repeated(x, &a.shape, &shape).zip(repeated(y, &b.shape, &shape));
    let results: Option<Vec<i64>> = pairs.map(|(x, y)| integers(function, x, y)).collect();
    let results = results.ok_or_else(|| {
        let name = function.name();
        Refusal(format!("{name} of integers overflows or divides by 0"))
    })?;
    in_range(&results, element)?;
    Ok(constant(element, shape, Data::Int(results)))
}

/// A function of two integers; `None` where it overflows. Division cuts the fraction off.
fn integers(function: BinaryFunction, x: i64, y: i64) -> Option<i64> {
    match function {
        BinaryFunction::Add => x.checked_add(y),
        BinaryFunction::Subtract => x.checked_sub(y),
        BinaryFunction::Multiply => x.checked_mul(y),
        BinaryFunction::Divide => x.checked_div(y),
        BinaryFunction::Minimum => Some(x.min(y)),
        BinaryFunction::Maximum => Some(x.max(y)),
        BinaryFunction::Power => x.checked_pow(u32::try_from(y).ok()?),
        BinaryFunction::Greater => Some(i64::from(x > y)),
        BinaryFunction::Equal => Some(i64::from(x == y)),
    }
}

/// The elements of `yes` where `condition` is not 0, else those of `no`, repeated to `shape`.
pub(super) fn choose(
    condition: &Constant,
    yes: &Constant,
    no: &Constant,
    shape: Vec<usize>,
) -> Result<Value, Refusal> {
    let (Some(conditions), Data::Int(yes_values), Data::Int(no_values)) =
        (condition.integers(), &yes.data, &no.data)
    else {
        let result = floats(&Operator::Where, &[condition, yes, no], shape);
        return Ok(constant(yes.element, result.shape, result.data));
    };
    let results = repeated(conditions, &condition.shape, &shape)
        .zip(repeated(yes_values, &yes.shape, &shape))
        .zip(repeated(no_values, &no.shape, &shape))
        .map(|((condition, yes), no)| if condition != 0 { yes } else { no })
        .collect();
    Ok(constant(yes.element, shape, Data::Int(results)))
}

/// A reduction along axes, which stay with length 1. None of them is empty.
pub(super) fn reduce(
    reduction: Reduction,
    x: &Constant,
    axes: &[usize],
    shape: Vec<usize>,
) -> Result<Value, Refusal> {
    let position = reduction == Reduction::ArgMaximum;
    let Data::Int(values) = &x.data else {
        let axes = axes.to_vec();
        let result = floats(&Operator::Reduce { reduction, axes }, &[x], shape);
        let result = Constant::from(result);
        return match position {
            true => retype(&result, ElementType::Int64),
            false => Ok(Value::Constant(result)),
        };
    };
    // As rows of the elements that become one: the reduced axes last.
    let kept = (0..x.shape.len()).filter(|axis| !axes.contains(axis));
    let order: Vec<usize> = kept.chain(axes.iter().copied()).collect();
    let moved = Shape(order.iter().map(|axis| x.shape[*axis]).collect());
    let from = Shape(x.shape.clone());
    let values = rearrange::transpose((&from, values), &order, &moved);
    let row: usize = axes.iter().map(|axis| x.shape[*axis]).product();
    let rows = values.chunks_exact(row);
    let results: Option<Vec<i64>> = rows.map(|row| reduced(reduction, row)).collect();
    let results = results.ok_or("a reduction of integers overflows")?;
    let element = if position {
        ElementType::Int64
    } else {
        x.element
    };
    in_range(&results, element)?;
    Ok(constant(element, shape, Data::Int(results)))
}

/// What integers become; `None` where it overflows. A mean cuts the fraction off.
fn reduced(reduction: Reduction, row: &[i64]) -> Option<i64> {
    let sum = || row.iter().try_fold(0i64, |sum, x| sum.checked_add(*x));
    match reduction {
        Reduction::Sum => sum(),
        Reduction::Mean => sum()?.checked_div(i64::try_from(row.len()).ok()?),
        Reduction::Maximum => row.iter().copied().max(),
        Reduction::Minimum => row.iter().copied().min(),
        Reduction::Product => row.iter().try_fold(1i64, |n, x| n.checked_mul(*x)),
        Reduction::ArgMaximum => {
            let largest = row.iter().max()?;
            let position = row.iter().position(|x| x == largest)?;
            i64::try_from(position).ok()
        }
    }
}

/// The same elements under another element type.
pub(super) fn retype(x: &Constant, element: ElementType) -> Result<Value, Refusal> {
    let data = match (&x.data, element.is_float()) {
        (Data::Float(values), false) => {
            let values: Option<Vec<i64>> = values.iter().map(|value| whole(*value)).collect();
            let values = values
                .ok_or_else(|| Refusal(format!("a constant has no value of type {element}")))?;
            in_range(&values, element)?;
            Data::Int(values)
        }
        (Data::Int(values), true) => {
            Data::Float(values.iter().map(|value| *value as f32).collect())
        }
        (Data::Int(values), false) => {
            in_range(values, element)?;
            x.data.clone()
        }
        (Data::Float(_), true) => x.data.clone(),
    };
    Ok(constant(element, x.shape.clone(), data))
}

/// A constant without a name.
pub(super) fn constant(element: ElementType, shape: Vec<usize>, data: Data) -> Value {
    let tensor = Tensor {
        element,
        shape,
        data,
    };
    Value::Constant(tensor.into())
}

fn in_range(values: &[i64], element: ElementType) -> Result<(), Refusal> {
    let Some((low, high)) = element.integer_range() else {
        return Ok(());
    };
    match values.iter().find(|value| !(low..=high).contains(*value)) {
        Some(value) => Err(Refusal(format!(
            "{value} is outside the range of {element}"
        ))),
        None => Ok(()),
    }
}

/// The elements of an array of `shape` repeated over the shape `result`.
fn repeated<'a>(
    values: &'a [i64],
    shape: &[usize],
    result: &[usize],
) -> impl Iterator<Item = i64> + use<'a> {
    let strides = layout::broadcast_strides(shape, result);
    layout::Offsets::new(result, strides).map(|offset| values[offset])
}
