//! Normalisations: batch, instance, layer, group and root mean square, norms, and local responses.

use super::composition::{absolute_power, affine, divide, multiply, per_channel, power, square};
use super::spatial;
use super::{GraphNode, Lower, Lowering, Refusal, Value};
use crate::function::{BinaryFunction, Reduction};
use crate::onnx::import::lowering::Statistics;
use crate::window::Window;

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[
    ("BatchNormalization", batch),
    ("GroupNormalization", group),
    ("InstanceNormalization", instance),
    ("LRN", local_response),
    ("LayerNormalization", layer),
    ("LpNormalization", norm),
    ("MeanVarianceNormalization", mean_variance),
    ("RMSNormalization", root_mean_square),
];

/// Most channels that a local response may look at, far more than any network does.
const MAX_NEIGHBOURS: usize = 1 << 16;

/// `BatchNormalization` by running statistics (Ioffe and Szegedy, 2015).
fn batch(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    node.ignore(&["momentum", "consumed_inputs"]);
    let training = match node.opset {
        ..7 => node.int("is_test", 0)? == 0,
        _ => node.int("training_mode", 0)? != 0,
    };
    if training {
        return Err("normalises by statistics of the batch; export the model for inference".into());
    }
    if node.int("spatial", 1)? == 0 {
        return Err("statistics for every position (spatial = 0) are not supported".into());
    }
    let x = lowering.input(node, 0)?;
    let [scale, shift, mean, variance] = [1, 2, 3, 4].map(|index| lowering.input(node, index));
    let (scale, shift, mean, variance) = (scale?, shift?, mean?, variance?);
    let epsilon = node.float("epsilon", 1e-5)?;
    let constants = [&scale, &shift, &mean, &variance].map(|value| value.constant().cloned());
    if let [Some(scale), Some(shift), Some(mean), Some(variance)] = constants
        && x.shape().first() == Some(&1)
        && epsilon > 0.0
    {
        let statistics = Statistics {
            scale,
            shift,
            mean,
            variance,
            epsilon,
        };
        return Ok(vec![lowering.batch_norm(&x, &statistics)?]);
    }
    let mean = per_channel(lowering, &mean, x.shape())?;
    let variance = per_channel(lowering, &variance, x.shape())?;
    let deviation = lowering.binary(BinaryFunction::Subtract, &x, &mean)?;
    let factor = inverse_root(lowering, &variance, epsilon)?;
    let standardized = multiply(lowering, &deviation, &factor)?;
    let scale = per_channel(lowering, &scale, x.shape())?;
    let shift = per_channel(lowering, &shift, x.shape())?;
    Ok(vec![scaled(lowering, &standardized, &scale, Some(&shift))?])
}

/// `InstanceNormalization` (Ulyanov et al., 2016): over the positions of each channel.
fn instance(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    node.ignore(&["consumed_inputs"]);
    let x = lowering.input(node, 0)?;
    let (scale, shift) = (lowering.input(node, 1)?, lowering.input(node, 2)?);
    let axes: Vec<usize> = (2..x.rank()).collect();
    let standard = standardize(lowering, &x, &axes, node.float("epsilon", 1e-5)?)?;
    let scale = per_channel(lowering, &scale, x.shape())?;
    let shift = per_channel(lowering, &shift, x.shape())?;
    Ok(vec![scaled(
        lowering,
        &standard.result,
        &scale,
        Some(&shift),
    )?])
}

/// `LayerNormalization` (Ba et al., 2016): over all axes from `axis` on.
fn layer(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    node.ignore(&["stash_type"]);
    let x = lowering.input(node, 0)?;
    let scale = lowering.input(node, 1)?;
    let shift = lowering.optional(node, 2);
    let axes: Vec<usize> = (x.axis(node.int("axis", -1)?)?..x.rank()).collect();
    let standard = standardize(lowering, &x, &axes, node.float("epsilon", 1e-5)?)?;
    let y = scaled(lowering, &standard.result, &scale, shift.as_ref())?;
    Ok(vec![y, standard.mean, standard.factor])
}

/// `GroupNormalization` (Wu and He, 2018): over groups of channels and their positions.
fn group(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    node.ignore(&["stash_type"]);
    let x = lowering.input(node, 0)?;
    let (scale, shift) = (lowering.input(node, 1)?, lowering.input(node, 2)?);
    let shape = x.shape().to_vec();
    let (&[batch, channels], positions) = shape
        .split_first_chunk()
        .ok_or("takes [batch, channel, …]")?;
    let groups = usize::try_from(node.int("num_groups", 0)?).unwrap_or(0);
    if groups == 0 || channels % groups != 0 {
        return Err(format!("num_groups does not divide {channels} channels").into());
    }
    let grouped_shape = [&[batch, groups, channels / groups], positions].concat();
    let grouped = lowering.reshape(&x, &grouped_shape)?;
    let axes: Vec<usize> = (2..grouped.rank()).collect();
    let mut y = standardize(lowering, &grouped, &axes, node.float("epsilon", 1e-5)?)?.result;
    // Until opset 21 there was one scale per group.
    let per_group = node.opset < 21;
    if !per_group {
        y = lowering.reshape(&y, &shape)?;
    }
    let scale = per_channel(lowering, &scale, y.shape())?;
    let shift = per_channel(lowering, &shift, y.shape())?;
    y = scaled(lowering, &y, &scale, Some(&shift))?;
    Ok(vec![lowering.reshape(&y, &shape)?])
}

