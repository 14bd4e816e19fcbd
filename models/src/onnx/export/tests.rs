//! What exported files contain.

mod dump;
mod operators;

use super::*;
use crate::builder::NetworkBuilder;
use crate::function::Function;
use crate::network::{Node, Parameter, ParameterId, Role, ValueId};
use crate::operator::Operator;
use crate::window::Window;
use dump::{dump, nodes, parse};

const X: ValueId = ValueId::INPUT;

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
