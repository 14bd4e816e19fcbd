//! Ways to damage a model: numbers that are too large, names that lead in circles, parts that are missing, bytes that are not what they
//! were.

use onnx_protobuf::attribute_proto::AttributeType;
use onnx_protobuf::tensor_proto::DataType;
use onnx_protobuf::tensor_shape_proto::dimension;
use onnx_protobuf::type_proto::Value;
use onnx_protobuf::{AttributeProto, GraphProto, Message, ModelProto, NodeProto, TensorProto};
use rand::{Rng, RngExt};

/// Numbers at which something ends.
const NUMBERS: [i64; 22] = [
    0,
    1,
    -1,
    2,
    -2,
    3,
    7,
    8,
    15,
    16,
    255,
    256,
    1000,
    65_535,
    65_536,
    1 << 20,
    1 << 31,
    1 << 40,
    i64::MAX,
    i64::MAX - 1,
    i64::MIN,
    i64::MIN + 1,
];

/// Operators that may stand in any node's place.
const OPERATORS: [&str; 48] = [
    "Add",
    "ArgMax",
    "AveragePool",
    "Cast",
    "CenterCropPad",
    "Clip",
    "Concat",
    "ConstantOfShape",
    "Conv",
    "ConvTranspose",
    "CumSum",
    "DepthToSpace",
    "Einsum",
    "Equal",
    "Expand",
    "EyeLike",
    "Flatten",
    "Gather",
    "GatherElements",
    "GatherND",
    "Gemm",
    "GlobalMaxPool",
    "Identity",
    "If",
    "LRN",
    "LogSoftmax",
    "Loop",
    "LpPool",
    "MatMul",
    "MaxPool",
    "Mean",
    "OneHot",
    "Pad",
    "Range",
    "ReduceMean",
    "Reshape",
    "Resize",
    "ReverseSequence",
    "ScatterElements",
    "ScatterND",
    "Shape",
    "Slice",
    "Softmax",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Tile",
    "Transpose",
];

fn number(random: &mut impl Rng) -> i64 {
    NUMBERS[random.random_range(0..NUMBERS.len())]
}

/// One of them, if there is any.
fn one<'a, T>(items: &'a mut [T], random: &mut impl Rng) -> Option<&'a mut T> {
    if items.is_empty() {
        return None;
    }
    let index = random.random_range(0..items.len());
    items.get_mut(index)
}

/// Changes one thing in the messages of a model.
pub fn model(model: &mut ModelProto, random: &mut impl Rng) {
    if random.random_bool(0.05) {
        let opset = one(&mut model.opset_import, random);
        let version = random.random_range(5..30);
        if let Some(opset) = opset {
            opset.version = version;
        }
        return;
    }
    if random.random_bool(0.1)
        && let Some(function) = one(&mut model.functions, random)
    {
        return nodes(&mut function.node, random);
    }
    let Some(graph) = model.graph.as_mut() else {
        return;
    };
    match random.random_range(0..10) {
        0..5 => nodes(&mut graph.node, random),
        5..8 => tensors(graph, random),
        8 => declarations(graph, random),
        _ => parts(graph, random),
    }
}

fn nodes(nodes: &mut Vec<NodeProto>, random: &mut impl Rng) {
    if nodes.is_empty() {
        return;
    }
    // Any name of the graph, also one of a value that comes later.
    let names: Vec<String> = nodes
        .iter()
        .flat_map(|node| node.input.iter().chain(&node.output).cloned())
        .collect();
    let name = names
        .get(random.random_range(0..names.len().max(1)))
        .cloned();
    let name = name.unwrap_or_default();
    let index = random.random_range(0..nodes.len());
    match random.random_range(0..12) {
        0 => drop(nodes.remove(index)),
        1 => nodes.push(nodes[index].clone()),
        2 => nodes.reverse(),
        3 => nodes[index].op_type = OPERATORS[random.random_range(0..OPERATORS.len())].to_owned(),
        4 => nodes[index].input.push(name),
        5 => drop(nodes[index].input.pop()),
        6 => nodes[index].output.push(name),
        7 => nodes[index].domain = "com.microsoft".to_owned(),
        8 => {
            if let Some(input) = one(&mut nodes[index].input, random) {
                *input = name;
            }
        }
        9 => {
            let (name, type_) = [
                ("axis", AttributeType::INT),
                ("axes", AttributeType::INTS),
                ("kernel_shape", AttributeType::INTS),
                ("pads", AttributeType::INTS),
                ("then_branch", AttributeType::GRAPH),
            ][random.random_range(0..5)];
            nodes[index].attribute.push(AttributeProto {
                name: name.to_owned(),
                type_: type_.into(),
                i: number(random),
                ints: (0..random.random_range(0..5))
                    .map(|_| number(random))
                    .collect(),
                ..AttributeProto::default()
            });
        }
        _ => {
            if let Some(attribute) = one(&mut nodes[index].attribute, random) {
                change_attribute(attribute, random);
            }
        }
    }
}

