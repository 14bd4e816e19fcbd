//! Methods that prune while a network trains, one per file.

mod fixed;
mod flying_bird;
mod harp;
mod hydra;
mod learned_mask;
mod radmm;
mod ranked;
mod scores;

pub use fixed::Fixed;
pub use flying_bird::{FlyingBird, FlyingBirdSettings};
pub use harp::{Harp, HarpSettings};
pub use hydra::{Hydra, HydraSettings};
pub use learned_mask::{LearnedMask, LearnedMaskSettings};
pub use radmm::{Radmm, RadmmSettings};
pub use ranked::{Ranked, RankedSettings};

use std::collections::BTreeMap;

use sinew_models::units::{Unit, UnitGroups};
use sinew_models::{Network, Role};

use super::{Criterion, Granularity, Observe, PruneError, Subject, prunable};

/// Scores of `criterion` for a network as it stands, measured if it needs that.
fn scores_of(
    criterion: &Criterion,
    network: &Network,
    seed: u64,
    observe: Observe<'_>,
) -> Result<Vec<Vec<f64>>, PruneError> {
    let statistics = observe(network, &criterion.needs())?;
    Ok(criterion.scores(network, &statistics, seed))
}

/// |w| of every prunable weight, for these stored values.
fn absolute_weights(network: &Network, values: &[Vec<f32>]) -> Vec<Vec<f64>> {
    let layers = prunable(network).into_iter();
    layers
        .map(|id| values[id.0].iter().map(|w| f64::from(w.abs())).collect())
        .collect()
}

/// Fixes the masks of all prunable layers, and sets what they leave out to zero; with whole units, what hangs on them too.
fn keep(subject: &mut Subject<'_>, masks: Vec<Vec<bool>>, granularity: Granularity) {
    let layers = prunable(subject.network).into_iter().zip(masks);
    for (id, mask) in layers {
        subject.masks[id.0] = Some(mask);
    }
    let mut network = subject.network_with(subject.parameters);
    if granularity == Granularity::Unit {
        let groups = UnitGroups::of(&network);
        let gone: Vec<usize> = (0..groups.groups().len())
            .filter(|group| {
                let members = groups.groups()[*group].iter();
                members.copied().all(|unit| is_masked(&network, unit))
            })
            .collect();
        groups.silence(&mut network, &gone);
    }
    for (index, parameter) in network.parameters().iter().enumerate() {
        subject.parameters[index].copy_from_slice(parameter.values());
        subject.masks[index] = parameter.mask().map(<[bool]>::to_vec);
    }
}

/// Whether none of a unit's weights is kept.
fn is_masked(network: &Network, unit: Unit) -> bool {
    let weight = network.parameter(prunable(network)[unit.layer]);
    let row = weight.values().len() / weight.shape()[0];
    let mask = weight.mask().map(|mask| &mask[unit.index * row..][..row]);
    mask.is_some_and(|mask| mask.iter().all(|keep| !keep))
}

/// Leaves weights and biases where they are.
fn freeze_weights(network: &Network, gradients: &mut [Vec<f32>]) {
    for (parameter, gradient) in network.parameters().iter().zip(gradients) {
        if matches!(parameter.role(), Role::Weight | Role::Bias) {
            gradient.clear();
        }
    }
}

/// Puts one array for each prunable layer under `part`.
fn save(state: &mut BTreeMap<String, Vec<f32>>, part: &str, layers: &[Vec<f32>]) {
    for (layer, values) in layers.iter().enumerate() {
        state.insert(format!("{part}/{layer}"), values.clone());
    }
}

/// Takes what `save` put.
fn taken(
    network: &Network,
    part: &str,
    state: &mut BTreeMap<String, Vec<f32>>,
) -> Result<Vec<Vec<f32>>, PruneError> {
    let layers = prunable(network).into_iter().enumerate();
    layers
        .map(|(layer, id)| {
            let name = format!("{part}/{layer}");
            let values = state.remove(&name);
            let values = values.filter(|v| v.len() == network.parameter(id).values().len());
            values
                .ok_or_else(|| PruneError::State(format!("\"{name}\" is missing or does not fit")))
        })
        .collect()
}

/// Half a cosine, from 1 at the beginning of a stretch to 0 at its end.
fn falling(way: f64) -> f64 {
    0.5 * (1.0 + (std::f64::consts::PI * way.min(1.0)).cos())
}

#[cfg(test)]
mod tests;
