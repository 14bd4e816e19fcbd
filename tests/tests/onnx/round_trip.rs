//! Import and export undo each other.

use sinew_models::onnx::{ExportOptions, ImportOptions, export, import_bytes};
use sinew_models::{Network, Parameter, ValueId, reference, zoo};
use sinew_tests::network::{INPUT_SHAPES, numbers, random, zoo_network};
use sinew_tests::random_network::{every_operator, random_network};

/// Images that networks are compared on.
const BATCH: usize = 2;

/// What comes back when the network is exported and imported.
fn round_trip(network: &Network, sparse_initializers: bool) -> Network {
    let options = ExportOptions {
        sparse_initializers,
        ..ExportOptions::default()
    };
    let bytes = export(network, &options).unwrap();
    let import = import_bytes(&bytes, None, &ImportOptions::default());
    let import = import.unwrap_or_else(|error| panic!("{}: {error}", network.name()));
    import.network
}

/// The same network, but for its masks: the zeros stay.
fn without_masks(network: &Network) -> Network {
    let parameters = network.parameters().iter().map(|parameter| {
        let (shape, values) = (parameter.shape().to_vec(), parameter.values().to_vec());
        Parameter::new(parameter.name().to_owned(), parameter.role(), shape, values)
    });
    Network::new(
        network.name().to_owned(),
        network.shape(ValueId::INPUT).clone(),
        network.labels().to_vec(),
        network.nodes().to_vec(),
        parameters.collect(),
    )
    .unwrap()
}

/// Fails where the networks differ first.
fn assert_same(found: &Network, expected: &Network, name: &str) {
    for (found, expected) in found.nodes().iter().zip(expected.nodes()) {
        assert_eq!(found, expected, "{name}");
    }
    for (found, expected) in found.parameters().iter().zip(expected.parameters()) {
        assert_eq!(found, expected, "{name}");
    }
    assert_eq!(found, expected, "{name}");
}

/// Fails where the networks compute something else. Importing folds constants, which rounds.
fn assert_computes_the_same(found: &Network, expected: &Network, name: &str) {
    let elements = expected.shape(ValueId::INPUT).elements();
    let images = numbers(&mut random(4), BATCH * elements, 0.0..1.0);
    let found = reference::evaluate(found, &images, BATCH);
    let expected = reference::evaluate(expected, &images, BATCH);
    assert_eq!(found.len(), expected.len(), "{name}");
    let largest = expected
        .iter()
        .fold(0.0f32, |largest, x| largest.max(x.abs()));
    for (found, expected) in found.iter().zip(&expected) {
        let difference = (found - expected).abs();
        assert!(
            difference <= 1e-5 * largest,
            "{name}: {found} instead of {expected}"
        );
    }
}

#[test]
fn networks_of_the_zoo_come_back_as_they_were() {
    for name in zoo::NAMES {
        for input_shape in INPUT_SHAPES {
            for (sparsity, sparse_initializers) in [(0.0, false), (0.9, false), (0.9, true)] {
                let network = without_masks(&zoo_network(name, input_shape, 0.25, sparsity));
                let back = round_trip(&network, sparse_initializers);
                assert_same(&back, &network, name);
            }
        }
    }
}

#[test]
fn every_operator_comes_back_and_from_then_on_as_it_was() {
    for (name, network) in every_operator() {
        let imported = round_trip(&network, false);
        assert_computes_the_same(&imported, &network, &name);
        assert_same(&round_trip(&imported, false), &imported, &name);
    }
}

#[test]
fn random_networks_come_back_and_from_then_on_as_they_were() {
    for seed in 0..300 {
        let network = random_network(seed);
        let imported = round_trip(&network, false);
        assert_computes_the_same(&imported, &network, network.name());
        assert_same(&round_trip(&imported, true), &imported, network.name());
    }
}
