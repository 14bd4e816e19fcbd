//! Where an interrupted attack keeps what it has done.

use std::env;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::super::failure::Failure;
use crate::evaluate::{EvaluateError, FolderJournal};

/// The state of the attack on `model` that `identity` describes: in `folder`, or else in a folder of its own in the user's cache.
pub(super) fn open(
    folder: Option<&Path>,
    model: &Path,
    identity: &str,
) -> Result<FolderJournal, Failure> {
    let folder = match folder {
        Some(folder) => folder.to_owned(),
        None => default_folder(model, identity).ok_or_else(|| {
            Failure::output(
                "find the folder for what an interrupted attack has done: add --state FOLDER"
                    .to_owned(),
            )
        })?,
    };
    FolderJournal::open(&folder, identity).map_err(|error| EvaluateError::from(error).into())
}

/// Copies of a model in other places have folders of their own, so that they can be attacked at the same time.
fn default_folder(model: &Path, identity: &str) -> Option<PathBuf> {
    let folder = |name: &str| {
        let value = env::var_os(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    let cache =
        folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))?;
    let place = model.canonicalize().ok()?;
    let digest = Sha256::digest(format!("{} {identity}", place.display()));
    let name: String = digest[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Some(cache.join("sinew/attacks").join(name))
}
