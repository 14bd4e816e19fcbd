//! Nodes and parameters of the network as they are made, and how ONNX values lie in it.

use std::rc::Rc;

use super::value::Computed;
use super::{Constant, ElementType, Lowering, MAX_NODES, Refusal, Value, take};
use crate::network::{Node, Parameter, ParameterId, Role, ValueId};
use crate::onnx::import::tensor::{Data, Tensor};
use crate::operator::Operator;
use crate::shape::{MAX_AXES, Shape, node_shape};

/// Largest integer up to which f32 has all.
const MAX_EXACT: u64 = 1 << 24;

impl Lowering {
    /// Whether a value of the ONNX shape `shape` is kept without its first axis.
    pub(super) fn is_cut(&self, shape: &[usize]) -> bool {
        !self.whole && shape.first() == Some(&1)
    }

    /// The shape in the network of a value of the ONNX shape `shape`.
    pub(super) fn stored(&self, shape: &[usize]) -> Vec<usize> {
        shape[usize::from(self.is_cut(shape))..].to_vec()
    }

    /// The value in the network, in the shape [`stored`](Self::stored) says.
    pub(super) fn place(&mut self, value: &Value) -> Result<ValueId, Refusal> {
        match value {
            Value::Computed(computed) => Ok(computed.id),
            Value::Constant(constant) => {
                let shape = self.stored(&constant.shape);
                self.constant_node(constant, shape)
            }
        }
    }

    /// The value in the network with all axes it has in the ONNX graph.
    pub(super) fn place_whole(&mut self, value: &Value) -> Result<ValueId, Refusal> {
        match value {
            Value::Constant(constant) => self.constant_node(constant, constant.shape.clone()),
            Value::Computed(computed) => self.reshaped(computed.id, &computed.shape),
        }
    }

    /// The network's value `id` in another shape.
    pub(super) fn reshaped(&mut self, id: ValueId, shape: &[usize]) -> Result<ValueId, Refusal> {
        if self.shapes[id.0].0 == shape {
            return Ok(id);
        }
        let shape = shape.to_vec();
        self.emit(Operator::Reshape { shape }, vec![id])
    }

    /// The ONNX value of the shape `shape` that the network's value `id` holds, cut or whole.
    pub(super) fn computed(
        &mut self,
        id: ValueId,
        shape: Vec<usize>,
        element: ElementType,
    ) -> Result<Value, Refusal> {
        let id = self.reshaped(id, &self.stored(&shape))?;
        Ok(Value::Computed(Computed { id, shape, element }))
    }

    /// Appends a node.
    pub(super) fn emit(
        &mut self,
        operator: Operator,
        inputs: Vec<ValueId>,
    ) -> Result<ValueId, Refusal> {
        if self.nodes.len() >= MAX_NODES {
            return Err(Refusal(format!(
                "the network would get more than {MAX_NODES} nodes"
            )));
        }
        let name = self
            .names
            .unique(format!("{}/{}", self.current.1, operator.name()));
        let node = Node {
            name,
            operator,
            inputs,
        };
        let shape = node_shape(&node, &self.shapes, &self.parameters)
            .map_err(|error| Refusal(error.problem))?;
        self.nodes.push(node);
        self.origins.push(self.current.0);
        self.shapes.push(shape);
        Ok(ValueId::of_node(self.nodes.len() - 1))
    }

    /// Adds a parameter, which one node must use.
    pub(super) fn parameter(
        &mut self,
        role: Role,
        constant: Constant,
        shape: Vec<usize>,
    ) -> Result<ParameterId, Refusal> {
        take(&mut self.parameters_left, &shape)?;
        let source = constant.name.clone();
        let values = into_floats(constant.into_tensor())?;
        let id = self.parameters.len();
        // Its name is given when all are known.
        self.parameters.push(Parameter::new(
            format!("parameter {id}"),
            role,
            shape,
            values,
        ));
        self.sources.push(source);
        Ok(ParameterId(id))
    }

    /// The node that holds a constant in a shape; one for all uses.
    fn constant_node(
        &mut self,
        constant: &Constant,
        shape: Vec<usize>,
    ) -> Result<ValueId, Refusal> {
        let key = (Rc::as_ptr(&constant.tensor), shape.clone());
        if let Some((_, id)) = self.constant_nodes.get(&key) {
            return Ok(*id);
        }
        if shape.len() > MAX_AXES || constant.elements() == 0 {
            let shape = Shape(shape);
            return Err(Refusal(format!(
                "a constant of shape {shape} cannot be part of a network"
            )));
        }
        let value = self.parameter(Role::Constant, constant.clone(), shape)?;
        let id = self.emit(Operator::Constant { value }, Vec::new())?;
        if let Some(name) = &constant.name {
            self.rename(id, name);
        }
        self.constant_nodes
            .insert(key, (constant.tensor.clone(), id));
        Ok(id)
    }

    /// Gives the node that computes `id` another name, made unique.
    pub(super) fn rename(&mut self, id: ValueId, name: &str) {
        let Some(index) = id.node() else { return };
        self.nodes[index].name = self.names.unique(name.to_owned());
    }
}

/// The elements as the floats a network computes with. Integers that f32 does not have are refused.
fn into_floats(tensor: Tensor) -> Result<Vec<f32>, Refusal> {
    match tensor.data {
        Data::Float(values) => Ok(values),
        Data::Int(values) => {
            if let Some(value) = values.iter().find(|value| value.unsigned_abs() > MAX_EXACT) {
                return Err(Refusal(format!(
                    "the integer {value} is needed beside values that depend on the input, but f32 does not have it"
                )));
            }
            Ok(values.into_iter().map(|value| value as f32).collect())
        }
    }
}
