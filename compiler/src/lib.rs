//! Sinew's compile stage: data, execution, attacks, training, pruning, packing and evaluation.
//!
//! The `sinew` binary is a thin shell around this library; `docs/ARCHITECTURE.md` has the map.

#![forbid(unsafe_code)]

pub mod atomic_file;
pub mod attack;
pub mod backprop;
pub mod benchmark;
pub mod classifier;
pub mod cli;
pub mod compare;
pub mod corruption;
pub mod data;
pub mod evaluate;
pub mod execute;
pub mod foreign;
pub mod gradients;
pub mod lock;
mod named;
pub mod observe;
pub mod onnx_runtime;
pub mod pack;
pub mod pipeline;
pub mod progress;
pub mod prune;
pub mod pullback;
pub mod quantity;
pub mod recipe;
pub mod report;
pub mod seed;
mod softmax;
#[cfg(test)]
mod testing;
pub mod train;
pub mod trainable;
