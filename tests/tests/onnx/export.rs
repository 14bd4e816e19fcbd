//! What is exported computes the same in ONNX Runtime: every operator, random networks, and every network of the zoo.

use sinew::classifier::Classifier;
use sinew::onnx_runtime::{OnnxRuntime, load_library};
use sinew_models::onnx::{ExportOptions, export};
use sinew_models::{Network, reference, zoo};
use sinew_tests::network::{INPUT_SHAPES, numbers, random, zoo_network};
use sinew_tests::random_network::{every_operator, random_network};
use sinew_tests::wheel::onnx_runtime_library;

use crate::{assert_agree, assert_sees};

const TOLERANCE: f32 = 1e-4;
const IMAGES: usize = 2;

/// Fails unless ONNX Runtime agrees with the reference. Returns the logits.
fn assert_survives(name: &str, network: &Network, sparse_initializers: bool) -> Vec<f32> {
    load_library(&onnx_runtime_library()).unwrap();
    let elements: usize = network.input_shape().iter().product();
    let images = numbers(&mut random(12), IMAGES * elements, 0.0..1.0);
    let options = ExportOptions {
        sparse_initializers,
        ..ExportOptions::default()
    };
    let file = export(network, &options).unwrap();
    let there = OnnxRuntime::from_bytes(&file, Some(network.input_shape()), Some(1))
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(there.classes(), network.classes(), "{name}");
    let expected = reference::evaluate(network, &images, IMAGES);
    let there = there.logits(&images).unwrap();
    assert_agree(name, &expected, &there, TOLERANCE);
    there
}

fn assert_zoo_survives(sparsity: f64, sparse_initializers: bool) {
    for (name, input_shape) in zoo::NAMES
        .into_iter()
        .flat_map(|name| INPUT_SHAPES.map(|shape| (name, shape)))
    {
        let network = zoo_network(name, input_shape, 0.25, sparsity);
        assert_sees(name, &assert_survives(name, &network, sparse_initializers));
    }
}

#[test]
fn dense_networks_of_the_zoo_run_in_onnx_runtime() {
    assert_zoo_survives(0.0, false);
}

#[test]
fn pruned_networks_of_the_zoo_run_in_onnx_runtime() {
    assert_zoo_survives(0.9, false);
}

#[test]
fn pruned_networks_of_the_zoo_with_sparse_initialisers_run_in_onnx_runtime() {
    assert_zoo_survives(0.9, true);
}

#[test]
fn every_operator_and_random_networks_run_in_onnx_runtime() {
    for (name, network) in every_operator() {
        assert_survives(&name, &network, false);
    }
    for seed in 0..100 {
        assert_survives(&format!("network {seed}"), &random_network(seed), false);
    }
}
