//! What the tests of the rules check.

use super::{simplify, simplify_traced};
use crate::network::{Network, Node, ValueId};
use crate::reference;
pub(super) use crate::testing::{Graph, waves};

/// Simplifies a network and checks that the result computes the same, up to rounding, and cannot be simplified further.
pub(super) fn simplified(before: &Network) -> Network {
    let after = simplify(before.clone());
    let image = waves(before.shape(ValueId::INPUT).elements());
    let expected = reference::evaluate(before, &image, 1);
    let found = reference::evaluate(&after, &image, 1);
    assert_eq!(after.shape(after.output()), before.shape(before.output()));
    let largest = expected
        .iter()
        .fold(1.0, |largest: f32, x| largest.max(x.abs()));
    for (expected, found) in expected.iter().zip(&found) {
        // Each of some numbers that were folded was rounded once or twice.
        let close = (expected - found).abs() <= 1e-5 * largest;
        assert!(
            close || expected == found || expected.is_nan() && found.is_nan(),
            "{expected} became {found}"
        );
    }
    assert_eq!(simplify(after.clone()), after, "not simplified to the end");
    after
}

/// Checks that there is nothing to simplify.
pub(super) fn assert_kept(network: &Network) {
    assert_eq!(simplified(network), *network);
}

/// The nodes of a network, each as `name: operator`.
pub(super) fn nodes(network: &Network) -> Vec<String> {
    let line = |node: &Node| format!("{}: {}", node.name, node.operator.name());
    network.nodes().iter().map(line).collect()
}

/// What the nodes of the simplified network account for, by their numbers in `network`.
pub(super) fn origins(network: &Network) -> Vec<Vec<usize>> {
    let numbers = (0..network.nodes().len()).map(|number| vec![number]);
    let (_, mut origins) = simplify_traced(network.clone(), numbers.collect());
    origins
        .iter_mut()
        .for_each(|origins| origins.sort_unstable());
    origins
}
