//! The networks reach every operator.

use std::collections::BTreeSet;

use sinew_models::reference;

use super::*;
use crate::network::{numbers, random};

/// The names of a network's operators.
fn names(network: &Network) -> impl Iterator<Item = &'static str> {
    network.nodes().iter().map(|node| node.operator.name())
}

#[test]
fn random_networks_reach_all_that_the_catalogue_has() {
    let catalogue = every_operator();
    let all: BTreeSet<&str> = catalogue.iter().flat_map(|(_, n)| names(n)).collect();
    let networks: Vec<Network> = (0..300).map(random_network).collect();
    let reached: BTreeSet<&str> = networks.iter().flat_map(names).collect();
    assert_eq!(all, reached);
    // 14 operators that are no functions, 19 functions with the clamps that have names, 9 of two values, 6 reductions; "power" is
    // the name of two.
    assert_eq!(all.len(), 14 + 19 + 9 + 6 - 1, "{all:?}");
}

#[test]
fn networks_of_the_catalogue_have_names_of_their_own() {
    let catalogue = every_operator();
    let all: BTreeSet<&str> = catalogue.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(all.len(), catalogue.len());
}

#[test]
fn the_seed_decides_the_network() {
    assert_eq!(random_network(5), random_network(5));
    assert_ne!(random_network(5), random_network(6));
}

#[test]
fn results_are_logits_of_moderate_size_that_depend_on_every_node() {
    for seed in 0..300 {
        let network = random_network(seed);
        let classes = network.shape(network.output());
        assert_eq!(classes.0, [network.classes()], "seed {seed}");
        assert!((2..=10).contains(&network.classes()), "seed {seed}");
        let image = numbers(
            &mut random(seed),
            network.shape(ValueId::INPUT).elements(),
            0.0..1.0,
        );
        let logits = reference::evaluate(&network, &image, 1);
        assert!(
            logits.iter().all(|logit| logit.abs() < 1e3),
            "seed {seed}: {logits:?}"
        );
        for value in 0..network.output().0 {
            let value = ValueId(value);
            let used = network.consumers(value).next().is_some();
            assert!(used, "seed {seed}: {value:?} of {:?}", network.nodes());
        }
    }
}
