//! Every operator on numbers small enough to compute by hand. Properties against index formulas stand beside the loops they test.

use super::*;
use crate::function::{Function, Reduction};
use crate::network::{Node, Role};
use crate::shape::node_shape;
use crate::window::Window;

/// A value for one image.
pub(super) type Value = (Shape, Vec<f32>);

pub(super) fn value(shape: &[usize], elements: &[f32]) -> Value {
    (Shape(shape.to_vec()), elements.to_vec())
}

/// Runs one operator whose shapes have been checked.
pub(super) fn apply(operator: &Operator, inputs: &[Value], parameters: &[Parameter]) -> Value {
    let node = Node {
        name: "node".to_owned(),
        inputs: (0..inputs.len()).map(ValueId).collect(),
        operator: operator.clone(),
    };
    let shapes: Vec<Shape> = inputs.iter().map(|(shape, _)| shape.clone()).collect();
    let shape = node_shape(&node, &shapes, parameters).unwrap();
    let inputs: Vec<Input> = inputs
        .iter()
        .map(|(shape, elements)| (shape, elements.as_slice()))
        .collect();
    let elements = compute(operator, parameters, &inputs, &shape);
    assert_eq!(elements.len(), shape.elements());
    (shape, elements)
}

/// A value of small integers that differ from their neighbours.
pub(super) fn pattern(shape: &[usize]) -> Value {
    let count: usize = shape.iter().product();
    let elements = (0..count).map(|index| (index * 37 % 101) as f32 - 50.0);
    (Shape(shape.to_vec()), elements.collect())
}

/// The index of element number `flat` of an array of `shape`.
pub(super) fn index_of(shape: &[usize], mut flat: usize) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        index[axis] = flat % shape[axis];
        flat /= shape[axis];
    }
    index
}

/// The element of `value` at `index`.
pub(super) fn at((shape, elements): &Value, index: &[usize]) -> f32 {
    let flat = index
        .iter()
        .zip(&shape.0)
        .fold(0, |flat, (i, n)| flat * n + i);
    elements[flat]
}

fn weight(shape: &[usize], values: &[f32]) -> Parameter {
    parameter(Role::Weight, shape, values)
}

pub(super) fn parameter(role: Role, shape: &[usize], values: &[f32]) -> Parameter {
    Parameter::new(format!("{role:?}"), role, shape.to_vec(), values.to_vec())
}

fn unary(function: Function, elements: &[f32]) -> Vec<f32> {
    let input = value(&[elements.len()], elements);
    apply(&Operator::Unary(function), &[input], &[]).1
}

fn binary(function: BinaryFunction, left: &[f32], right: &[f32]) -> Vec<f32> {
    let inputs = [left, right].map(|side| value(&[side.len()], side));
    apply(&Operator::Binary(function), &inputs, &[]).1
}

fn convolve(window: Window, groups: usize, input: Value, weight: Parameter) -> Vec<f32> {
    let operator = Operator::Convolution {
        weight: ParameterId(0),
        bias: None,
        window,
        groups,
    };
    apply(&operator, &[input], &[weight]).1
}

fn reduce(reduction: Reduction, axes: &[usize], input: Value) -> Value {
    let axes = axes.to_vec();
    apply(&Operator::Reduce { reduction, axes }, &[input], &[])
}

/// 1, 2, …, in a value of `shape`.
fn counted(shape: &[usize]) -> Value {
    let count: usize = shape.iter().product();
    let elements: Vec<f32> = (1..=count).map(|element| element as f32).collect();
    value(shape, &elements)
}

#[test]
fn constant_is_its_value() {
    let operator = Operator::Constant {
        value: ParameterId(0),
    };
    let constant = parameter(Role::Constant, &[2, 1], &[3.0, 4.0]);
    let expected = value(&[2, 1], &[3.0, 4.0]);
    assert_eq!(apply(&operator, &[], &[constant]), expected);
}

#[test]
fn normalize_works_by_channel() {
    let operator = Operator::Normalize {
        mean: vec![1.0, 2.0],
        deviation: vec![2.0, 0.5],
    };
    let input = value(&[2, 1, 2], &[1.0, 3.0, 2.0, 3.0]);
    let (_, result) = apply(&operator, &[input], &[]);
    assert_eq!(result, [0.0, 1.0, 0.0, 2.0]);
}

