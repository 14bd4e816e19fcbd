//! `sinew inspect`: what is inside a model.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use sinew_runtime::format::VERSION;
use sinew_runtime::{Isa, Model};

use super::OutputOptions;
use super::failure::Failure;
use super::model_file::ModelFile;
use super::table::{bytes, grouped, percent, table};
use super::terminal::{print, print_json};
use crate::pack::{Manifest, PackError, operator_name};

/// Show a model's layers, sizes and provenance
#[derive(Args)]
pub(super) struct Inspect {
    /// A .sinew file, or a .safetensors checkpoint, which is packed in memory
    file: PathBuf,
    #[command(flatten)]
    output_options: OutputOptions,
}

#[derive(Serialize)]
struct Report {
    format: u32,
    tool: String,
    network: String,
    labels: Vec<String>,
    input_shape: [usize; 3],
    sparsity: f64,
    parameters: u64,
    nonzero_parameters: u64,
    bytes: usize,
    arena_bytes: usize,
    macs_dense: u64,
    macs_effective: u64,
    recipe: String,
    layers: Vec<Layer>,
}

#[derive(Serialize)]
struct Layer {
    name: String,
    operator: &'static str,
    shape: [usize; 3],
    density: Option<f64>,
    bits_per_weight: Option<f64>,
    kernel: &'static str,
}

impl Inspect {
    pub(super) fn run(self) -> Result<(), Failure> {
        let packed = ModelFile::read(&self.file)?.packed()?;
        let model = Model::parse(&packed).map_err(PackError::from)?;
        let manifest = manifest(&model);
        let layers = layer_names(&model)
            .into_iter()
            .zip(model.steps())
            .map(|(name, step)| {
                let [rows, columns] = step.matrix_shape();
                let weights = rows * columns;
                Layer {
                    name,
                    operator: operator_name(&step.operator()),
                    shape: step.output_shape(),
                    density: step.density(),
                    bits_per_weight: (weights > 0)
                        .then(|| 8.0 * step.weight_bytes() as f64 / weights as f64),
                    kernel: step.kernel_name(Isa::detect()),
                }
            });
        let report = Report {
            format: VERSION,
            tool: manifest.tool,
            network: manifest.network,
            labels: manifest.labels,
            input_shape: model.input_shape(),
            sparsity: manifest.sparsity,
            parameters: manifest.parameters,
            nonzero_parameters: manifest.nonzero_parameters,
            bytes: packed.len(),
            arena_bytes: model.arena_bytes(),
            macs_dense: model.macs_dense(),
            macs_effective: model.macs_effective(),
            recipe: manifest.recipe,
            layers: layers.collect(),
        };
        if self.output_options.json {
            print_json(&report)
        } else {
            print(&text(&report))
        }
    }
}

/// The model's manifest; empty where it has none that can be read, as nothing depends on it.
pub(super) fn manifest(model: &Model<'_>) -> Manifest {
    Manifest::from_bytes(model.manifest()).unwrap_or_default()
}

/// A name for every step: the manifest's, else its number.
pub(super) fn layer_names(model: &Model<'_>) -> Vec<String> {
    let known = manifest(model).layers;
    let name = |step: usize| {
        known
            .get(step)
            .map_or_else(|| format!("step {step}"), |l| l.name.clone())
    };
    (0..model.steps().len()).map(name).collect()
}

fn text(report: &Report) -> String {
    let header = [
        "layer",
        "operator",
        "output",
        "density",
        "bits/weight",
        "kernel",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for layer in &report.layers {
        let [channels, height, width] = layer.shape;
        rows.push(vec![
            layer.name.clone(),
            layer.operator.to_owned(),
            format!("{channels}×{height}×{width}"),
            layer.density.map_or_else(String::new, percent),
            layer
                .bits_per_weight
                .map_or_else(String::new, |bits| format!("{bits:.2}")),
            layer.kernel.to_owned(),
        ]);
    }
    let [channels, height, width] = report.input_shape;
    format!(
        "\n  {} for {channels}×{height}×{width} images, packed by {} in format {}\n\n{}\n\
         \x20 {} of {} parameters, {} of the weights are zero; file {}, arena {}; {} of {} multiply-accumulates\n",
        report.network,
        report.tool,
        report.format,
        table(&rows),
        grouped(report.nonzero_parameters),
        grouped(report.parameters),
        percent(report.sparsity),
        bytes(report.bytes as u64),
        bytes(report.arena_bytes as u64),
        grouped(report.macs_effective),
        grouped(report.macs_dense),
    )
}
