//! The graph that is being written: its values with their names, its nodes and initialisers.
//!
//! Every value has the batch in front, as axis 0: of length 1 where it is the same for every image, else `N`. So axis `a` of the network
//! is axis `a + 1` here whatever the value, and broadcasting does for images what it did for one.

use std::collections::HashSet;

use onnx_protobuf::attribute_proto::AttributeType;
use onnx_protobuf::tensor_proto::DataType;
use onnx_protobuf::tensor_shape_proto::{Dimension, dimension};
use onnx_protobuf::type_proto;
use onnx_protobuf::{
    AttributeProto, GraphProto, NodeProto, SparseTensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto,
};
use protobuf::EnumOrUnknown;

use super::{ExportError, operator, tensor};
use crate::network::{Network, Parameter, ParameterId, Role, ValueId};
use crate::operator::Operator;
use crate::shape::Shape;

/// A value of the network in the graph.
struct Value {
    name: String,
    /// Whether axis 0 is the batch; it has length 1 in values that are the same for every image.
    batched: bool,
    /// What ONNX makes the operator's elements: comparisons give truth values, positions are integers.
    element: DataType,
    /// The name of the same value as float32, if it is something else and was needed as such.
    number: Option<String>,
}

/// Writes one network's graph.
pub(super) struct GraphWriter<'n> {
    network: &'n Network,
    sparse_initializers: bool,
    graph: GraphProto,
    /// All names that are given to values.
    names: HashSet<String>,
    /// By [`ValueId`]: those that are written.
    values: Vec<Value>,
    /// Values that are taken as conditions and as nothing else.
    conditions: HashSet<ValueId>,
    /// The name of the vector that holds the length of the batch, once something needed it.
    batch: Option<String>,
}

impl<'n> GraphWriter<'n> {
    /// The whole graph.
    ///
    /// # Errors
    /// If it contains a number that ONNX cannot hold.
    pub(super) fn write(
        network: &'n Network,
        sparse_initializers: bool,
    ) -> Result<GraphProto, ExportError> {
        let nodes = network.nodes().iter();
        let mut writer = Self {
            network,
            sparse_initializers,
            graph: GraphProto {
                name: network.name().to_owned(),
                ..Default::default()
            },
            names: nodes.map(|node| node.name.clone()).collect(),
            values: Vec::new(),
            conditions: conditions(network),
            batch: None,
        };
        let input = writer.unique("input");
        writer.push(input.clone(), true, DataType::FLOAT);
        writer.graph.input = vec![value_info(&input, network.shape(ValueId::INPUT))];
        for node in network.nodes() {
            // An empty name means in ONNX that there is no value.
            let name = match node.name.as_str() {
                "" => writer.unique("unnamed"),
                name => name.to_owned(),
            };
            let element = operator::write(&mut writer, node, &name)?;
            let batched = node.inputs.iter().any(|id| writer.values[id.0].batched);
            writer.push(name, batched, element);
        }
        let output = writer.batched(network.output());
        writer.graph.output = vec![value_info(&output, network.shape(network.output()))];
        Ok(writer.graph)
    }

    fn push(&mut self, name: String, batched: bool, element: DataType) {
        self.values.push(Value {
            name,
            batched,
            element,
            number: None,
        });
    }

    /// `name`, or if another value has it, `name` with a number.
    pub(super) fn unique(&mut self, name: &str) -> String {
        let numbered = (2..).map(|number| format!("{name}.{number}"));
        let unique = [name.to_owned()]
            .into_iter()
            .chain(numbered)
            .find(|name| !self.names.contains(name))
            .expect("numbers do not end");
        self.names.insert(unique.clone());
        unique
    }