#[test]
fn convolution_is_a_cross_correlation_over_all_channels() {
    // [1 2; 3 4] on the first channel, the element at the lower right of the second, bias 100.
    let operator = Operator::Convolution {
        weight: ParameterId(0),
        bias: Some(ParameterId(1)),
        window: Window::square(2, 1, 0),
        groups: 1,
    };
    let kernel = weight(&[1, 2, 2, 2], &[1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, 1.0]);
    let bias = parameter(Role::Bias, &[1], &[100.0]);
    let (_, result) = apply(&operator, &[counted(&[2, 2, 3])], &[kernel, bias]);
    // 1·1 + 2·2 + 3·4 + 4·5 + 11 + 100 and 1·2 + 2·3 + 3·5 + 4·6 + 12 + 100.
    assert_eq!(result, [148.0, 159.0]);
}

#[test]
fn convolution_strides_and_pads_on_each_side_by_itself() {
    // Rows −1 and 1 (the first in the padding at the top), columns 0, 2 and 4 (partly in the padding at the right).
    let window = Window {
        stride: [2, 2],
        padding: [1, 0, 0, 2],
        ..Window::square(2, 1, 0)
    };
    let kernel = weight(&[1, 1, 2, 2], &[1.0, 10.0, 100.0, 1000.0]);
    assert_eq!(
        convolve(window, 1, counted(&[1, 3, 4]), kernel),
        [2100.0, 4300.0, 0.0, 10_965.0, 13_187.0, 0.0],
        "the third column lies wholly in the padding"
    );
}

#[test]
fn dilated_taps_leave_gaps() {
    let window = Window {
        dilation: [1, 2],
        padding: [0, 1, 0, 0],
        ..Window::square(2, 1, 0)
    };
    let kernel = weight(&[1, 1, 2, 2], &[1.0, 10.0, 100.0, 1000.0]);
    // Columns −1 and 1, then 0 and 2 of [1 2 3; 4 5 6].
    assert_eq!(
        convolve(window, 1, counted(&[1, 2, 3]), kernel),
        [5020.0, 6431.0]
    );
}

#[test]
fn groups_do_not_see_each_other() {
    // Four channels of one element in two groups; each output adds its group's two channels with weights of its own.
    let kernel = weight(&[2, 2, 1, 1], &[1.0, 10.0, 100.0, 1000.0]);
    let result = convolve(Window::square(1, 1, 0), 2, counted(&[4, 1, 1]), kernel);
    assert_eq!(result, [21.0, 4300.0]);
}

#[test]
fn depthwise_convolution_may_have_several_outputs_per_channel() {
    let kernel = weight(&[4, 1, 1, 1], &[1.0, 2.0, 3.0, 4.0]);
    let input = value(&[2, 1, 1], &[5.0, 7.0]);
    let result = convolve(Window::square(1, 1, 0), 2, input, kernel);
    assert_eq!(result, [5.0, 10.0, 21.0, 28.0]);
}

#[test]
fn sums_are_kept_in_f64() {
    // In f32 the 1 would vanish beside 10⁸.
    let column = [1e8, 1.0, -1e8];
    let kernel = weight(&[1, 3, 1, 1], &[1.0; 3]);
    let input = value(&[3, 1, 1], &column);
    let result = convolve(Window::square(1, 1, 0), 1, input, kernel);
    assert_eq!(result, [1.0]);
    let input = || value(&[1, 3], &column);
    let linear = Operator::Linear {
        weight: ParameterId(0),
        bias: None,
    };
    let (_, result) = apply(&linear, &[input()], &[weight(&[1, 3], &[1.0; 3])]);
    assert_eq!(result, [1.0]);
    let ones = value(&[3, 1], &[1.0; 3]);
    assert_eq!(apply(&Operator::MatMul, &[input(), ones], &[]).1, [1.0]);
    assert_eq!(reduce(Reduction::Sum, &[1], input()).1, [1.0]);
}

