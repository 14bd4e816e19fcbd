//! Caps on what a file may ask for, each with its reason.
//!
//! With them, verification takes time linear in the file and quadratic in the number of steps, and
//! no size that the runtime computes overflows, even where `usize` has 32 bits.

/// Most steps a plan may have. The deepest common classifiers have some hundreds; liveness is
/// verified in quadratic time, which 4096 keeps below a tenth of a second.
pub const MAX_STEPS: u32 = 4096;

/// Most bytes of arena and scratch together: what a 32-bit address space can still hold. So a tensor
/// has at most 2²⁸ values.
pub const MAX_MEMORY_BYTES: u64 = 1 << 30;

/// Most columns of a sparse matrix: its column indices are 16 bits wide.
pub const MAX_SPARSE_COLUMNS: u64 = 1 << 16;

/// Most elementary operations of one run (see [`super::Demand::work`]): a run must end. Some
/// minutes on one core; an image classifier needs a thousandth of it.
pub const MAX_WORK: u64 = 1 << 40;

/// What the value of a function that takes a series counts for in [`super::Demand::work`]: its time in
/// multiply-accumulates.
pub const TRANSCENDENTAL_WORK: u64 = 64;

/// Longest axis along which the index of the largest value is an exact `f32`.
pub const MAX_EXACT_INDEX: u32 = 1 << 24;
