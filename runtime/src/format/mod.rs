//! The layout of a model file: constants and records, shared by the verifier and by the compiler's
//! `pack`. `docs/FORMAT.md` is normative.
//!
//! Every record has `from_bytes` and `to_bytes`. Reading checks what the record alone can show;
//! what depends on other records is the verifier's. Nothing here computes on activations.

mod checksum;
mod demand;
mod header;
mod limits;
mod little_endian;
mod matrix;
mod operator;
mod plan;
mod staging;

pub use checksum::crc32c;
pub use demand::Demand;
pub(crate) use header::check_magic;
pub use header::{Header, MAGIC, SECTION_ALIGNMENT, SectionEntry, SectionKind, VERSION};
pub use limits::{MAX_DIMENSION, MAX_MEMORY_BYTES, MAX_SPARSE_COLUMNS, MAX_STEPS, MAX_WORK};
pub(crate) use matrix::{DenseMatrix, Matrix, ScaleShift, SparseMatrix};
pub use operator::{Bounds, Encoding, Operator, Window};
pub use plan::{PlanHeader, Shape, StepRecord, TensorRecord};
pub(crate) use staging::{LANES, Staging};
