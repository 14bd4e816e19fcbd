//! Every operator's shape, and every way in which a graph can be wrong.

use super::*;
use crate::function::{BinaryFunction, Function, Reduction};
use crate::network::Role;
use crate::operator::Operator;
use crate::window::Window;

const INPUT: [usize; 3] = [2, 6, 6];
const RELU: Operator = Operator::Unary(Function::RELU);

/// Nodes that take the value before them.
fn chain(operators: Vec<Operator>) -> Vec<Node> {
    let node = |(index, operator): (usize, Operator)| Node {
        name: format!("n{index}"),
        inputs: vec![ValueId(index); operator.arity().unwrap_or(1)],
        operator,
    };
    operators.into_iter().enumerate().map(node).collect()
}

fn parameter(role: Role, shape: &[usize]) -> Parameter {
    let values = vec![0.5; shape.iter().product()];
    Parameter::new(format!("{role:?}"), role, shape.to_vec(), values)
}

/// Weights are parameter 0.
fn convolution(window: Window, groups: usize) -> Operator {
    Operator::Convolution {
        weight: ParameterId(0),
        bias: None,
        window,
        groups,
    }
}

/// Parameters 0 and 1.
fn linear() -> Operator {
    Operator::Linear {
        weight: ParameterId(0),
        bias: Some(ParameterId(1)),
    }
}

/// Parameters 0 to 3.
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

fn batch_norm_parameters(channels: usize) -> Vec<Parameter> {
    [
        Role::Scale,
        Role::Shift,
        Role::RunningMean,
        Role::RunningVariance,
    ]
    .map(|role| parameter(role, &[channels]))
    .into()
}

fn normalize(mean: Vec<f32>, deviation: Vec<f32>) -> Operator {
    Operator::Normalize { mean, deviation }
}

fn shapes(operators: Vec<Operator>, parameters: &[Parameter]) -> Vec<String> {
    let shapes = infer_shapes(INPUT, &chain(operators), parameters).unwrap();
    shapes.iter().map(Shape::to_string).collect()
}

fn error(nodes: &[Node], parameters: &[Parameter]) -> String {
    infer_shapes(INPUT, nodes, parameters)
        .unwrap_err()
        .to_string()
}

/// The error of a chain of operators.
fn chain_error(operators: Vec<Operator>, parameters: &[Parameter]) -> String {
    error(&chain(operators), parameters)
}

#[test]
fn every_operator_has_its_shape() {
    let weight = parameter(Role::Weight, &[4, 1, 3, 3]);
    let window = Window {
        kernel: [3, 3],
        stride: [2, 1],
        padding: [0, 1, 1, 0],
    };
    let operators = vec![
        normalize(vec![0.0; 2], vec![1.0; 2]),
        convolution(window, 2),
        RELU,
        Operator::Add,
        Operator::MaxPool(Window::square(2, 1, 1)),
        Operator::AveragePool(Window::square(2, 2, 0)),
        Operator::Flatten,
    ];
    assert_eq!(
        shapes(operators, &[weight]),
        [
            "2×6×6", "2×6×6", "4×3×5", "4×3×5", "4×3×5", "4×4×6", "4×2×3", "24"
        ]
    );
    let parameters = [
        parameter(Role::Weight, &[5, 2]),
        parameter(Role::Bias, &[5]),
    ];
    let operators = vec![Operator::GlobalAveragePool, Operator::Flatten, linear()];
    assert_eq!(shapes(operators, &parameters), ["2×6×6", "2×1×1", "2", "5"]);
    assert_eq!(
        shapes(vec![batch_norm(1e-5)], &batch_norm_parameters(2)),
        ["2×6×6", "2×6×6"]
    );
}

#[test]
fn a_network_without_nodes() {
    assert_eq!(error(&[], &[]), "network: has no nodes");
}

#[test]
fn an_empty_input() {
    let error = infer_shapes([2, 0, 6], &chain(vec![RELU]), &[]).unwrap_err();
    assert_eq!(error.to_string(), "network: shape 2×0×6 is empty");
}

