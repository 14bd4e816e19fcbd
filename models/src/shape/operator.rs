//! The shape of an operator's result, and what its inputs and constants must be.

use super::Shape;
use crate::function::Reduction;
use crate::network::{Parameter, ParameterId, Role};
use crate::operator::Operator;
use crate::window::Window;

/// Shape of the result of `operator` on values of the shapes `inputs`, or what does not fit.
pub(crate) fn shape(
    operator: &Operator,
    inputs: &[&Shape],
    parameters: &[Parameter],
) -> Result<Shape, String> {
    let known = Parameters(parameters);
    match operator {
        Operator::Constant { value } => {
            let value = &parameters[value.0];
            known.has_role(value, Role::Constant)?;
            Ok(Shape(value.shape().to_vec()))
        }
        Operator::Normalize { mean, deviation } => normalize(inputs[0], mean, deviation),
        Operator::Convolution {
            weight,
            bias,
            window,
            groups,
        } => {
            let [channels, height, width] = map(inputs[0])?;
            let &[outputs, _, _, _] = parameters[weight.0].shape() else {
                return Err("weights need four axes".to_owned());
            };
            if *groups == 0 || channels % groups != 0 || outputs % groups != 0 {
                return Err(format!(
                    "{groups} groups do not divide {channels} input and {outputs} output channels"
                ));
            }
            let [kernel_height, kernel_width] = window.kernel;
            let wanted = [outputs, channels / groups, kernel_height, kernel_width];
            known.expect(*weight, Role::Weight, &wanted)?;
            known.expect_bias(*bias, outputs)?;
            windowed(outputs, [height, width], window)
        }
        Operator::Linear { weight, bias } => {
            let Some((features, leading)) = inputs[0].0.split_last() else {
                return Err("takes at least one axis, not a scalar".to_owned());
            };
            let &[outputs, _] = parameters[weight.0].shape() else {
                return Err("weights need two axes".to_owned());
            };
            known.expect(*weight, Role::Weight, &[outputs, *features])?;
            known.expect_bias(*bias, outputs)?;
            Ok(Shape([leading, &[outputs]].concat()))
        }
        Operator::MatMul => mat_mul(inputs[0], inputs[1]),
        Operator::BatchNorm {
            scale,
            shift,
            mean,
            variance,
            epsilon,
        } => {
            let Some(&channels) = inputs[0].0.first() else {
                return Err("takes at least one axis, not a scalar".to_owned());
            };
            known.expect(*scale, Role::Scale, &[channels])?;
            known.expect(*shift, Role::Shift, &[channels])?;
            known.expect(*mean, Role::RunningMean, &[channels])?;
            known.expect(*variance, Role::RunningVariance, &[channels])?;
            if !epsilon.is_finite() || *epsilon <= 0.0 {
                return Err(format!("epsilon {epsilon} is not above zero"));
            }
            Ok(inputs[0].clone())
        }
        Operator::Unary(function) => match function.problem() {
            Some(problem) => Err(problem),
            None => Ok(inputs[0].clone()),
        },
        Operator::Binary(_) | Operator::Where => {
            let shapes = inputs.iter().map(|shape| shape.0.as_slice());
            let shape = shapes.clone().try_fold(Vec::new(), |a, b| broadcast(&a, b));
            shape.map(Shape).ok_or_else(|| {
                let shapes: Vec<String> = inputs.iter().map(|shape| shape.to_string()).collect();
                format!("cannot broadcast {}", shapes.join(" and "))
            })
        }
        Operator::MaxPool(window) | Operator::AveragePool(window) => {
            let [channels, height, width] = map(inputs[0])?;
            let shape = windowed(channels, [height, width], window)?;
            if !window.touches_everywhere([height, width], [shape.0[1], shape.0[2]]) {
                return Err("a window lies outside the map, on nothing but padding".to_owned());
            }
            Ok(shape)
        }
        Operator::Reduce { reduction, axes } => reduce(inputs[0], *reduction, axes),
        Operator::Softmax { axis } => {
            axis_of(inputs[0], *axis)?;
            Ok(inputs[0].clone())
        }
        Operator::Concat { axis } => concat(inputs, *axis),
        Operator::Reshape { shape } => {
            let elements = shape
                .iter()
                .try_fold(1usize, |n, axis| n.checked_mul(*axis));
            if elements != Some(inputs[0].elements()) {
                return Err(format!(
                    "{} elements do not fill the shape {}",
                    inputs[0].elements(),
                    Shape(shape.clone())
                ));
            }
            Ok(Shape(shape.clone()))
        }
        Operator::Transpose { order } => {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            if !sorted.iter().copied().eq(0..inputs[0].0.len()) {
                return Err(format!(
                    "{order:?} is no order of the axes of {}",
                    inputs[0]
                ));
            }
            Ok(Shape(order.iter().map(|axis| inputs[0].0[*axis]).collect()))
        }
        Operator::Select {
            axis,
            indices,
            fill,
        } => {
            let length = axis_of(inputs[0], *axis)?;
            if let Some(index) = indices.iter().flatten().find(|index| **index >= length) {
                return Err(format!(
                    "position {index} of axis {axis}, which has length {length}"
                ));
            }
            if fill.is_nan() {
                return Err("the fill value is not a number".to_owned());
            }
            let mut shape = inputs[0].clone();
            shape.0[*axis] = indices.len();
            Ok(shape)
        }
    }
}

