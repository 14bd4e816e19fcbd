//! `sinew import`: an ONNX model as a network.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use sinew_models::Archive;
use sinew_models::onnx::{self, Explained, ImportOptions};

use super::OutputOptions;
use super::failure::Failure;
use super::labels::read_labels;
use super::table::{grouped, percent, table};
use super::terminal::{print, print_json};
use crate::atomic_file;

/// Read an ONNX model, and show or save the network it becomes
#[derive(Args)]
pub(super) struct Import {
    /// An .onnx file
    file: PathBuf,
    /// Where to save the network, as a .safetensors file that every other command takes
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Axes of one input, for files that leave them open: 3,224,224
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    input_shape: Vec<u32>,
    /// Which of several outputs holds the logits
    #[arg(long)]
    logits: Option<String>,
    /// Mean of each channel that the model expects to be subtracted from pixels in [0, 1]: becomes part of the network
    #[arg(
        long,
        value_delimiter = ',',
        requires = "deviation",
        allow_negative_numbers = true
    )]
    mean: Vec<f32>,
    /// Standard deviation of each channel that the model expects to be divided by
    #[arg(long, value_delimiter = ',', requires = "mean")]
    deviation: Vec<f32>,
    /// A text file with one class name per line
    #[arg(long)]
    labels: Option<PathBuf>,
    /// Show what became of each node
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    output_options: OutputOptions,
}

#[derive(Serialize)]
struct Report {
    network: String,
    input_shape: Vec<usize>,
    classes: usize,
    nodes: usize,
    parameters: usize,
    sparsity: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Vec<Line>>,
}

/// What became of one node of the file.
#[derive(Serialize)]
struct Line {
    node: String,
    operator: String,
    became: String,
}

impl Import {
    pub(super) fn run(self) -> Result<(), Failure> {
        let fail =
            |problem: String| Failure::input(format!("import {}: {problem}", self.file.display()));
        let axes = self.input_shape.iter().map(|axis| *axis as usize);
        let options = ImportOptions {
            input_shape: (!self.input_shape.is_empty()).then(|| axes.collect()),
            output: self.logits.clone(),
            ..ImportOptions::default()
        };
        let import = onnx::import(&self.file, &options).map_err(|error| fail(error.to_string()))?;
        let mut network = import.network;
        if !self.mean.is_empty() {
            network = network
                .normalized(self.mean.clone(), self.deviation.clone())
                .map_err(|error| fail(error.to_string()))?;
        }
        if let Some(path) = &self.labels {
            network = read_labels(network, path)?;
        }
        let report = Report {
            network: network.name().to_owned(),
            input_shape: network.shape(sinew_models::ValueId::INPUT).0.clone(),
            classes: network.classes(),
            nodes: network.nodes().len(),
            parameters: network.parameter_count(),
            sparsity: network.sparsity(),
            explanation: self
                .explain
                .then(|| import.explanation.iter().map(line).collect()),
        };
        if let Some(path) = &self.output {
            let bytes = Archive::from(network)
                .to_bytes()
                .map_err(|error| fail(error.to_string()))?;
            atomic_file::write(path, &bytes)?;
        }
        if self.output_options.json {
            print_json(&report)
        } else {
            print(&text(&report, self.output.as_deref()))
        }
    }
}

fn line(explained: &Explained) -> Line {
    Line {
        node: explained.node.clone(),
        operator: explained.operator.clone(),
        became: explained.fate.to_string(),
    }
}

fn text(report: &Report, saved: Option<&std::path::Path>) -> String {
    let mut text = String::from("\n");
    if let Some(lines) = &report.explanation {
        let mut rows = vec![["node", "operator", "became"].map(str::to_owned).to_vec()];
        rows.extend(lines.iter().map(|line| {
            vec![
                line.node.clone(),
                line.operator.clone(),
                line.became.clone(),
            ]
        }));
        text += &format!("{}\n", table(&rows));
    }
    let axes: Vec<String> = report.input_shape.iter().map(usize::to_string).collect();
    text += &format!(
        "  {}: {} to {} scores, {} nodes, {} parameters, {} of the weights are zero\n",
        report.network,
        axes.join("×"),
        report.classes,
        report.nodes,
        grouped(report.parameters as u64),
        percent(report.sparsity),
    );
    if let Some(path) = saved {
        text += &format!("  saved as {}\n", path.display());
    }
    text
}
