//! Pruning: statistics of a network under attack, criteria that turn them into a score for each weight, rankings, and the methods that
//! prune while a network trains.
//!
//! The flow is [`Statistics`] (what the attack does to responses and gradients) → [`Criterion`] (a score for every weight) → [`Target`] (the
//! weights that stay, in which pieces) → masks. A [`Sparsifier`] decides when, along a training run. Non-goals: attacks (the caller brings
//! clean and adversarial images) and training.

mod anomaly;
mod criterion;
mod granularity;
mod layer;
mod method;
mod ranking;
mod schedule;
mod settings;
mod sparsifier;
mod statistics;

pub use anomaly::{AnomalyTable, LayerAnomaly, Measure};
pub use criterion::{
    Anomaly, AnomalyFeeding, AnomalyWeight, Criterion, Images, Lamp, LayerMagnitude, Mad,
    Magnitude, Random, RandomFactor, ResponseGradient, Sensitivity, Taylor, Vulnerability, Wanda,
};
pub use granularity::Granularity;
pub use layer::{Layer, layers, prunable, response_values};
pub use method::{
    Fixed, FlyingBirdSettings, HarpSettings, HydraSettings, LearnedMaskSettings, RadmmSettings,
    RankedSettings,
};
pub use ranking::{RankingError, Scope, Target};
pub use schedule::PruningSchedule;
pub use settings::{MethodSettings, PruneSettings};
pub use sparsifier::{Moment, Observe, PruneError, Sparsifier, Subject};
pub use statistics::{Needs, Part, Provenance, Quantity, Statistics, StatisticsError};

use schedule::cubic;
use sinew_models::Network;

/// Masks `network` down to a target, by falling scores of `criterion`; `seed` decides what it leaves to chance.
///
/// # Errors
/// If the sparsity is out of range, or the floor does not leave room for it.
///
/// # Panics
/// If the statistics lack what the criterion needs.
pub fn prune(
    network: &mut Network,
    criterion: &Criterion,
    statistics: &Statistics,
    seed: u64,
    target: &Target,
) -> Result<(), RankingError> {
    let scores = criterion.scores(network, statistics, seed);
    let masks = target.masks(network, &scores, target.sparsity)?;
    for (id, mask) in prunable(network).into_iter().zip(masks) {
        network.parameters_mut()[id.0].set_mask(mask);
    }
    Ok(())
}

/// Fraction of its weights that every layer keeps when nothing but the sparsity is asked for.
const USUAL_FLOOR: f64 = 0.02;

/// Prunes `network` to `sparsity` by falling |w|, which needs no images. No layer is cut through.
///
/// # Errors
/// If the sparsity is out of range.
pub fn prune_by_magnitude(network: &mut Network, sparsity: f64) -> Result<(), RankingError> {
    let target = Target {
        sparsity,
        granularity: Granularity::Weight,
        scope: Scope::Global,
        density_floor: USUAL_FLOOR.min(0.5 * (1.0 - sparsity)),
    };
    let criterion = Criterion::Magnitude(Magnitude {});
    let nothing = Statistics::new(network, &criterion.needs());
    prune(network, &criterion, &nothing, 0, &target)
}
