//! A model named on the command line: a packed `.sinew` file, a `.safetensors` checkpoint or an `.onnx` file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sinew_models::Network;
use sinew_models::file::Archive;
use sinew_models::onnx::{self, ImportOptions};
use sinew_runtime::format::MAGIC;

use super::failure::Failure;
use crate::pack::{self, Manifest};

/// A model file's contents.
pub(super) enum ModelFile {
    /// A `.sinew` file, verified.
    Packed(Vec<u8>),
    /// A network as the trainer keeps it, or as it was imported.
    Network(Box<Network>),
}

impl ModelFile {
    /// Reads a model. Sinew's own files are told by their contents, ONNX files, which have no mark, by their name.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let fail =
            |problem: String| Failure::input(format!("read model {}: {problem}", path.display()));
        if path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("onnx"))
        {
            let import = onnx::import(path, &ImportOptions::default())
                .map_err(|error| fail(error.to_string()))?;
            return Ok(Self::Network(Box::new(import.network)));
        }
        let bytes = fs::read(path).map_err(|error| fail(error.to_string()))?;
        // Safetensors begins with the length of its header in eight bytes, then the header, which is JSON.
        if bytes.get(MAGIC.len()) == Some(&b'{') {
            let archive = Archive::from_bytes(&bytes).map_err(|error| fail(error.to_string()))?;
            return Ok(Self::Network(Box::new(archive.network)));
        }
        sinew_runtime::Model::parse(&bytes).map_err(|error| fail(error.to_string()))?;
        Ok(Self::Packed(bytes))
    }

    /// What is known of the model's making, under the names that an exported file gives it.
    pub(super) fn provenance(&self) -> BTreeMap<String, String> {
        let mut known = BTreeMap::new();
        if let Self::Packed(bytes) = self
            && let Ok(model) = sinew_runtime::Model::parse(bytes)
        {
            let manifest = Manifest::from_bytes(model.manifest()).unwrap_or_default();
            known.insert("sinew.packed_by".to_owned(), manifest.tool);
            known.insert("sinew.recipe".to_owned(), manifest.recipe);
        }
        known.retain(|_, value| !value.is_empty());
        known
    }

    /// The model as a `.sinew` file: a checkpoint is packed in memory.
    pub(super) fn packed(self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Packed(bytes) => Ok(bytes),
            Self::Network(network) => Ok(pack::pack(&network, &Manifest::new(&network, None))?),
        }
    }

    /// The model as a network: of a packed model, its float twin.
    pub(super) fn network(&self) -> Result<Network, Failure> {
        match self {
            Self::Packed(bytes) => Ok(pack::unpack(bytes)?),
            Self::Network(network) => Ok((**network).clone()),
        }
    }
}
