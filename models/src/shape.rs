//! Shape inference, and with it the check that a graph makes sense. Errors name the node.
//!
//! Non-goals: symbolic sizes. The batch axis is left out everywhere: every operator treats images one by one.

use std::collections::HashSet;
use std::fmt;

use crate::network::{Node, Parameter, ParameterId, Role, ValueId};
use crate::operator::{Operator, Window};

/// Axes of a value without the batch axis: `[channel, height, width]` or `[feature]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape(pub Vec<usize>);

impl Shape {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// `[channel, height, width]`; a vector of features counts as `[feature, 1, 1]`.
    pub fn as_map(&self) -> [usize; 3] {
        match *self.0.as_slice() {
            [channels, height, width] => [channels, height, width],
            _ => [self.elements(), 1, 1],
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let axes: Vec<String> = self.0.iter().map(usize::to_string).collect();
        f.write_str(&axes.join("×"))
    }
}

/// A graph that does not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ShapeError {
    /// The node's name and operator, or "network".
    pub place: String,
    /// What does not fit.
    pub problem: String,
}

impl ShapeError {
    pub(crate) fn network(problem: String) -> Self {
        Self {
            place: "network".to_owned(),
            problem,
        }
    }

    fn node(node: &Node, problem: String) -> Self {
        Self {
            place: format!("node \"{}\" ({})", node.name, node.operator.name()),
            problem,
        }
    }
}

/// Most elements one value may have: 2³¹ bytes of f32 is more than any target of this project can hold.
const MAX_ELEMENTS: usize = 1 << 29;

/// Shapes of all values of a graph, the input first.
pub(crate) fn infer_shapes(
    input: [usize; 3],
    nodes: &[Node],
    parameters: &[Parameter],
) -> Result<Vec<Shape>, ShapeError> {
    let mut shapes = vec![Shape(input.to_vec())];
    check_size(&shapes[0]).map_err(ShapeError::network)?;
    if nodes.is_empty() {
        return Err(ShapeError::network("has no nodes".to_owned()));
    }
    for node in nodes {
        let shape = node_shape(node, &shapes, parameters)?;
        shapes.push(shape);
    }
    check_names_and_uses(nodes, parameters)?;
    Ok(shapes)
}

/// Shape of the result of `node`, which comes after the values that have `shapes`.
pub(crate) fn node_shape(
    node: &Node,
    shapes: &[Shape],
    parameters: &[Parameter],
) -> Result<Shape, ShapeError> {
    let fail = |problem: String| ShapeError::node(node, problem);
    if node.inputs.len() != node.operator.arity() {
        return Err(fail(format!(
            "takes {} inputs, {} are connected",
            node.operator.arity(),
            node.inputs.len()
        )));
    }
    if let Some(ValueId(late)) = node.inputs.iter().find(|value| value.0 >= shapes.len()) {
        return Err(fail(format!("takes value {late} before it is computed")));
    }
    let missing = |id: &ParameterId| id.0 >= parameters.len();
    if let Some(ParameterId(id)) = node.operator.parameters().into_iter().find(missing) {
        return Err(fail(format!("uses parameter {id} of {}", parameters.len())));
    }
    let inputs: Vec<&Shape> = node.inputs.iter().map(|value| &shapes[value.0]).collect();
    let shape = output_shape(&node.operator, &inputs, parameters).map_err(fail)?;
    check_size(&shape).map_err(fail)?;
    Ok(shape)
}

/// Names are unique, and every parameter belongs to exactly one node.
fn check_names_and_uses(nodes: &[Node], parameters: &[Parameter]) -> Result<(), ShapeError> {
    let mut names = HashSet::new();
    if let Some(node) = nodes.iter().find(|node| !names.insert(&node.name)) {
        let problem = "another node has the same name".to_owned();
        return Err(ShapeError::node(node, problem));
    }
    let mut names = HashSet::new();
    let mut uses = vec![0usize; parameters.len()];
    for ParameterId(id) in nodes.iter().flat_map(|node| node.operator.parameters()) {
        uses[id] += 1;
    }
    for (parameter, uses) in parameters.iter().zip(uses) {
        let name = parameter.name();
        if uses != 1 {
            return Err(ShapeError::network(format!(
                "parameter \"{name}\" is used {uses} times instead of once"
            )));
        }
        if !names.insert(name) {
            return Err(ShapeError::network(format!(
                "two parameters are named \"{name}\""
            )));
        }
    }
    Ok(())
}

