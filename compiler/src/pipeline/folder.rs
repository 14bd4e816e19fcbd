//! A run's folder: the names of its files, who may use it, and for which run.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::{CompileError, Provenance};
use crate::{atomic_file, lock};

/// Names of the files in a run's folder.
pub mod files {
    /// The recipe, with everything the command line changed.
    pub const RECIPE: &str = "recipe.toml";
    /// The trained parent.
    pub const DENSE: &str = "dense.safetensors";
    /// What an attack does to the parent's units.
    pub const ANOMALY: &str = "anomaly.safetensors";
    /// The same of the product.
    pub const SPARSE_ANOMALY: &str = "sparse.anomaly.safetensors";
    /// The pruned and fine-tuned network.
    pub const SPARSE: &str = "sparse.safetensors";
    /// The parent, packed: what the sparse model is compared with.
    pub const DENSE_MODEL: &str = "dense.sinew";
    /// The product.
    pub const MODEL: &str = "model.sinew";
    /// Accuracy against ε, for reports.
    pub const CURVE: &str = "curve.json";
    /// Every figure of the run.
    pub const RECORD: &str = "run.json";
    /// What a run may take over from another one with the same parent, in the order of the stages.
    pub const PARENT: [&str; 4] = [DENSE, ANOMALY, "dense.evaluation.json", "dense.suite.json"];
}

/// Takes the folder for this process and this run.
pub(super) fn take(folder: &Path, provenance: &Provenance) -> Result<File, CompileError> {
    let lock = lock::take(folder)?;
    claim(folder, provenance)?;
    Ok(lock)
}

/// Makes the folder this run's, or checks that it already is: same recipe, data, device and version.
fn claim(folder: &Path, provenance: &Provenance) -> Result<(), CompileError> {
    let path = folder.join(files::RECIPE);
    let text = provenance.to_string();
    match fs::read_to_string(&path) {
        Ok(found) if found == text => Ok(()),
        Ok(_) => Err(CompileError::OtherRun(folder.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(atomic_file::write(&path, text.as_bytes())?)
        }
        Err(error) => Err(CompileError::State {
            path,
            problem: error.to_string(),
        }),
    }
}
