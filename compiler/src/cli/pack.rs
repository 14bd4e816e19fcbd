//! `sinew pack`: any model as a `.sinew` file, without training.

use std::path::PathBuf;

use clap::Args;

use super::OutputOptions;
use super::failure::Failure;
use super::labels::read_labels;
use super::model_file::ModelFile;
use super::saved::save;
use crate::pack::{self, Manifest};
use crate::prune::prune_by_magnitude;

/// Pack a model as it is, or pruned by magnitude, without training
#[derive(Args)]
pub(super) struct Pack {
    /// An .onnx file or a .safetensors checkpoint
    file: PathBuf,
    /// The .sinew file to write
    #[arg(short, long)]
    output: PathBuf,
    /// Fraction of all weights to set to zero, the smallest first; the accuracy is not repaired
    #[arg(long, value_parser = sparsity)]
    sparsity: Option<f64>,
    /// A text file with one class name per line
    #[arg(long)]
    labels: Option<PathBuf>,
    #[command(flatten)]
    output_options: OutputOptions,
}

impl Pack {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut network = ModelFile::read(&self.file)?.network()?;
        if let Some(path) = &self.labels {
            network = read_labels(network, path)?;
        }
        if let Some(sparsity) = self.sparsity {
            prune_by_magnitude(&mut network, sparsity).map_err(|error| {
                Failure::input(format!("prune {}: {error}", self.file.display()))
            })?;
        }
        let packed = pack::pack(&network, &Manifest::new(&network, None))?;
        save(&self.output, &packed, &network, self.output_options)
    }
}

fn sparsity(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..1.0).contains(&value) {
        Ok(value)
    } else {
        Err("not in [0, 1): it is the fraction of weights to remove".to_owned())
    }
}