fn change_attribute(attribute: &mut AttributeProto, random: &mut impl Rng) {
    match random.random_range(0..8) {
        0 => attribute.name.push('s'),
        1 => attribute.type_ = AttributeType::TENSOR.into(),
        2 => attribute.f = f32::from_bits(random.random()),
        3 => attribute.ref_attr_name = "slope".to_owned(),
        4 => attribute.ints.push(number(random)),
        5 => drop(attribute.ints.pop()),
        6 => {
            if let Some(byte) = one(&mut attribute.s, random) {
                *byte = random.random();
            }
        }
        _ => {
            attribute.i = number(random);
            let number = number(random);
            if let Some(int) = one(&mut attribute.ints, random) {
                *int = number;
            }
        }
    }
}

fn tensors(graph: &mut GraphProto, random: &mut impl Rng) {
    if random.random_bool(0.2)
        && let Some(sparse) = one(&mut graph.sparse_initializer, random)
    {
        let number = number(random);
        match random.random_range(0..4) {
            0 => sparse.dims.push(number),
            1 => sparse.dims = vec![number],
            2 => change_tensor(sparse.values.mut_or_insert_default(), random),
            _ => change_tensor(sparse.indices.mut_or_insert_default(), random),
        }
        return;
    }
    if let Some(tensor) = one(&mut graph.initializer, random) {
        change_tensor(tensor, random);
    }
}

fn change_tensor(tensor: &mut TensorProto, random: &mut impl Rng) {
    let number = number(random);
    match random.random_range(0..10) {
        0 => tensor.dims.push(number),
        1 => drop(tensor.dims.pop()),
        2 => {
            if let Some(dim) = one(&mut tensor.dims, random) {
                *dim = number;
            }
        }
        3 => tensor.data_type = random.random_range(-1..30),
        4 => {
            tensor.raw_data = (0..random.random_range(0..40))
                .map(|_| random.random())
                .collect()
        }
        5 => tensor.data_location = onnx_protobuf::tensor_proto::DataLocation::EXTERNAL.into(),
        6 => tensor.data_type = DataType::INT64 as i32,
        _ => {
            if let Some(float) = one(&mut tensor.float_data, random) {
                *float = f32::from_bits(random.random());
            }
            if let Some(int) = one(&mut tensor.int64_data, random) {
                *int = number;
            }
        }
    }
}

fn declarations(graph: &mut GraphProto, random: &mut impl Rng) {
    let number = number(random);
    let values = if random.random_bool(0.8) {
        &mut graph.input
    } else {
        &mut graph.output
    };
    let Some(value) = one(values, random) else {
        return;
    };
    let Some(Value::TensorType(tensor)) = &mut value.type_.mut_or_insert_default().value else {
        return;
    };
    let axes = &mut tensor.shape.mut_or_insert_default().dim;
    match random.random_range(0..6) {
        0 => tensor.elem_type = random.random_range(0..20),
        1 => drop(axes.pop()),
        2 => axes.push(axes.last().cloned().unwrap_or_default()),
        3 => value.name.push('x'),
        _ => {
            if let Some(axis) = one(axes, random) {
                axis.value = Some(dimension::Value::DimValue(number));
            }
        }
    }
}

fn parts(graph: &mut GraphProto, random: &mut impl Rng) {
    match random.random_range(0..6) {
        0 => drop(graph.initializer.pop()),
        1 => drop(graph.input.pop()),
        2 => graph.output.clear(),
        3 => graph.input.extend(graph.output.clone()),
        4 => graph.node.clear(),
        // A graph within a graph within a graph.
        _ => {
            for _ in 0..random.random_range(1..30) {
                let inner = graph.clone();
                if inner.compute_size() > 100_000 {
                    return;
                }
                let attribute = AttributeProto {
                    name: "body".to_owned(),
                    type_: AttributeType::GRAPH.into(),
                    g: Some(inner).into(),
                    ..AttributeProto::default()
                };
                if let Some(node) = graph.node.first_mut() {
                    node.attribute = vec![attribute];
                }
            }
        }
    }
}

/// Changes the bytes of a file.
pub fn bytes(bytes: &mut Vec<u8>, random: &mut impl Rng) {
    for _ in 0..random.random_range(1..4) {
        if bytes.is_empty() {
            return;
        }
        let place = random.random_range(0..bytes.len());
        match random.random_range(0..6) {
            0 => bytes.truncate(place),
            1 => bytes[place] ^= 1 << random.random_range(0..8),
            2 => bytes[place] = random.random(),
            3 => bytes.insert(place, random.random()),
            4 => drop(bytes.remove(place)),
            _ => {
                // A piece of the file over another.
                let from = random.random_range(0..bytes.len());
                let length = random
                    .random_range(0..40)
                    .min(bytes.len() - from.max(place));
                bytes.copy_within(from..from + length, place);
            }
        }
    }
}
