//! Pruning: statistics of a network under attack, criteria that turn them into one score per weight, one global ranking.
//!
//! The flow is `AnomalyTable` (what the attack does to each unit) → [`Criterion`] (a score for every weight) → [`rank`] (the
//! weights that stay) → masks in the `Network`. Non-goals: attacks (the caller brings clean and adversarial images) and training.

mod anomaly;
mod criterion;
mod ranking;
mod response;

pub use anomaly::{AnomalyTable, LayerAnomaly, Measure};
pub use criterion::{Criterion, Statistics};
pub use ranking::{RankingError, rank};
pub use response::response_values;

use sinew_models::{Network, ParameterId, Role};

/// The prunable parameters of a network, in order: the rows of every table in this module.
pub fn prunable(network: &Network) -> Vec<ParameterId> {
    (0..network.parameters().len())
        .map(ParameterId)
        .filter(|id| network.parameter(*id).role() == Role::Weight)
        .collect()
}

/// Prunes `network` to `sparsity`, a fraction in [0, 1) of all its weights, by falling scores of `criterion`.
///
/// Every layer keeps at least the fraction `density_floor` of its weights, so that no layer is cut through.
///
/// # Errors
/// If the sparsity is out of range, or the floor does not leave room for it.
pub fn prune(
    network: &mut Network,
    criterion: &Criterion,
    statistics: &Statistics<'_>,
    sparsity: f64,
    density_floor: f64,
) -> Result<(), RankingError> {
    let scores = criterion.scores(network, statistics);
    mask(network, &scores, sparsity, density_floor)
}

/// Fraction of its weights that every layer keeps when nothing but the sparsity is asked for.
const USUAL_FLOOR: f64 = 0.02;

/// Prunes `network` to `sparsity` by falling |w|, which needs no images. No layer is cut through.
///
/// # Errors
/// If the sparsity is out of range.
pub fn prune_by_magnitude(network: &mut Network, sparsity: f64) -> Result<(), RankingError> {
    let scores = criterion::magnitude(network);
    mask(
        network,
        &scores,
        sparsity,
        USUAL_FLOOR.min(0.5 * (1.0 - sparsity)),
    )
}

fn mask(
    network: &mut Network,
    scores: &[Vec<f64>],
    sparsity: f64,
    density_floor: f64,
) -> Result<(), RankingError> {
    let masks = rank(scores, sparsity, density_floor)?;
    for (id, mask) in prunable(network).into_iter().zip(masks) {
        network.parameters_mut()[id.0].set_mask(mask);
    }
    Ok(())
}
