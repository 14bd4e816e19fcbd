//! What a command that failed says, and its exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::atomic_file::WriteError;
use crate::attack::Unsuitable;
use crate::benchmark::BenchmarkError;
use crate::classifier::ComputeError;
use crate::compare::{CompareError, PlanError};
use crate::data::DataError;
use crate::evaluate::{EvaluateError, JournalError};
use crate::execute::DeviceError;
use crate::onnx_runtime::OnnxRuntimeError;
use crate::pack::PackError;
use crate::pipeline::CompileError;
use crate::prune::PruneError;
use crate::recipe::RecipeError;
use crate::report::ReportError;
use crate::train::TrainError;

/// One line that finishes "failed to …", and whose fault it is. The discriminants are the exit codes.
#[derive(Debug)]
pub(super) struct Failure {
    message: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Internal = 1,
    Usage = 2,
    Input = 3,
    Output = 4,
    Device = 5,
    /// The reader of standard output went away: nothing is wrong, and nobody listens.
    ClosedPipe = 0,
}

impl Failure {
    pub(super) fn internal(message: String) -> Self {
        Self {
            message,
            kind: Kind::Internal,
        }
    }

    /// Of arguments that are wrong together; clap reports those that are wrong alone.
    pub(super) fn usage(message: String) -> Self {
        Self {
            message,
            kind: Kind::Usage,
        }
    }

    pub(super) fn output(message: String) -> Self {
        Self {
            message,
            kind: Kind::Output,
        }
    }

    pub(super) fn input(message: String) -> Self {
        Self {
            message,
            kind: Kind::Input,
        }
    }

    /// Of processes that did a part, the first of which ended with `code`, if not by a signal.
    pub(super) fn with_code(message: String, code: Option<i32>) -> Self {
        let kinds = [Kind::Usage, Kind::Input, Kind::Output, Kind::Device];
        let kind = kinds.into_iter().find(|kind| Some(*kind as i32) == code);
        Self {
            message,
            kind: kind.unwrap_or(Kind::Internal),
        }
    }

    /// Of a download, whose files are outputs.
    pub(super) fn fetch(error: &DataError) -> Self {
        let kind = match error {
            DataError::Io { .. } => Kind::Output,
            _ => Kind::Input,
        };
        Self::new(error, kind)
    }

    pub(super) fn standard_output(error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::BrokenPipe => Kind::ClosedPipe,
            _ => Kind::Output,
        };
        Self {
            message: format!("write to standard output: {error}"),
            kind,
        }
    }

    /// Prints the line to standard error.
    pub(super) fn report(&self) -> ExitCode {
        if !matches!(self.kind, Kind::ClosedPipe) {
            // Nothing is left to try if standard error is closed too.
            let _ = writeln!(io::stderr(), "sinew: failed to {}", self.message);
        }
        ExitCode::from(self.kind as u8)
    }

    fn new(error: &dyn std::error::Error, kind: Kind) -> Self {
        Self {
            message: error.to_string().replace('\n', " "),
            kind,
        }
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        Self::new(&error, Kind::Output)
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Self::new(&error, Kind::Input)
    }
}

impl From<RecipeError> for Failure {
    fn from(error: RecipeError) -> Self {
        Self::new(&error, Kind::Input)
    }
}

impl From<PackError> for Failure {
    fn from(error: PackError) -> Self {
        Self::new(&error, Kind::Input)
    }
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Self {
        Self::new(&error, Kind::Device)
    }
}

impl From<OnnxRuntimeError> for Failure {
    fn from(error: OnnxRuntimeError) -> Self {
        let kind = match &error {
            OnnxRuntimeError::Library(_) => Kind::Device,
            OnnxRuntimeError::Model { .. } => Kind::Input,
        };
        Self::new(&error, kind)
    }
}

impl From<ComputeError> for Failure {
    fn from(error: ComputeError) -> Self {
        Self::new(&error, Kind::Internal)
    }
}

impl From<BenchmarkError> for Failure {
    fn from(error: BenchmarkError) -> Self {
        match &error {
            BenchmarkError::Pack(_) => Self::new(&error, Kind::Input),
            BenchmarkError::Run(_) => Self::new(&error, Kind::Internal),
        }
    }
}

impl From<Unsuitable> for Failure {
    fn from(error: Unsuitable) -> Self {
        Self::new(&error, Kind::Input)
    }
}

impl From<EvaluateError> for Failure {
    fn from(error: EvaluateError) -> Self {
        Self::new(&error, evaluate_kind(&error))
    }
}

fn evaluate_kind(error: &EvaluateError) -> Kind {
    match error {
        EvaluateError::Compute(_) | EvaluateError::OutOfBall { .. } => Kind::Internal,
        EvaluateError::Write(_)
        | EvaluateError::Journal(JournalError::Write(_) | JournalError::Lock(_)) => Kind::Output,
        _ => Kind::Input,
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        Self::new(&error, Kind::Input)
    }
}

impl From<CompareError> for Failure {
    fn from(error: CompareError) -> Self {
        Self::new(&error, Kind::Output)
    }
}

impl From<CompileError> for Failure {
    fn from(error: CompileError) -> Self {
        let kind = match &error {
            CompileError::Write(_)
            | CompileError::Train(TrainError::Write(_))
            | CompileError::Lock(_) => Kind::Output,
            CompileError::Evaluate(error) => evaluate_kind(error),
            CompileError::Device(_) | CompileError::Train(TrainError::Device(_)) => Kind::Device,
            CompileError::Execute(_)
            | CompileError::Train(
                TrainError::Execute(_) | TrainError::Prune(PruneError::Compute(_)),
            ) => Kind::Internal,
            CompileError::OtherRun(_)
            | CompileError::State { .. }
            | CompileError::Data(_)
            | CompileError::Zoo(_)
            | CompileError::Unsuitable(_)
            | CompileError::Foreign(_)
            | CompileError::Train(
                TrainError::Settings(_)
                | TrainError::Diverged { .. }
                | TrainError::Checkpoint { .. }
                | TrainError::Prune(PruneError::Ranking(_) | PruneError::State(_)),
            )
            | CompileError::Units(_)
            | CompileError::Pack(_) => Kind::Input,
        };
        Self::new(&error, kind)
    }
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        let kind = match &error {
            ReportError::Device(_) => Kind::Device,
            ReportError::Compute(_) => Kind::Internal,
            ReportError::Evaluate(error) => evaluate_kind(error),
            ReportError::NoRun(_)
            | ReportError::Unfinished(_)
            | ReportError::File { .. }
            | ReportError::Version { .. }
            | ReportError::OtherImages(_)
            | ReportError::Data(_)
            | ReportError::Pack(_)
            | ReportError::Unsuitable(_) => Kind::Input,
        };
        Self::new(&error, kind)
    }
}
