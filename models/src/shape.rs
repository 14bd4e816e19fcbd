//! Shape inference, and with it the check that a graph makes sense. Errors name the node.
//!
//! Non-goals: symbolic sizes. The batch axis is left out everywhere: every operator treats images one by one.

mod operator;

use std::collections::HashSet;
use std::fmt;

use crate::network::{Node, Parameter, ParameterId, ValueId};
pub(crate) use operator::shape as operator_shape;

pub(crate) use operator::broadcast;

/// Axes of a value without the batch axis, slowest first: `[channel, height, width]` of a map, `[feature]` of a vector, none of a
/// single number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape(pub Vec<usize>);

impl Shape {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// `[channel, height, width]`; anything that is not a map counts as a vector, `[elements, 1, 1]`.
    pub fn as_map(&self) -> [usize; 3] {
        match *self.0.as_slice() {
            [channels, height, width] => [channels, height, width],
            _ => [self.elements(), 1, 1],
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("scalar");
        }
        let axes: Vec<String> = self.0.iter().map(usize::to_string).collect();
        f.write_str(&axes.join("×"))
    }
}

impl<const RANK: usize> From<[usize; RANK]> for Shape {
    fn from(axes: [usize; RANK]) -> Self {
        Self(axes.to_vec())
    }
}

impl From<Vec<usize>> for Shape {
    fn from(axes: Vec<usize>) -> Self {
        Self(axes)
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

/// Most axes one value may have.
pub(crate) const MAX_AXES: usize = 8;

/// Shapes of all values of a graph, the input first.
pub(crate) fn infer_shapes(
    input: &Shape,
    nodes: &[Node],
    parameters: &[Parameter],
) -> Result<Vec<Shape>, ShapeError> {
    let mut shapes = vec![input.clone()];
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
    let connected = node.inputs.len();
    match node.operator.arity() {
        Some(arity) if arity != connected => {
            return Err(fail(format!(
                "takes {arity} inputs, {connected} are connected"
            )));
        }
        None if connected == 0 => return Err(fail("has no input".to_owned())),
        _ => {}
    }
    if let Some(ValueId(late)) = node.inputs.iter().find(|value| value.0 >= shapes.len()) {
        return Err(fail(format!("takes value {late} before it is computed")));
    }
    let missing = |id: &ParameterId| id.0 >= parameters.len();
    if let Some(ParameterId(id)) = node.operator.parameters().into_iter().find(missing) {
        return Err(fail(format!("uses parameter {id} of {}", parameters.len())));
    }
    let inputs: Vec<&Shape> = node.inputs.iter().map(|value| &shapes[value.0]).collect();
    let shape = operator::shape(&node.operator, &inputs, parameters).map_err(fail)?;
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
    if shape.0.len() > MAX_AXES {
        return Err(format!("shape {shape} has more than {MAX_AXES} axes"));
    }
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

#[cfg(test)]
mod tests;
