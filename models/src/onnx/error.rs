//! What can be wrong with an ONNX file, and why one may not be imported.

use std::path::PathBuf;

use crate::shape::ShapeError;

/// Why an ONNX file was not imported. Messages finish the sentence "failed to import …".
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// A file could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are no ONNX model, or contradict themselves.
    #[error("not a valid ONNX model: {0}")]
    Malformed(String),
    /// A tensor of the file does not make sense, or is of a kind that is not supported.
    #[error("tensor \"{name}\": {problem}")]
    Tensor {
        /// The tensor's name.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// A node that cannot become part of a network.
    #[error("node \"{node}\" ({operator}, opset {opset}): {reason}")]
    Unsupported {
        /// The node's name, or that of its first output.
        node: String,
        /// Its operator, with the domain unless that is `ai.onnx`.
        operator: String,
        /// The version of the operator set that gives the operator its meaning.
        opset: i64,
        /// What is not supported and what would help.
        reason: String,
    },
    /// The file's inputs or outputs and the options do not go together.
    #[error("{0}")]
    Interface(String),
    /// The file would take more than the stated amount of something.
    #[error("{0}")]
    Limit(String),
    /// The network that came out does not fit together.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}
