//! Pruning by a criterion: one ranking at the start, or several along the run, each of the network as it stands.

use serde::{Deserialize, Serialize};

use super::{keep, scores_of};
use crate::named;
use crate::prune::{
    Criterion, Moment, Observe, PruneError, PruningSchedule, Sparsifier, Subject, Target,
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
/// What is removed is zero from then on, so a later ranking finds little to bring back.
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
        let scores = scores_of(&self.settings.criterion, &network, self.seed, observe)?;
        let masks = self.target.masks(&network, &scores, sparsity)?;
        keep(subject, masks, self.target.granularity);
        Ok(())
    }

    fn settled(&self, moment: &Moment) -> bool {
        self.settings.schedule.finished(moment)
    }
}
