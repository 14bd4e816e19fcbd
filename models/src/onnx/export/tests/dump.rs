//! Exported files as text.

use std::fmt::Write;

use onnx_protobuf::type_proto::Value as TypeValue;
use onnx_protobuf::{
    AttributeProto, AttributeValue, Message, ModelProto, TensorProto, ValueInfoProto,
};

use crate::network::Network;
use crate::onnx::export::{ExportOptions, export};

pub(super) fn parse(bytes: &[u8]) -> ModelProto {
    ModelProto::parse_from_bytes(bytes).unwrap()
}

/// The numbers of a tensor, whichever they are.
fn numbers(tensor: &TensorProto) -> String {
    let numbers: Vec<String> = match tensor.data_type {
        1 => {
            let (numbers, _) = tensor.raw_data.as_chunks();
            numbers
                .iter()
                .map(|n| f32::from_le_bytes(*n).to_string())
                .collect()
        }
        9 => tensor.raw_data.iter().map(u8::to_string).collect(),
        _ => {
            let (numbers, _) = tensor.raw_data.as_chunks();
            numbers
                .iter()
                .map(|n| i64::from_le_bytes(*n).to_string())
                .collect()
        }
    };
    format!("{:?} = {}", tensor.dims, numbers.join(" "))
}

fn attribute(attribute: &AttributeProto) -> String {
    let value = match attribute.as_value() {
        AttributeValue::Integer64(value) => value.to_string(),
        AttributeValue::Integer64s(values) => format!("{values:?}"),
        AttributeValue::Float32(value) => value.to_string(),
        AttributeValue::SparseTensor(sparse) => format!(
            "{:?} at {} values {}",
            sparse.dims,
            numbers(&sparse.indices),
            numbers(&sparse.values)
        ),
        _ => panic!("{} has a type that is not used", attribute.name),
    };
    format!("{}={value}", attribute.name)
}

fn interface(info: &ValueInfoProto) -> String {
    let Some(TypeValue::TensorType(tensor)) = &info.type_.value else {
        panic!("{} is no tensor", info.name);
    };
    assert_eq!(tensor.elem_type, 1, "float32");
    let axes = tensor.shape.dim.iter().map(|axis| {
        let open = axis.has_dim_param().then(|| axis.dim_param().to_owned());
        open.unwrap_or_else(|| axis.dim_value().to_string())
    });
    format!("{} [{}]", info.name, axes.collect::<Vec<_>>().join(", "))
}

/// The nodes, one a line, between what goes in and what comes out.
pub(super) fn nodes(network: &Network, options: &ExportOptions) -> String {
    let model = parse(&export(network, options).unwrap());
    let mut text = String::new();
    for node in &model.graph.node {
        assert_eq!(node.name, node.output[0]);
        let attributes: Vec<String> = node.attribute.iter().map(attribute).collect();
        let inputs = node.input.join(", ");
        write!(text, "{} = {}({inputs})", node.name, node.op_type).unwrap();
        writeln!(text, " {}", attributes.join(" ")).unwrap();
    }
    text.lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

/// The whole file.
pub(super) fn dump(network: &Network, options: &ExportOptions) -> String {
    let model = parse(&export(network, options).unwrap());
    let [opset] = model.opset_import.as_slice() else {
        panic!("one opset");
    };
    let mut text = format!(
        "IR {}, opset \"{}\" {}, {} {}\n",
        model.ir_version,
        opset.domain,
        opset.version,
        model.producer_name,
        if model.producer_version == env!("CARGO_PKG_VERSION") {
            "(this version)"
        } else {
            "(another version)"
        }
    );
    for entry in &model.metadata_props {
        writeln!(text, "metadata {} = {}", entry.key, entry.value).unwrap();
    }
    writeln!(text, "graph {}", model.graph.name).unwrap();
    for input in &model.graph.input {
        writeln!(text, "input {}", interface(input)).unwrap();
    }
    for tensor in &model.graph.initializer {
        writeln!(text, "initializer {} {}", tensor.name, numbers(tensor)).unwrap();
    }
    text.push_str(&nodes(network, options));
    for output in &model.graph.output {
        writeln!(text, "output {}", interface(output)).unwrap();
    }
    text
}
