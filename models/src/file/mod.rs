//! A network in a file, with whatever its trainer keeps beside it: checkpoints and finished float models.
//!
//! The container is safetensors (<https://huggingface.co/docs/safetensors>), so that other tools can read the numbers:
//! - one F32 tensor for each parameter, under the parameter's name;
//! - one BOOL tensor `<parameter>.mask` for each mask, 1 where a value is kept;
//! - any further F32 tensors, such as an optimiser's momentum;
//! - the metadata key `sinew.network` with all the rest as one JSON object: format version, graph, names and roles of the
//!   parameters, labels, further metadata. One key, because the library writes several in an order that changes.
//!
//! The bytes follow from the archive alone. Non-goals: deployment (`.sinew` files), and file names: callers write the bytes.

mod read;
mod write;

pub use read::split;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::network::{Network, Node, Role};
use crate::shape::ShapeError;

/// Version of the JSON description that is written and read.
const VERSION: u32 = 2;
/// Where the description stands among safetensors' metadata.
const KEY: &str = "sinew.network";

/// A network and what is kept with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Archive {
    /// The network, masks included.
    pub network: Network,
    /// Further arrays by name, such as momentum and weight averages. A name must not be a parameter's or a mask's.
    pub tensors: BTreeMap<String, Tensor>,
    /// Further strings by name, such as the state of a training run.
    pub metadata: BTreeMap<String, String>,
}

/// An array of finite numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Axes, slowest first.
    pub shape: Vec<usize>,
    /// Numbers in row-major order.
    pub values: Vec<f32>,
}

/// Why bytes are not an archive, or an archive cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not a safetensors file, one whose header is damaged, or one whose header would be too large.
    #[error("no valid safetensors header: {0}")]
    Header(String),
    /// The file was cut off, or something was appended.
    #[error("the header describes {expected} bytes of tensors, {found} follow it")]
    Length {
        /// Bytes of tensors by the header.
        expected: usize,
        /// Bytes after the header.
        found: usize,
    },
    /// A safetensors file of another program.
    #[error("no network inside: the metadata have no \"{KEY}\"")]
    NoNetwork,
    /// Written by another version of this program.
    #[error("format version {0} is unknown, {VERSION} is the latest this program reads")]
    Version(u32),
    /// The JSON description of the network is damaged.
    #[error("network description: {0}")]
    Description(#[from] serde_json::Error),
    /// One tensor is missing or wrong.
    #[error("tensor \"{name}\": {problem}")]
    Tensor {
        /// Its name in the file.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The graph does not fit together.
    #[error(transparent)]
    Graph(#[from] ShapeError),
}

impl FileError {
    fn tensor(name: &str, problem: impl Into<String>) -> Self {
        Self::Tensor {
            name: name.to_owned(),
            problem: problem.into(),
        }
    }
}

/// Everything but the tensors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    version: u32,
    name: String,
    input_shape: Vec<usize>,
    labels: Vec<String>,
    nodes: Vec<Node>,
    parameters: Vec<ParameterRecord>,
    metadata: BTreeMap<String, String>,
}

/// A parameter without its numbers; its shape is its tensor's.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterRecord {
    name: String,
    role: Role,
    masked: bool,
}

impl From<Network> for Archive {
    /// The network alone.
    fn from(network: Network) -> Self {
        Self {
            network,
            tensors: BTreeMap::new(),
            metadata: BTreeMap::new(),
        }
    }
}

fn mask_name(parameter: &str) -> String {
    format!("{parameter}.mask")
}

/// Numbers are finite, and variances not negative.
fn check_values(name: &str, role: Option<Role>, values: &[f32]) -> Result<(), FileError> {
    if let Some(index) = values.iter().position(|value| !value.is_finite()) {
        let problem = format!("element {index} is {}", values[index]);
        return Err(FileError::tensor(name, problem));
    }
    let negative = |value: &f32| *value < 0.0;
    if role == Some(Role::RunningVariance) && values.iter().any(negative) {
        return Err(FileError::tensor(name, "a variance is negative"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
