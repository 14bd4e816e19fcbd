//! A model named on the command line, for ONNX Runtime: an ONNX file as it is, any other model exported in memory.

use std::fs;
use std::path::{Path, PathBuf};

use sinew_models::onnx::{self, ExportOptions};

use super::failure::Failure;
use super::model_file::{ModelFile, is_onnx};
use crate::onnx_runtime::{OnnxRuntime, OnnxRuntimeError};

/// What ONNX Runtime is given.
pub(super) enum OnnxModel {
    /// A file, which may refer to others.
    File(PathBuf),
    /// The contents of one.
    Exported(Vec<u8>),
}

impl OnnxModel {
    /// Reads what is no ONNX file; those are left to ONNX Runtime.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        if is_onnx(path) {
            return Ok(Self::File(path.to_owned()));
        }
        let network = ModelFile::read(path)?.network()?;
        onnx::export(&network, &ExportOptions::default())
            .map(Self::Exported)
            .map_err(|error| Failure::input(format!("export {}: {error}", path.display())))
    }

    /// Size of the file, without those it refers to.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::File(path) => fs::metadata(path).map_or(0, |file| file.len()),
            Self::Exported(bytes) => bytes.len() as u64,
        }
    }

    /// Opens the model; see [`OnnxRuntime::from_file`].
    pub(super) fn open(
        &self,
        image: Option<[usize; 3]>,
        threads: Option<u16>,
    ) -> Result<OnnxRuntime, OnnxRuntimeError> {
        let threads = threads.map(usize::from);
        match self {
            Self::File(path) => OnnxRuntime::from_file(path, image, threads),
            Self::Exported(bytes) => OnnxRuntime::from_bytes(bytes, image, threads),
        }
    }
}
