//! Every way in which a graph can be wrong.

use super::*;
use crate::function::{BinaryFunction, Function};
use crate::network::Role;
use crate::operator::Operator;
use crate::window::Window;

const RELU: Operator = Operator::Unary(Function::RELU);

fn flatten() -> Operator {
    Operator::Reshape { shape: vec![72] }
}

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

fn infer(
    input: &[usize],
    nodes: &[Node],
    parameters: &[Parameter],
) -> Result<Vec<Shape>, ShapeError> {
    infer_shapes(&Shape(input.to_vec()), nodes, parameters)
}

fn error(nodes: &[Node], parameters: &[Parameter]) -> String {
    infer(&[2, 6, 6], nodes, parameters)
        .unwrap_err()
        .to_string()
}

/// The error of a chain of operators.
fn chain_error(operators: Vec<Operator>, parameters: &[Parameter]) -> String {
    error(&chain(operators), parameters)
}

#[test]
fn a_network_without_nodes() {
    assert_eq!(error(&[], &[]), "network: has no nodes");
}

#[test]
fn an_empty_input() {
    let error = infer(&[2, 0, 6], &chain(vec![RELU]), &[]).unwrap_err();
    assert_eq!(error.to_string(), "network: shape 2×0×6 is empty");
}

#[test]
fn an_input_with_too_many_elements() {
    for side in [1 << 20, usize::MAX] {
        let error = infer(&[2, side, side], &chain(vec![RELU]), &[]).unwrap_err();
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
    let mut nodes = chain(vec![Operator::Binary(BinaryFunction::Add)]);
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
        chain_error(vec![flatten(), linear()], &[weight]),
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
    let mut nodes = chain(vec![RELU, flatten()]);
    nodes[1].name = "n0".to_owned();
    assert_eq!(
        error(&nodes, &[]),
        "node \"n0\" (reshape): another node has the same name"
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
fn shapes_follow_the_nodes() {
    let parameters = [
        parameter(Role::Weight, &[5, 72]),
        parameter(Role::Bias, &[5]),
    ];
    let shapes = infer(
        &[2, 6, 6],
        &chain(vec![RELU, flatten(), linear()]),
        &parameters,
    )
    .unwrap();
    let shapes: Vec<String> = shapes.iter().map(Shape::to_string).collect();
    assert_eq!(shapes, ["2×6×6", "2×6×6", "72", "5"]);
}

#[test]
fn a_value_with_too_many_axes() {
    let shape = vec![1; 9];
    let error = infer(&[1; 9], &chain(vec![RELU]), &[]).unwrap_err();
    let axes = "shape 1×1×1×1×1×1×1×1×1 has more than 8 axes";
    assert_eq!(error.to_string(), format!("network: {axes}"));
    let error = infer(&[1], &chain(vec![Operator::Reshape { shape }]), &[]).unwrap_err();
    assert_eq!(error.to_string(), format!("node \"n0\" (reshape): {axes}"));
}

#[test]
fn an_empty_result() {
    let operator = Operator::Select {
        axis: 0,
        indices: Vec::new(),
        fill: 0.0,
    };
    let error = infer(&[2, 6], &chain(vec![operator]), &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "node \"n0\" (select): shape 0×6 is empty"
    );
}

#[test]
fn a_join_of_nothing() {
    let mut nodes = chain(vec![Operator::Concat { axis: 0 }]);
    nodes[0].inputs.clear();
    assert_eq!(error(&nodes, &[]), "node \"n0\" (concat): has no input");
}

#[test]
fn a_scalar_is_called_so() {
    assert_eq!(Shape(Vec::new()).to_string(), "scalar");
    assert_eq!(Shape(Vec::new()).elements(), 1);
}

#[test]
fn what_is_no_map_counts_as_a_vector() {
    assert_eq!(Shape::from([3, 4, 5]).as_map(), [3, 4, 5]);
    assert_eq!(Shape::from([3, 4]).as_map(), [12, 1, 1]);
    assert_eq!(Shape(Vec::new()).as_map(), [1, 1, 1]);
}
