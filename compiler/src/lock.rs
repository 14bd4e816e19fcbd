//! A folder for one process at a time.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::atomic_file::{self, WriteError};

/// A folder that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process is at work in it.
    #[error("work in {}: another process is using this folder", .0.display())]
    Held(PathBuf),
    /// It cannot be made or written to.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Takes `folder`, which is made if it is not there, and removes what killed writes left in it.
///
/// The lock is held as long as the file lives; the system releases it when the process dies.
///
/// # Errors
/// If another process holds it, or the file system refuses.
pub fn take(folder: &Path) -> Result<File, LockError> {
    atomic_file::create_folder(folder)?;
    let path = folder.join(FILE);
    let file = File::create(&path).map_err(|source| WriteError { path, source })?;
    file.try_lock()
        .map_err(|_| LockError::Held(folder.to_owned()))?;
    atomic_file::sweep(folder)?;
    Ok(file)
}

/// The locked file in the folder.
pub const FILE: &str = ".lock";
