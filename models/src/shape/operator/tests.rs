//! Every operator's shape, and every way in which its inputs and constants can be wrong.

use proptest::prelude::*;

use super::*;
use crate::function::{BinaryFunction, Function};

const MAP: &[usize] = &[2, 6, 6];

fn parameter(role: Role, shape: &[usize]) -> Parameter {
    let values = vec![0.5; shape.iter().product()];
    Parameter::new(format!("{role:?}"), role, shape.to_vec(), values)
}

fn infer(
    operator: &Operator,
    inputs: &[&[usize]],
    parameters: &[Parameter],
) -> Result<Vec<usize>, String> {
    let inputs: Vec<Shape> = inputs.iter().map(|axes| Shape(axes.to_vec())).collect();
    let inputs: Vec<&Shape> = inputs.iter().collect();
    shape(operator, &inputs, parameters).map(|shape| shape.0)
}

/// The shape of the result, for operators without parameters.
fn result(operator: &Operator, inputs: &[&[usize]]) -> Vec<usize> {
    infer(operator, inputs, &[]).unwrap()
}

/// What does not fit, for operators without parameters.
fn problem(operator: &Operator, inputs: &[&[usize]]) -> String {
    infer(operator, inputs, &[]).unwrap_err()
}

fn convolution(window: Window, groups: usize) -> Operator {
    Operator::Convolution {
        weight: ParameterId(0),
        bias: None,
        window,
        groups,
    }
}

fn linear() -> Operator {
    Operator::Linear {
        weight: ParameterId(0),
        bias: Some(ParameterId(1)),
    }
}

fn batch_norm(epsilon: f32) -> Operator {
    let [scale, shift, mean, variance] = [0, 1, 2, 3].map(ParameterId);
    Operator::BatchNorm {
        scale,
        shift,
        mean,
        variance,
        epsilon,
    }
}

fn batch_norm_parameters(channels: usize) -> [Parameter; 4] {
    [
        Role::Scale,
        Role::Shift,
        Role::RunningMean,
        Role::RunningVariance,
    ]
    .map(|role| parameter(role, &[channels]))
}

fn normalize(mean: &[f32], deviation: &[f32]) -> Operator {
    Operator::Normalize {
        mean: mean.to_vec(),
        deviation: deviation.to_vec(),
    }
}

fn reduce(reduction: Reduction, axes: &[usize]) -> Operator {
    let axes = axes.to_vec();
    Operator::Reduce { reduction, axes }
}

fn reshape(shape: &[usize]) -> Operator {
    let shape = shape.to_vec();
    Operator::Reshape { shape }
}

fn transpose(order: &[usize]) -> Operator {
    let order = order.to_vec();
    Operator::Transpose { order }
}

fn select(axis: usize, indices: &[Option<usize>], fill: f32) -> Operator {
    Operator::Select {
        axis,
        indices: indices.to_vec(),
        fill,
    }
}

#[test]
fn a_constant_has_its_own_shape() {
    let operator = Operator::Constant {
        value: ParameterId(0),
    };
    let constant = parameter(Role::Constant, &[3, 1, 1]);
    assert_eq!(infer(&operator, &[], &[constant]).unwrap(), [3, 1, 1]);
    assert_eq!(
        infer(&operator, &[], &[parameter(Role::Bias, &[3])]).unwrap_err(),
        "parameter \"Bias\" has the role Bias, Constant is needed"
    );
}

#[test]
fn a_normalisation_keeps_the_map() {
    let operator = normalize(&[0.0; 2], &[1.0; 2]);
    assert_eq!(result(&operator, &[MAP]), MAP);
}

#[test]
fn a_normalisation_of_other_channels() {
    assert_eq!(
        problem(&normalize(&[0.0], &[1.0; 2]), &[MAP]),
        "1 means and 2 deviations for 2 channels"
    );
}

#[test]
fn a_normalisation_with_numbers_out_of_range() {
    for deviation in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert_eq!(
            problem(&normalize(&[0.0; 2], &[1.0, deviation]), &[MAP]),
            "deviations must be finite and above zero"
        );
    }
    assert_eq!(
        problem(&normalize(&[0.0, f32::NAN], &[1.0; 2]), &[MAP]),
        "means must be finite"
    );
}

