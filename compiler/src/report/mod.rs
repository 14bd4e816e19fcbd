//! Finished runs as one HTML page that needs nothing but itself.
//!
//! `run` reads a run's folder, `curve` and `excitation` measure what a run does not record, `chart` and `picture` draw, and `section` has
//! one part of the page per file. No figure of robustness stands without its threat model. Non-goals: runs that are not finished, and
//! judging between methods: the page shows, the reader judges.

mod chart;
mod curve;
mod excitation;
mod layer;
mod page;
mod picture;
mod run;
mod section;

use std::path::{Path, PathBuf};

use crate::attack::Unsuitable;
use crate::classifier::ComputeError;
use crate::data::DataError;
use crate::evaluate::EvaluateError;
use crate::execute::{DeviceChoice, DeviceError};
use crate::pack::PackError;
use crate::progress::Progress;
use run::Run;

/// A report that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The folder is not a run's.
    #[error(
        "read run {}: there is no recipe.toml in it; name a folder that `sinew compile` or `sinew demo` has written", .0.display()
    )]
    NoRun(PathBuf),
    /// A stage's result is missing.
    #[error("read {}: it is missing, so the run is not finished; the command that began it goes on with it", .0.display())]
    Unfinished(PathBuf),
    /// A file that cannot be used.
    #[error("read {}: {problem}; delete the file and run `sinew compile` again to repeat its stage", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The figures are in another version's form.
    #[error(
        "read {}: it was written by version {found}, which this one ({}) does not understand; use that version, or run the recipe again",
        path.display(), env!("CARGO_PKG_VERSION")
    )]
    Version {
        /// The record.
        path: PathBuf,
        /// The version that wrote it.
        found: String,
    },
    /// The images at hand are not those that the run was made with.
    #[error("report on {}: the images found are not those of the run; say with --data where those are", .0.display())]
    OtherImages(PathBuf),
    /// The images cannot be had.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The packed model cannot be used.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The device cannot be had.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A network failed.
    #[error(transparent)]
    Compute(#[from] ComputeError),
    /// The attack of the curve makes no sense here.
    #[error(transparent)]
    Unsuitable(#[from] Unsuitable),
    /// The curve could not be measured.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
}

/// Where images are and where to compute.
#[derive(Clone, Copy, Debug)]
pub struct ReportSettings<'a> {
    /// Where the runs' images are, if not where their recipes say.
    pub data: Option<&'a str>,
    /// Where to compute.
    pub device: DeviceChoice,
}

/// The page about the finished runs in `folders`: a comparison first if there are several, then each by itself. Leaves accuracies against
/// ε in each folder, where the next report finds them.
///
/// # Errors
/// See [`ReportError`].
pub fn report(
    folders: &[PathBuf],
    settings: ReportSettings<'_>,
    progress: &Progress,
) -> Result<String, ReportError> {
    let read = |folder: &PathBuf| Run::read(Path::new(folder), settings.data, progress);
    let mut runs = folders.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    tell_apart(&mut runs);
    let comparison = (runs.len() > 1).then(|| section::comparison(&runs));
    let mut parts = Vec::new();
    for run in &runs {
        let curve = curve::curve(run, settings.device, progress)?;
        let excitations = excitation::excitations(run, settings.device, progress)?;
        parts.push(section::about_run(run, &curve, &excitations));
    }
    Ok(page::page(&runs, comparison, &parts))
}

/// Runs whose folders have one name are called by their paths.
fn tell_apart(runs: &mut [Run]) {
    let names: Vec<String> = runs.iter().map(|run| run.name.clone()).collect();
    for run in runs {
        if names.iter().filter(|name| **name == run.name).count() > 1 {
            run.name = run.folder.display().to_string();
        }
    }
}
