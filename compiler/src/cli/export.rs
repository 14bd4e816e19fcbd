//! `sinew export`: a model as an ONNX file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use sinew_models::onnx::{self, ExportOptions};

use super::OutputOptions;
use super::failure::Failure;
use super::model_file::ModelFile;
use super::saved::save;
use crate::evaluate::Evaluation;

/// Write a model as ONNX, for any other runtime
#[derive(Args)]
pub(super) struct Export {
    /// A .sinew or .onnx file, or a .safetensors checkpoint
    file: PathBuf,
    /// The .onnx file to write
    #[arg(short, long)]
    output: PathBuf,
    /// Store pruned weights in ONNX's sparse form: a smaller file, which fewer runtimes take
    #[arg(long)]
    sparse_initializers: bool,
    /// Accuracies to put into the file: what `sinew attack --json` printed, or a run's model.evaluation.json
    #[arg(long)]
    evaluation: Option<PathBuf>,
    #[command(flatten)]
    output_options: OutputOptions,
}

impl Export {
    pub(super) fn run(self) -> Result<(), Failure> {
        let model = ModelFile::read(&self.file)?;
        let network = model.network()?;
        let mut metadata = model.provenance()?;
        if let Some(path) = &self.evaluation {
            metadata.extend(read_evaluation(path)?);
        }
        let options = ExportOptions {
            sparse_initializers: self.sparse_initializers,
            metadata,
        };
        let exported = onnx::export(&network, &options)
            .map_err(|error| Failure::input(format!("export {}: {error}", self.file.display())))?;
        save(&self.output, &exported, &network, self.output_options)
    }
}

/// An evaluation's figures under the names that an exported file gives them: with all that a figure needs to mean something.
fn read_evaluation(path: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let fail =
        |problem: String| Failure::input(format!("read evaluation {}: {problem}", path.display()));
    let text = fs::read(path).map_err(|error| fail(error.to_string()))?;
    let evaluation: Evaluation =
        serde_json::from_slice(&text).map_err(|error| fail(error.to_string()))?;
    let threat_model = format!(
        "{} ball of radius {} around pixels in [0, 1]",
        evaluation.norm.symbol(),
        evaluation.epsilon
    );
    let attacks: Vec<&str> = evaluation.attacks.iter().map(|a| a.name.as_str()).collect();
    let entries = [
        ("threat_model", threat_model),
        ("attacks", attacks.join(", ")),
        ("clean_accuracy", evaluation.clean_accuracy.to_string()),
        ("robust_accuracy", evaluation.robust_accuracy.to_string()),
        ("samples", evaluation.samples.to_string()),
        ("seed", evaluation.seed.to_string()),
    ];
    let entry = |(key, value): (&str, String)| (format!("sinew.{key}"), value);
    Ok(entries.into_iter().map(entry).collect())
}
