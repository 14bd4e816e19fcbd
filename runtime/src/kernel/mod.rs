//! The loops that cost time, one folder per family: `scalar.rs` is normative, every other file there
//! computes the same with the instructions of one instruction set.
//!
//! Kernels check nothing in their inner loops: what they rely on is checked when a [`Staged`] is made
//! or by the family's own entry, and does not depend on the verifier.

pub mod dense_convolution;
pub mod linear;
pub mod sparse_convolution;
mod staged;

#[cfg(target_arch = "x86_64")]
pub use staged::Block;
pub use staged::Staged;

#[cfg(test)]
mod case;
