//! `sinew anomaly`: what an attack does to every unit of a model, layer by layer.
//!
//! Measured on training images, as for pruning: nothing is to be chosen by what test images show. Non-goals: how degrees are defined
//! (`prune`) and how a network is measured (`observe`).

mod distribution;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use self::distribution::quartiles;
use super::failure::Failure;
use super::subject::Subject;
use super::terminal::{print, print_json};
use super::{ComputeOptions, OutputOptions, named};
use crate::atomic_file;
use crate::data::{self, DataSource, Resize};
use crate::foreign;
use crate::observe::Sample;
use crate::pipeline::files;
use crate::prune::{Measure, Needs, Provenance, Statistics};

/// Measure what an attack does to every unit of a model: its anomaly degree
#[derive(Args)]
pub(super) struct Anomaly {
    /// A .sinew file, a .safetensors checkpoint or an .onnx file to measure; or the folder of a run, or a table in it, to print what
    /// the run has measured
    model: PathBuf,
    /// Print this table about the model, which -o has written, instead of measuring
    #[arg(long, value_name = "TABLE")]
    saved: Option<PathBuf>,
    /// What changes: activation, gradient, signed or weight-gradient [default: activation]
    #[arg(long, value_parser = measure)]
    measure: Option<Measure>,
    #[command(flatten)]
    conditions: Conditions,
    /// File for the measured table, .safetensors
    #[arg(long, short, value_name = "TABLE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    compute: ComputeOptions,
    #[command(flatten)]
    output_options: OutputOptions,
}

/// What a measurement is made with. No defaults here, so that it shows what was asked for.
#[derive(Args)]
struct Conditions {
    /// Training images: embedded, fashion-mnist, cifar-10 or a folder [default: embedded]
    #[arg(long)]
    data: Option<String>,
    /// How pictures in folders get the model's size: stretch, crop or pad [default: as in the model's training]
    #[arg(long)]
    resize: Option<Resize>,
    /// How many training images, drawn with the seed [default: 500]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    samples: Option<u32>,
    /// Radius of the L∞ ball in units of [0, 1] pixels [default: 0.1]
    #[arg(long, value_parser = epsilon, allow_negative_numbers = true)]
    epsilon: Option<f32>,
    /// Steps of the PGD attack [default: 10]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    steps: Option<u32>,
    /// Decides which images, and where the attack starts [default: 0]
    #[arg(long)]
    seed: Option<u64>,
}

/// What is printed.
#[derive(Serialize)]
struct Report {
    model: PathBuf,
    /// Name of the images; a saved table does not know it.
    data: Option<String>,
    measure: Measure,
    /// What has a degree: "unit" or "weight".
    of: &'static str,
    norm: &'static str,
    #[serde(flatten)]
    provenance: Provenance,
    samples: usize,
    layers: Vec<LayerReport>,
}

/// One layer. Lists have an entry for each unit, or each weight in row-major order.
#[derive(Serialize)]
struct LayerReport {
    name: String,
    /// Of the weights, `[unit, input, kernel height, kernel width]` or `[unit, input]`.
    shape: Vec<usize>,
    dead: usize,
    /// Lower quartile, median and upper quartile of the degrees, if not all are dead.
    quartiles: Option<[f64; 3]>,
    /// None for dead units.
    degrees: Vec<Option<f64>>,
    /// Mean norm over the clean images.
    clean: Vec<f64>,
    /// Mean norm of the change.
    change: Vec<f64>,
}

impl Anomaly {
    pub(super) fn run(self) -> Result<(), Failure> {
        let report = match self.saved()? {
            Some((network, table)) => self.read(&network, &table)?,
            None => self.measure()?,
        };
        if self.output_options.json {
            return print_json(&report);
        }
        print(&text::text(&report))
    }

    /// The network and the table about it, if there is nothing to measure.
    fn saved(&self) -> Result<Option<(PathBuf, PathBuf)>, Failure> {
        let name = self.model.file_name();
        let tables = [
            (files::DENSE, files::ANOMALY),
            (files::SPARSE, files::SPARSE_ANOMALY),
        ];
        let in_run = tables
            .into_iter()
            .find(|(_, table)| name.is_some_and(|name| name == *table));
        let found = if let Some(table) = &self.saved {
            (self.model.clone(), table.clone())
        } else if self.model.is_dir() {
            let file = |name| self.model.join(name);
            (file(files::DENSE), file(files::ANOMALY))
        } else if let Some((network, _)) = in_run {
            (self.model.with_file_name(network), self.model.clone())
        } else {
            return Ok(None);
        };
        match self.only_for_measuring() {
            None => Ok(Some(found)),
            Some(option) => Err(Failure::usage(format!(
                "use --{option} with a saved table: it was measured already; name a model to measure it anew"
            ))),
        }
    }