#[test]
fn a_convolution_has_the_channels_of_its_weights() {
    let window = Window {
        kernel: [3, 2],
        stride: [2, 1],
        padding: [0, 1, 1, 0],
        dilation: [2, 3],
    };
    // Heights 6 + 1 − 5, every second; widths 6 + 1 − 4.
    let weight = parameter(Role::Weight, &[4, 1, 3, 2]);
    let shape = infer(&convolution(window, 2), &[MAP], &[weight]);
    assert_eq!(shape.unwrap(), [4, 2, 4]);
}

#[test]
fn groups_that_do_not_divide_the_channels() {
    let weight = parameter(Role::Weight, &[3, 1, 1, 1]);
    for groups in [0, 2, 3] {
        let operator = convolution(Window::square(1, 1, 0), groups);
        assert_eq!(
            infer(&operator, &[MAP], std::slice::from_ref(&weight)).unwrap_err(),
            format!("{groups} groups do not divide 2 input and 3 output channels")
        );
    }
}

#[test]
fn a_window_that_does_not_fit() {
    let weight = parameter(Role::Weight, &[1, 2, 9, 9]);
    assert_eq!(
        infer(&convolution(Window::square(9, 1, 1), 1), &[MAP], &[weight]).unwrap_err(),
        "no 9×9 window with strides 1×1, dilation 1×1 and padding [1, 1, 1, 1] fits a 6×6 map"
    );
    assert_eq!(
        problem(&Operator::MaxPool(Window::square(2, 0, 0)), &[MAP]),
        "no 2×2 window with strides 0×0, dilation 1×1 and padding [0, 0, 0, 0] fits a 6×6 map"
    );
    let dilated = Window {
        dilation: [1, 5],
        ..Window::square(3, 1, 0)
    };
    assert_eq!(
        problem(&Operator::AveragePool(dilated), &[MAP]),
        "no 3×3 window with strides 1×1, dilation 1×5 and padding [0, 0, 0, 0] fits a 6×6 map"
    );
}

#[test]
fn a_pool_window_that_lies_in_the_padding() {
    for padding in [[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 2]] {
        let window = Window {
            padding,
            ..Window::square(2, 1, 0)
        };
        for pool in [Operator::AveragePool(window), Operator::MaxPool(window)] {
            assert_eq!(
                problem(&pool, &[MAP]),
                "a window lies outside the map, on nothing but padding"
            );
        }
    }
}

#[test]
fn padding_may_reach_the_kernel_where_no_window_stops() {
    // A window at 6 would lie in the padding, but the stride leads to 0 and 4 only.
    let window = Window {
        padding: [0, 0, 2, 2],
        ..Window::square(2, 4, 0)
    };
    assert_eq!(result(&Operator::MaxPool(window), &[MAP]), [2, 2, 2]);
}

#[test]
fn a_vector_where_a_map_is_needed() {
    let weight = parameter(Role::Weight, &[2, 72, 1, 1]);
    let window = Window::square(1, 1, 0);
    let expected = "takes [channel, height, width], not 72";
    for operator in [
        convolution(window, 1),
        Operator::MaxPool(window),
        Operator::AveragePool(window),
        normalize(&[0.0], &[1.0]),
    ] {
        let problem = infer(&operator, &[&[72]], std::slice::from_ref(&weight)).unwrap_err();
        assert_eq!(problem, expected, "{operator:?}");
    }
}

#[test]
fn a_linear_layer_replaces_the_last_axis() {
    let parameters = [
        parameter(Role::Weight, &[5, 6]),
        parameter(Role::Bias, &[5]),
    ];
    let shape = |input: &[usize]| infer(&linear(), &[input], &parameters);
    assert_eq!(shape(MAP).unwrap(), [2, 6, 5]);
    assert_eq!(shape(&[6]).unwrap(), [5]);
    assert_eq!(
        shape(&[5]).unwrap_err(),
        "parameter \"Weight\" has shape [5, 6], [5, 5] is needed"
    );
    assert_eq!(
        shape(&[]).unwrap_err(),
        "takes at least one axis, not a scalar"
    );
}

#[test]
fn weights_with_a_wrong_number_of_axes() {
    let operator = convolution(Window::square(1, 1, 0), 1);
    assert_eq!(
        infer(&operator, &[MAP], &[parameter(Role::Weight, &[2, 2])]).unwrap_err(),
        "weights need four axes"
    );
    let parameters = [parameter(Role::Weight, &[6]), parameter(Role::Bias, &[6])];
    assert_eq!(
        infer(&linear(), &[MAP], &parameters).unwrap_err(),
        "weights need two axes"
    );
}

