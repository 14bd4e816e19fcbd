//! `Lowering`: from nodes of an ONNX graph to operators of a network.
//!
//! Lowerings of operators are written in ONNX shapes and axes. This module alone knows how such a value lies in the network: a network
//! treats samples one by one and has no batch axis, so a value whose first axis has length 1 is kept without that axis (unless the
//! whole input is one sample). What depends only on constants is computed at once and leaves no node.

mod assemble;
mod elementwise;
mod emit;
mod fold;
mod layer;
mod rearrange;
mod value;

use std::collections::HashMap;
use std::rc::Rc;

pub(super) use assemble::Lowered;
pub(super) use layer::Statistics;
use value::Computed;
pub(super) use value::{Constant, Refusal, Value, axes, axis, position};

use super::attribute::GraphNode;
use super::tensor::{ElementType, MAX_AXES, Tensor};
use crate::names::Names;
use crate::network::{Node, Parameter, ValueId};
use crate::onnx::ImportOptions;
use crate::shape::Shape;

/// The lowering of one operator: the values of its outputs, in order; trailing ones may be left out.
pub(super) type Lower = fn(&mut Lowering, &GraphNode) -> Result<Vec<Value>, Refusal>;

/// Most nodes a network may get: far more than any network has, and few enough to be done in seconds.
const MAX_NODES: usize = 1 << 18;

/// Operations that may be spent on constants for each element they may have.
const WORK_PER_ELEMENT: usize = 16;

/// A tensor by its address, and the shape in which a node of the network holds it.
type HeldAs = (*const Tensor, Vec<usize>);

/// The network so far, and the values of the ONNX graph that are known.
pub(super) struct Lowering {
    nodes: Vec<Node>,
    /// For each node the number of the ONNX node it was made for, if it was made for one.
    origins: Vec<Option<usize>>,
    /// For each value of the network its shape in the network.
    shapes: Vec<Shape>,
    parameters: Vec<Parameter>,
    /// For each parameter its name in the file.
    sources: Vec<Option<Rc<str>>>,
    /// Those of its nodes.
    names: Names,
    values: HashMap<String, Value>,
    /// Nodes that hold constants. The tensors are kept so that no address is used twice.
    constant_nodes: HashMap<HeldAs, (Rc<Tensor>, ValueId)>,
    /// Number of the ONNX node at work, and the name of its first output.
    current: (Option<usize>, String),
    /// The number its first node has or would have in the network.
    first_node: usize,
    whole: bool,
    fixed_batch: Option<usize>,
    elements_left: usize,
    /// Elements that parameters may still have: they are copies, of one constant perhaps many.
    parameters_left: usize,
    work_left: usize,
}

impl Lowering {
    /// An empty network whose input has the shape `input` in the ONNX graph.
    pub(super) fn new(
        options: &ImportOptions,
        input: &[usize],
        element: ElementType,
    ) -> (Self, Value) {
        let mut lowering = Self {
            nodes: Vec::new(),
            origins: Vec::new(),
            shapes: Vec::new(),
            parameters: Vec::new(),
            sources: Vec::new(),
            names: Names::new(std::iter::empty()),
            values: HashMap::new(),
            constant_nodes: HashMap::new(),
            current: (None, String::new()),
            first_node: 0,
            whole: options.whole,
            fixed_batch: None,
            elements_left: options.max_elements,
            parameters_left: options.max_elements,
            work_left: options.max_elements.saturating_mul(WORK_PER_ELEMENT),
        };
        lowering.shapes.push(Shape(lowering.stored(input)));
        let input = Value::Computed(Computed {
            id: ValueId::INPUT,
            shape: input.to_vec(),
            element,
        });
        (lowering, input)
    }

    /// Says that the file is made for batches of several samples, of which one is imported.
    pub(super) fn fix_batch(&mut self, batch: Option<usize>) {
        self.fixed_batch = batch;
    }

    /// Refuses a constant shape that seems to hold the size of the file's batch.
    pub(super) fn refuse_batch(&self, shape: &[i64]) -> Result<(), Refusal> {
        let first = shape.first().and_then(|first| usize::try_from(*first).ok());
        match self.fixed_batch {
            Some(batch) if first == Some(batch) => Err(Refusal(format!(
                "the constant shape {shape:?} holds the batch of {batch}: export the model with a batch of 1 or of any size"
            ))),
            _ => Ok(()),
        }
    }

    /// The value a node takes at `index`.
    pub(super) fn input(&self, node: &GraphNode, index: usize) -> Result<Value, Refusal> {
        self.optional(node, index)
            .ok_or_else(|| Refusal(format!("input {index} is missing")))
    }

