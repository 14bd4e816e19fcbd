//! Transpositions before and after.

use super::super::testing::{Graph, assert_kept, nodes, origins, simplified};
use crate::function::{BinaryFunction, Function, Reduction};
use crate::network::{Network, ValueId};
use crate::operator::Operator;
use crate::window::Window;

/// Channels from the last place to the first, and back.
const TO_FIRST: [usize; 3] = [2, 0, 1];
const TO_LAST: [usize; 3] = [1, 2, 0];

fn reduce(reduction: Reduction, axes: &[usize]) -> Operator {
    let axes = axes.to_vec();
    Operator::Reduce { reduction, axes }
}

fn transpositions(network: &Network) -> usize {
    let nodes = network.nodes().iter();
    nodes
        .filter(|node| matches!(node.operator, Operator::Transpose { .. }))
        .count()
}

/// A convolution of a value with channels last.
fn convolution(graph: &mut Graph, name: &str, channels: [usize; 2], x: ValueId) -> ValueId {
    let x = graph.transpose(&format!("{name}.in"), &TO_FIRST, x);
    let x = graph.convolution(name, channels, Window::square(3, 1, 1), x);
    graph.transpose(&format!("{name}.out"), &TO_LAST, x)
}

#[test]
fn a_residual_network_with_channels_last_keeps_one_transposition() {
    let mut graph = Graph::new(&[4, 5, 3]);
    let x = convolution(&mut graph, "conv1", [2, 3], ValueId::INPUT);
    let bias = graph.constant("bias", &[2], &[0.5, -0.5]);
    let x = graph.binary("biased", BinaryFunction::Add, [x, bias]);
    let x = graph.unary("relu1", Function::RELU, x);
    let y = convolution(&mut graph, "conv2", [2, 2], x);
    let y = graph.unary("sigmoid", Function::Sigmoid, y);
    let x = graph.binary("add", BinaryFunction::Add, [x, y]);
    let x = graph.node("concat", Operator::Concat { axis: 2 }, &[x, y]);
    let x = graph.select("pad", 1, &[None, Some(0), Some(4)], 1.0, x);
    let x = graph.node("softmax", Operator::Softmax { axis: 2 }, &[x]);
    let x = graph.node("mean", reduce(Reduction::Mean, &[0, 1]), &[x]);
    let x = graph.reshape("flatten", &[4], x);
    graph.linear("logits", [2, 4], x);
    let network = graph.finish();
    let after = simplified(&network);
    assert_eq!(
        nodes(&after),
        [
            "conv1.in: transpose",
            // With the bias inside.
            "biased: convolution",
            "relu1: relu",
            "conv2: convolution",
            "sigmoid: sigmoid",
            "add: add",
            "concat: concat",
            "pad: select",
            "softmax: softmax",
            "mean: mean",
            "flatten: reshape",
            "logits: linear",
        ]
    );
    let operator = |name: &str| {
        let node = after.nodes().iter().find(|node| node.name == name);
        node.unwrap().operator.clone()
    };
    assert_eq!(operator("concat"), Operator::Concat { axis: 0 });
    assert_eq!(operator("softmax"), Operator::Softmax { axis: 0 });
    assert_eq!(operator("mean"), reduce(Reduction::Mean, &[1, 2]));
    // Nothing that led to the output is lost.
    let mut all: Vec<usize> = origins(&network).concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..network.nodes().len()));
}

#[test]
fn two_consumers_of_one_transposition_may_meet_again() {
    // x·sigmoid(x): the transposition before goes to both, one comes out.
    let mut graph = Graph::new(&[2, 3, 4]);
    let x = graph.transpose("out", &TO_LAST, ValueId::INPUT);
    let y = graph.unary("sigmoid", Function::Sigmoid, x);
    let x = graph.binary("swish", BinaryFunction::Multiply, [x, y]);
    graph.transpose("in", &TO_FIRST, x);
    let after = simplified(&graph.finish());
    assert_eq!(nodes(&after), ["sigmoid: sigmoid", "in: multiply"]);
}

#[test]
fn transpositions_do_not_become_more() {
    // Both functions end in reshapings, which need the order as it is.
    let mut graph = Graph::new(&[2, 3, 4]);
    let x = graph.transpose("transpose", &TO_LAST, ValueId::INPUT);
    let y = graph.unary("sigmoid", Function::Sigmoid, x);
    let y = graph.reshape("left", &[24], y);
    let z = graph.unary("tanh", Function::Tanh, x);
    let z = graph.reshape("right", &[24], z);
    graph.binary("add", BinaryFunction::Add, [y, z]);
    assert_kept(&graph.finish());
}

#[test]
fn a_transposition_that_two_need_sinks_as_one() {
    let mut graph = Graph::new(&[2, 3, 4]);
    let x = graph.transpose("transpose", &TO_LAST, ValueId::INPUT);
    let x = graph.unary("sigmoid", Function::Sigmoid, x);
    let one = graph.reshape("one", &[24], x);
    let two = graph.reshape("two", &[24], x);
    let one = graph.unary("tanh", Function::Tanh, one);
    graph.binary("add", BinaryFunction::Add, [one, two]);
    let after = simplified(&graph.finish());
    let expected = ["sigmoid: sigmoid", "sigmoid/transposed: transpose"];
    assert_eq!(nodes(&after)[..2], expected);
    assert_eq!(transpositions(&after), 1);
}

