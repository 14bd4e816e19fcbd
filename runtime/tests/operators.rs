//! The operators that see flat arrays through views of their own, against the oracle: functions, bounds and views at random.

mod support;

use proptest::prelude::*;
use sinew_runtime::Model;
use sinew_runtime::format::{BinaryFunction, Bounds, Function, Operator, Reduction, Shape, View};
use support::Network;
use support::judge::check;

/// Views with every length from 1 on, some with more behind the axis than is computed at once.
fn views() -> impl Strategy<Value = View> {
    let inner = prop_oneof![Just(1_u32), 1_u32..6, 30_u32..70];
    (1_u32..5, 1_u32..7, inner).prop_map(|(outer, axis, inner)| View { outer, axis, inner })
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let some = Bounds {
        low: -0.5,
        high: 0.75,
    };
    prop_oneof![
        Just(Bounds::NONE),
        Just(Bounds::RELU),
        Just(Bounds::RELU6),
        Just(some)
    ]
}

fn functions() -> impl Strategy<Value = Function> {
    let constant = || -3_f32..3.0;
    prop_oneof![
        (constant(), constant()).prop_map(|(scale, shift)| Function::Affine { scale, shift }),
        constant().prop_map(|slope| Function::LeakyRelu { slope }),
        constant().prop_map(|alpha| Function::Elu { alpha }),
        constant().prop_map(|exponent| Function::Power { exponent }),
        (-4_i16..5).prop_map(|exponent| Function::Power {
            exponent: exponent.into()
        }),
        prop::sample::select(vec![
            Function::Sigmoid,
            Function::Tanh,
            Function::Softplus,
            Function::Erf,
            Function::Exp,
            Function::Log,
            Function::Abs,
            Function::Sign,
            Function::Floor,
            Function::Round,
            Function::Sin,
            Function::Cos,
        ]),
    ]
}

/// How far inputs go: numbers around zero, numbers that overflow powers, and small integers, of which many are equal.
#[derive(Clone, Copy, Debug)]
enum Range {
    Unit,
    Hundreds,
    Integers,
}

fn ranges() -> impl Strategy<Value = Range> {
    prop::sample::select(vec![Range::Unit, Range::Hundreds, Range::Integers])
}

/// A network whose input has as many values as asked for, and a tensor of that shape within the range.
fn inputs(values: u64, range: Range, seed: u64) -> (Network, usize) {
    let mut network = Network::new([values as u32, 1, 1], seed);
    let mut unary = |function, input| {
        let bounds = Bounds::NONE;
        network.add(Operator::Unary { function, bounds }, &[input], 0, 0.0)
    };
    let mut scaled = |scale| unary(Function::Affine { scale, shift: 0.0 }, 0);
    let tensor = match range {
        Range::Unit => 0,
        Range::Hundreds => scaled(200.0),
        Range::Integers => {
            let scaled = scaled(2.5);
            unary(Function::Round, scaled)
        }
    };
    (network, tensor)
}

/// Adds a tensor of some values of another one.
fn some_of(network: &mut Network, input: usize, count: u64) -> usize {
    let view = View {
        outer: 1,
        axis: network.shapes[input].elements() as u32,
        inner: 1,
    };
    let operator = Operator::Gather {
        view,
        count: count as u32,
        fill: 0.5,
    };
    network.add(operator, &[input], 0, 0.0)
}

/// Checks an operator of one input.
fn check_one(operator: Operator, values: u64, range: Range, seed: u64) {
    let (mut network, tensor) = inputs(values, range, seed);
    network.add(operator, &[tensor], 0, 0.0);
    check(&mut network);
}

/// Checks an operator of two inputs.
fn check_two(operator: Operator, values: [u64; 2], range: Range, seed: u64) {
    let (mut network, tensor) = inputs(values[0], range, seed);
    let second = some_of(&mut network, tensor, values[1]);
    network.add(operator, &[tensor, second], 0, 0.0);
    check(&mut network);
}

