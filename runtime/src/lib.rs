//! Loads a Sinew model from bytes and runs it, on anything from a server to a microcontroller.
//!
//! [`Model::parse`] verifies a file completely; afterwards nothing that reads the model can fail.
//! [`Session`] runs it in memory that the caller provides:
//!
//! ```
//! # fn classify(file: &[u8], image: &[f32], logits: &mut [f32]) -> Result<(), Box<dyn std::error::Error>> {
//! use sinew_runtime::{Model, Session};
//!
//! let model = Model::parse(file)?;
//! let mut arena = vec![0; model.arena_bytes()];
//! Session::new(&model, &mut arena)?.run(image, logits)?;
//! # Ok(())
//! # }
//! ```
//!
//! What this crate does not do: it allocates nothing, depends on nothing but `core`, has no panic that
//! a file or an input could reach, and writes no files (that is the compiler's `pack`, which shares the
//! layout in [`format`]). For finite inputs it computes what `docs/FORMAT.md` defines; what comes out
//! for inputs with NaN or infinity is unspecified.

#![no_std]
#![deny(unsafe_code)]

#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod format;

mod arena;
mod error;
mod isa;
mod kernel;
mod math;
mod model;
mod operator;
mod session;
mod step;
mod verify;

#[cfg(test)]
#[path = "../tests/support/random.rs"]
mod random;

pub use error::{Error, ErrorKind, RunError};
#[cfg(target_arch = "x86_64")]
pub use isa::Avx2;
pub use isa::Isa;
pub use model::Model;
pub use session::Session;
pub use step::Step;
