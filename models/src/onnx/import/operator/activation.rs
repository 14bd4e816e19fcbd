//! Activation functions, composed where the network has no function for them.

use super::composition::{affine, divide, function, multiply, per_channel};
use super::{GraphNode, Lower, Lowering, Refusal, Value};
use crate::function::{BinaryFunction, Function};

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[
    ("Celu", celu),
    ("Clip", clip),
    ("Elu", |lowering, node| {
        let alpha = node.float("alpha", 1.0)?;
        function(lowering, node, Function::Elu { alpha })
    }),
    ("Gelu", gelu),
    ("HardSigmoid", hard_sigmoid),
    ("HardSwish", hard_swish),
    ("LeakyRelu", |lowering, node| {
        let slope = node.float("alpha", 0.01)?;
        function(lowering, node, Function::LeakyRelu { slope })
    }),
    ("Mish", mish),
    ("PRelu", prelu),
    ("Relu", |lowering, node| {
        function(lowering, node, Function::RELU)
    }),
    ("Selu", selu),
    ("Shrink", shrink),
    ("Sigmoid", |lowering, node| {
        function(lowering, node, Function::Sigmoid)
    }),
    ("Softplus", |lowering, node| {
        function(lowering, node, Function::Softplus)
    }),
    ("Softsign", softsign),
    ("Swish", swish),
    ("Tanh", |lowering, node| {
        function(lowering, node, Function::Tanh)
    }),
    ("ThresholdedRelu", thresholded_relu),
];

/// `PRelu`: `x` where it is not negative, else `slope·x`.
fn prelu(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let mut slope = lowering.input(node, 1)?;
    if let Some(constant) = slope.constant().filter(|slope| slope.elements() == 1) {
        let slope = constant.floats()[0];
        return Ok(vec![lowering.unary(Function::LeakyRelu { slope }, &x)?]);
    }
    if node.opset < 7 && slope.rank() == 1 {
        slope = per_channel(lowering, &slope, x.shape())?;
    }
    let positive = lowering.unary(Function::RELU, &x)?;
    let clip = Function::Clip {
        low: None,
        high: Some(0.0),
    };
    let negative = lowering.unary(clip, &x)?;
    let sloped = multiply(lowering, &negative, &slope)?;
    Ok(vec![lowering.binary(
        BinaryFunction::Add,
        &positive,
        &sloped,
    )?])
}

/// `Celu`: `α·elu(x/α)` (Barron, 2017).
fn celu(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let alpha = node.float("alpha", 1.0)?;
    let divided = affine(lowering, &x, 1.0 / alpha, 0.0)?;
    let curved = lowering.unary(Function::Elu { alpha: 1.0 }, &divided)?;
    Ok(vec![affine(lowering, &curved, alpha, 0.0)?])
}

/// `Selu`: `γ·elu(x)` (Klambauer et al., 2017).
fn selu(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let alpha = node.float("alpha", 1.673_263_2)?;
    let curved = lowering.unary(Function::Elu { alpha }, &x)?;
    let gamma = node.float("gamma", 1.050_701)?;
    Ok(vec![affine(lowering, &curved, gamma, 0.0)?])
}

/// `Gelu` (Hendrycks and Gimpel, 2016), exact or by the hyperbolic tangent.
fn gelu(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let sigmoid = match node.string("approximate", "none")?.as_str() {
        "none" => {
            let scaled = affine(lowering, &x, std::f32::consts::FRAC_1_SQRT_2, 0.0)?;
            lowering.unary(Function::Erf, &scaled)?
        }
        "tanh" => {
            // √(2/π)·(x + 0.044715·x³)
            let square = multiply(lowering, &x, &x)?;
            let factor = (2.0 * std::f64::consts::FRAC_1_PI).sqrt();
            let bent = affine(lowering, &square, (0.044715 * factor) as f32, factor as f32)?;
            let argument = multiply(lowering, &x, &bent)?;
            lowering.unary(Function::Tanh, &argument)?
        }
        other => return Err(format!("approximate \"{other}\" is not in the standard").into()),
    };
    let gate = affine(lowering, &sigmoid, 0.5, 0.5)?;
    Ok(vec![multiply(lowering, &x, &gate)?])
}

/// `HardSigmoid`: `α·x + β`, clipped to 0 … 1.
fn hard_sigmoid(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let (alpha, beta) = (node.float("alpha", 0.2)?, node.float("beta", 0.5)?);
    Ok(vec![clipped_line(lowering, &x, alpha, beta)?])
}

/// `HardSwish`: `x` times its hard sigmoid (Howard et al., 2019).
fn hard_swish(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let gate = clipped_line(lowering, &x, 1.0 / 6.0, 0.5)?;
    Ok(vec![multiply(lowering, &x, &gate)?])
}

