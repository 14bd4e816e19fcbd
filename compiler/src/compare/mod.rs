//! Comparisons of pruning methods: the same recipes with several methods, sparsities and seeds, side by side with what chance can do.
//!
//! Runs are processes of this program, so that they share nothing but files; whatever is finished is not repeated. Runs that differ only
//! in how they prune share one dense parent. Everything that decides a run is in the name of its folder, as a hash. Non-goals: choosing a
//! method, which is for validation images and people.

mod jobs;
mod paired;
mod plan;
mod report;

pub use jobs::{Failed, Workers};
pub use paired::{mcnemar, student_interval};
pub use plan::{Plan, PlanError, PlannedRun, Variations, methods};
pub use report::{AttackSummary, Block, Budget, Comparison, Paired, Row, Summary};

use std::fs;
use std::path::Path;

use crate::atomic_file::{self, WriteError};
use crate::lock::{self, LockError};
use crate::pipeline::{RunRecord, files};
use crate::progress::Progress;

/// The comparison's figures, in its folder.
pub const FILE: &str = "compare.json";

/// A comparison that came to no end.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The folder cannot be had.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Something could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Does what is left to do of `plan` in `folder` and puts the figures together, each method beside `reference`. Runs that fail are told
/// of in the result.
///
/// # Errors
/// If the folder is in use or cannot be written to.
pub fn compare(
    plan: &Plan,
    reference: &str,
    folder: &Path,
    workers: &Workers,
    progress: &Progress,
) -> Result<Comparison, CompareError> {
    let _lock = lock::take(folder)?;
    let failed = workers.work(plan, folder, progress)?;
    let records: Vec<Option<RunRecord>> = plan
        .runs
        .iter()
        .map(|run| finished(run, folder, workers))
        .collect();
    let comparison = Comparison::new(plan, &records, reference, failed);
    let mut json = serde_json::to_vec_pretty(&comparison).expect("plain data");
    json.push(b'\n');
    atomic_file::write(&folder.join(FILE), &json)?;
    Ok(comparison)
}

/// The record of a run that has come to its end.
fn finished(run: &PlannedRun, folder: &Path, workers: &Workers) -> Option<RunRecord> {
    let bytes = fs::read(folder.join(run.folder()).join(files::RECORD)).ok()?;
    let record: RunRecord = serde_json::from_slice(&bytes).ok()?;
    let made_by = &record.provenance;
    let same = made_by.recipe == run.recipe
        && made_by.version == env!("CARGO_PKG_VERSION")
        && made_by.device == workers.device.to_string();
    same.then_some(record)
}
