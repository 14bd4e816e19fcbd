//! A network as the runtime will run it, before it is bytes.

use sinew_runtime::format::{Demand, Operator, Shape};

/// Steps in execution order; step k writes tensor k + 1.
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// Shape of every tensor, the input first.
    pub(super) shapes: Vec<Shape>,
    /// Offset of every tensor in the arena, in values.
    pub(super) offsets: Vec<u32>,
    /// The tensor that holds the logits.
    pub(super) output: usize,
}

/// One step before it is written.
pub(super) struct Step {
    /// Name of the node it began with.
    pub(super) name: String,
    pub(super) operator: Operator,
    /// The tensors it reads.
    pub(super) inputs: Vec<usize>,
    /// Its part of the weights section.
    pub(super) weights: Vec<u8>,
    /// Stored weights of its matrix, zeros of a dense one included.
    pub(super) stored: u64,
    pub(super) demand: Demand,
}
