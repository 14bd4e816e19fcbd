//! Why a run could not be finished.

use std::path::PathBuf;

use sinew_models::{EmptyLayer, zoo};

use crate::atomic_file::WriteError;
use crate::attack::Unsuitable;
use crate::classifier::ComputeError;
use crate::data::DataError;
use crate::evaluate::EvaluateError;
use crate::execute::DeviceError;
use crate::foreign::ForeignError;
use crate::lock::LockError;
use crate::pack::PackError;
use crate::train::TrainError;

/// A run that could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The folder cannot be had.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The folder holds a run of something else.
    #[error("resume in {}: it holds a run of another recipe, version, device or of other data; choose another folder, or delete this one", .0.display())]
    OtherRun(PathBuf),
    /// A file of an earlier stage that cannot be used.
    #[error("resume from {}: {problem}; delete the file to repeat its stage", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The data cannot be had.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The network cannot be built for these data.
    #[error("build the network: {0}")]
    Zoo(#[from] zoo::ZooError),
    /// The network cannot be had from its file.
    #[error(transparent)]
    Foreign(#[from] ForeignError),
    /// Training failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Pruning would take all units of a layer.
    #[error(transparent)]
    Units(#[from] EmptyLayer),
    /// The network cannot be packed.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The device failed.
    #[error(transparent)]
    Execute(#[from] ComputeError),
    /// The device cannot be had.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The recipe asks for an attack that makes no sense here.
    #[error(transparent)]
    Unsuitable(#[from] Unsuitable),
    /// The evaluation failed.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// A result could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}