#[test]
fn an_input_with_too_many_elements() {
    for side in [1 << 20, usize::MAX] {
        let error = infer_shapes([2, side, side], &chain(vec![RELU]), &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("network: shape 2×{side}×{side} has more than 536870912 elements")
        );
    }
}

#[test]
fn a_result_with_too_many_elements() {
    let padding = Window::square(1, 1, 1 << 20);
    assert_eq!(
        chain_error(
            vec![convolution(padding, 1)],
            &[parameter(Role::Weight, &[1, 2, 1, 1])]
        ),
        "node \"n0\" (convolution): shape 1×2097158×2097158 has more than 536870912 elements"
    );
}

#[test]
fn a_wrong_number_of_inputs() {
    let mut nodes = chain(vec![Operator::Add]);
    nodes[0].inputs.pop();
    assert_eq!(
        error(&nodes, &[]),
        "node \"n0\" (add): takes 2 inputs, 1 are connected"
    );
}

#[test]
fn a_value_that_is_not_computed_yet() {
    let mut nodes = chain(vec![RELU, RELU]);
    nodes[1].inputs = vec![ValueId(2)];
    assert_eq!(
        error(&nodes, &[]),
        "node \"n1\" (relu): takes value 2 before it is computed"
    );
}

#[test]
fn a_parameter_that_does_not_exist() {
    let weight = parameter(Role::Weight, &[5, 72]);
    assert_eq!(
        chain_error(vec![Operator::Flatten, linear()], &[weight]),
        "node \"n1\" (linear): uses parameter 1 of 1"
    );
}

#[test]
fn a_parameter_that_is_not_used() {
    assert_eq!(
        chain_error(vec![RELU], &[parameter(Role::Weight, &[1])]),
        "network: parameter \"Weight\" is used 0 times instead of once"
    );
}

#[test]
fn a_parameter_that_is_used_twice() {
    let convolution = || convolution(Window::square(1, 1, 0), 1);
    assert_eq!(
        chain_error(
            vec![convolution(), convolution()],
            &[parameter(Role::Weight, &[2, 2, 1, 1])]
        ),
        "network: parameter \"Weight\" is used 2 times instead of once"
    );
}

#[test]
fn two_nodes_of_one_name() {
    let mut nodes = chain(vec![RELU, Operator::Flatten]);
    nodes[1].name = "n0".to_owned();
    assert_eq!(
        error(&nodes, &[]),
        "node \"n0\" (flatten): another node has the same name"
    );
}

#[test]
fn two_parameters_of_one_name() {
    let second = Operator::Convolution {
        weight: ParameterId(1),
        bias: None,
        window: Window::square(1, 1, 0),
        groups: 1,
    };
    let weight = || parameter(Role::Weight, &[2, 2, 1, 1]);
    assert_eq!(
        chain_error(
            vec![convolution(Window::square(1, 1, 0), 1), second],
            &[weight(), weight()]
        ),
        "network: two parameters are named \"Weight\""
    );
}

#[test]
fn a_parameter_of_another_role() {
    assert_eq!(
        chain_error(
            vec![convolution(Window::square(1, 1, 0), 1)],
            &[parameter(Role::Bias, &[2, 2, 1, 1])]
        ),
        "node \"n0\" (convolution): parameter \"Bias\" has the role Bias, Weight is needed"
    );
}

#[test]
fn a_parameter_of_another_shape() {
    assert_eq!(
        chain_error(
            vec![convolution(Window::square(1, 1, 0), 1)],
            &[parameter(Role::Weight, &[2, 1, 1, 1])]
        ),
        "node \"n0\" (convolution): parameter \"Weight\" has shape [2, 1, 1, 1], [2, 2, 1, 1] is needed"
    );
    let parameters = [
        parameter(Role::Weight, &[5, 72]),
        parameter(Role::Bias, &[4]),
    ];
    assert_eq!(
        chain_error(vec![Operator::Flatten, linear()], &parameters),
        "node \"n1\" (linear): parameter \"Bias\" has shape [4], [5] is needed"
    );
    assert_eq!(
        chain_error(vec![batch_norm(1e-5)], &batch_norm_parameters(3)),
        "node \"n0\" (batch norm): parameter \"Scale\" has shape [3], [2] is needed"
    );
}

