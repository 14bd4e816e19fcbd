//! Caps on what a file may ask for, each with its reason.
//!
//! With them, verification takes time linear in the file and quadratic in the number of steps, and
//! no size that the runtime computes overflows, even where `usize` has 32 bits.

/// Most steps a plan may have. The deepest common classifiers have some hundreds; liveness is
/// verified in quadratic time, which 4096 keeps below a tenth of a second.
pub const MAX_STEPS: u32 = 4096;

/// Largest number of channels, rows or columns of a tensor: a product of three stays below 2⁶⁴.
pub const MAX_DIMENSION: u32 = 1 << 16;

/// Most bytes of arena and scratch together: what a 32-bit address space can still hold.
pub const MAX_MEMORY_BYTES: u64 = 1 << 30;

/// Most columns of a sparse matrix: its column indices are 16 bits wide.
pub const MAX_SPARSE_COLUMNS: u64 = 1 << 16;

/// Most elementary operations of one run (see [`super::Demand::work`]): a run must end. Some
/// minutes on one core; an image classifier needs a thousandth of it.
pub const MAX_WORK: u64 = 1 << 40;
