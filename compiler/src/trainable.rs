//! What training and pruning may ask of an engine: gradients of parameters and of responses, in either mode of batch norm.
//!
//! As with attacks, everything goes as plain slices on the host. So losses, optimisers and the methods that prune are written once, for
//! every device, and their tests can be computed by hand; a device pays for the copies of parameters and gradients, which is little
//! beside its passes. Non-goals: how any of it is computed (`execute`, `backprop`), and what for (`train`, `prune`).

use sinew_models::{Network, ParameterId, ValueId};

use crate::classifier::{ComputeError, Differentiable};

/// Which statistics batch norm uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalization {
    /// The running ones: evaluation, and crafting attacks.
    Running,
    /// Those of each batch: training steps.
    Batch,
}

/// Of which parameters gradients are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Of none.
    None,
    /// Of all but weights that are zero, which count as pruned: an engine may leave their gradients zero, and save the work.
    Kept,
    /// Of all.
    All,
}

/// What is to be computed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Batches that one loss sees together, each `[batch, channel, height, width]` in [0, 1], flattened. With
    /// [`Normalization::Batch`] each is normalised by itself.
    pub batches: &'a [&'a [f32]],
    /// Which statistics batch norm uses.
    pub normalization: Normalization,
    /// Values that the loss sees beside the logits, and whose gradients are returned.
    pub points: &'a [ValueId],
    /// Of which parameters gradients are wanted.
    pub parameters: Wanted,
}

/// Numbers of each batch at the network's end and at the points of a [`Request`]: what they are, or the slopes of a loss there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Responses {
    /// `[batch, class]`, flattened; one entry per batch.
    pub logits: Vec<Vec<f32>>,
    /// `[batch, channel, height, width]`, flattened; for each batch one entry per point.
    pub points: Vec<Vec<Vec<f32>>>,
}

/// What the backward passes give, summed over the batches where it is about the network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Backward {
    /// ∂loss/∂parameter in the order of the network's parameters; empty for those that are not trained, and if none was wanted.
    pub parameters: Vec<Vec<f32>>,
    /// ∂loss/∂response: for each batch one entry per point, `[batch, channel, height, width]`, flattened.
    pub points: Vec<Vec<Vec<f32>>>,
    /// With [`Normalization::Batch`], for each batch the mean and the biased variance at every batch norm, beside the running statistics
    /// that they belong to.
    pub statistics: Vec<Vec<(ParameterId, Vec<f32>)>>,
}

/// A loss as training sees it: from the responses of all batches to its slopes there. Slopes at points may be left out (no entry for
/// any batch) where the loss does not depend on them.
pub type LossOf<'a> = &'a mut dyn FnMut(&Responses) -> Responses;

/// A network whose parameters can be trained.
pub trait Trainable: Differentiable {
    /// The network that is computed; its values may be older than those set.
    fn network(&self) -> &Network;

    /// Computes with these values from now on: one entry per parameter, flattened.
    ///
    /// # Errors
    /// What the device reports.
    fn set_parameters(&mut self, values: &[Vec<f32>]) -> Result<(), ComputeError>;

    /// Runs the batches forward, asks `loss` for its slopes, and pulls them back.
    ///
    /// # Errors
    /// What the device reports.
    fn backward(&self, request: &Request<'_>, loss: LossOf<'_>) -> Result<Backward, ComputeError>;
}
