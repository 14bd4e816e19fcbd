//! ONNX: networks from and to the exchange format of the field (<https://onnx.ai>), opset 6 and later.
//!
//! Import reduces a model to the few operators of a [`Network`]. What it cannot express exactly it refuses, with the node's name and the
//! reason: an import is never silently wrong. Everything is computed in f32, whatever float type the file has.
//! Non-goals: control flow, sequences and strings; training graphs.

mod error;
mod export;
mod import;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::network::Network;

pub use error::OnnxError;
pub use export::{ExportError, ExportOptions, export};
pub use import::tensor::{Data, ElementType, Tensor, decode_tensor};

/// What the file alone does not say.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Shape of one sample, without the batch axis; needed where the file leaves axes open.
    pub input_shape: Option<Vec<usize>>,
    /// The output to import; needed where there are several.
    pub output: Option<String>,
    /// Values for all inputs but the first.
    pub bindings: BTreeMap<String, Tensor>,
    /// Takes the whole input as one sample, instead of cutting it along its first axis, the batch.
    pub whole: bool,
    /// Most elements that constants computed at import may have in total. Sixteen times as many operations may be spent on them.
    pub max_elements: usize,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            input_shape: None,
            output: None,
            bindings: BTreeMap::new(),
            whole: false,
            max_elements: 1 << 28,
        }
    }
}

/// What came out of a file.
#[derive(Clone, Debug)]
pub struct Import {
    /// The network.
    pub network: Network,
    /// How the network's input is made from the file's.
    pub layout: InputLayout,
    /// What became of every node of the file, in the file's order.
    pub explanation: Vec<Explained>,
}

/// How the axes of the network's input lie in the file's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputLayout {
    /// In the same order.
    Same,
    /// The file takes height, width, channel; the network channel, height, width.
    ChannelsLast,
}

/// What became of one node of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The node's name, or that of its first output.
    pub node: String,
    /// Its operator.
    pub operator: String,
    /// What became of it.
    pub fate: Fate,
}

/// What may become of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is part of these nodes of the network, "name (operator)".
    Became(Vec<String>),
    /// Its result does not depend on the input and was computed at import.
    Constant,
    /// It changes nothing, or others made it superfluous.
    Vanished,
    /// The output does not need it.
    Unused,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Became(nodes) => f.write_str(&nodes.join(", ")),
            Self::Constant => f.write_str("a constant, computed at import"),
            Self::Vanished => f.write_str("nothing: it changes nothing, or is part of another"),
            Self::Unused => f.write_str("nothing: the output does not need it"),
        }
    }
}

/// Imports an ONNX file. Tensors it keeps in other files are read from its folder.
///
/// # Errors
/// See [`OnnxError`].
pub fn import(path: &Path, options: &ImportOptions) -> Result<Import, OnnxError> {
    let bytes = std::fs::read(path).map_err(|source| OnnxError::Read {
        path: path.to_owned(),
        source,
    })?;
    let folder = path.parent().map(|folder| match folder.as_os_str() {
        here if here.is_empty() => Path::new("."),
        _ => folder,
    });
    import_bytes(&bytes, folder, options)
}

/// Imports the bytes of an ONNX file. Tensors it keeps in other files are read from `folder`, and refused without one.
///
/// # Errors
/// See [`OnnxError`].
pub fn import_bytes(
    bytes: &[u8],
    folder: Option<&Path>,
    options: &ImportOptions,
) -> Result<Import, OnnxError> {
    import::import(bytes, folder, options)
}
