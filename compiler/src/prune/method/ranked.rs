//! Pruning by a criterion: one ranking at the start, or several along the run, each of the network as it stands.

use serde::{Deserialize, Serialize};
use sinew_models::Network;

use super::{keep, scores_of};
use crate::named;
use crate::prune::{
    Criterion, Moment, Observe, PruneError, PruningSchedule, Sparsifier, Subject, Target, prunable,
};

/// Which weights go first, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankedSettings {
    /// The lowest scores go first.
    #[serde(deserialize_with = "named::read")]
    pub criterion: Criterion,
    /// At once, or step by step with new scores.
    #[serde(default, deserialize_with = "named::read")]
    pub schedule: PruningSchedule,
}

/// Removes the weights that a criterion scores lowest, at the moments of a schedule.
///
/// What is removed stays so: a later ranking takes it for the lowest, whatever its score.
#[derive(Clone, Debug)]
pub struct Ranked {
    settings: RankedSettings,
    target: Target,
    seed: u64,
}

impl Ranked {
    /// `seed` decides what a criterion draws.
    pub fn new(settings: RankedSettings, target: Target, seed: u64) -> Self {
        Self {
            settings,
            target,
            seed,
        }
    }
}

/// Gives weights that are masked a score below all others.
pub(super) fn lower_the_removed(network: &Network, scores: &mut [Vec<f64>]) {
    let lowest = 2.0 * scores.iter().flatten().copied().fold(0.0, f64::min) - 1.0;
    for (id, scores) in prunable(network).into_iter().zip(scores) {
        let mask = network.parameter(id).mask().unwrap_or_default();
        let removed = scores.iter_mut().zip(mask).filter(|(_, keep)| !**keep);
        removed.for_each(|(score, _)| *score = lowest);
    }
}

impl Sparsifier for Ranked {
    fn prepare(
        &mut self,
        moment: &Moment,
        subject: &mut Subject<'_>,
        observe: Observe<'_>,
    ) -> Result<(), PruneError> {
        let Some(sparsity) = self.settings.schedule.due(moment, self.target.sparsity) else {
            return Ok(());
        };
        let network = subject.network_with(subject.parameters);
        let mut scores = scores_of(&self.settings.criterion, &network, self.seed, observe)?;
        lower_the_removed(&network, &mut scores);
        let masks = self.target.masks(&network, &scores, sparsity)?;
        keep(subject, masks, self.target.granularity);
        Ok(())
    }

    fn settled(&self, moment: &Moment) -> bool {
        self.settings.schedule.finished(moment)
    }
}