    /// Shape of a value without the batch.
    pub(super) fn shape(&self, id: ValueId) -> &'n [usize] {
        &self.network.shape(id).0
    }

    /// A node of the graph with one result; an empty name stands for an input that is left out.
    pub(super) fn node(
        &mut self,
        kind: &str,
        inputs: &[&str],
        output: &str,
        attributes: Vec<AttributeProto>,
    ) {
        self.graph.node.push(NodeProto {
            name: output.to_owned(),
            op_type: kind.to_owned(),
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![output.to_owned()],
            attribute: attributes,
            ..Default::default()
        });
    }

    /// The name of a value as float32.
    pub(super) fn number(&mut self, id: ValueId) -> String {
        let Value {
            name,
            element,
            number,
            ..
        } = &self.values[id.0];
        if *element == DataType::FLOAT {
            return name.clone();
        }
        if let Some(number) = number {
            return number.clone();
        }
        let name = name.clone();
        let number = self.unique(&format!("{name}/number"));
        self.cast(&name, DataType::FLOAT, &number);
        self.values[id.0].number = Some(number.clone());
        number
    }

    /// The name of a value as truth values, true where it is not zero; they are made for the node `user` if the value has numbers.
    pub(super) fn truth(&mut self, id: ValueId, user: &str) -> String {
        if self.values[id.0].element == DataType::BOOL {
            return self.values[id.0].name.clone();
        }
        let number = self.number(id);
        let truth = self.unique(&format!("{user}/condition"));
        self.cast(&number, DataType::BOOL, &truth);
        truth
    }

    fn cast(&mut self, from: &str, element: DataType, to: &str) {
        self.node("Cast", &[from], to, vec![int("to", element as i64)]);
    }

    /// The name of a value as float32, repeated for every image if it is the same for all.
    pub(super) fn batched(&mut self, id: ValueId) -> String {
        let name = self.number(id);
        if self.values[id.0].batched {
            return name;
        }
        let mut shape = self.batch_length();
        let ones = vec![1; self.shape(id).len()];
        if !ones.is_empty() {
            let ones = self.integers(&format!("{name}/ones"), &ones);
            let whole = self.unique(&format!("{name}/shape"));
            self.node("Concat", &[&shape, &ones], &whole, vec![int("axis", 0)]);
            shape = whole;
        }
        let batched = self.unique(&format!("{name}/batched"));
        self.node("Expand", &[&name, &shape], &batched, Vec::new());
        batched
    }

    /// The name of a vector that holds the length of the batch.
    fn batch_length(&mut self) -> String {
        if let Some(batch) = &self.batch {
            return batch.clone();
        }
        let input = self.values[0].name.clone();
        let batch = self.unique(&format!("{input}/batch"));
        let range = vec![int("start", 0), int("end", 1)];
        self.node("Shape", &[&input], &batch, range);
        self.batch = Some(batch.clone());
        batch
    }

    /// The value `id`, called `name` in the form that the node `user` needs, with axes of length 1 behind the batch, so that it has
    /// `rank` axes without the batch: ONNX aligns shapes at the last axis, and the batch would not meet the batch of the others.
    pub(super) fn aligned(&mut self, name: String, id: ValueId, rank: usize, user: &str) -> String {
        let shape = self.shape(id);
        if shape.len() == rank || !self.values[id.0].batched {
            return name;
        }
        let ones = vec![1; rank - shape.len()];
        let aligned = self.unique(&format!("{user}/aligned"));
        self.reshape(&name, &[&ones, shape].concat(), &aligned);
        aligned
    }

    /// The value called `from` with another shape behind the batch.
    pub(super) fn reshape(&mut self, from: &str, shape: &[usize], to: &str) {
        // 0 stands for the axis as it is.
        let target: Vec<i64> = [0].into_iter().chain(dims(shape)).collect();
        let target = self.integers(&format!("{to}/shape"), &target);
        self.node("Reshape", &[from, &target], to, Vec::new());
    }

    /// An initialiser with the parameter's name, shape and numbers.
    pub(super) fn parameter(&mut self, id: ParameterId) -> String {
        let parameter = self.network.parameter(id);
        self.rearranged(parameter, parameter.shape(), parameter.values())
    }

    /// An initialiser with the parameter's name and its rows as columns.
    pub(super) fn transposed_parameter(&mut self, id: ParameterId) -> String {
        let parameter = self.network.parameter(id);
        let &[rows, columns] = parameter.shape() else {
            unreachable!("only matrices are transposed");
        };
        let values = tensor::transposed(columns, parameter.values());
        self.rearranged(parameter, &[columns, rows], &values)
    }

    fn rearranged(&mut self, parameter: &Parameter, shape: &[usize], values: &[f32]) -> String {
        let name = self.unique(parameter.name());
        let may_be_sparse = self.sparse_initializers && parameter.role() == Role::Weight;
        match tensor::sparse(shape, values).filter(|_| may_be_sparse) {
            // A `sparse_initializer` would say the same, but only ONNX Runtime takes it (1.32), and the checker's types do not.
            Some(sparse) => self.node("Constant", &[], &name, vec![sparse_value(sparse)]),
            None => self
                .graph
                .initializer
                .push(tensor::floats(&name, shape, values)),
        }
        name
    }

    /// An initialiser for the value called `name`, with a batch of length 1. Returns its type: conditions are truth values.
    pub(super) fn constant(&mut self, id: ParameterId, name: &str) -> DataType {
        let parameter = self.network.parameter(id);
        let (shape, values) = ([&[1], parameter.shape()].concat(), parameter.values());
        let is_condition = self.conditions.contains(&ValueId(self.values.len()))
            && values.iter().all(|value| [0.0, 1.0].contains(value));
        let (tensor, element) = if is_condition {
            (tensor::truths(name, &shape, values), DataType::BOOL)
        } else {
            (tensor::floats(name, &shape, values), DataType::FLOAT)
        };
        self.graph.initializer.push(tensor);
        element
    }

    /// An initialiser under this name or one like it.
    pub(super) fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        let name = self.unique(name);
        let tensor = tensor::floats(&name, shape, values);
        self.graph.initializer.push(tensor);
        name
    }

    /// A vector of whole numbers as an initialiser, under this name or one like it.
    pub(super) fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let name = self.unique(name);
        let tensor = tensor::integers(&name, values);
        self.graph.initializer.push(tensor);
        name
    }
}

