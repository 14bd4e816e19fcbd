//! Small models that between them have every kind of operator: what is damaged.

use onnx_protobuf::attribute_proto::AttributeType;
use onnx_protobuf::tensor_proto::DataType;
use onnx_protobuf::tensor_shape_proto::{Dimension, dimension};
use onnx_protobuf::{
    AttributeProto, FunctionProto, ModelProto, NodeProto, OperatorSetIdProto, SparseTensorProto,
    TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};

/// The models by name.
pub fn all() -> Vec<(&'static str, ModelProto)> {
    vec![
        ("a convolutional network", convolutional()),
        ("shape arithmetic", shapes()),
        ("rearrangements", rearrangements()),
        ("normalisations", normalisations()),
        ("a function", function()),
        ("a quantised network", quantised()),
        ("logic", logic()),
    ]
}

fn convolutional() -> ModelProto {
    let mut model = model(13, &[-1, 3, 8, 8]);
    let graph = model.graph.as_mut().unwrap();
    graph.initializer = vec![
        floats("w", &[4, 3, 3, 3]),
        floats("b", &[4]),
        floats("s", &[4]),
        floats("t", &[4, 2, 2, 2]),
        ints("flat", &[0, -1]),
        floats("fc", &[18, 5]),
    ];
    let pads = || ints_attribute("pads", &[1, 1, 1, 1]);
    let half = || ints_attribute("strides", &[2, 2]);
    let kernel = |size| ints_attribute("kernel_shape", &[size, size]);
    let pair = int_attribute("group", 2);
    graph.node = vec![
        node("Conv", "x w b", "c", vec![kernel(3), pads()]),
        node("BatchNormalization", "c s b b s", "n", vec![]),
        node("Relu", "n", "r", vec![]),
        node(
            "MaxPool",
            "r",
            "p",
            vec![kernel(2), half(), int_attribute("ceil_mode", 1)],
        ),
        node(
            "Conv",
            "p t",
            "g",
            vec![pair, pads(), ints_attribute("dilations", &[2, 2])],
        ),
        node("AveragePool", "g", "a", vec![kernel(2), half(), pads()]),
        node("ConvTranspose", "a t", "u", vec![half()]),
        node("GlobalAveragePool", "u", "m", vec![]),
        node("Add", "u m", "q", vec![]),
        node(
            "MaxPool",
            "q",
            "v",
            vec![kernel(2), half(), text("auto_pad", "SAME_UPPER")],
        ),
        node("Reshape", "v flat", "f", vec![]),
        node("MatMul", "f fc", "l", vec![]),
        node("Softmax", "l", "y", vec![int_attribute("axis", -1)]),
    ];
    model
}

fn shapes() -> ModelProto {
    let mut model = model(15, &[1, 2, 4, 4]);
    let graph = model.graph.as_mut().unwrap();
    graph.initializer = vec![
        ints("first", &[0]),
        ints("second", &[1]),
        ints("open", &[-1]),
        ints("zero", &[0]),
        ints("two", &[2]),
        ints("four", &[4]),
        ints("four_by_eight", &[8, 4]),
    ];
    let axis = |axis| vec![int_attribute("axis", axis)];
    graph.node = vec![
        node("Shape", "x", "shape", vec![]),
        node("Gather", "shape first", "n", axis(0)),
        node("Slice", "shape second two first", "c", vec![]),
        node("Mul", "c two", "d", vec![]),
        node("Concat", "n d open", "target", axis(0)),
        node("Reshape", "x target", "r", vec![]),
        node("Squeeze", "four", "limit", vec![]),
        node("Squeeze", "zero", "start", vec![]),
        node("Squeeze", "second", "step", vec![]),
        node("Range", "start limit step", "range", vec![]),
        node("Cast", "range", "weights", vec![int_attribute("to", 1)]),
        node("Unsqueeze", "weights first", "row", vec![]),
        node("Expand", "row four_by_eight", "matrix", vec![]),
        node("MatMul", "r matrix", "product", vec![]),
        node("Transpose", "product", "turned", vec![]),
        node("Size", "x", "size", vec![]),
        node("Flatten", "turned", "y", vec![]),
    ];
    model
}

