//! Chance: what any criterion must beat.

use rand::RngExt;
use sinew_models::Network;

use crate::prune::prunable;
use crate::seed::stream;

/// A uniform random number per weight.
pub(super) fn scores(network: &Network, seed: u64) -> Vec<Vec<f64>> {
    let mut random = stream(seed, "random criterion", &[]);
    prunable(network)
        .into_iter()
        .map(|id| {
            let count = network.parameter(id).values().len();
            (0..count).map(|_| random.random_range(0.0..1.0)).collect()
        })
        .collect()
}