#[test]
fn weights_with_a_wrong_number_of_axes() {
    assert_eq!(
        chain_error(
            vec![convolution(Window::square(1, 1, 0), 1)],
            &[parameter(Role::Weight, &[2, 2])]
        ),
        "node \"n0\" (convolution): weights need four axes"
    );
    let parameters = [parameter(Role::Weight, &[5]), parameter(Role::Bias, &[5])];
    assert_eq!(
        chain_error(vec![Operator::Flatten, linear()], &parameters),
        "node \"n1\" (linear): weights need two axes"
    );
}

#[test]
fn groups_that_do_not_divide_the_channels() {
    let weight = parameter(Role::Weight, &[3, 1, 1, 1]);
    for groups in [0, 2, 3] {
        assert_eq!(
            chain_error(
                vec![convolution(Window::square(1, 1, 0), groups)],
                std::slice::from_ref(&weight)
            ),
            format!(
                "node \"n0\" (convolution): {groups} groups do not divide 2 input and 3 output channels"
            )
        );
    }
}

#[test]
fn a_window_that_does_not_fit() {
    let weight = parameter(Role::Weight, &[1, 2, 9, 9]);
    assert_eq!(
        chain_error(vec![convolution(Window::square(9, 1, 1), 1)], &[weight]),
        "node \"n0\" (convolution): no 9×9 window with strides 1×1 and padding [1, 1, 1, 1] fits a 6×6 map"
    );
    assert_eq!(
        chain_error(vec![Operator::MaxPool(Window::square(2, 0, 0))], &[]),
        "node \"n0\" (max pool): no 2×2 window with strides 0×0 and padding [0, 0, 0, 0] fits a 6×6 map"
    );
}

#[test]
fn a_pool_window_that_could_lie_in_the_padding() {
    for padding in [[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 2]] {
        let window = Window {
            padding,
            ..Window::square(2, 1, 0)
        };
        assert_eq!(
            chain_error(vec![Operator::AveragePool(window)], &[]),
            "node \"n0\" (average pool): a window would lie outside the map: padding reaches the kernel"
        );
    }
}

#[test]
fn a_vector_where_a_map_is_needed() {
    assert_eq!(
        chain_error(vec![Operator::Flatten, Operator::GlobalAveragePool], &[]),
        "node \"n1\" (global average pool): takes [channel, height, width], not 72"
    );
}

#[test]
fn a_map_where_a_vector_is_needed() {
    let parameters = [
        parameter(Role::Weight, &[5, 72]),
        parameter(Role::Bias, &[5]),
    ];
    assert_eq!(
        chain_error(vec![linear()], &parameters),
        "node \"n0\" (linear): takes a vector, not 2×6×6: flatten it first"
    );
}

#[test]
fn a_sum_of_different_shapes() {
    let mut nodes = chain(vec![Operator::Flatten, Operator::Add]);
    nodes[1].inputs = vec![ValueId(0), ValueId(1)];
    assert_eq!(error(&nodes, &[]), "node \"n1\" (add): adds 2×6×6 and 72");
}

#[test]
fn a_normalisation_of_other_channels() {
    assert_eq!(
        chain_error(vec![normalize(vec![0.0], vec![1.0; 2])], &[]),
        "node \"n0\" (normalize): 1 means and 2 deviations for 2 channels"
    );
}

#[test]
fn a_normalisation_with_numbers_out_of_range() {
    for deviation in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert_eq!(
            chain_error(vec![normalize(vec![0.0; 2], vec![1.0, deviation])], &[]),
            "node \"n0\" (normalize): deviations must be finite and above zero"
        );
    }
    assert_eq!(
        chain_error(vec![normalize(vec![0.0, f32::NAN], vec![1.0; 2])], &[]),
        "node \"n0\" (normalize): means must be finite"
    );
}

#[test]
fn a_batch_norm_epsilon_out_of_range() {
    assert_eq!(
        chain_error(vec![batch_norm(0.0)], &batch_norm_parameters(2)),
        "node \"n0\" (batch norm): epsilon 0 is not above zero"
    );
}
