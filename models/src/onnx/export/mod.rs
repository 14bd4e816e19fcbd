//! Networks as ONNX files: every operator in the standard's own terms, so that any engine that reads the format runs them.
//!
//! A value of the network becomes one of the graph that has the batch in front, as axis 0 of symbolic length `N`, and the name of the
//! node that computes it. What the graph needs besides is called `node/part`. Parameters are initialisers under their own names, zeros
//! included. The normalisation of the input is part of the graph. Reading the file back gives the same network, but for masks.
//! Non-goals: training graphs, other element types than float32, files of more than one part.

mod graph;
mod operator;
mod select;
mod tensor;

use std::collections::BTreeMap;

use onnx_protobuf::{Message, ModelProto, OperatorSetIdProto, StringStringEntryProto};

use crate::network::Network;
use graph::GraphWriter;

/// Version of the standard's operators that files use: the first with all that networks are made of. Average pools got their dilation
/// last, in May 2023.
const OPSET: i64 = 19;

/// Version of the file's own structure that came with [`OPSET`].
const IR_VERSION: i64 = 9;

/// Protobuf's lengths are signed 32-bit numbers.
const MAX_BYTES: u64 = i32::MAX as u64;

/// What goes into the file beside the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// Weights are lists of the numbers that are not zero (`SparseTensorProto`, in Constant nodes) where that is shorter. ONNX Runtime and
    /// OpenVINO read such files, tract does not.
    pub sparse_initializers: bool,
    /// Facts about the network, such as its accuracies and their threat model. To them are added `labels`, a JSON array of the class
    /// names in order if they are known, and `sparsity`, the fraction of weights that are zero; these two cannot be given.
    pub metadata: BTreeMap<String, String>,
}

/// Why a network cannot be exported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// Protobuf files end at 2 GiB.
    #[error(
        "the ONNX file would have {bytes} bytes, which is more than the {MAX_BYTES} that the format allows; use a smaller network"
    )]
    TooLarge {
        /// Length of the file.
        bytes: u64,
    },
    /// ONNX counts in signed 64-bit numbers.
    #[error("node \"{node}\": {number} is more than ONNX can count")]
    Number {
        /// The node's name.
        node: String,
        /// The stride, padding or dilation.
        number: usize,
    },
}

/// The bytes of an ONNX file that computes what `network` does: input `[N, …]` called `input`, result `[N, …]` called like the last node.
/// Equal arguments give equal bytes.
///
/// # Errors
/// If the file would be larger than the format allows, or a number of a window is.
pub fn export(network: &Network, options: &ExportOptions) -> Result<Vec<u8>, ExportError> {
    let model = ModelProto {
        ir_version: IR_VERSION,
        opset_import: vec![OperatorSetIdProto {
            version: OPSET,
            ..Default::default()
        }],
        producer_name: "sinew".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(GraphWriter::write(network, options.sparse_initializers)?).into(),
        metadata_props: metadata(network, options),
        ..Default::default()
    };
    check_size(model.compute_size())?;
    Ok(model
        .write_to_bytes()
        .expect("memory takes any message, and no field is required"))
}

fn check_size(bytes: u64) -> Result<(), ExportError> {
    if bytes > MAX_BYTES {
        return Err(ExportError::TooLarge { bytes });
    }
    Ok(())
}

fn metadata(network: &Network, options: &ExportOptions) -> Vec<StringStringEntryProto> {
    let mut entries = options.metadata.clone();
    entries.remove("labels");
    if !network.labels().is_empty() {
        let labels = serde_json::Value::from(network.labels());
        entries.insert("labels".to_owned(), labels.to_string());
    }
    entries.insert("sparsity".to_owned(), network.sparsity().to_string());
    let entry = |(key, value)| StringStringEntryProto {
        key,
        value,
        ..Default::default()
    };
    entries.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests;
