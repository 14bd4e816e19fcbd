//! Tests of the last steps.

use crate::network::ValueId;
use crate::onnx::import::testing::{Model, floats, int_attribute, ints_attribute};
use crate::onnx::{Fate, Import, InputLayout};
use crate::reference;

/// A network of images with the channels last, as TensorFlow's exporters write it: normalised in that layout, then turned around for
/// each convolution.
fn channels_last(height: i64, channels: i64) -> Model {
    let order = |order: &[i64]| vec![ints_attribute("perm", order)];
    let weights: Vec<f32> = (0..2 * channels).map(|index| index as f32 - 1.5).collect();
    let means: Vec<f32> = (0..channels).map(|index| index as f32).collect();
    Model::new(13)
        .input("x", &[-1, height, 6, channels])
        .initializer(floats("mean", &[channels], &means))
        .initializer(floats("w", &[2, channels, 1, 1], &weights))
        .node("Sub", &["x", "mean"], &["n"], vec![])
        .node("Transpose", &["n"], &["t"], order(&[0, 3, 1, 2]))
        .node("Conv", &["t", "w"], &["c"], vec![])
        .node("Transpose", &["c"], &["b"], order(&[0, 2, 3, 1]))
        .node("Relu", &["b"], &["r"], vec![])
        .node(
            "ReduceMean",
            &["r"],
            &["y"],
            vec![
                ints_attribute("axes", &[1, 2]),
                int_attribute("keepdims", 0),
            ],
        )
        .output("y")
}

#[test]
fn images_with_the_channels_last_are_turned() {
    let import = channels_last(5, 3).import().unwrap();
    assert_eq!(import.layout, InputLayout::ChannelsLast);
    let network = import.network;
    assert_eq!(network.shape(ValueId::INPUT).0, [3, 5, 6]);
    let kinds: Vec<&str> = network
        .nodes()
        .iter()
        .map(|node| node.operator.name())
        .collect();
    assert!(!kinds.contains(&"transpose"), "{kinds:?}");

    // The same as the file taken literally, for the same image.
    let whole = channels_last(5, 3);
    let mut literal = whole.proto.clone();
    let shape = literal.graph.mut_or_insert_default();
    shape.input[0] = Model::new(13)
        .input("x", &[1, 5, 6, 3])
        .graph()
        .input
        .remove(0);
    let literal = Model { proto: literal }.import_whole().unwrap();
    assert_eq!(literal.layout, InputLayout::Same);
    let image: Vec<f32> = (0..90)
        .map(|index| (index * 37 % 64) as f32 / 64.0)
        .collect();
    let turned: Vec<f32> = (0..90).map(|at| image[at % 30 * 3 + at / 30]).collect();
    let expected = reference::evaluate(&literal.network, &image, 1);
    let result = reference::evaluate(&network, &turned, 1);
    for (result, expected) in result.iter().zip(&expected) {
        assert!(
            (result - expected).abs() <= 1e-6 * expected.abs(),
            "{result} {expected}"
        );
    }
}

#[test]
fn what_does_not_look_like_an_image_stays() {
    // As high as deep; five channels; nothing to turn.
    for model in [channels_last(3, 3), channels_last(6, 5)] {
        let import = model.import().unwrap();
        assert_eq!(import.layout, InputLayout::Same);
    }
    let plain = Model::new(13)
        .input("x", &[-1, 5, 6, 3])
        .node("Relu", &["x"], &["y"], vec![])
        .output("y");
    assert_eq!(plain.import().unwrap().layout, InputLayout::Same);
}

fn fate(import: &Import, node: &str) -> Fate {
    let mut explained = import.explanation.iter();
    let explained = explained.find(|explained| explained.node == node);
    explained.expect("every node is explained").fate.clone()
}

#[test]
fn every_node_is_accounted_for() {
    let model = Model::new(13)
        .input("x", &[-1, 2])
        .initializer(floats("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0]))
        .initializer(floats("two", &[], &[2.0]))
        .node("Mul", &["w", "two"], &["w2"], vec![])
        .node("MatMul", &["x", "w2"], &["m"], vec![])
        .node("Identity", &["m"], &["i"], vec![])
        .node("Add", &["i", "two"], &["a"], vec![])
        .node("Neg", &["x"], &["unused"], vec![])
        .node("HardSwish", &["a"], &["y"], vec![])
        .output("y");
    let mut model = model;
    model.proto.opset_import[0].version = 14;
    let import = model.import().unwrap();
    assert_eq!(import.explanation.len(), 6);
    assert_eq!(fate(&import, "w2"), Fate::Constant);
    assert_eq!(fate(&import, "i"), Fate::Vanished);
    assert_eq!(fate(&import, "unused"), Fate::Unused);
    // The sum is folded into the layer, which has its name.
    let linear = Fate::Became(vec!["a (linear)".to_owned()]);
    assert_eq!(fate(&import, "m"), linear);
    assert_eq!(fate(&import, "a"), linear);
    let Fate::Became(parts) = fate(&import, "y") else {
        panic!("it became nodes");
    };
    assert_eq!(parts.last().unwrap(), "y (multiply)");
    assert!(parts.len() > 1, "{parts:?}");
}

#[test]
fn a_graph_without_a_name_gets_one() {
    let mut model = Model::new(13).input("x", &[1, 2]).output("x");
    assert_eq!(model.import().unwrap().network.name(), "onnx");
    model.graph().name = "mine".to_owned();
    assert_eq!(model.import().unwrap().network.name(), "mine");
}