fn clipped_line(
    lowering: &mut Lowering,
    x: &Value,
    slope: f32,
    shift: f32,
) -> Result<Value, Refusal> {
    let line = affine(lowering, x, slope, shift)?;
    let clip = Function::Clip {
        low: Some(0.0),
        high: Some(1.0),
    };
    lowering.unary(clip, &line)
}

/// `Softsign`: `x / (1 + |x|)`.
fn softsign(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let absolute = lowering.unary(Function::Abs, &x)?;
    let divisor = affine(lowering, &absolute, 1.0, 1.0)?;
    Ok(vec![divide(lowering, &x, &divisor)?])
}

/// `ThresholdedRelu`: `x` where it is above α, else 0.
fn thresholded_relu(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let alpha = lowering.scalar(node.float("alpha", 1.0)?);
    let above = lowering.binary(BinaryFunction::Greater, &x, &alpha)?;
    let zero = lowering.scalar(0.0);
    Ok(vec![lowering.choose(&above, &x, &zero)?])
}

/// `Shrink`: `x + bias` below −λ, `x − bias` above λ, else 0.
fn shrink(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let (bias, lambda) = (node.float("bias", 0.0)?, node.float("lambd", 0.5)?);
    let [low, high, zero] = [-lambda, lambda, 0.0].map(|bound| lowering.scalar(bound));
    let below = lowering.binary(BinaryFunction::Greater, &low, &x)?;
    let above = lowering.binary(BinaryFunction::Greater, &x, &high)?;
    let [raised, lowered] = [bias, -bias].map(|shift| affine(lowering, &x, 1.0, shift));
    let outer = lowering.choose(&above, &lowered?, &zero)?;
    Ok(vec![lowering.choose(&below, &raised?, &outer)?])
}

/// `Mish`: `x·tanh(softplus(x))` (Misra, 2019).
fn mish(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let soft = lowering.unary(Function::Softplus, &x)?;
    let gate = lowering.unary(Function::Tanh, &soft)?;
    Ok(vec![multiply(lowering, &x, &gate)?])
}

/// `Swish`: `x·sigmoid(α·x)` (Ramachandran et al., 2017).
fn swish(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let scaled = affine(lowering, &x, node.float("alpha", 1.0)?, 0.0)?;
    let gate = lowering.unary(Function::Sigmoid, &scaled)?;
    Ok(vec![multiply(lowering, &x, &gate)?])
}

/// `Clip`, with its bounds as attributes before opset 11 and as inputs since.
fn clip(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let [low, high] = match node.opset {
        ..11 => [
            attribute(lowering, node, "min")?,
            attribute(lowering, node, "max")?,
        ],
        _ => [lowering.optional(node, 1), lowering.optional(node, 2)],
    };
    for bound in [&low, &high].into_iter().flatten() {
        if bound.elements() != 1 {
            return Err("a bound is not one number".into());
        }
    }
    let constant = |bound: &Option<Value>| match bound {
        None => Some(None),
        Some(bound) => bound.constant().map(|bound| Some(bound.floats()[0])),
    };
    if let (None, Some(low), Some(high)) = (x.constant(), constant(&low), constant(&high)) {
        return Ok(vec![limit(lowering, &x, low, high)?]);
    }
    let mut y = x;
    for (bound, function) in [
        (low, BinaryFunction::Maximum),
        (high, BinaryFunction::Minimum),
    ] {
        if let Some(bound) = bound {
            let bound = lowering.reshape(&bound, &[])?;
            y = lowering.binary(function, &y, &bound)?;
        }
    }
    Ok(vec![y])
}

/// A float attribute as a constant, if it is given.
fn attribute(
    lowering: &mut Lowering,
    node: &GraphNode,
    name: &'static str,
) -> Result<Option<Value>, Refusal> {
    match node.has(name) {
        true => Ok(Some(lowering.scalar(node.float(name, 0.0)?))),
        false => Ok(None),
    }
}

/// `x` limited by constant bounds; the upper one prevails. The largest floats, which tools write where there is no bound, are none.
fn limit(
    lowering: &mut Lowering,
    x: &Value,
    low: Option<f32>,
    high: Option<f32>,
) -> Result<Value, Refusal> {
    let high = high.filter(|high| high.is_nan() || *high < f32::MAX);
    let low = low.filter(|low| low.is_nan() || *low > f32::MIN);
    let low = low.map(|low| high.map_or(low, |high| low.min(high)));
    if low.is_none() && high.is_none() {
        return Ok(x.clone());
    }
    lowering.unary(Function::Clip { low, high }, x)
}

#[cfg(test)]
mod tests;