    /// The value a node takes at `index`, if it takes one.
    pub(super) fn optional(&self, node: &GraphNode, index: usize) -> Option<Value> {
        let name = node.inputs.get(index)?.as_ref()?;
        // The walk lowers a node only after everything it takes.
        self.values.get(name).cloned()
    }

    /// All values a node takes.
    pub(super) fn inputs(&self, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
        (0..node.inputs.len())
            .map(|index| self.input(node, index))
            .collect()
    }

    /// The constant a node takes at `index`, if it takes one. One that depends on the input is refused.
    pub(super) fn constant_input(
        &self,
        node: &GraphNode,
        index: usize,
    ) -> Result<Option<Constant>, Refusal> {
        match self.optional(node, index) {
            None => Ok(None),
            Some(Value::Constant(constant)) => Ok(Some(constant)),
            Some(Value::Computed(_)) => Err(Refusal(format!(
                "input {index} depends on the network's input, a constant is needed"
            ))),
        }
    }

    /// The elements of the constant a node takes at `index`, if it takes one.
    pub(super) fn floats(
        &self,
        node: &GraphNode,
        index: usize,
    ) -> Result<Option<Vec<f32>>, Refusal> {
        let constant = self.constant_input(node, index)?;
        Ok(constant.map(|constant| constant.floats().into_owned()))
    }

    /// The elements of the integer constant a node takes at `index`, if it takes one.
    pub(super) fn integers(
        &self,
        node: &GraphNode,
        index: usize,
    ) -> Result<Option<Vec<i64>>, Refusal> {
        let Some(constant) = self.constant_input(node, index)? else {
            return Ok(None);
        };
        match constant.integers() {
            Some(values) => Ok(Some(values.to_vec())),
            None => Err(Refusal(format!(
                "input {index} holds floats, integers are needed"
            ))),
        }
    }

    /// A constant of floats.
    ///
    /// There must be as many values as `shape` says.
    pub(super) fn constant(&mut self, shape: &[usize], values: Vec<f32>) -> Value {
        Value::Constant(Tensor::of_floats(shape.to_vec(), values).into())
    }

    /// A constant of one float.
    pub(super) fn scalar(&mut self, value: f32) -> Value {
        self.constant(&[], vec![value])
    }

    /// A constant of integers. One outside the range of `element` is refused.
    pub(super) fn integer_constant(
        &mut self,
        element: ElementType,
        shape: &[usize],
        values: Vec<i64>,
    ) -> Result<Value, Refusal> {
        let (low, high) = element
            .integer_range()
            .ok_or_else(|| Refusal(format!("integers as {element}")))?;
        if let Some(value) = values.iter().find(|value| !(low..=high).contains(*value)) {
            return Err(Refusal(format!(
                "{value} is outside the range of {element}"
            )));
        }
        let tensor = Tensor::of_integers(element, shape.to_vec(), values);
        Ok(Value::Constant(tensor.into()))
    }

    /// Number of elements of `shape`, taken from what constants may have in total. Call it before anything of that size is made.
    pub(super) fn claim(&mut self, shape: &[usize]) -> Result<usize, Refusal> {
        check_rank(shape.len())?;
        let elements = take(&mut self.elements_left, shape)?;
        self.work(elements)?;
        Ok(shape.iter().product())
    }

    /// Takes `operations` from what may be spent on constants.
    pub(super) fn work(&mut self, operations: usize) -> Result<(), Refusal> {
        self.work_left = self.work_left.checked_sub(operations).ok_or_else(|| {
            Refusal::from("computing the constants of this model takes too many operations")
        })?;
        Ok(())
    }
}

/// Refuses values with more axes than any real one.
pub(super) fn check_rank(rank: usize) -> Result<(), Refusal> {
    match rank {
        ..=MAX_AXES => Ok(()),
        _ => Err(Refusal(format!(
            "a value has {rank} axes, more than {MAX_AXES}"
        ))),
    }
}

/// Takes the elements of `shape` from those that are left.
fn take(left: &mut usize, shape: &[usize]) -> Result<usize, Refusal> {
    let elements = shape
        .iter()
        .try_fold(1usize, |n, axis| n.checked_mul((*axis).max(1)));
    let taken = elements.and_then(|elements| Some((elements, left.checked_sub(elements)?)));
    let Some((elements, rest)) = taken else {
        let shape = Shape(shape.to_vec());
        return Err(Refusal(format!(
            "a constant of shape {shape} would exceed what constants may have in total"
        )));
    };
    *left = rest;
    Ok(elements)
}

#[cfg(test)]
mod tests;