fn check_size(shape: &Shape) -> Result<(), String> {
    let elements = shape
        .0
        .iter()
        .try_fold(1usize, |product, axis| product.checked_mul(*axis));
    match elements {
        Some(1..=MAX_ELEMENTS) => Ok(()),
        Some(0) => Err(format!("shape {shape} is empty")),
        _ => Err(format!(
            "shape {shape} has more than {MAX_ELEMENTS} elements"
        )),
    }
}

fn output_shape(
    operator: &Operator,
    inputs: &[&Shape],
    parameters: &[Parameter],
) -> Result<Shape, String> {
    let expect = |id: ParameterId, role: Role, wanted: &[usize]| {
        let parameter = &parameters[id.0];
        if parameter.role() != role {
            return Err(format!(
                "parameter \"{}\" has the role {:?}, {role:?} is needed",
                parameter.name(),
                parameter.role()
            ));
        }
        if parameter.shape() != wanted {
            return Err(format!(
                "parameter \"{}\" has shape {:?}, {wanted:?} is needed",
                parameter.name(),
                parameter.shape()
            ));
        }
        Ok(())
    };
    let input = inputs[0];
    match operator {
        Operator::Normalize { mean, deviation } => {
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
        Operator::Convolution {
            weight,
            bias,
            window,
            groups,
        } => {
            let [channels, height, width] = map(input)?;
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
            expect(*weight, Role::Weight, &wanted)?;
            bias.map_or(Ok(()), |bias| expect(bias, Role::Bias, &[outputs]))?;
            windowed(outputs, [height, width], window)
        }
        Operator::Linear { weight, bias } => {
            let &[features] = input.0.as_slice() else {
                return Err(format!("takes a vector, not {input}: flatten it first"));
            };
            let &[outputs, _] = parameters[weight.0].shape() else {
                return Err("weights need two axes".to_owned());
            };
            expect(*weight, Role::Weight, &[outputs, features])?;
            bias.map_or(Ok(()), |bias| expect(bias, Role::Bias, &[outputs]))?;
            Ok(Shape(vec![outputs]))
        }
        Operator::BatchNorm {
            scale,
            shift,
            mean,
            variance,
            epsilon,
        } => {
            let channels = input.0[0];
            expect(*scale, Role::Scale, &[channels])?;
            expect(*shift, Role::Shift, &[channels])?;
            expect(*mean, Role::RunningMean, &[channels])?;
            expect(*variance, Role::RunningVariance, &[channels])?;
            if !epsilon.is_finite() || *epsilon <= 0.0 {
                return Err(format!("epsilon {epsilon} is not above zero"));
            }
            Ok(input.clone())
        }
        Operator::Activation(_) => Ok(input.clone()),
        Operator::MaxPool(window) | Operator::AveragePool(window) => {
            let [channels, height, width] = map(input)?;
            let [top, left, bottom, right] = window.padding;
            let [kernel_height, kernel_width] = window.kernel;
            if top.max(bottom) >= kernel_height || left.max(right) >= kernel_width {
                return Err(
                    "a window would lie outside the map: padding reaches the kernel".to_owned(),
                );
            }
            windowed(channels, [height, width], window)
        }
        Operator::GlobalAveragePool => {
            let [channels, ..] = map(input)?;
            Ok(Shape(vec![channels, 1, 1]))
        }
        Operator::Add if inputs[0] == inputs[1] => Ok(input.clone()),
        Operator::Add => Err(format!("adds {} and {}", inputs[0], inputs[1])),
        Operator::Flatten => Ok(Shape(vec![input.elements()])),
    }
}

fn map(shape: &Shape) -> Result<[usize; 3], String> {
    <[usize; 3]>::try_from(shape.0.as_slice())
        .map_err(|_| format!("takes [channel, height, width], not {shape}"))
}

fn windowed(channels: usize, size: [usize; 2], window: &Window) -> Result<Shape, String> {
    let [height, width] = window.output_size(size).ok_or_else(|| {
        format!(
            "no {}×{} window with strides {}×{} and padding {:?} fits a {}×{} map",
            window.kernel[0],
            window.kernel[1],
            window.stride[0],
            window.stride[1],
            window.padding,
            size[0],
            size[1]
        )
    })?;
    Ok(Shape(vec![channels, height, width]))
}

#[cfg(test)]
mod tests;