#[test]
fn linear_works_along_the_last_axis() {
    let operator = Operator::Linear {
        weight: ParameterId(0),
        bias: Some(ParameterId(1)),
    };
    let parameters = [
        weight(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 0.0, 1.0]),
        parameter(Role::Bias, &[3], &[0.5, -0.5, 0.0]),
    ];
    let input = value(&[2, 2], &[1.0, 1.0, 10.0, 1.0]);
    let expected = value(&[2, 3], &[3.5, 6.5, 1.0, 12.5, 33.5, 1.0]);
    assert_eq!(apply(&operator, &[input], &parameters), expected);
}

#[test]
fn images_follow_each_other() {
    let nodes = [1.0, 2.0].map(|scale| Node {
        name: scale.to_string(),
        operator: Operator::Unary(Function::Affine { scale, shift: 1.0 }),
        inputs: vec![ValueId(scale as usize - 1)],
    });
    let name = "two".to_owned();
    let network = Network::new(name, [2], Vec::new(), nodes.into(), Vec::new()).unwrap();
    let images = [1.0, 2.0, 3.0, 4.0];
    let [shifted, logits] = [[2.0, 3.0, 4.0, 5.0], [5.0, 7.0, 9.0, 11.0]];
    assert_eq!(evaluate(&network, &images, 2), logits);
    let values = evaluate_all(&network, &images, 2);
    assert_eq!(values, [images, shifted, logits]);
    assert_eq!(evaluate(&network, &[], 0), [0.0; 0]);
}

#[test]
#[should_panic(expected = "the input must hold 2 images of 4 values")]
fn an_input_of_the_wrong_length_panics() {
    let node = Node {
        name: "flatten".to_owned(),
        operator: Operator::Reshape { shape: vec![4] },
        inputs: vec![ValueId::INPUT],
    };
    let name = "one".to_owned();
    let network = Network::new(name, [1, 2, 2], Vec::new(), vec![node], Vec::new()).unwrap();
    evaluate(&network, &[0.0; 7], 2);
}

#[test]
fn batch_norm_uses_running_statistics() {
    let [scale, shift, mean, variance] = [0, 1, 2, 3].map(ParameterId);
    let operator = Operator::BatchNorm {
        scale,
        shift,
        mean,
        variance,
        epsilon: 1.0,
    };
    let parameters = [
        parameter(Role::Scale, &[2], &[1.0, 2.0]),
        parameter(Role::Shift, &[2], &[0.0, 10.0]),
        parameter(Role::RunningMean, &[2], &[1.0, 3.0]),
        parameter(Role::RunningVariance, &[2], &[3.0, 0.0]),
    ];
    // (x − 1)/√4, and (x − 3)/√1·2 + 10; channels are axis 0 whatever follows it.
    let input = value(&[2, 2], &[5.0, 1.0, 4.0, 3.0]);
    let (_, result) = apply(&operator, &[input], &parameters);
    assert_eq!(result, [2.0, 0.0, 12.0, 10.0]);
}

#[test]
fn clamps_bound_and_keep_what_is_no_number() {
    let input = [-1.0, 0.0, 3.0, 7.0];
    assert_eq!(unary(Function::RELU, &input), [0.0, 0.0, 3.0, 7.0]);
    assert_eq!(unary(Function::RELU6, &input), [0.0, 0.0, 3.0, 6.0]);
    let open = Function::Clip {
        low: None,
        high: Some(-0.5),
    };
    assert_eq!(unary(open, &input), [-1.0, -0.5, -0.5, -0.5]);
    assert!(unary(Function::RELU6, &[f32::NAN])[0].is_nan());
}