fn rearrangements() -> ModelProto {
    let mut model = model(13, &[-1, 4, 4, 4]);
    let graph = model.graph.as_mut().unwrap();
    graph.initializer = vec![
        ints("pads", &[0, 0, 1, 1, 0, 0, 1, 1]),
        ints("repeats", &[1, 1, 2, 1]),
        ints("starts", &[-1]),
        ints("ends", &[i64::MIN]),
        ints("axes", &[3]),
        ints("steps", &[-2]),
        ints("rows", &[1, 0, -1]),
        floats("roi", &[0]),
        floats("scales", &[4]),
        ints("places", &[1, 0, 1, 0]),
    ];
    graph.initializer[8].float_data = vec![1.0, 1.0, 2.0, 0.5];
    graph.initializer[9].dims = vec![1, 1, 2, 2];
    let axis = |axis| vec![int_attribute("axis", axis)];
    let block = || vec![int_attribute("blocksize", 2)];
    graph.node = vec![
        node("Pad", "x pads", "p", vec![text("mode", "reflect")]),
        node("Tile", "p repeats", "t", vec![]),
        node("Slice", "t starts ends axes steps", "s", vec![]),
        node("Gather", "s rows", "g", axis(2)),
        node("DepthToSpace", "g", "d", block()),
        node("SpaceToDepth", "d", "e", block()),
        node("Split", "e", "h i", axis(1)),
        node("Concat", "i h i", "c", axis(1)),
        node(
            "Transpose",
            "c",
            "o",
            vec![ints_attribute("perm", &[0, 2, 3, 1])],
        ),
        node("Resize", "x roi scales", "z", vec![text("mode", "linear")]),
        node("GatherElements", "z places", "k", axis(3)),
        node("ReduceSum", "k", "m", vec![]),
        node("Add", "o m", "y", vec![]),
    ];
    model
}

fn normalisations() -> ModelProto {
    let mut model = model(17, &[-1, 4, 3, 3]);
    let graph = model.graph.as_mut().unwrap();
    graph.initializer = vec![
        floats("s", &[4]),
        floats("l", &[3]),
        floats("min", &[]),
        floats("e", &[]),
        scalar("one", 1),
    ];
    let axis = |axis| vec![int_attribute("axis", axis)];
    graph.node = vec![
        node("InstanceNormalization", "x s s", "i", vec![]),
        node(
            "LayerNormalization",
            "i l l",
            "n",
            vec![int_attribute("axis", -1)],
        ),
        node("LRN", "n", "r", vec![int_attribute("size", 3)]),
        node("LpNormalization", "r", "p", axis(1)),
        node("MeanVarianceNormalization", "p", "v", vec![]),
        node("Clip", "v min", "c", vec![]),
        node("HardSigmoid", "c", "h", vec![float_attribute("alpha", 0.3)]),
        node("Elu", "h", "u", vec![]),
        node("Pow", "u e", "w", vec![]),
        node("CumSum", "w one", "q", vec![]),
        node("ArgMax", "q", "a", axis(1)),
        node("Cast", "a", "f", vec![int_attribute("to", 1)]),
        node(
            "ReduceLogSumExp",
            "q",
            "k",
            vec![ints_attribute("axes", &[1])],
        ),
        node(
            "Einsum",
            "f k",
            "y",
            vec![text("equation", "nchw,nchw->nw")],
        ),
    ];
    model
}

fn function() -> ModelProto {
    let mut model = model(13, &[-1, 4]);
    let opset = model.opset_import[0].clone();
    let own = |domain: &str| OperatorSetIdProto {
        domain: domain.to_owned(),
        ..opset.clone()
    };
    model.opset_import.push(own("own"));
    let reference = AttributeProto {
        name: "alpha".to_owned(),
        ref_attr_name: "slope".to_owned(),
        type_: AttributeType::FLOAT.into(),
        ..AttributeProto::default()
    };
    let mut inner = node("Leaky", "b", "c", vec![]);
    inner.domain = "own".to_owned();
    let strings = |names: &str| names.split(' ').map(str::to_owned).collect();
    let make = |name: &str, node, inputs, outputs| FunctionProto {
        name: name.to_owned(),
        domain: "own".to_owned(),
        input: strings(inputs),
        output: strings(outputs),
        attribute: strings("slope"),
        node,
        opset_import: vec![opset.clone(), own("own")],
        ..FunctionProto::default()
    };
    model.functions = vec![
        make(
            "Leaky",
            vec![node("LeakyRelu", "a", "z", vec![reference])],
            "a",
            "z",
        ),
        make(
            "Twice",
            vec![node("Add", "a a", "b", vec![]), inner],
            "a",
            "c",
        ),
    ];
    let mut call = node("Twice", "x", "t", vec![]);
    call.domain = "own".to_owned();
    let graph = model.graph.as_mut().unwrap();
    graph.node = vec![call, node("Mul", "t sparse", "y", vec![])];
    graph.sparse_initializer = vec![SparseTensorProto {
        values: Some(floats("sparse", &[2])).into(),
        indices: Some(ints("", &[0, 3])).into(),
        dims: vec![4],
        ..SparseTensorProto::default()
    }];
    model
}

