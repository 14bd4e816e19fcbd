//! Networks: the graph every part of Sinew works on, its shapes, a plain reference execution, its file, and the zoo.
//!
//! Nothing here trains, and nothing here knows a device. See `docs/ARCHITECTURE.md` for the place of this crate.
//!
//! ```
//! use sinew_models::{Archive, ZooOptions, reference, zoo};
//!
//! let options = ZooOptions {
//!     input_shape: [1, 28, 28],
//!     labels: ["shirt", "sandal"].map(str::to_owned).into(),
//!     width: 0.25,
//!     mean: vec![0.286],
//!     deviation: vec![0.353],
//!     seed: 1,
//! };
//! let network = zoo::build("resnet8", &options)?;
//! let logits = reference::evaluate(&network, &[0.5; 28 * 28], 1);
//! assert_eq!(logits.len(), 2);
//!
//! let bytes = Archive::from(network.clone()).to_bytes()?;
//! assert_eq!(Archive::from_bytes(&bytes)?.network, network);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

pub mod builder;
mod ends;
pub mod file;
pub mod function;
mod names;
pub mod network;
pub mod onnx;
pub mod operator;
pub mod reference;
pub mod shape;
pub mod simplify;
#[cfg(test)]
mod testing;
pub mod transposition;
pub mod units;
pub mod window;
pub mod zoo;

pub use builder::NetworkBuilder;
pub use file::{Archive, FileError, Tensor};
pub use function::{BinaryFunction, Function, Reduction};
pub use network::{Network, Node, Parameter, ParameterId, Role, ValueId};
pub use operator::Operator;
pub use shape::{Shape, ShapeError};
pub use transposition::{Swap, swaps};
pub use units::{EmptyLayer, Unit, UnitGroups};
pub use window::Window;
pub use zoo::{ZooError, ZooOptions};