#[test]
fn a_parameter_of_another_role() {
    let operator = convolution(Window::square(1, 1, 0), 1);
    assert_eq!(
        infer(&operator, &[MAP], &[parameter(Role::Bias, &[2, 2, 1, 1])]).unwrap_err(),
        "parameter \"Bias\" has the role Bias, Weight is needed"
    );
}

#[test]
fn a_parameter_of_another_shape() {
    let operator = convolution(Window::square(1, 1, 0), 1);
    assert_eq!(
        infer(&operator, &[MAP], &[parameter(Role::Weight, &[2, 1, 1, 1])]).unwrap_err(),
        "parameter \"Weight\" has shape [2, 1, 1, 1], [2, 2, 1, 1] is needed"
    );
    let parameters = [
        parameter(Role::Weight, &[5, 6]),
        parameter(Role::Bias, &[4]),
    ];
    assert_eq!(
        infer(&linear(), &[MAP], &parameters).unwrap_err(),
        "parameter \"Bias\" has shape [4], [5] is needed"
    );
    assert_eq!(
        infer(&batch_norm(1e-5), &[MAP], &batch_norm_parameters(3)).unwrap_err(),
        "parameter \"Scale\" has shape [3], [2] is needed"
    );
}

#[test]
fn a_batch_norm_takes_any_value_with_channels() {
    let shape = |input: &[usize]| infer(&batch_norm(1e-5), &[input], &batch_norm_parameters(2));
    assert_eq!(shape(MAP).unwrap(), MAP);
    assert_eq!(shape(&[2]).unwrap(), [2]);
    assert_eq!(
        shape(&[]).unwrap_err(),
        "takes at least one axis, not a scalar"
    );
}

#[test]
fn a_batch_norm_epsilon_out_of_range() {
    for epsilon in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert_eq!(
            infer(&batch_norm(epsilon), &[MAP], &batch_norm_parameters(2)).unwrap_err(),
            format!("epsilon {epsilon} is not above zero")
        );
    }
}

#[test]
fn a_product_joins_rows_and_columns() {
    let product = |left: &[usize], right: &[usize]| infer(&Operator::MatMul, &[left, right], &[]);
    assert_eq!(product(&[2, 3], &[3, 4]).unwrap(), [2, 4]);
    assert_eq!(product(&[5, 1, 2, 3], &[7, 3, 4]).unwrap(), [5, 7, 2, 4]);
    for (left, right) in [
        (&[2, 3][..], &[4, 3][..]),
        (&[3], &[3, 4]),
        (&[2, 3], &[3]),
        (&[2, 2, 3], &[3, 3, 4]),
    ] {
        assert_eq!(
            product(left, right).unwrap_err(),
            format!(
                "cannot multiply {} and {}",
                Shape(left.to_vec()),
                Shape(right.to_vec())
            )
        );
    }
}

#[test]
fn a_function_keeps_the_shape_and_has_finite_constants() {
    let operator = Operator::Unary(Function::Tanh);
    assert_eq!(result(&operator, &[&[4, 5]]), [4, 5]);
    let operator = Operator::Unary(Function::LeakyRelu {
        slope: f32::INFINITY,
    });
    assert_eq!(problem(&operator, &[MAP]), "constants must be finite");
}

#[test]
fn shapes_that_cannot_be_broadcast() {
    let add = Operator::Binary(BinaryFunction::Add);
    assert_eq!(
        problem(&add, &[MAP, &[72]]),
        "cannot broadcast 2×6×6 and 72"
    );
    assert_eq!(
        problem(&Operator::Where, &[&[2], &[], &[3]]),
        "cannot broadcast 2 and scalar and 3"
    );
}

#[test]
fn where_broadcasts_all_three() {
    assert_eq!(
        result(&Operator::Where, &[&[2, 1], &[], &[4, 1, 3]]),
        [4, 2, 3]
    );
}

