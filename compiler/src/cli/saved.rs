//! What a command says that has written a model file.

use std::path::Path;

use serde::Serialize;
use sinew_models::Network;

use super::OutputOptions;
use super::failure::Failure;
use super::table::{bytes, grouped, percent};
use super::terminal::{print, print_json};
use crate::atomic_file;

#[derive(Serialize)]
struct Report<'a> {
    output: &'a Path,
    bytes: usize,
    sparsity: f64,
    parameters: usize,
    nonzero_parameters: usize,
}

/// Writes `contents`, which hold `network`, to `path`, and says so.
pub(super) fn save(
    path: &Path,
    contents: &[u8],
    network: &Network,
    options: OutputOptions,
) -> Result<(), Failure> {
    atomic_file::write(path, contents)?;
    let report = Report {
        output: path,
        bytes: contents.len(),
        sparsity: network.sparsity(),
        parameters: network.parameter_count(),
        nonzero_parameters: network.nonzero_count(),
    };
    if options.json {
        return print_json(&report);
    }
    print(&format!(
        "\n  {}: {}, {} of {} parameters, {} of the weights are zero\n",
        path.display(),
        bytes(report.bytes as u64),
        grouped(report.nonzero_parameters as u64),
        grouped(report.parameters as u64),
        percent(report.sparsity),
    ))
}