    /// An option that was given and means nothing where nothing is measured.
    fn only_for_measuring(&self) -> Option<&'static str> {
        let conditions = &self.conditions;
        let given = [
            ("data", conditions.data.is_some()),
            ("resize", conditions.resize.is_some()),
            ("samples", conditions.samples.is_some()),
            ("epsilon", conditions.epsilon.is_some()),
            ("steps", conditions.steps.is_some()),
            ("seed", conditions.seed.is_some()),
            ("output", self.output.is_some()),
        ];
        let first = given.into_iter().find(|(_, given)| *given);
        first.map(|(option, _)| option)
    }

    /// What a table says that was measured before.
    fn read(&self, network: &Path, table: &Path) -> Result<Report, Failure> {
        let fail =
            |problem: String| Failure::input(format!("read table {}: {problem}", table.display()));
        let bytes = fs::read(table).map_err(|error| fail(error.to_string()))?;
        let subject = Subject::read(network)?;
        let (statistics, provenance) = Statistics::from_bytes(&bytes, &subject.network)
            .map_err(|error| fail(error.to_string()))?;
        let hash = foreign::hash(&subject.network).map_err(|error| fail(error.to_string()))?;
        if hash != provenance.network {
            return Err(fail(format!(
                "it is about another network than {}",
                network.display()
            )));
        }
        let known = |measure: &Measure| statistics.needs().contain(&Needs::of_measure(*measure));
        let measure = match self.measure {
            Some(measure) => Some(measure).filter(known),
            None => Measure::ALL.into_iter().find(known),
        };
        let measure = measure.ok_or_else(|| {
            fail("it has no such degrees; name a model to measure it anew".to_owned())
        })?;
        Ok(self.report(&statistics, provenance, measure, None))
    }

    /// Measures the model.
    fn measure(&self) -> Result<Report, Failure> {
        self.compute.set_threads()?;
        let device = self.compute.device;
        device.open()?;
        let subject = Subject::read(&self.model)?;
        self.can_be_measured(&subject)?;
        let progress = self.output_options.progress();
        let conditions = &self.conditions;
        let source = conditions.data.as_deref().unwrap_or("embedded");
        let settings = subject.image_settings(conditions.resize)?;
        let source = DataSource::from(source.as_ref());
        let (train, _) = data::load(&source, settings.as_ref(), &progress)?;
        subject.fits(&train)?;
        let sample = Sample {
            data: &train,
            count: conditions.samples.unwrap_or(500) as usize,
            epsilon: conditions.epsilon.unwrap_or(0.1),
            steps: conditions.steps.unwrap_or(10) as usize,
            seed: conditions.seed.unwrap_or(0),
            device,
        };
        let provenance = sample.provenance(&subject.network).map_err(|error| {
            Failure::input(format!("measure {}: {error}", self.model.display()))
        })?;
        let measure = self.measure.unwrap_or_default();
        let needs = Needs::of_measure(measure);
        let statistics = sample.observe(&subject.network, &needs, &progress)?;
        if let Some(path) = &self.output {
            atomic_file::write(path, &statistics.to_bytes(&provenance))?;
        }
        let data = Some(train.name().to_owned());
        Ok(self.report(&statistics, provenance, measure, data))
    }

    /// Refuses a network that has no units, or that no gradient leads through.
    fn can_be_measured(&self, subject: &Subject) -> Result<(), Failure> {
        let nodes = subject.network.nodes();
        let problem = if nodes.iter().all(|node| node.operator.weight().is_none()) {
            "it has no convolution and no linear layer".to_owned()
        } else if let Some(node) = nodes.iter().find(|node| !node.operator.has_gradient()) {
            let (name, operator) = (&node.name, node.operator.name());
            format!("PGD needs gradients, and node \"{name}\" ({operator}) has none")
        } else {
            return Ok(());
        };
        let model = self.model.display();
        Err(Failure::input(format!("measure {model}: {problem}")))
    }

    fn report(
        &self,
        statistics: &Statistics,
        provenance: Provenance,
        measure: Measure,
        data: Option<String>,
    ) -> Report {
        let images = statistics.images().max(1) as f64;
        let means = |sums: &[f64]| sums.iter().map(|sum| sum / images).collect();
        let table = statistics.table(measure);
        let layers = statistics.layers().iter().zip(&table.layers);
        let layers = layers.map(|(layer, anomaly)| {
            let degrees = anomaly.degrees();
            let live: Vec<f64> = degrees.iter().copied().flatten().collect();
            LayerReport {
                name: layer.name.clone(),
                shape: layer.shape.clone(),
                dead: degrees.len() - live.len(),
                quartiles: quartiles(live),
                degrees,
                clean: means(&anomaly.clean),
                change: means(&anomaly.change),
            }
        });
        Report {
            model: self.model.clone(),
            data,
            measure,
            of: match measure {
                Measure::WeightGradient => "weight",
                _ => "unit",
            },
            norm: "linf",
            provenance,
            samples: statistics.images(),
            layers: layers.collect(),
        }
    }
}

fn measure(text: &str) -> Result<Measure, String> {
    named(text, "activation, gradient, signed, weight-gradient")
}

fn epsilon(text: &str) -> Result<f32, String> {
    let value: f32 = text.parse().map_err(|_| "not a number".to_owned())?;
    let usable = (0.0..=1.0).contains(&value);
    usable
        .then_some(value)
        .ok_or_else(|| "not in [0, 1], the range of a pixel".to_owned())
}
