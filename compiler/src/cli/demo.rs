//! `sinew demo`: the whole story in a few minutes, on the embedded images.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::compile::{conditions, rows};
use super::failure::Failure;
use super::table::table;
use super::terminal::{print, print_json};
use super::{ComputeOptions, OutputOptions};
use crate::attack::Norm;
use crate::benchmark::latencies;
use crate::pipeline::{NetworkRecord, RunRecord, compile, files};
use crate::recipe::Recipe;

/// Train a robust network on embedded images, prune 90 % of it, pack it and compare: a few minutes on two cores
#[derive(Args)]
pub(super) struct Demo {
    /// Fewer images, epochs and attack steps: under a minute, and worse figures
    #[arg(long)]
    quick: bool,
    /// Folder of the run: its state and its results
    #[arg(long, short, default_value = "sinew-demo")]
    output: PathBuf,
    /// Decides every random choice
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    compute: ComputeOptions,
    #[command(flatten)]
    output_options: OutputOptions,
}

/// Timed runs of each model.
const RUNS: usize = 200;

#[derive(Serialize)]
struct Report {
    norm: Norm,
    epsilon: f32,
    samples: usize,
    seed: u64,
    dense: Side,
    sparse: Side,
}

#[derive(Serialize)]
struct Side {
    clean_accuracy: f64,
    robust_accuracy: BTreeMap<String, f64>,
    parameters: usize,
    sparsity: f64,
    bytes: u64,
    latency_ms: f64,
    artifact: PathBuf,
}

impl Demo {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.compute.set_threads()?;
        let (name, text) = if self.quick {
            (
                "demo-quick",
                include_str!("../../../models/recipes/demo-quick.toml"),
            )
        } else {
            ("demo", include_str!("../../../models/recipes/demo.toml"))
        };
        let mut recipe = Recipe::parse(text, name)?;
        recipe.seed = self.seed;
        let json = self.output_options.json;
        if !json {
            print(&introduction(&recipe))?;
        }
        let progress = self.output_options.progress();
        let record = compile(&recipe, &self.output, self.compute.device, &progress)?;

        let paths = [files::DENSE_MODEL, files::MODEL].map(|file| self.output.join(file));
        let mut models = Vec::new();
        for path in &paths {
            let read = std::fs::read(path);
            models.push(read.map_err(|e| Failure::input(format!("read {}: {e}", path.display())))?);
        }
        let timings = latencies(&[&models[0], &models[1]], RUNS)?;
        let [dense_ms, sparse_ms] = [&timings[0], &timings[1]].map(|timing| timing.median_ms());
        let [dense_path, sparse_path] = paths;
        if json {
            let evaluation = &record.sparse.evaluation;
            return print_json(&Report {
                norm: evaluation.norm,
                epsilon: evaluation.epsilon,
                samples: evaluation.samples,
                seed: evaluation.seed,
                dense: side(&record.dense, dense_ms, dense_path),
                sparse: side(&record.sparse, sparse_ms, sparse_path),
            });
        }
        print(&story(
            &record,
            dense_ms,
            sparse_ms,
            &sparse_path.display().to_string(),
        ))
    }
}

fn side(record: &NetworkRecord, latency_ms: f64, artifact: PathBuf) -> Side {
    let attacks = record.evaluation.attacks.iter();
    Side {
        clean_accuracy: record.evaluation.clean_accuracy,
        robust_accuracy: attacks
            .map(|a| (a.name.clone(), a.robust_accuracy))
            .collect(),
        parameters: record.parameters,
        sparsity: record.sparsity,
        bytes: record.bytes,
        latency_ms,
        artifact,
    }
}

fn introduction(recipe: &Recipe) -> String {
    format!(
        "Sinew trains a network ({}) on images of clothes against an attacker who may\n\
         change every pixel by {}, removes {:.0} % of its weights while it learns which ones\n\
         to keep, beginning with their size and with how far the attack moves what they\n\
         multiply, and packs the rest into one file.\n\n",
        recipe.network,
        recipe.epsilon,
        100.0 * recipe.prune.sparsity
    )
}

fn story(record: &RunRecord, dense_ms: f64, sparse_ms: f64, artifact: &str) -> String {
    // As the user called it, so that the lines below can be copied.
    let program = std::env::args()
        .next()
        .unwrap_or_else(|| "sinew".to_owned());
    let milliseconds = |ms: f64| format!("{ms:.3} ms");
    let mut rows = rows(record);
    rows.push(vec![
        "latency, one image, one thread".to_owned(),
        milliseconds(dense_ms),
        milliseconds(sparse_ms),
    ]);
    for row in &mut rows {
        row.push(String::new());
    }
    let smaller = record.dense.bytes as f64 / record.sparse.bytes as f64;
    let last = rows.len() - 1;
    rows[last - 1][3] = format!("{smaller:.1}× smaller");
    rows[last][3] = format!("{:.1}× faster", dense_ms / sparse_ms);
    format!(
        "\n{}\n  {}\n\n  The sparse model is {artifact}. What next:\n\
         \n  what is inside, layer by layer\n    {program} inspect {artifact}\n\
         \x20 time per layer\n    {program} bench {artifact}\n\
         \x20 AutoAttack, and whether its figure is real (minutes)\n    {program} attack {artifact}\n\
         \x20 the same on all 60,000 images (first: {program} data fetch fashion-mnist)\n\
         \x20   {program} compile models/recipes/demo.toml --data fashion-mnist\n",
        table(&rows),
        conditions(&record.sparse.evaluation),
    )
}
