//! Global magnitude: the classic control.

use sinew_models::Network;

/// |w|, compared across all layers.
pub(in crate::prune) fn scores(network: &Network) -> Vec<Vec<f64>> {
    super::magnitudes_by_unit(network)
        .into_iter()
        .map(|units| units.concat())
        .collect()
}