/// A network's parameters, and what an operator expects of one.
struct Parameters<'a>(&'a [Parameter]);

impl Parameters<'_> {
    fn has_role(&self, parameter: &Parameter, role: Role) -> Result<(), String> {
        if parameter.role() == role {
            return Ok(());
        }
        Err(format!(
            "parameter \"{}\" has the role {:?}, {role:?} is needed",
            parameter.name(),
            parameter.role()
        ))
    }

    fn expect(&self, id: ParameterId, role: Role, wanted: &[usize]) -> Result<(), String> {
        let parameter = &self.0[id.0];
        self.has_role(parameter, role)?;
        if parameter.shape() != wanted {
            return Err(format!(
                "parameter \"{}\" has shape {:?}, {wanted:?} is needed",
                parameter.name(),
                parameter.shape()
            ));
        }
        Ok(())
    }

    fn expect_bias(&self, bias: Option<ParameterId>, outputs: usize) -> Result<(), String> {
        bias.map_or(Ok(()), |bias| self.expect(bias, Role::Bias, &[outputs]))
    }
}

fn normalize(input: &Shape, mean: &[f32], deviation: &[f32]) -> Result<Shape, String> {
    let [channels, ..] = map(input)?;
    if mean.len() != channels || deviation.len() != channels {
        return Err(format!(
            "{} means and {} deviations for {channels} channels",
            mean.len(),
            deviation.len()
        ));
    }
    if deviation.iter().any(|d| !d.is_finite() || *d <= 0.0) {
        return Err("deviations must be finite and above zero".to_owned());
    }
    if mean.iter().any(|m| !m.is_finite()) {
        return Err("means must be finite".to_owned());
    }
    Ok(input.clone())
}

fn mat_mul(left: &Shape, right: &Shape) -> Result<Shape, String> {
    let fail = || format!("cannot multiply {left} and {right}");
    let ([left_leading @ .., rows, shared], [right_leading @ .., inner, columns]) =
        (left.0.as_slice(), right.0.as_slice())
    else {
        return Err(fail());
    };
    let mut shape = broadcast(left_leading, right_leading).ok_or_else(fail)?;
    if shared != inner {
        return Err(fail());
    }
    shape.extend([rows, columns]);
    Ok(Shape(shape))
}

fn reduce(input: &Shape, reduction: Reduction, axes: &[usize]) -> Result<Shape, String> {
    if axes.is_empty() || !axes.is_sorted_by(|a, b| a < b) {
        return Err(format!("axes {axes:?} are not rising"));
    }
    if reduction == Reduction::ArgMaximum && axes.len() != 1 {
        return Err("takes one axis".to_owned());
    }
    let mut shape = input.clone();
    for axis in axes {
        axis_of(input, *axis)?;
        shape.0[*axis] = 1;
    }
    Ok(shape)
}

fn concat(inputs: &[&Shape], axis: usize) -> Result<Shape, String> {
    let mut shape = inputs[0].clone();
    axis_of(&shape, axis)?;
    for input in &inputs[1..] {
        let mut aligned = (*input).clone();
        let fits = axis_of(&aligned, axis).is_ok() && {
            aligned.0[axis] = shape.0[axis];
            aligned == shape
        };
        if !fits {
            return Err(format!(
                "cannot join {} and {input} along axis {axis}",
                inputs[0]
            ));
        }
        shape.0[axis] = shape.0[axis]
            .checked_add(input.0[axis])
            .ok_or("the joined axis is too long")?;
    }
    Ok(shape)
}

/// The common shape of two values: aligned at the last axis, lengths equal or 1.
pub(crate) fn broadcast(left: &[usize], right: &[usize]) -> Option<Vec<usize>> {
    let rank = left.len().max(right.len());
    let length = |shape: &[usize], axis: usize| {
        let missing = rank - shape.len();
        axis.checked_sub(missing).map_or(1, |axis| shape[axis])
    };
    (0..rank)
        .map(|axis| match (length(left, axis), length(right, axis)) {
            (left, right) if left == right => Some(left),
            (1, other) | (other, 1) => Some(other),
            _ => None,
        })
        .collect()
}

fn axis_of(shape: &Shape, axis: usize) -> Result<usize, String> {
    let length = shape.0.get(axis).copied();
    length.ok_or_else(|| format!("{shape} has no axis {axis}"))
}

fn map(shape: &Shape) -> Result<[usize; 3], String> {
    <[usize; 3]>::try_from(shape.0.as_slice())
        .map_err(|_| format!("takes [channel, height, width], not {shape}"))
}

fn windowed(channels: usize, size: [usize; 2], window: &Window) -> Result<Shape, String> {
    let [height, width] = window.output_size(size).ok_or_else(|| {
        format!(
            "no {}×{} window with strides {}×{}, dilation {}×{} and padding {:?} fits a {}×{} map",
            window.kernel[0],
            window.kernel[1],
            window.stride[0],
            window.stride[1],
            window.dilation[0],
            window.dilation[1],
            window.padding,
            size[0],
            size[1]
        )
    })?;
    Ok(Shape(vec![channels, height, width]))
}

#[cfg(test)]
mod tests;
