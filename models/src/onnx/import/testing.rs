//! Small models built in code, for the tests of operators.

use onnx_protobuf::attribute_proto::AttributeType;
use onnx_protobuf::tensor_proto::DataType;
use onnx_protobuf::{
    AttributeProto, GraphProto, Message, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, tensor_shape_proto, type_proto,
};

use crate::network::Network;
use crate::onnx::{Import, ImportOptions, OnnxError, import_bytes};
use crate::reference;

/// A model under construction.
pub(super) struct Model {
    pub proto: ModelProto,
}

impl Model {
    /// An empty model of an operator set.
    pub fn new(opset: i64) -> Self {
        let mut proto = ModelProto {
            ir_version: 8,
            graph: Some(GraphProto::default()).into(),
            ..ModelProto::default()
        };
        proto.opset_import.push(OperatorSetIdProto {
            version: opset,
            ..OperatorSetIdProto::default()
        });
        Self { proto }
    }

    /// Names the version of another domain's operators.
    pub fn domain(mut self, domain: &str, version: i64) -> Self {
        self.proto.opset_import.push(OperatorSetIdProto {
            domain: domain.to_owned(),
            version,
            ..OperatorSetIdProto::default()
        });
        self
    }

    /// Whether the graph makes `output` from an input "x" of `shape` by one node with those further constant inputs.
    pub fn of_node(
        opset: i64,
        shape: &[i64],
        operator: &str,
        constants: &[TensorProto],
        attributes: Vec<AttributeProto>,
    ) -> Self {
        let mut inputs = vec!["x"];
        inputs.extend(constants.iter().map(|tensor| tensor.name.as_str()));
        let model = Self::new(opset).input("x", shape);
        let model = model.node(operator, &inputs, &["y"], attributes);
        let model = constants.iter().cloned().fold(model, Self::initializer);
        model.output("y")
    }

    pub fn graph(&mut self) -> &mut GraphProto {
        self.proto.graph.as_mut().expect("every model here has one")
    }

    /// A float input; an axis of −1 is open.
    pub fn input(self, name: &str, shape: &[i64]) -> Self {
        self.typed_input(name, DataType::FLOAT, shape)
    }

    pub fn typed_input(mut self, name: &str, element: DataType, shape: &[i64]) -> Self {
        self.graph()
            .input
            .push(value_info(name, element, Some(shape)));
        self
    }

    /// An output of undeclared shape.
    pub fn output(mut self, name: &str) -> Self {
        let output = value_info(name, DataType::FLOAT, None);
        self.graph().output.push(output);
        self
    }

    pub fn initializer(mut self, tensor: TensorProto) -> Self {
        self.graph().initializer.push(tensor);
        self
    }

    pub fn node(
        mut self,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attribute: Vec<AttributeProto>,
    ) -> Self {
        let (domain, op_type) = operator.rsplit_once('.').unwrap_or(("", operator));
        let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        self.graph().node.push(NodeProto {
            domain: domain.to_owned(),
            op_type: op_type.to_owned(),
            input: strings(inputs),
            output: strings(outputs),
            attribute,
            ..NodeProto::default()
        });
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.proto.write_to_bytes().expect("it can be written")
    }

    /// Imports it in batches of one sample.
    pub fn import(&self) -> Result<Import, OnnxError> {
        import_bytes(&self.bytes(), None, &ImportOptions::default())
    }

    /// Imports it with its whole input as one sample.
    pub fn import_whole(&self) -> Result<Import, OnnxError> {
        let options = ImportOptions {
            whole: true,
            ..ImportOptions::default()
        };
        import_bytes(&self.bytes(), None, &options)
    }

    /// The network of the whole input.
    pub fn network(&self) -> Network {
        self.import_whole().expect("it is supported").network
    }

    /// The output for an input of the whole shape.
    pub fn run(&self, input: &[f32]) -> Vec<f32> {
        reference::evaluate(&self.network(), input, 1)
    }

    /// The output's shape.
    pub fn output_shape(&self) -> Vec<usize> {
        let network = self.network();
        network.shape(network.output()).0.clone()
    }

    /// The message with which it is refused.
    pub fn refusal(&self) -> String {
        let error = self
            .import_whole()
            .map(|import| import.network)
            .unwrap_err();
        error.to_string()
    }
}

fn value_info(name: &str, element: DataType, shape: Option<&[i64]>) -> ValueInfoProto {
    let dimension = |axis: &i64| tensor_shape_proto::Dimension {
        value: (*axis >= 0).then_some(tensor_shape_proto::dimension::Value::DimValue(*axis)),
        ..tensor_shape_proto::Dimension::default()
    };
    let shape = shape.map(|shape| TensorShapeProto {
        dim: shape.iter().map(dimension).collect(),
        ..TensorShapeProto::default()
    });
    let tensor = type_proto::Tensor {
        elem_type: element as i32,
        shape: shape.into(),
        ..type_proto::Tensor::default()
    };
    ValueInfoProto {
        name: name.to_owned(),
        type_: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..TypeProto::default()
        })
        .into(),
        ..ValueInfoProto::default()
    }
}

/// A float tensor.
pub(super) fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        data_type: DataType::FLOAT as i32,
        dims: dims.to_vec(),
        float_data: values.to_vec(),
        ..TensorProto::default()
    }
}

/// A tensor of int64.
pub(super) fn ints(name: &str, dims: &[i64], values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        data_type: DataType::INT64 as i32,
        dims: dims.to_vec(),
        int64_data: values.to_vec(),
        ..TensorProto::default()
    }
}

/// A tensor of a small integer type or of bools.
pub(super) fn small_ints(
    name: &str,
    element: DataType,
    dims: &[i64],
    values: &[i32],
) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        data_type: element as i32,
        dims: dims.to_vec(),
        int32_data: values.to_vec(),
        ..TensorProto::default()
    }
}

fn attribute(name: &str, type_: AttributeType) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        type_: type_.into(),
        ..AttributeProto::default()
    }
}

pub(super) fn int_attribute(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        i: value,
        ..attribute(name, AttributeType::INT)
    }
}

pub(super) fn float_attribute(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        f: value,
        ..attribute(name, AttributeType::FLOAT)
    }
}

pub(super) fn ints_attribute(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        ints: values.to_vec(),
        ..attribute(name, AttributeType::INTS)
    }
}

pub(super) fn floats_attribute(name: &str, values: &[f32]) -> AttributeProto {
    AttributeProto {
        floats: values.to_vec(),
        ..attribute(name, AttributeType::FLOATS)
    }
}

pub(super) fn string_attribute(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        s: value.as_bytes().to_vec(),
        ..attribute(name, AttributeType::STRING)
    }
}

pub(super) fn tensor_attribute(name: &str, tensor: TensorProto) -> AttributeProto {
    AttributeProto {
        t: Some(tensor).into(),
        ..attribute(name, AttributeType::TENSOR)
    }
}