#[test]
fn a_reduction_leaves_length_one() {
    let mean = |axes: &[usize]| reduce(Reduction::Mean, axes);
    assert_eq!(result(&mean(&[1, 2]), &[MAP]), [2, 1, 1]);
    assert_eq!(result(&mean(&[0]), &[MAP]), [1, 6, 6]);
    assert_eq!(problem(&mean(&[3]), &[MAP]), "2×6×6 has no axis 3");
    for axes in [&[][..], &[1, 1], &[2, 1]] {
        assert_eq!(
            problem(&mean(axes), &[MAP]),
            format!("axes {axes:?} are not rising")
        );
    }
}

#[test]
fn a_position_is_along_one_axis() {
    let position = |axes: &[usize]| reduce(Reduction::ArgMaximum, axes);
    assert_eq!(result(&position(&[0]), &[MAP]), [1, 6, 6]);
    assert_eq!(problem(&position(&[0, 1]), &[MAP]), "takes one axis");
}

#[test]
fn a_softmax_needs_its_axis() {
    let softmax = |axis| Operator::Softmax { axis };
    assert_eq!(result(&softmax(2), &[MAP]), MAP);
    assert_eq!(problem(&softmax(0), &[&[]]), "scalar has no axis 0");
}

#[test]
fn joined_axes_add_up() {
    let concat = |axis| Operator::Concat { axis };
    assert_eq!(
        result(&concat(1), &[MAP, &[2, 1, 6], &[2, 3, 6]]),
        [2, 10, 6]
    );
    assert_eq!(result(&concat(0), &[&[3]]), [3]);
    assert_eq!(problem(&concat(3), &[MAP]), "2×6×6 has no axis 3");
    for other in [&[3, 6, 6][..], &[2, 6], &[2, 6, 6, 1]] {
        assert_eq!(
            problem(&concat(1), &[MAP, other]),
            format!(
                "cannot join 2×6×6 and {} along axis 1",
                Shape(other.to_vec())
            )
        );
    }
}

#[test]
fn a_shape_is_filled_exactly() {
    assert_eq!(result(&reshape(&[8, 9]), &[MAP]), [8, 9]);
    assert_eq!(result(&reshape(&[]), &[&[1, 1]]), [0usize; 0]);
    assert_eq!(
        problem(&reshape(&[8, 8]), &[MAP]),
        "72 elements do not fill the shape 8×8"
    );
    let huge = usize::MAX;
    assert_eq!(
        problem(&reshape(&[huge, huge]), &[MAP]),
        format!("72 elements do not fill the shape {huge}×{huge}")
    );
}

#[test]
fn an_order_names_every_axis_once() {
    assert_eq!(result(&transpose(&[2, 0, 1]), &[&[2, 3, 4]]), [4, 2, 3]);
    for order in [&[0, 1][..], &[0, 1, 1], &[0, 1, 3]] {
        assert_eq!(
            problem(&transpose(order), &[MAP]),
            format!("{order:?} is no order of the axes of 2×6×6")
        );
    }
}

#[test]
fn a_selection_sets_the_length_of_its_axis() {
    let indices = [None, Some(5), Some(0)];
    assert_eq!(result(&select(1, &indices, 0.0), &[MAP]), [2, 3, 6]);
    assert_eq!(
        problem(&select(0, &indices, 0.0), &[MAP]),
        "position 5 of axis 0, which has length 2"
    );
    assert_eq!(
        problem(&select(3, &indices, 0.0), &[MAP]),
        "2×6×6 has no axis 3"
    );
    assert_eq!(
        problem(&select(1, &indices, f32::NAN), &[MAP]),
        "the fill value is not a number"
    );
}

proptest! {
    #[test]
    fn broadcasting_has_no_sides_and_keeps_the_longer(
        left in prop::collection::vec(1usize..4, 0..4),
        right in prop::collection::vec(1usize..4, 0..4),
    ) {
        let common = broadcast(&left, &right);
        prop_assert_eq!(&common, &broadcast(&right, &left));
        let rank = left.len().max(right.len());
        // The definition: missing axes have length 1, and both lengths go into the common one.
        let padded = |shape: &[usize]| [vec![1; rank - shape.len()], shape.to_vec()].concat();
        let (left, right) = (padded(&left), padded(&right));
        let pairs = || left.iter().zip(&right);
        let fits = pairs().all(|(left, right)| left == right || *left == 1 || *right == 1);
        let longer = pairs().map(|(left, right)| *left.max(right)).collect();
        prop_assert_eq!(common, fits.then_some(longer));
    }
}