/// `RMSNormalization` (Zhang and Sennrich, 2019): over all axes from `axis` on, without subtracting the mean.
fn root_mean_square(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    node.ignore(&["stash_type"]);
    let x = lowering.input(node, 0)?;
    let scale = lowering.input(node, 1)?;
    let axes: Vec<usize> = (x.axis(node.int("axis", -1)?)?..x.rank()).collect();
    let squares = square(lowering, &x)?;
    let mean = lowering.reduce(Reduction::Mean, &squares, &axes)?;
    let factor = inverse_root(lowering, &mean, node.float("epsilon", 1e-5)?)?;
    let y = multiply(lowering, &x, &factor)?;
    Ok(vec![scaled(lowering, &y, &scale, None)?])
}

/// `MeanVarianceNormalization`.
fn mean_variance(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let axes = x.axes(&node.ints("axes")?.unwrap_or_else(|| vec![0, 2, 3]))?;
    // The standard's own definition adds 10⁻⁹ to the deviation.
    let centred = centred(lowering, &x, &axes)?;
    let root = power(lowering, &centred.variance, 0.5)?;
    let divisor = affine(lowering, &root, 1.0, 1e-9)?;
    Ok(vec![divide(lowering, &centred.deviation, &divisor)?])
}

/// `LpNormalization`: divided by the norm along an axis; zero where that is zero.
fn norm(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let axis = x.axis(node.int("axis", -1)?)?;
    let order = match node.int("p", 2)? {
        1 => 1.0,
        2 => 2.0,
        other => return Err(format!("p is {other}, the standard has 1 and 2").into()),
    };
    let powers = absolute_power(lowering, &x, order)?;
    let sum = lowering.reduce(Reduction::Sum, &powers, &[axis])?;
    let norm = power(lowering, &sum, 1.0 / order)?;
    // Where the norm is zero every element is, and divided by one stays so.
    let [zero, one] = [0.0, 1.0].map(|number| lowering.scalar(number));
    let vanishes = lowering.binary(BinaryFunction::Equal, &norm, &zero)?;
    let divisor = lowering.choose(&vanishes, &one, &norm)?;
    Ok(vec![divide(lowering, &x, &divisor)?])
}

/// `LRN` (Krizhevsky et al., 2012): divided by a power of the mean square of neighbouring channels.
///
/// That mean is an average pool along the channel axis, with zeros beyond its ends.
fn local_response(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let &[batch, channels, ref positions @ ..] = x.shape() else {
        return Err("takes [batch, channel, …]".into());
    };
    let size = usize::try_from(node.int("size", 0)?).unwrap_or(0);
    if size == 0 || size > MAX_NEIGHBOURS {
        return Err(format!("size must lie in 1..={MAX_NEIGHBOURS}").into());
    }
    let squares = square(lowering, &x)?;
    let positions = positions.iter().product();
    let map = lowering.reshape(&squares, &[1, batch, channels, positions])?;
    let padded = spatial::pad(lowering, &map, 2, (size - 1) / 2, size / 2)?;
    let window = Window {
        kernel: [size, 1],
        ..Window::square(1, 1, 0)
    };
    let means = lowering.average_pool(&padded, window)?;
    let means = lowering.reshape(&means, x.shape())?;
    let base = affine(
        lowering,
        &means,
        node.float("alpha", 1e-4)?,
        node.float("bias", 1.0)?,
    )?;
    let factor = power(lowering, &base, -node.float("beta", 0.75)?)?;
    Ok(vec![multiply(lowering, &x, &factor)?])
}

/// `scale·x + shift`, element by element.
fn scaled(
    lowering: &mut Lowering,
    x: &Value,
    scale: &Value,
    shift: Option<&Value>,
) -> Result<Value, Refusal> {
    let product = multiply(lowering, x, scale)?;
    match shift {
        Some(shift) => lowering.binary(BinaryFunction::Add, &product, shift),
        None => Ok(product),
    }
}

/// A value without its mean along some axes.
struct Centred {
    mean: Value,
    deviation: Value,
    /// The mean of the squared deviation.
    variance: Value,
}

fn centred(lowering: &mut Lowering, x: &Value, axes: &[usize]) -> Result<Centred, Refusal> {
    let mean = lowering.reduce(Reduction::Mean, x, axes)?;
    let deviation = lowering.binary(BinaryFunction::Subtract, x, &mean)?;
    let squares = square(lowering, &deviation)?;
    let variance = lowering.reduce(Reduction::Mean, &squares, axes)?;
    Ok(Centred {
        mean,
        deviation,
        variance,
    })
}

/// A value with mean 0 and variance 1 along some axes.
struct Standard {
    result: Value,
    mean: Value,
    /// One over the standard deviation.
    factor: Value,
}

fn standardize(
    lowering: &mut Lowering,
    x: &Value,
    axes: &[usize],
    epsilon: f32,
) -> Result<Standard, Refusal> {
    let centred = centred(lowering, x, axes)?;
    let factor = inverse_root(lowering, &centred.variance, epsilon)?;
    Ok(Standard {
        result: multiply(lowering, &centred.deviation, &factor)?,
        mean: centred.mean,
        factor,
    })
}

/// `1/√(x + epsilon)`.
fn inverse_root(lowering: &mut Lowering, x: &Value, epsilon: f32) -> Result<Value, Refusal> {
    let positive = affine(lowering, x, 1.0, epsilon)?;
    power(lowering, &positive, -0.5)
}

#[cfg(test)]
mod tests;