fn quantised() -> ModelProto {
    let mut model = model(13, &[-1, 2, 4, 4]);
    let graph = model.graph.as_mut().unwrap();
    let bytes = |name: &str, dims: &[i64]| TensorProto {
        data_type: DataType::UINT8 as i32,
        int32_data: vec![3; dims.iter().product::<i64>() as usize],
        float_data: Vec::new(),
        ..floats(name, dims)
    };
    graph.initializer = vec![
        floats("scale", &[]),
        bytes("zero", &[]),
        bytes("w", &[3, 2, 3, 3]),
    ];
    graph.node = vec![
        node("QuantizeLinear", "x scale zero", "q", vec![]),
        node(
            "QLinearConv",
            "q scale zero w scale zero scale zero",
            "c",
            vec![],
        ),
        node("DequantizeLinear", "c scale zero", "y", vec![]),
    ];
    model
}

fn logic() -> ModelProto {
    let mut model = model(16, &[-1, 4]);
    let graph = model.graph.as_mut().unwrap();
    graph.initializer = vec![
        floats("half", &[]),
        ints("depth", &[4]),
        floats("values", &[2]),
        ints("index", &[0, 3]),
    ];
    graph.initializer[3].dims = vec![1, 2];
    graph.node = vec![
        node("Greater", "x half", "g", vec![]),
        node("Not", "g", "n", vec![]),
        node("Or", "g n", "o", vec![]),
        node("Where", "o x half", "w", vec![]),
        node("Trilu", "w", "t", vec![]),
        node("OneHot", "index depth values", "h", vec![]),
        node("ReduceMax", "h", "m", vec![ints_attribute("axes", &[1])]),
        node(
            "ScatterElements",
            "t index index_floats",
            "s",
            vec![int_attribute("axis", 1)],
        ),
        node(
            "Cast",
            "index",
            "index_floats",
            vec![int_attribute("to", 1)],
        ),
        node("Mul", "s m", "y", vec![]),
    ];
    model
}

/// A model with an input "x" and an output "y". An axis of −1 is open.
fn model(opset: i64, shape: &[i64]) -> ModelProto {
    let mut model = ModelProto::default();
    model.opset_import.push(OperatorSetIdProto {
        version: opset,
        ..OperatorSetIdProto::default()
    });
    let graph = model.graph.mut_or_insert_default();
    graph.input = vec![value("x", Some(shape))];
    graph.output = vec![value("y", None)];
    model
}

fn value(name: &str, shape: Option<&[i64]>) -> ValueInfoProto {
    let axis = |axis: &i64| Dimension {
        value: (*axis >= 0).then_some(dimension::Value::DimValue(*axis)),
        ..Dimension::default()
    };
    let shape = shape.map(|shape| TensorShapeProto {
        dim: shape.iter().map(axis).collect(),
        ..TensorShapeProto::default()
    });
    let tensor = type_proto::Tensor {
        elem_type: DataType::FLOAT as i32,
        shape: shape.into(),
        ..type_proto::Tensor::default()
    };
    let mut value = ValueInfoProto {
        name: name.to_owned(),
        ..ValueInfoProto::default()
    };
    value.type_ = Some(TypeProto {
        value: Some(type_proto::Value::TensorType(tensor)),
        ..TypeProto::default()
    })
    .into();
    value
}

fn node(operator: &str, inputs: &str, outputs: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    let names = |names: &str| names.split(' ').map(str::to_owned).collect();
    NodeProto {
        op_type: operator.to_owned(),
        input: names(inputs),
        output: names(outputs),
        attribute,
        ..NodeProto::default()
    }
}

fn floats(name: &str, dims: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        data_type: DataType::FLOAT as i32,
        dims: dims.to_vec(),
        float_data: vec![0.5; dims.iter().product::<i64>() as usize],
        ..TensorProto::default()
    }
}

fn ints(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        data_type: DataType::INT64 as i32,
        dims: vec![values.len() as i64],
        int64_data: values.to_vec(),
        ..TensorProto::default()
    }
}

fn scalar(name: &str, value: i64) -> TensorProto {
    TensorProto {
        dims: Vec::new(),
        ..ints(name, &[value])
    }
}

fn attribute(name: &str, type_: AttributeType) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        type_: type_.into(),
        ..AttributeProto::default()
    }
}

fn int_attribute(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        i: value,
        ..attribute(name, AttributeType::INT)
    }
}

fn float_attribute(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        f: value,
        ..attribute(name, AttributeType::FLOAT)
    }
}

fn ints_attribute(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        ints: values.to_vec(),
        ..attribute(name, AttributeType::INTS)
    }
}

fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        s: value.as_bytes().to_vec(),
        ..attribute(name, AttributeType::STRING)
    }
}
