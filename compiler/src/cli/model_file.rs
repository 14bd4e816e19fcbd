//! A model named on the command line: a packed `.sinew` file, a `.safetensors` checkpoint or an `.onnx` file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sinew_models::Network;
use sinew_models::file::Archive;
use sinew_models::onnx::{self, ImportOptions};
use sinew_runtime::Model;
use sinew_runtime::format::MAGIC;

use super::failure::Failure;
use super::inspect;
use crate::data::Resize;
use crate::pack::{self, Manifest, PackError};
use crate::recipe::Recipe;

/// A model file's contents.
pub(super) enum ModelFile {
    /// A `.sinew` file, verified.
    Packed(Vec<u8>),
    /// A network as the trainer keeps it, or as it was imported.
    Network(Box<Archive>),
}

impl ModelFile {
    /// Reads a model. Sinew's own files are told by their contents, ONNX files, which have no mark, by their name.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let fail =
            |problem: String| Failure::input(format!("read model {}: {problem}", path.display()));
        if is_onnx(path) {
            let import = onnx::import(path, &ImportOptions::default())
                .map_err(|error| fail(error.to_string()))?;
            return Ok(Self::Network(Box::new(Archive::from(import.network))));
        }
        let bytes = fs::read(path).map_err(|error| fail(error.to_string()))?;
        // Safetensors begins with the length of its header in eight bytes, then the header, which is JSON.
        if bytes.get(MAGIC.len()) == Some(&b'{') {
            let archive = Archive::from_bytes(&bytes).map_err(|error| fail(error.to_string()))?;
            return Ok(Self::Network(Box::new(archive)));
        }
        Model::parse(&bytes).map_err(|error| fail(error.to_string()))?;
        Ok(Self::Packed(bytes))
    }

    /// What is known of the model's making, under the names that an exported file gives it.
    pub(super) fn provenance(&self) -> Result<BTreeMap<String, String>, Failure> {
        let mut known = BTreeMap::from([("sinew.recipe".to_owned(), self.recipe()?)]);
        if let Self::Packed(bytes) = self {
            let tool = manifest(bytes)?.tool;
            known.insert("sinew.packed_by".to_owned(), tool);
        }
        known.retain(|_, value| !value.is_empty());
        Ok(known)
    }

    /// The model as a `.sinew` file: a checkpoint is packed in memory.
    pub(super) fn packed(self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Packed(bytes) => Ok(bytes),
            Self::Network(archive) => {
                let network = &archive.network;
                Ok(pack::pack(network, &Manifest::new(network, None))?)
            }
        }
    }

    /// The model as a network: of a packed model, its float twin.
    pub(super) fn network(&self) -> Result<Network, Failure> {
        match self {
            Self::Packed(bytes) => Ok(pack::unpack(bytes)?),
            Self::Network(archive) => Ok(archive.network.clone()),
        }
    }

    /// How pictures of other sizes were brought to the network's in training, if the recipe that made the model says.
    pub(super) fn resize(&self) -> Result<Option<Resize>, Failure> {
        let settings = Recipe::image_settings(&self.recipe()?, "inside the model")?;
        Ok(settings.map(|settings| settings.resize))
    }

    /// The recipe that made the model, as TOML; empty if none did.
    fn recipe(&self) -> Result<String, Failure> {
        match self {
            Self::Packed(bytes) => Ok(manifest(bytes)?.recipe),
            Self::Network(archive) => {
                let recipe = archive.metadata.get(Recipe::KEY);
                Ok(recipe.cloned().unwrap_or_default())
            }
        }
    }
}

/// Whether the name says that it is an ONNX file.
pub(super) fn is_onnx(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"))
}

fn manifest(bytes: &[u8]) -> Result<Manifest, Failure> {
    let model = Model::parse(bytes).map_err(PackError::from)?;
    Ok(inspect::manifest(&model))
}