proptest! {
    #[test]
    fn unary_functions(function in functions(), bounds in bounds(), range in ranges(), count in 1_u64..40, seed: u64) {
        check_one(Operator::Unary { function, bounds }, count, range, seed);
    }

    #[test]
    fn binary_functions(
        function in prop::sample::select(BinaryFunction::ALL.to_vec()), view in views(), reversed: bool, bounds in bounds(),
        range in ranges(), seed: u64,
    ) {
        let operator = Operator::Binary { function, view, reversed, bounds };
        let values = [view.elements(), view.with_axis(1).elements()];
        check_two(operator, values, range, seed);
    }

    #[test]
    fn concatenations(view in views(), second_axis in 1_u32..7, seed: u64) {
        let values = [view.elements(), view.with_axis(second_axis).elements()];
        check_two(Operator::Concat { view, second_axis }, values, Range::Unit, seed);
    }

    #[test]
    fn gathered_positions(view in views(), count in 1_u32..9, fill in -2_f32..2.0, seed: u64) {
        check_one(Operator::Gather { view, count, fill }, view.elements(), Range::Unit, seed);
    }

    #[test]
    fn swapped_axes(view in views(), columns in 1_u32..7, seed: u64) {
        let View { outer, axis: rows, inner } = view;
        let operator = Operator::Swap { outer, rows, columns, inner };
        check_one(operator, view.elements() * u64::from(columns), Range::Unit, seed);
    }

    #[test]
    fn reductions(
        reduction in prop::sample::select(Reduction::ALL.to_vec()), view in views(), range in ranges(), seed: u64,
    ) {
        check_one(Operator::Reduce { reduction, view }, view.elements(), range, seed);
    }

    #[test]
    fn softmaxes(view in views(), range in ranges(), seed: u64) {
        check_one(Operator::Softmax { view }, view.elements(), range, seed);
    }

    #[test]
    fn matrix_products(
        batch in 1_u32..4, rows in 1_u32..6, depth in 1_u32..6, columns in 1_u32..20, one_left: bool, one_right: bool, seed: u64,
    ) {
        let operator = Operator::MatMul { batch, rows, depth, columns };
        let count = |one: bool, rows: u32, columns: u32| u64::from(rows * columns * if one { 1 } else { batch });
        let values = [count(one_left, rows, depth), count(one_right, depth, columns)];
        check_two(operator, values, Range::Unit, seed);
    }
}

#[test]
fn constants_are_there_in_every_run() {
    let mut network = Network::new([5, 1, 1], 1);
    let constant = network.add(Operator::Constant, &[], 5, 0.0);
    let operator = Operator::Binary {
        function: BinaryFunction::Multiply,
        view: View {
            outer: 1,
            axis: 5,
            inner: 1,
        },
        reversed: false,
        bounds: Bounds::NONE,
    };
    let factor = some_of(&mut network, constant, 1);
    network.add(operator, &[constant, factor], 0, 0.0);
    network.shapes[1] = Shape {
        channels: 1,
        height: 5,
        width: 1,
    };
    check(&mut network);
}

#[test]
fn a_copy_changes_the_shape() {
    let mut network = Network::new([6, 2, 1], 2);
    let function = Function::Affine {
        scale: 1.0,
        shift: 0.0,
    };
    let bounds = Bounds::NONE;
    network.add(Operator::Unary { function, bounds }, &[0], 0, 0.0);
    network.shapes[1] = Shape {
        channels: 1,
        height: 3,
        width: 4,
    };
    check(&mut network);
    let file = network.parts().file();
    assert_eq!(Model::parse(&file).unwrap().output_shape(), [1, 3, 4]);
}

/// Self-attention over five tokens of four features: every way in which a matrix product occurs in one network.
#[test]
fn attention() {
    let (tokens, features) = (5, 4);
    let mut network = Network::new([tokens * features, 1, 1], 3);
    let project = |network: &mut Network| {
        let weights = network.add(Operator::Constant, &[], features * features, 0.0);
        let operator = Operator::MatMul {
            batch: 1,
            rows: tokens,
            depth: features,
            columns: features,
        };
        network.add(operator, &[0, weights], 0, 0.0)
    };
    let [queries, keys, values] = [0; 3].map(|_| project(&mut network));
    let transposed = network.add(
        Operator::Swap {
            outer: 1,
            rows: tokens,
            columns: features,
            inner: 1,
        },
        &[keys],
        0,
        0.0,
    );
    let scores = Operator::MatMul {
        batch: 1,
        rows: tokens,
        depth: features,
        columns: tokens,
    };
    let scores = network.add(scores, &[queries, transposed], 0, 0.0);
    let view = View {
        outer: tokens,
        axis: tokens,
        inner: 1,
    };
    let attention = network.add(Operator::Softmax { view }, &[scores], 0, 0.0);
    let mixed = Operator::MatMul {
        batch: 1,
        rows: tokens,
        depth: tokens,
        columns: features,
    };
    network.add(mixed, &[attention, values], 0, 0.0);
    check(&mut network);

    let file = network.parts().file();
    let model = Model::parse(&file).unwrap();
    let macs = u64::from(3 * tokens * features * features + 2 * tokens * tokens * features);
    assert_eq!((model.macs_dense(), model.macs_effective()), (macs, macs));
}