#[test]
fn functions_have_their_values() {
    let e = std::f32::consts::E;
    let cases: [(Function, f32, f32); 31] = [
        (
            Function::Affine {
                scale: 3.0,
                shift: -1.0,
            },
            2.0,
            5.0,
        ),
        (Function::LeakyRelu { slope: 0.25 }, -2.0, -0.5),
        (Function::LeakyRelu { slope: 0.25 }, 2.0, 2.0),
        (Function::Elu { alpha: 2.0 }, -1.0, 2.0 / e - 2.0),
        (Function::Elu { alpha: 2.0 }, 1.5, 1.5),
        (Function::Sigmoid, 0.0, 0.5),
        (Function::Sigmoid, 1.0, 0.731_058_6),
        (Function::Sigmoid, -800.0, 0.0),
        (Function::Tanh, 0.5, 0.462_117_16),
        (Function::Softplus, 0.0, std::f32::consts::LN_2),
        (Function::Softplus, 2.0, 2.126_928),
        (Function::Softplus, -800.0, 0.0),
        (Function::Softplus, 800.0, 800.0),
        (Function::Erf, 0.5, 0.520_499_9),
        (Function::Erf, -1.0, -0.842_700_8),
        (Function::Exp, 1.0, e),
        (Function::Log, 10.0, std::f32::consts::LN_10),
        (Function::Log, 0.0, f32::NEG_INFINITY),
        (Function::Abs, -1.5, 1.5),
        (Function::Sign, -1.5, -1.0),
        (Function::Sign, 0.0, 0.0),
        (Function::Sign, 0.1, 1.0),
        (Function::Floor, -1.5, -2.0),
        (Function::Round, 0.5, 0.0),
        (Function::Round, 1.5, 2.0),
        (Function::Round, -2.5, -2.0),
        (
            Function::Power { exponent: 0.5 },
            2.0,
            std::f32::consts::SQRT_2,
        ),
        (Function::Power { exponent: 3.0 }, -2.0, -8.0),
        (Function::Power { exponent: 0.0 }, f32::NAN, 1.0),
        (Function::Sin, std::f32::consts::FRAC_PI_6, 0.5),
        (Function::Cos, std::f32::consts::FRAC_PI_3, 0.5),
    ];
    for (function, x, expected) in cases {
        let [result] = unary(function, &[x])[..] else {
            panic!("one element becomes one");
        };
        // The expected number is itself rounded, and so are some of its arguments.
        let close = (result - expected).abs() <= 2.0 * f32::EPSILON * expected.abs();
        assert!(
            close || result == expected,
            "{function:?} of {x} is {result}"
        );
    }
    assert!(unary(Function::Sign, &[f32::NAN])[0].is_nan());
    let root = Function::Power { exponent: 0.5 };
    assert!(unary(root, &[-1.0])[0].is_nan());
}

#[test]
fn functions_of_two_have_their_values() {
    let [left, right] = [[6.0, -1.0, 2.0], [3.0, 2.0, 2.0]];
    for (function, expected) in [
        (BinaryFunction::Add, [9.0, 1.0, 4.0]),
        (BinaryFunction::Subtract, [3.0, -3.0, 0.0]),
        (BinaryFunction::Multiply, [18.0, -2.0, 4.0]),
        (BinaryFunction::Divide, [2.0, -0.5, 1.0]),
        (BinaryFunction::Minimum, [3.0, -1.0, 2.0]),
        (BinaryFunction::Maximum, [6.0, 2.0, 2.0]),
        (BinaryFunction::Power, [216.0, 1.0, 4.0]),
        (BinaryFunction::Greater, [1.0, 0.0, 0.0]),
        (BinaryFunction::Equal, [0.0, 0.0, 1.0]),
    ] {
        assert_eq!(binary(function, &left, &right), expected, "{function:?}");
    }
}

#[test]
fn what_is_no_number_shows_in_a_minimum_and_fails_comparisons() {
    let pairs = [[f32::NAN, 1.0], [1.0, f32::NAN]];
    for function in [BinaryFunction::Minimum, BinaryFunction::Maximum] {
        let result = binary(function, &pairs[0], &pairs[1]);
        assert!(
            result.iter().all(|x| x.is_nan()),
            "{function:?}: {result:?}"
        );
    }
    for function in [BinaryFunction::Greater, BinaryFunction::Equal] {
        assert_eq!(binary(function, &pairs[0], &pairs[1]), [0.0; 2]);
    }
}

#[test]
fn where_takes_the_second_value_at_anything_but_zero() {
    let condition = value(&[2, 1], &[0.0, -0.5]);
    let yes = value(&[2], &[1.0, 2.0]);
    let no = value(&[], &[9.0]);
    let expected = value(&[2, 2], &[9.0, 9.0, 1.0, 2.0]);
    assert_eq!(
        apply(&Operator::Where, &[condition, yes, no], &[]),
        expected
    );
}

