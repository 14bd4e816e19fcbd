//! What an evaluation has done so far, batch by batch, so that a killed one can go on and end in the same figures.

mod folder;

pub use folder::FolderJournal;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::atomic_file::WriteError;
use crate::lock::LockError;

/// What one attack did to one batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BatchRecord {
    /// Turned images by their numbers in the test set.
    pub turned: BTreeMap<usize, Vec<f32>>,
    /// How many images the network was asked about.
    pub queries: u64,
    /// Wall-clock time.
    pub seconds: f64,
}

/// A state that cannot be used or kept.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file of an earlier run is damaged or does not belong here.
    #[error("go on with {}: {problem}; delete that file to repeat its part", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The folder holds the state of something else.
    #[error("go on in {}: it holds the state of another evaluation; choose another folder, or delete this one", .0.display())]
    Other(PathBuf),
    /// The folder cannot be had.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The disk is full, say.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// A memory of finished batches.
pub trait Journal {
    /// What became of batch `number` of the attack `key`, which is about the images `indices`, if that is known.
    ///
    /// # Errors
    /// If something is there but cannot be used.
    fn recall(
        &mut self,
        key: &str,
        number: usize,
        indices: &[usize],
    ) -> Result<Option<BatchRecord>, JournalError>;

    /// Remembers it.
    ///
    /// # Errors
    /// If it cannot be kept.
    fn keep(
        &mut self,
        key: &str,
        number: usize,
        indices: &[usize],
        record: &BatchRecord,
    ) -> Result<(), JournalError>;
}

/// Remembers nothing.
#[derive(Clone, Copy, Debug)]
pub struct Volatile;

impl Journal for Volatile {
    fn recall(
        &mut self,
        _key: &str,
        _number: usize,
        _indices: &[usize],
    ) -> Result<Option<BatchRecord>, JournalError> {
        Ok(None)
    }

    fn keep(
        &mut self,
        _key: &str,
        _number: usize,
        _indices: &[usize],
        _record: &BatchRecord,
    ) -> Result<(), JournalError> {
        Ok(())
    }
}
