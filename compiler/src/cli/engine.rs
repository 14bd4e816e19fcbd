//! Which engine computes a model.

use clap::ValueEnum;
use serde::Serialize;

/// An engine, as options and JSON name it.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Engine {
    /// Sinew's own
    Sinew,
    /// ONNX Runtime
    Ort,
}
