//! What each operator becomes.

use super::*;
use crate::function::{BinaryFunction, Reduction};

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
fn a_constant_that_is_only_a_condition_is_truth_values() {
    let choose = |values: &[f32], then: ValueId| {
        let mut network = network(
            &[2],
            &[
                (
                    "c",
                    Operator::Constant {
                        value: ParameterId(0),
                    },
                    &[],
                ),
                ("a", Operator::Where, &[ValueId(1), then, X]),
            ],
            &[("c", Role::Constant, &[2])],
        );
        network.parameters_mut()[0].set_values(values.to_vec());
        dump(&network, &ExportOptions::default())
    };
    let truths = choose(&[1.0, 0.0], X);
    assert!(truths.contains("initializer c [1, 2] = 1 0\na = Where(c, input, input)\n"));
    let cast = "a/condition = Cast(c) to=9\na = Where(a/condition, ";
    assert!(choose(&[2.0, 0.0], X).contains(cast));
    assert!(choose(&[1.0, 0.0], ValueId(1)).contains(cast));
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
