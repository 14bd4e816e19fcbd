//! The layout of a model file: constants and records, shared by the verifier and by the compiler's
//! `pack`. `docs/FORMAT.md` is normative.
//!
//! Every record has `from_bytes` and `to_bytes`. Reading checks what the record alone can show;
//! what depends on other records is the verifier's. Nothing here computes on activations.

mod checksum;
mod demand;
mod function;
mod header;
mod limits;
mod list;
mod little_endian;
mod matrix;
mod operator;
mod plan;
mod staging;
mod view;
mod window;

pub use checksum::crc32c;
pub use demand::Demand;
pub use function::{BinaryFunction, Function, Reduction};
pub(crate) use header::check_magic;
pub use header::{Header, MAGIC, SECTION_ALIGNMENT, SectionEntry, SectionKind, VERSION};
pub use limits::{
    MAX_EXACT_INDEX, MAX_MEMORY_BYTES, MAX_SPARSE_COLUMNS, MAX_STEPS, MAX_WORK, TRANSCENDENTAL_WORK,
};
pub(crate) use list::{Indices, ScaleShift, Values};
pub(crate) use matrix::{DenseMatrix, Matrix, SparseMatrix};
pub use operator::{Bounds, Encoding, Operator};
pub use plan::{PlanHeader, Shape, StepRecord, TensorRecord};
pub(crate) use staging::{LANES, Staging};
pub use view::View;
pub use window::Window;
