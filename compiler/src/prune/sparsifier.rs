//! The interface of pruning to training: who decides, while a network trains, which of its weights are zero.
//!
//! All methods live inside one training run. So they have the same budget of epochs and attack steps by construction, and one loop,
//! one checkpoint and one evaluation serve them all.

use std::collections::BTreeMap;

use sinew_models::Network;

use super::{Needs, RankingError, Statistics};
use crate::classifier::ComputeError;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Steps that are finished.
    pub step: usize,
    /// Steps of the whole run.
    pub steps: usize,
    /// Epochs that are finished.
    pub epoch: usize,
    /// Of the weights, at the step that comes.
    pub learning_rate: f64,
}

impl Moment {
    /// How much of the run is over, in [0, 1).
    pub fn fraction(&self) -> f64 {
        self.step as f64 / self.steps.max(1) as f64
    }

    /// The step before, if there is one.
    pub fn before(&self) -> Option<Self> {
        let step = self.step.checked_sub(1)?;
        Some(Self { step, ..*self })
    }

    /// Whether so much of the run is over. Before the last step all of it counts as over, so that what is to happen in a run does.
    pub fn has_reached(&self, fraction: f64) -> bool {
        self.fraction() >= fraction || self.step + 1 >= self.steps
    }
}

/// What a sparsifier works on.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The graph that is trained. Its values are those the run began with.
    pub network: &'a Network,
    /// The stored values of every parameter.
    pub parameters: &'a mut [Vec<f32>],
    /// Where values may differ from zero; training keeps everything else there. `None`: everywhere.
    pub masks: &'a mut [Option<Vec<bool>>],
}

impl Subject<'_> {
    /// The network as it stands, with `values` for its parameters.
    pub fn network_with(&self, values: &[Vec<f32>]) -> Network {
        let mut network = self.network.clone();
        let parameters = network.parameters_mut().iter_mut();
        for ((parameter, values), mask) in parameters.zip(values).zip(self.masks.iter()) {
            // In this order: the mask that the run began with may be narrower.
            if let Some(mask) = mask {
                parameter.set_mask(mask.clone());
            }
            parameter.set_values(values.clone());
        }
        network
    }
}

/// Measures a network under attack, on the run's sample of training images.
pub type Observe<'a> = &'a mut dyn FnMut(&Network, &Needs) -> Result<Statistics, ComputeError>;

/// A pruning that could not be done.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// The sparsity cannot be met.
    #[error(transparent)]
    Ranking(#[from] RankingError),
    /// The network could not be measured.
    #[error(transparent)]
    Compute(#[from] ComputeError),
    /// A checkpoint that is not one of this method's.
    #[error("the state of the pruning method: {0}")]
    State(String),
}

/// Decides which weights are zero while a network trains.
///
/// Training calls, at every step, `prepare`, `effective` and `learn`, in this order.
pub trait Sparsifier {
    /// Before a step: may change values and masks.
    ///
    /// # Errors
    /// If the target cannot be met, or the network not be measured.
    fn prepare(
        &mut self,
        moment: &Moment,
        subject: &mut Subject<'_>,
        observe: Observe<'_>,
    ) -> Result<(), PruneError>;

    /// Turns stored values of all parameters into those that the network computes with.
    fn effective(&self, values: &mut [Vec<f32>]) {
        let _ = values;
    }

    /// Takes the gradients with respect to the effective values and leaves those with respect to the stored ones; an empty gradient keeps
    /// its parameter where it is. A sparsifier that learns something of its own does it here.
    fn learn(&mut self, moment: &Moment, subject: &Subject<'_>, gradients: &mut [Vec<f32>]) {
        let _ = (moment, subject, gradients);
    }

    /// Whether `learn` looks at gradients of weights that are zero in the effective values. Where it does not, they may be left zero.
    fn learns_from_removed(&self, moment: &Moment) -> bool {
        let _ = moment;
        false
    }

    /// Whether the network is as sparse as it shall be in the end. Only then do epochs compete for the best.
    fn settled(&self, moment: &Moment) -> bool;

    /// What `restore` needs, besides values and masks, to go on.
    fn state(&self) -> BTreeMap<String, Vec<f32>> {
        BTreeMap::new()
    }

    /// Takes back what `state` gave; not called if that was nothing.
    ///
    /// # Errors
    /// If it is not this method's.
    fn restore(
        &mut self,
        network: &Network,
        state: BTreeMap<String, Vec<f32>>,
    ) -> Result<(), PruneError> {
        let _ = network;
        let name = state.into_keys().next().unwrap_or_default();
        Err(PruneError::State(format!("unexpected \"{name}\"")))
    }
}
