//! Nine well-known topologies whose weights are all the same number, and some of them with weights drawn at random.

use std::collections::BTreeSet;
use std::fs;

use onnx_protobuf::{ModelProto, NodeProto, TensorProto, tensor_proto};
use protobuf::Message;
use sinew::classifier::Classifier;
use sinew::execute::{DeviceChoice, Executor};
use sinew::onnx_runtime::{OnnxRuntime, load_library};
use sinew_models::onnx::{ImportOptions, decode_tensor, import, import_bytes};
use sinew_tests::network::{numbers, random};
use sinew_tests::wheel::onnx_runtime_library;

use super::case::{Tolerance, data};
use crate::{assert_agree, assert_sees};

/// Those that fit into some hundred megabytes.
const SMALL: [&str; 6] = [
    "densenet121",
    "inception_v1",
    "inception_v2",
    "resnet50",
    "shufflenet",
    "squeezenet",
];

const LARGE: [&str; 3] = ["bvlc_alexnet", "vgg19", "zfnet512"];

const ELEMENTS: usize = 3 * 224 * 224;

/// What ONNX's own runner feeds: rising numbers from 0 to 1.
fn ramp() -> Vec<f32> {
    let fraction = |index: usize| (index as f64 / ELEMENTS as f64) as f32;
    (0..ELEMENTS).map(fraction).collect()
}

#[test]
fn well_known_topologies_compute_what_onnx_says() {
    load_library(&onnx_runtime_library()).unwrap();
    let device = DeviceChoice::Cpu.open().unwrap();
    for name in SMALL.into_iter().chain(LARGE) {
        let path = data().join(format!("light/light_{name}.onnx"));
        let expected = fs::read(path.with_file_name(format!("light_{name}_output_0.pb"))).unwrap();
        let expected = decode_tensor(&expected).unwrap();
        let tolerance = Tolerance::of(&data().join(format!("real/test_{name}")));
        let network = import(&path, &ImportOptions::default())
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .network;
        let axes = &network.shape(network.output()).0;
        assert_eq!([&[1], axes.as_slice()].concat(), expected.shape, "{name}");
        let on_burn = Executor::new(&network, &device);
        let on_onnx_runtime = OnnxRuntime::from_file(&path, None, None).unwrap();
        let engines: [(&str, &dyn Classifier); 2] =
            [("burn", &on_burn), ("ONNX Runtime", &on_onnx_runtime)];
        for (engine, classifier) in engines {
            assert_eq!(classifier.input_shape(), [3, 224, 224], "{name}");
            let logits = classifier.logits(&ramp()).unwrap();
            let miss = tolerance.first_miss(&logits, &expected.floats());
            assert!(miss.is_none(), "{name} on {engine}: {}", miss.unwrap());
        }
    }
}

/// With equal weights all classes are equal, whatever becomes of the image.
#[test]
fn well_known_topologies_with_random_weights_agree_with_onnx_runtime() {
    load_library(&onnx_runtime_library()).unwrap();
    let device = DeviceChoice::Cpu.open().unwrap();
    let images = [numbers(&mut random(8), ELEMENTS, -1.0..1.0), ramp()].concat();
    for name in SMALL {
        let path = data().join(format!("light/light_{name}.onnx"));
        let bytes = with_random_weights(&fs::read(path).unwrap());
        let expected = OnnxRuntime::from_bytes(&bytes, None, None).unwrap();
        let expected = expected.logits(&images).unwrap();
        assert_sees(name, &expected);
        let network = import_bytes(&bytes, None, &ImportOptions::default())
            .unwrap()
            .network;
        let logits = Executor::new(&network, &device).logits(&images).unwrap();
        assert_agree(name, &expected, &logits, 1e-4);
    }
}

/// The constants that must stay above zero: of batch norms, and of products with one factor per channel.
fn scales_and_variances(nodes: &[NodeProto]) -> BTreeSet<String> {
    let of_type = |name: &'static str| nodes.iter().filter(move |node| node.op_type == name);
    let factors: BTreeSet<&String> = of_type("Mul").map(|node| &node.input[1]).collect();
    let channels = of_type("Unsqueeze")
        .filter(|node| factors.contains(&node.output[0]))
        .map(|node| node.input[0].clone());
    of_type("BatchNormalization")
        .flat_map(|node| [node.input[1].clone(), node.input[4].clone()])
        .chain(channels)
        .collect()
}

/// The model with an initialiser in place of each node that makes a constant, and without a softmax at its end, in which logits that are
/// not near each other would all be 0 or 1.
fn with_random_weights(bytes: &[u8]) -> Vec<u8> {
    let mut model = ModelProto::parse_from_bytes(bytes).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let (constants, nodes): (Vec<NodeProto>, Vec<NodeProto>) = graph
        .node
        .drain(..)
        .partition(|node| node.op_type == "ConstantOfShape");
    assert!(!constants.is_empty());
    let positive = scales_and_variances(&nodes);
    graph.node = nodes;
    if graph.node.last().unwrap().op_type == "Softmax" {
        let softmax = graph.node.pop().unwrap();
        graph.output[0].name = softmax.input[0].clone();
    }
    let mut random = random(9);
    for constant in constants {
        let shape = graph
            .initializer
            .iter()
            .find(|shape| shape.name == constant.input[0]);
        let shape = decode_tensor(&shape.unwrap().write_to_bytes().unwrap()).unwrap();
        let axes = shape.integers().unwrap();
        let name = &constant.output[0];
        let range = match axes {
            _ if positive.contains(name.as_str()) => 0.5..1.5,
            [_] => -0.1..0.1,
            // So that the signal stays as strong as it is (He et al., 2015).
            [_, taps @ ..] => {
                let bound = (6.0 / taps.iter().product::<i64>() as f32).sqrt();
                -bound..bound
            }
            [] => 0.0..1.0,
        };
        let count = axes.iter().product::<i64>() as usize;
        graph.initializer.push(TensorProto {
            name: name.clone(),
            dims: axes.to_vec(),
            data_type: tensor_proto::DataType::FLOAT as i32,
            float_data: numbers(&mut random, count, range),
            ..TensorProto::default()
        });
    }
    model.write_to_bytes().unwrap()
}