fn conditions(network: &Network) -> HashSet<ValueId> {
    let uses = network.nodes().iter().flat_map(|node| {
        let chooses = node.operator == Operator::Where;
        let inputs = node.inputs.iter().enumerate();
        inputs.map(move |(index, id)| (*id, chooses && index == 0))
    });
    let (conditions, others): (Vec<_>, Vec<_>) = uses.partition(|(_, is_condition)| *is_condition);
    let mut conditions: HashSet<ValueId> = conditions.into_iter().map(|(id, _)| id).collect();
    for (id, _) in others {
        conditions.remove(&id);
    }
    conditions
}

/// Lengths and positions of axes, which networks keep far below what i64 holds.
pub(super) fn dims(lengths: &[usize]) -> impl Iterator<Item = i64> + '_ {
    lengths.iter().map(|length| *length as i64)
}

fn value_info(name: &str, shape: &Shape) -> ValueInfoProto {
    let dimension = |value| Dimension {
        value: Some(value),
        ..Default::default()
    };
    let batch = dimension(dimension::Value::DimParam("N".to_owned()));
    let axes = dims(&shape.0).map(|length| dimension(dimension::Value::DimValue(length)));
    let shape = TensorShapeProto {
        dim: [batch].into_iter().chain(axes).collect(),
        ..Default::default()
    };
    let tensor = type_proto::Tensor {
        elem_type: DataType::FLOAT as i32,
        shape: Some(shape).into(),
        ..Default::default()
    };
    let kind = TypeProto {
        value: Some(type_proto::Value::TensorType(tensor)),
        ..Default::default()
    };
    ValueInfoProto {
        name: name.to_owned(),
        type_: Some(kind).into(),
        ..Default::default()
    }
}

/// An attribute that is a whole number.
pub(super) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        i: value,
        ..attribute(name, AttributeType::INT)
    }
}

/// An attribute that is a list of whole numbers.
pub(super) fn ints(name: &str, values: impl IntoIterator<Item = i64>) -> AttributeProto {
    AttributeProto {
        ints: values.into_iter().collect(),
        ..attribute(name, AttributeType::INTS)
    }
}

/// An attribute that is a number.
pub(super) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        f: value,
        ..attribute(name, AttributeType::FLOAT)
    }
}

/// The attribute that holds what a constant is.
fn sparse_value(value: SparseTensorProto) -> AttributeProto {
    AttributeProto {
        sparse_tensor: Some(value).into(),
        ..attribute("sparse_value", AttributeType::SPARSE_TENSOR)
    }
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        type_: EnumOrUnknown::new(kind),
        ..Default::default()
    }
}