#[test]
fn max_pool_leaves_the_padding_out() {
    let (shape, elements) = counted(&[1, 3, 3]);
    let negative: Vec<f32> = elements.into_iter().map(|x| -x).collect();
    let pool = Operator::MaxPool(Window {
        padding: [0, 0, 1, 1],
        ..Window::square(2, 2, 0)
    });
    let expected = value(&[1, 2, 2], &[-1.0, -3.0, -7.0, -9.0]);
    assert_eq!(apply(&pool, &[(shape, negative)], &[]), expected);
}

#[test]
fn average_pool_divides_by_the_elements_on_the_map() {
    // Windows at the corners cover 4 elements, at the sides 6, in the middle 9.
    let pool = Operator::AveragePool(Window::square(3, 1, 1));
    let (_, result) = apply(&pool, &[counted(&[1, 3, 3])], &[]);
    assert_eq!(result, [3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0]);
}

#[test]
fn reductions_keep_their_axes_with_length_one() {
    let input = || value(&[2, 3], &[1.0, -2.0, 4.0, 3.0, 5.0, 0.5]);
    for (reduction, expected) in [
        (Reduction::Sum, [3.0, 8.5]),
        (Reduction::Mean, [1.0, 8.5 / 3.0]),
        (Reduction::Maximum, [4.0, 5.0]),
        (Reduction::Minimum, [-2.0, 0.5]),
        (Reduction::Product, [-8.0, 7.5]),
        (Reduction::ArgMaximum, [2.0, 1.0]),
    ] {
        let result = reduce(reduction, &[1], input());
        assert_eq!(result, value(&[2, 1], &expected), "{reduction:?}");
    }
    let result = reduce(Reduction::Sum, &[0, 1], input());
    assert_eq!(result, value(&[1, 1], &[11.5]));
}

#[test]
fn the_first_of_several_largest_counts() {
    let input = value(&[4], &[1.0, 7.0, 7.0, 0.0]);
    assert_eq!(reduce(Reduction::ArgMaximum, &[0], input).1, [1.0]);
}

#[test]
fn global_average_pool_takes_each_channel_whole() {
    let result = reduce(Reduction::Mean, &[1, 2], counted(&[2, 2, 2]));
    assert_eq!(result, value(&[2, 1, 1], &[2.5, 6.5]));
}

#[test]
fn softmax_sums_to_one_along_its_axis_and_does_not_overflow() {
    let input = || value(&[2, 2], &[1000.0, 0.0, 1000.0, f32::ln(3.0)]);
    let (_, columns) = apply(&Operator::Softmax { axis: 0 }, &[input()], &[]);
    assert_eq!(columns, [0.5, 0.25, 0.5, 0.75]);
    let (_, rows) = apply(&Operator::Softmax { axis: 1 }, &[input()], &[]);
    assert_eq!(rows, [1.0, 0.0, 1.0, 0.0]);
}

#[test]
fn concat_and_reshape_keep_the_order() {
    let concat = |axis| {
        let inputs = [counted(&[1, 2]), value(&[1, 2], &[8.0, 9.0])];
        apply(&Operator::Concat { axis }, &inputs, &[])
    };
    assert_eq!(concat(0), value(&[2, 2], &[1.0, 2.0, 8.0, 9.0]));
    assert_eq!(concat(1), value(&[1, 4], &[1.0, 2.0, 8.0, 9.0]));
    let operator = Operator::Reshape { shape: vec![3, 2] };
    let reshaped = apply(&operator, &[counted(&[2, 1, 3])], &[]);
    assert_eq!(reshaped, counted(&[3, 2]));
}

#[test]
fn transpose_moves_axes() {
    let order = vec![1, 0];
    let expected = value(&[3, 2], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    assert_eq!(
        apply(&Operator::Transpose { order }, &[counted(&[2, 3])], &[]),
        expected
    );
}

#[test]
fn select_drops_repeats_and_fills() {
    let operator = Operator::Select {
        axis: 1,
        indices: vec![None, Some(2), Some(0), Some(0)],
        fill: -1.0,
    };
    let expected = value(&[2, 4], &[-1.0, 3.0, 1.0, 1.0, -1.0, 6.0, 4.0, 4.0]);
    assert_eq!(apply(&operator, &[counted(&[2, 3])], &[]), expected);
}