#[test]
fn values_that_meet_sink_together() {
    // The two transpositions before the sum gain one with the one behind it; the second alone would become two.
    let mut graph = Graph::new(&[2, 3, 4]);
    let one = graph.unary("sigmoid", Function::Sigmoid, ValueId::INPUT);
    let one = graph.transpose("one", &TO_LAST, one);
    let two = graph.unary("tanh", Function::Tanh, ValueId::INPUT);
    let two = graph.transpose("two", &TO_LAST, two);
    let sum = graph.binary("sum", BinaryFunction::Add, [one, two]);
    let sum = graph.transpose("back", &TO_FIRST, sum);
    let left = graph.unary("exp", Function::Exp, two);
    let right = graph.unary("cos", Function::Cos, two);
    let flat = [sum, left, right].map(|value| {
        let name = format!("flat{}", value.0);
        graph.reshape(&name, &[24], value)
    });
    graph.node("concat", Operator::Concat { axis: 0 }, &flat);
    let after = simplified(&graph.finish());
    assert_eq!(
        nodes(&after)[..7],
        [
            "sigmoid: sigmoid",
            "tanh: tanh",
            "back: add",
            "exp: exp",
            "exp/transposed: transpose",
            "cos: cos",
            "cos/transposed: transpose",
        ]
    );
}

#[test]
fn the_output_keeps_its_name_and_order() {
    let mut graph = Graph::new(&[2, 3, 4]);
    let x = graph.transpose("transpose", &TO_LAST, ValueId::INPUT);
    graph.unary("logits", Function::Sigmoid, x);
    let after = simplified(&graph.finish());
    assert_eq!(
        nodes(&after),
        ["logits/transposed: sigmoid", "logits: transpose"]
    );
}

#[test]
fn constants_are_transposed_once() {
    let values: Vec<f32> = (0..12u8).map(f32::from).collect();
    let mut graph = Graph::new(&[2, 3, 4]);
    let constant = graph.constant("constant", &[4, 2], &values[..8]);
    let x = graph.transpose("out", &TO_LAST, ValueId::INPUT);
    let x = graph.binary("add", BinaryFunction::Add, [x, constant]);
    let x = graph.unary("tanh", Function::Tanh, x);
    let x = graph.binary("multiply", BinaryFunction::Multiply, [constant, x]);
    let x = graph.binary("square", BinaryFunction::Divide, [x, constant]);
    graph.transpose("in", &TO_FIRST, x);
    let after = simplified(&graph.finish());
    assert_eq!(
        nodes(&after),
        [
            "constant/reordered: constant",
            "add: add",
            "tanh: tanh",
            "multiply: multiply",
            "in: divide"
        ]
    );
    let [constant] = after.parameters() else {
        panic!("one constant is left");
    };
    assert_eq!(constant.shape(), [2, 1, 4]);
    assert_eq!(constant.values(), [0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0]);
}

#[test]
fn a_gate_by_channel_needs_no_transposition() {
    let mut graph = Graph::new(&[2, 3, 4]);
    let x = graph.transpose("out", &TO_LAST, ValueId::INPUT);
    let gate = graph.node("mean", reduce(Reduction::Mean, &[0, 1]), &[x]);
    let gate = graph.reshape("flatten", &[2], gate);
    let gate = graph.linear("linear", [2, 2], gate);
    let gate = graph.reshape("spread", &[1, 1, 2], gate);
    let x = graph.binary("gated", BinaryFunction::Multiply, [x, gate]);
    graph.transpose("in", &TO_FIRST, x);
    let after = simplified(&graph.finish());
    assert_eq!(transpositions(&after), 0);
    assert_eq!(
        nodes(&after),
        [
            "mean: mean",
            "flatten: reshape",
            "linear: linear",
            "spread/reordered: reshape",
            "in: multiply"
        ]
    );
}

#[test]
fn different_orders_do_not_mix() {
    let mut graph = Graph::new(&[3, 3, 3]);
    let x = graph.transpose("one", &TO_LAST, ValueId::INPUT);
    let y = graph.transpose("two", &TO_FIRST, ValueId::INPUT);
    graph.binary("add", BinaryFunction::Add, [x, y]);
    assert_kept(&graph.finish());
}

#[test]
fn axes_of_length_one_are_not_transposed() {
    let mut graph = Graph::new(&[1, 3, 4]);
    let x = graph.transpose("transpose", &TO_LAST, ValueId::INPUT);
    let x = graph.unary("tanh", Function::Tanh, x);
    graph.reshape("flatten", &[12], x);
    let after = simplified(&graph.finish());
    assert_eq!(nodes(&after), ["tanh: tanh", "flatten: reshape"]);
}

#[test]
fn other_operators_take_their_axes_as_they_are() {
    let mut graph = Graph::new(&[2, 3, 4]);
    let x = graph.transpose("transpose", &TO_LAST, ValueId::INPUT);
    graph.linear("linear", [3, 2], x);
    assert_kept(&graph.finish());
}
