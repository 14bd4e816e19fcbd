//! What exported files contain.

use std::fmt::Write;

use onnx_protobuf::type_proto::Value as TypeValue;
use onnx_protobuf::{AttributeProto, AttributeValue, TensorProto, ValueInfoProto};

use super::*;
use crate::builder::NetworkBuilder;
use crate::function::{BinaryFunction, Function, Reduction};
use crate::network::{Node, Parameter, ParameterId, Role, ValueId};
use crate::operator::Operator;
use crate::window::Window;

const X: ValueId = ValueId::INPUT;

fn parse(bytes: &[u8]) -> ModelProto {
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
fn nodes(network: &Network, options: &ExportOptions) -> String {
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
fn dump(network: &Network, options: &ExportOptions) -> String {
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

/// A network of these nodes, each called by its letter, and parameters that hold 1, 2, ….
fn network(
    input: &[usize],
    nodes: &[(&str, Operator, &[ValueId])],
    parameters: &[(&str, Role, &[usize])],
) -> Network {
    let nodes = nodes.iter().map(|(name, operator, inputs)| Node {
        name: (*name).to_owned(),
        operator: operator.clone(),
        inputs: inputs.to_vec(),
    });
    let parameters = parameters.iter().map(|(name, role, shape)| {
        let count: usize = shape.iter().product();
        let values = (1..=count).map(|value| value as f32).collect();
        Parameter::new((*name).to_owned(), *role, shape.to_vec(), values)
    });
    let (nodes, parameters) = (nodes.collect(), parameters.collect());
    Network::new(
        "test".to_owned(),
        input.to_vec(),
        Vec::new(),
        nodes,
        parameters,
    )
    .unwrap()
}

/// The nodes of a network with one operator, called `a`.
fn one(operator: Operator, input: &[usize]) -> String {
    nodes(
        &network(input, &[("a", operator, &[X])], &[]),
        &ExportOptions::default(),
    )
}

fn unary(function: Function) -> String {
    one(Operator::Unary(function), &[2])
}

/// Of three maps of which two are constants.
fn with_constants(operator: Operator, inputs: &[ValueId], constant: &[usize]) -> String {
    let constants = |value| Operator::Constant {
        value: ParameterId(value),
    };
    let network = network(
        &[2, 3, 4],
        &[
            ("c", constants(0), &[]),
            ("d", constants(1), &[]),
            ("a", operator, inputs),
        ],
        &[
            ("c", Role::Constant, constant),
            ("d", Role::Constant, constant),
        ],
    );
    nodes(&network, &ExportOptions::default())
}

#[test]
fn a_small_network_is_the_golden_file() {
    let mut builder = NetworkBuilder::new("small", [1, 4, 4], 0);
    let x = builder.normalize("normalize", X, &[0.5], &[0.25]);
    let x = builder.convolution_batch_norm("conv", x, 2, Window::square(3, 2, 1), 1);
    let x = builder.activation("relu", x, Function::RELU);
    let pooled = builder.global_average_pool("mean", x);
    let x = builder.flatten("flatten", pooled);
    builder.linear("classifier", x, 2);
    let labels = ["shirt, red", "\"sandal\""].map(str::to_owned).to_vec();
    let mut network = builder.finish(labels).unwrap();
    for parameter in network.parameters_mut() {
        let count = parameter.values().len();
        parameter.set_values((0..count).map(|value| value as f32 / 8.0).collect());
    }
    let metadata = [
        ("epsilon", "0.03"),
        ("norm", "linf"),
        ("labels", "is replaced"),
    ];
    let options = ExportOptions {
        metadata: metadata
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        ..ExportOptions::default()
    };
    assert_eq!(dump(&network, &options), include_str!("tests/small.txt"));
}

#[test]
fn equal_networks_are_equal_bytes() {
    let options = ExportOptions {
        sparse_initializers: true,
        metadata: (0..50)
            .map(|key| (key.to_string(), "value".to_owned()))
            .collect(),
    };
    let build = || {
        let mut builder = NetworkBuilder::new("small", [1, 4, 4], 0);
        let x = builder.convolution("conv", X, 8, Window::square(3, 1, 1), 1);
        let x = builder.flatten("flatten", x);
        builder.linear("classifier", x, 2);
        export(&builder.finish(Vec::new()).unwrap(), &options).unwrap()
    };
    assert_eq!(build(), build());
}

#[test]
fn files_above_two_gibibytes_are_refused() {
    assert_eq!(check_size((1 << 31) - 1), Ok(()));
    let error = check_size(1 << 31).unwrap_err();
    assert_eq!(error, ExportError::TooLarge { bytes: 1 << 31 });
    assert!(error.to_string().contains("2147483648 bytes"), "{error}");
}

#[test]
fn unknown_labels_are_left_out() {
    let network = network(&[2], &[("a", Operator::Unary(Function::Tanh), &[X])], &[]);
    let model = parse(&export(&network, &ExportOptions::default()).unwrap());
    let keys: Vec<&str> = model
        .metadata_props
        .iter()
        .map(|entry| entry.key.as_str())
        .collect();
    assert_eq!(keys, ["sparsity"]);
}

#[test]
fn sparse_weights_are_constants_and_nothing_else_is() {
    let mut builder = NetworkBuilder::new("sparse", [4, 1, 1], 0);
    let x = builder.flatten("flatten", X);
    let x = builder.linear("sparse", x, 2);
    builder.linear("dense", x, 2);
    let mut network = builder.finish(Vec::new()).unwrap();
    // The biases are zero, but no weights.
    network.parameters_mut()[0].set_values(vec![0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0, -1.0]);
    network.parameters_mut()[2].set_values(vec![1.0, 0.0, 1.0, 0.0]);
    let options = ExportOptions {
        sparse_initializers: true,
        ..ExportOptions::default()
    };
    let model = parse(&export(&network, &options).unwrap());
    let names: Vec<&str> = model
        .graph
        .initializer
        .iter()
        .map(|t| t.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["flatten/shape", "sparse.bias", "dense.weight", "dense.bias"]
    );
    let text = nodes(&network, &options);
    let constant =
        "sparse.weight = Constant() sparse_value=[2, 4] at [2] = 2 7 values [2] = 5 -1\n";
    assert!(text.contains(constant), "{text}");
    let dense = parse(&export(&network, &ExportOptions::default()).unwrap());
    assert_eq!(dense.graph.initializer.len(), 5);
}

#[test]
fn functions_are_single_nodes_where_onnx_has_them() {
    assert_eq!(unary(Function::RELU), "a = Relu(input)\n");
    assert_eq!(
        unary(Function::LeakyRelu { slope: 0.5 }),
        "a = LeakyRelu(input) alpha=0.5\n"
    );
    assert_eq!(
        unary(Function::Elu { alpha: 2.0 }),
        "a = Elu(input) alpha=2\n"
    );
    assert_eq!(
        unary(Function::Power { exponent: 2.0 }),
        "a = Pow(input, a/exponent)\n"
    );
    for (function, kind) in [
        (Function::Sigmoid, "Sigmoid"),
        (Function::Tanh, "Tanh"),
        (Function::Softplus, "Softplus"),
        (Function::Erf, "Erf"),
        (Function::Exp, "Exp"),
        (Function::Log, "Log"),
        (Function::Abs, "Abs"),
        (Function::Sign, "Sign"),
        (Function::Floor, "Floor"),
        (Function::Round, "Round"),
        (Function::Sin, "Sin"),
        (Function::Cos, "Cos"),
    ] {
        assert_eq!(unary(function), format!("a = {kind}(input)\n"));
    }
}

#[test]
fn clips_leave_open_bounds_out() {
    let clip = |low, high| unary(Function::Clip { low, high });
    assert_eq!(
        clip(Some(-1.0), Some(1.0)),
        "a = Clip(input, a/low, a/high)\n"
    );
    assert_eq!(clip(Some(-1.0), None), "a = Clip(input, a/low)\n");
    assert_eq!(clip(None, Some(1.0)), "a = Clip(input, , a/high)\n");
    assert_eq!(clip(None, None), "a = Clip(input)\n");
}

#[test]
fn affine_maps_are_the_steps_that_do_something() {
    let affine = |scale, shift| unary(Function::Affine { scale, shift });
    assert_eq!(affine(2.0, 0.0), "a = Mul(input, a/scale)\n");
    assert_eq!(affine(1.0, 3.0), "a = Add(input, a/shift)\n");
    let both = "a/scaled = Mul(input, a/scale)\na = Add(a/scaled, a/shift)\n";
    assert_eq!(affine(2.0, 3.0), both);
    assert_eq!(affine(1.0, 0.0), "a = Mul(input, a/scale)\n");
}

#[test]
fn functions_of_two_values_broadcast_constants_with_a_batch_of_one() {
    for (function, kind) in [
        (BinaryFunction::Add, "Add"),
        (BinaryFunction::Subtract, "Sub"),
        (BinaryFunction::Multiply, "Mul"),
        (BinaryFunction::Divide, "Div"),
        (BinaryFunction::Minimum, "Min"),
        (BinaryFunction::Maximum, "Max"),
        (BinaryFunction::Power, "Pow"),
    ] {
        let operator = Operator::Binary(function);
        let text = with_constants(operator, &[X, ValueId(1)], &[2, 1, 1]);
        assert_eq!(text, format!("a = {kind}(input, c)\n"));
    }
    let constant = network(
        &[4],
        &[
            (
                "c",
                Operator::Constant {
                    value: ParameterId(0),
                },
                &[],
            ),
            ("a", Operator::Binary(BinaryFunction::Add), &[X, ValueId(1)]),
        ],
        &[("c", Role::Constant, &[2, 4])],
    );
    let text = dump(&constant, &ExportOptions::default());
    assert!(
        text.contains("initializer c [1, 2, 4] = 1 2 3 4 5 6 7 8\n"),
        "{text}"
    );
    assert!(
        text.contains("initializer a/aligned/shape [3] = 0 1 4\n"),
        "{text}"
    );
    assert!(text.contains("a/aligned = Reshape(input, a/aligned/shape)\na = Add(a/aligned, c)\n"));
}

#[test]
fn comparisons_are_truth_values_until_numbers_are_needed() {
    let greater = Operator::Binary(BinaryFunction::Greater);
    let inputs: &[ValueId] = &[X, ValueId(1)];
    let compared = "a = Greater(input, c)\na/number = Cast(a) to=1\n";
    assert_eq!(
        with_constants(greater.clone(), inputs, &[2, 3, 4]),
        compared
    );
    let chosen = |condition: Operator, inputs: &[ValueId]| {
        let network = network(
            &[2],
            &[
                ("b", condition, inputs),
                ("a", Operator::Where, &[ValueId(1), X, X]),
                (
                    "sum",
                    Operator::Binary(BinaryFunction::Add),
                    &[ValueId(1), ValueId(2)],
                ),
            ],
            &[],
        );
        nodes(&network, &ExportOptions::default())
    };
    assert_eq!(
        chosen(Operator::Binary(BinaryFunction::Equal), &[X, X]),
        "b = Equal(input, input)\na = Where(b, input, input)\nb/number = Cast(b) to=1\nsum = Add(b/number, a)\n"
    );
    assert_eq!(
        chosen(Operator::Unary(Function::Tanh), &[X]),
        "b = Tanh(input)\na/condition = Cast(b) to=9\na = Where(a/condition, input, input)\nsum = Add(b, a)\n"
    );
}

#[test]
fn reductions_keep_their_axes() {
    for (reduction, kind) in [
        (Reduction::Sum, "Sum"),
        (Reduction::Mean, "Mean"),
        (Reduction::Maximum, "Max"),
        (Reduction::Minimum, "Min"),
        (Reduction::Product, "Prod"),
    ] {
        let axes = vec![0, 2];
        let operator = Operator::Reduce { reduction, axes };
        assert_eq!(
            one(operator, &[2, 3, 4]),
            format!("a = Reduce{kind}(input, a/axes)\n")
        );
    }
    let network = network(
        &[2, 3],
        &[(
            "a",
            Operator::Reduce {
                reduction: Reduction::Sum,
                axes: vec![0, 1],
            },
            &[X],
        )],
        &[],
    );
    let text = dump(&network, &ExportOptions::default());
    assert!(text.contains("initializer a/axes [2] = 1 2\n"), "{text}");
    let position = Operator::Reduce {
        reduction: Reduction::ArgMaximum,
        axes: vec![1],
    };
    assert_eq!(
        one(position, &[2, 3]),
        "a = ArgMax(input) axis=2\na/number = Cast(a) to=1\n"
    );
}

#[test]
fn axes_are_counted_from_the_batch() {
    assert_eq!(
        one(Operator::Softmax { axis: 0 }, &[3]),
        "a = Softmax(input) axis=1\n"
    );
    let order = vec![1, 0];
    assert_eq!(
        one(Operator::Transpose { order }, &[2, 3]),
        "a = Transpose(input) perm=[0, 2, 1]\n"
    );
}

#[test]
fn windows_become_attributes() {
    let window = Window {
        kernel: [2, 3],
        stride: [1, 2],
        padding: [0, 1, 1, 2],
        dilation: [2, 1],
    };
    let attributes = "kernel_shape=[2, 3] strides=[1, 2] pads=[0, 1, 1, 2] dilations=[2, 1]";
    let map = [1, 8, 8];
    assert_eq!(
        one(Operator::MaxPool(window), &map),
        format!("a = MaxPool(input) {attributes}\n")
    );
    let average = one(Operator::AveragePool(window), &map);
    assert_eq!(average, format!("a = AveragePool(input) {attributes}\n"));
    let convolution = Operator::Convolution {
        weight: ParameterId(0),
        bias: Some(ParameterId(1)),
        window,
        groups: 2,
    };
    let network = network(
        &[2, 8, 8],
        &[("a", convolution, &[X])],
        &[("w", Role::Weight, &[4, 1, 2, 3]), ("b", Role::Bias, &[4])],
    );
    let text = nodes(&network, &ExportOptions::default());
    assert_eq!(
        text,
        format!("a = Conv(input, w, b) {attributes} group=2\n")
    );
}

#[test]
fn numbers_that_onnx_cannot_count_are_refused() {
    let window = Window {
        stride: [1 << 63, 1],
        ..Window::square(1, 1, 0)
    };
    let network = network(
        &[1, 2, 2],
        &[("pool", Operator::MaxPool(window), &[X])],
        &[],
    );
    let error = export(&network, &ExportOptions::default()).unwrap_err();
    let expected = "node \"pool\": 9223372036854775808 is more than ONNX can count";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn linear_layers_of_matrices_are_products() {
    let linear = |input: &[usize], bias: Option<ParameterId>| {
        let weight = ParameterId(0);
        let parameters: &[(&str, Role, &[usize])] =
            &[("w", Role::Weight, &[2, 3]), ("b", Role::Bias, &[2])];
        let network = network(
            input,
            &[("a", Operator::Linear { weight, bias }, &[X])],
            &parameters[..1 + usize::from(bias.is_some())],
        );
        dump(&network, &ExportOptions::default())
    };
    let of_a_vector = linear(&[3], Some(ParameterId(1)));
    assert!(
        of_a_vector.contains("w [2, 3] = 1 2 3 4 5 6\n"),
        "{of_a_vector}"
    );
    assert!(
        of_a_vector.contains("a = Gemm(input, w, b) transB=1\n"),
        "{of_a_vector}"
    );
    let of_a_matrix = linear(&[4, 3], Some(ParameterId(1)));
    assert!(
        of_a_matrix.contains("w [3, 2] = 1 4 2 5 3 6\n"),
        "{of_a_matrix}"
    );
    let steps = "a/product = MatMul(input, w)\na = Add(a/product, b)\n";
    assert!(of_a_matrix.contains(steps), "{of_a_matrix}");
    assert!(linear(&[4, 3], None).contains("a = MatMul(input, w)\n"));
}

#[test]
fn constants_are_repeated_where_they_are_joined() {
    let text = with_constants(
        Operator::Concat { axis: 1 },
        &[ValueId(1), X, ValueId(2)],
        &[2, 1, 4],
    );
    assert_eq!(
        text,
        "input/batch = Shape(input) start=0 end=1\n\
         c/shape = Concat(input/batch, c/ones) axis=0\n\
         c/batched = Expand(c, c/shape)\n\
         d/shape = Concat(input/batch, d/ones) axis=0\n\
         d/batched = Expand(d, d/shape)\n\
         a = Concat(c/batched, input, d/batched) axis=2\n"
    );
}

#[test]
fn a_result_that_is_the_same_for_every_image_is_repeated() {
    let operator = Operator::Unary(Function::Tanh);
    let text = with_constants(operator, &[ValueId(2)], &[5]);
    let end = "a = Tanh(d)\n\
               input/batch = Shape(input) start=0 end=1\n\
               a/shape = Concat(input/batch, a/ones) axis=0\n\
               a/batched = Expand(a, a/shape)\n";
    assert_eq!(text, end);
}

#[test]
fn selections_are_slices_gathers_and_padding() {
    let select = |indices: &[i64]| {
        let index = |index: &i64| usize::try_from(*index).ok();
        let operator = Operator::Select {
            axis: 0,
            indices: indices.iter().map(index).collect(),
            fill: 0.5,
        };
        let network = network(&[4, 1], &[("a", operator, &[X])], &[]);
        let text = dump(&network, &ExportOptions::default());
        let wanted = |line: &&str| line.starts_with("initializer") || line.contains('(');
        let lines = text.lines().filter(wanted).skip(1);
        lines
            .map(|line| line.replace("initializer a/", ""))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        select(&[1, 2]),
        [
            "start [1] = 1",
            "end [1] = 3",
            "axis [1] = 1",
            "a = Slice(input, a/start, a/end, a/axis)"
        ]
    );
    assert_eq!(
        select(&[2, 2]),
        ["indices [2] = 2 2", "a = Gather(input, a/indices) axis=1"]
    );
    assert_eq!(
        select(&[-1, 0, 1, 2, 3, -1, -1]),
        [
            "pads [6] = 0 1 0 0 2 0",
            "fill [] = 0.5",
            "a = Pad(input, a/pads, a/fill)"
        ]
    );
    assert_eq!(
        select(&[3, 0, -1]),
        [
            "indices [2] = 3 0",
            "pads [6] = 0 0 0 0 1 0",
            "fill [] = 0.5",
            "a/taken = Gather(input, a/indices) axis=1",
            "a = Pad(a/taken, a/pads, a/fill)",
        ]
    );
    let appended = ["pads [6] = 0 0 0 0 1 0", "fill [] = 0.5"];
    let padded = "a/padded = Pad(input, a/pads, a/fill)";
    let gathered = "a = Gather(a/padded, a/indices) axis=1";
    let holes = ["indices [3] = 1 4 1", padded, gathered];
    assert_eq!(select(&[1, -1, 1]), [&appended[..], &holes].concat());
    let nothing = ["indices [2] = 4 4", padded, gathered];
    assert_eq!(select(&[-1, -1]), [&appended[..], &nothing].concat());
}

#[test]
fn names_are_unique_and_those_of_nodes_come_first() {
    let network = network(
        &[2],
        &[
            (
                "input",
                Operator::Linear {
                    weight: ParameterId(0),
                    bias: None,
                },
                &[X],
            ),
            (
                "w",
                Operator::Unary(Function::Power { exponent: 2.0 }),
                &[ValueId(1)],
            ),
            ("w/exponent", Operator::Unary(Function::Tanh), &[ValueId(2)]),
            ("", Operator::Unary(Function::Sin), &[ValueId(3)]),
        ],
        &[("w", Role::Weight, &[2, 2])],
    );
    let text = dump(&network, &ExportOptions::default());
    let nodes = "input = Gemm(input.2, w.2) transB=1\n\
                 w = Pow(input, w/exponent.2)\n\
                 w/exponent = Tanh(w)\n\
                 unnamed = Sin(w/exponent)\n\
                 output unnamed [N, 2]\n";
    assert!(text.ends_with(nodes), "{text}");
}
