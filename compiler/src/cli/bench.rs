//! `sinew bench`: how long a model takes, step by step.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use sinew_runtime::{Isa, Model};

use super::OutputOptions;
use super::failure::Failure;
use super::inspect::layer_names;
use super::model_file::ModelFile;
use super::table::{bytes, grouped, table};
use super::terminal::{print, print_json};
use crate::benchmark::latencies;
use crate::pack::PackError;

/// Time a model on this machine: one image, one thread
#[derive(Args)]
pub(super) struct Bench {
    /// A .sinew file, or a .safetensors checkpoint, which is packed in memory
    file: PathBuf,
    /// Timed runs
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    runs: u32,
    /// Threads; the runtime uses one
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1))]
    threads: u16,
    #[command(flatten)]
    output_options: OutputOptions,
}

#[derive(Serialize)]
struct Report {
    latency_ms: Latency,
    load_ms: f64,
    peak_rss_bytes: Option<u64>,
    file_bytes: usize,
    arena_bytes: usize,
    macs_dense: u64,
    macs_effective: u64,
    isa: &'static str,
    runs: u32,
    threads: u16,
    layers: Vec<Layer>,
}

#[derive(Serialize)]
struct Latency {
    min: f64,
    median: f64,
    p99: f64,
}

#[derive(Serialize)]
struct Layer {
    name: String,
    kernel: &'static str,
    min_ms: f64,
}

impl Bench {
    pub(super) fn run(self) -> Result<(), Failure> {
        let packed = ModelFile::read(&self.file)?.packed()?;
        let start = Instant::now();
        let model = Model::parse(&packed).map_err(PackError::from)?;
        let load_ms = 1e3 * start.elapsed().as_secs_f64();
        let timing = latencies(&[&packed], self.runs as usize)?.remove(0);
        let isa = Isa::detect();
        let layers = layer_names(&model)
            .into_iter()
            .zip(model.steps())
            .zip(timing.steps_ms());
        let report = Report {
            latency_ms: Latency {
                min: timing.min_ms(),
                median: timing.median_ms(),
                p99: timing.p99_ms(),
            },
            load_ms,
            peak_rss_bytes: peak_rss_bytes(),
            file_bytes: packed.len(),
            arena_bytes: model.arena_bytes(),
            macs_dense: model.macs_dense(),
            macs_effective: model.macs_effective(),
            isa: isa.name(),
            runs: self.runs,
            threads: self.threads,
            layers: layers
                .map(|((name, step), min_ms)| Layer {
                    name,
                    kernel: step.kernel_name(isa),
                    min_ms,
                })
                .collect(),
        };
        if self.output_options.json {
            print_json(&report)
        } else {
            print(&text(&report))
        }
    }
}

fn text(report: &Report) -> String {
    let mut rows = vec![["layer", "kernel", "min ms"].map(str::to_owned).to_vec()];
    for layer in &report.layers {
        rows.push(vec![
            layer.name.clone(),
            layer.kernel.to_owned(),
            format!("{:.4}", layer.min_ms),
        ]);
    }
    let Latency { min, median, p99 } = report.latency_ms;
    format!(
        "\n{}\n  latency: min {min:.3} ms, median {median:.3} ms, p99 {p99:.3} ms ({} runs, one image, one thread, {})\n\
         \x20 load and verify: {:.3} ms; file {}, arena {}; {} of {} multiply-accumulates done\n",
        table(&rows),
        report.runs,
        report.isa,
        report.load_ms,
        bytes(report.file_bytes as u64),
        bytes(report.arena_bytes as u64),
        grouped(report.macs_effective),
        grouped(report.macs_dense),
    )
}

/// The most memory this process has held, where the system tells (Linux).
fn peak_rss_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kilobytes)
}
