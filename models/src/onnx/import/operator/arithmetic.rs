//! Arithmetic and elementary functions, element by element.

use super::composition::{affine, divide, function, multiply, power};
use super::{GraphNode, Lower, Lowering, Refusal, Value};
use crate::function::{BinaryFunction, Function};

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[
    ("Abs", |lowering, node| {
        function(lowering, node, Function::Abs)
    }),
    ("Acosh", |lowering, node| composed(lowering, node, acosh)),
    ("Add", |lowering, node| {
        binary(lowering, node, BinaryFunction::Add)
    }),
    ("Asinh", |lowering, node| composed(lowering, node, asinh)),
    ("Atanh", |lowering, node| composed(lowering, node, atanh)),
    ("Ceil", |lowering, node| composed(lowering, node, ceil)),
    ("Cos", |lowering, node| {
        function(lowering, node, Function::Cos)
    }),
    ("Cosh", |lowering, node| composed(lowering, node, cosh)),
    ("Div", |lowering, node| {
        binary(lowering, node, BinaryFunction::Divide)
    }),
    ("Erf", |lowering, node| {
        function(lowering, node, Function::Erf)
    }),
    ("Exp", |lowering, node| {
        function(lowering, node, Function::Exp)
    }),
    ("Floor", |lowering, node| {
        function(lowering, node, Function::Floor)
    }),
    ("Log", |lowering, node| {
        function(lowering, node, Function::Log)
    }),
    ("Max", |lowering, node| {
        chain(lowering, node, BinaryFunction::Maximum)
    }),
    ("Mean", mean),
    ("Min", |lowering, node| {
        chain(lowering, node, BinaryFunction::Minimum)
    }),
    ("Mod", modulo),
    ("Mul", |lowering, node| {
        binary(lowering, node, BinaryFunction::Multiply)
    }),
    ("Neg", |lowering, node| function(lowering, node, NEGATE)),
    ("Pow", pow),
    ("Reciprocal", |lowering, node| {
        function(lowering, node, Function::Power { exponent: -1.0 })
    }),
    ("Round", |lowering, node| {
        function(lowering, node, Function::Round)
    }),
    ("Sign", |lowering, node| {
        function(lowering, node, Function::Sign)
    }),
    ("Sin", |lowering, node| {
        function(lowering, node, Function::Sin)
    }),
    ("Sinh", |lowering, node| composed(lowering, node, sinh)),
    ("Sqrt", |lowering, node| {
        function(lowering, node, Function::Power { exponent: 0.5 })
    }),
    ("Sub", |lowering, node| {
        binary(lowering, node, BinaryFunction::Subtract)
    }),
    ("Sum", |lowering, node| {
        chain(lowering, node, BinaryFunction::Add)
    }),
    ("Tan", |lowering, node| composed(lowering, node, tan)),
];

const NEGATE: Function = Function::Affine {
    scale: -1.0,
    shift: 0.0,
};

/// A function of one value that is composed of others.
fn composed(
    lowering: &mut Lowering,
    node: &GraphNode,
    composition: fn(&mut Lowering, &Value) -> Result<Value, Refusal>,
) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    Ok(vec![composition(lowering, &x)?])
}

/// `−⌊−x⌋`.
fn ceil(lowering: &mut Lowering, x: &Value) -> Result<Value, Refusal> {
    let negative = lowering.unary(NEGATE, x)?;
    let floor = lowering.unary(Function::Floor, &negative)?;
    lowering.unary(NEGATE, &floor)
}

fn tan(lowering: &mut Lowering, x: &Value) -> Result<Value, Refusal> {
    let sine = lowering.unary(Function::Sin, x)?;
    let cosine = lowering.unary(Function::Cos, x)?;
    divide(lowering, &sine, &cosine)
}

/// `(eˣ + e⁻ˣ)/2`.
fn cosh(lowering: &mut Lowering, x: &Value) -> Result<Value, Refusal> {
    let rising = lowering.unary(Function::Exp, x)?;
    let negative = lowering.unary(NEGATE, x)?;
    let falling = lowering.unary(Function::Exp, &negative)?;
    let sum = lowering.binary(BinaryFunction::Add, &rising, &falling)?;
    affine(lowering, &sum, 0.5, 0.0)
}

/// `tanh(x/2)·(1 + cosh x)`, which loses nothing near 0, where the difference of exponentials would.
fn sinh(lowering: &mut Lowering, x: &Value) -> Result<Value, Refusal> {
    let half = affine(lowering, x, 0.5, 0.0)?;
    let slope = lowering.unary(Function::Tanh, &half)?;
    let even = cosh(lowering, x)?;
    let even = affine(lowering, &even, 1.0, 1.0)?;
    multiply(lowering, &slope, &even)
}

/// `sign x · ln(|x| + √(x² + 1))`.
fn asinh(lowering: &mut Lowering, x: &Value) -> Result<Value, Refusal> {
    let size = lowering.unary(Function::Abs, x)?;
    let square = multiply(lowering, x, x)?;
    let above = affine(lowering, &square, 1.0, 1.0)?;
    let root = power(lowering, &above, 0.5)?;
    let sum = lowering.binary(BinaryFunction::Add, &size, &root)?;
    let logarithm = lowering.unary(Function::Log, &sum)?;
    let sign = lowering.unary(Function::Sign, x)?;
    multiply(lowering, &sign, &logarithm)
}

/// `ln(x + √(x² − 1))`.
fn acosh(lowering: &mut Lowering, x: &Value) -> Result<Value, Refusal> {
    let square = multiply(lowering, x, x)?;
    let below = affine(lowering, &square, 1.0, -1.0)?;
    let root = power(lowering, &below, 0.5)?;
    let sum = lowering.binary(BinaryFunction::Add, x, &root)?;
    lowering.unary(Function::Log, &sum)
}

/// `ln((1 + x)/(1 − x))/2`.
fn atanh(lowering: &mut Lowering, x: &Value) -> Result<Value, Refusal> {
    let above = affine(lowering, x, 1.0, 1.0)?;
    let below = affine(lowering, x, -1.0, 1.0)?;
    let ratio = divide(lowering, &above, &below)?;
    let logarithm = lowering.unary(Function::Log, &ratio)?;
    affine(lowering, &logarithm, 0.5, 0.0)
}

/// A function of two values.
fn binary(
    lowering: &mut Lowering,
    node: &GraphNode,
    function: BinaryFunction,
) -> Result<Vec<Value>, Refusal> {
    node.ignore(&["consumed_inputs"]);
    let x = lowering.input(node, 0)?;
    let y = right_side(lowering, node, &x)?;
    Ok(vec![lowering.binary(function, &x, &y)?])
}

/// `Pow`. A result of integers is one of the base's type; exponents may have another.
fn pow(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let mut exponent = right_side(lowering, node, &x)?;
    let whole = !x.element().is_float() && !exponent.element().is_float();
    if !whole && !exponent.element().is_float() {
        exponent = lowering.retype(&exponent, x.element())?;
    }
    if let (Some(constant), None) = (exponent.constant(), x.constant())
        && constant.elements() == 1
        && constant.shape.len() <= x.rank()
        && x.element().is_float()
    {
        let exponent = constant.floats()[0];
        return Ok(vec![power(lowering, &x, exponent)?]);
    }
    Ok(vec![lowering.binary(
        BinaryFunction::Power,
        &x,
        &exponent,
    )?])
}

/// The second value of an arithmetic operator. Before opset 7 it is aligned at `axis`, where `broadcast` is set.
fn right_side(lowering: &mut Lowering, node: &GraphNode, x: &Value) -> Result<Value, Refusal> {
    let y = lowering.input(node, 1)?;
    if node.opset >= 7 {
        return Ok(y);
    }
    if node.int("broadcast", 0)? == 0 {
        node.ignore(&["axis"]);
        return match x.shape() == y.shape() {
            true => Ok(y),
            false => Err("the values have different shapes, and broadcast is not set".into()),
        };
    }
    if !node.has("axis") {
        return Ok(y);
    }
    let axis = x.axis(node.int("axis", 0)?)?;
    let behind = (x.rank() - axis)
        .checked_sub(y.rank())
        .ok_or("the second value has axes beyond the last of the first")?;
    let shape = [y.shape(), &vec![1; behind]].concat();
    lowering.reshape(&y, &shape)
}

/// A function of any number of values, two by two.
fn chain(
    lowering: &mut Lowering,
    node: &GraphNode,
    function: BinaryFunction,
) -> Result<Vec<Value>, Refusal> {
    node.ignore(&["consumed_inputs"]);
    let values = lowering.inputs(node)?;
    let (first, others) = values.split_first().ok_or("has no input")?;
    let mut result = first.clone();
    for value in others {
        result = lowering.binary(function, &result, value)?;
    }
    Ok(vec![result])
}

fn mean(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let sum = chain(lowering, node, BinaryFunction::Add)?;
    let weight = 1.0 / node.inputs.len() as f32;
    Ok(vec![affine(lowering, &sum[0], weight, 0.0)?])
}

/// `Mod` of constants, as shapes are computed with.
fn modulo(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let truncated = node.int("fmod", 0)? != 0;
    let x = lowering.input(node, 0)?;
    let y = lowering.input(node, 1)?;
    if x.constant().is_none() || y.constant().is_none() {
        return Err("a remainder of values that depend on the input is not supported".into());
    }
    if x.element().is_float() {
        return Err("a remainder of floats is not supported".into());
    }
    let left = remainder(lowering, &x, &y)?;
    if truncated {
        return Ok(vec![left]);
    }
    // Of the sign of y: where it is not, adding y makes it so, and the second remainder takes away what was too much.
    let raised = lowering.binary(BinaryFunction::Add, &left, &y)?;
    Ok(vec![remainder(lowering, &raised, &y)?])
}

/// What is left of integer constants after a division that cuts off the fraction; it has the sign of `x`.
fn remainder(lowering: &mut Lowering, x: &Value, y: &Value) -> Result<Value, Refusal> {
    let quotient = divide(lowering, x, y)?;
    let multiple = multiply(lowering, &quotient, y)?;
    lowering.binary(BinaryFunction::Subtract, x, &multiple)
}

#[cfg(test)]
mod tests;
