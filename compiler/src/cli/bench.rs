//! `sinew bench`: how long a model takes, step by step.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use sinew_runtime::{Isa, Model};

use super::OutputOptions;
use super::engine::Engine;
use super::failure::Failure;
use super::inspect::layer_names;
use super::model_file::ModelFile;
use super::onnx_model::OnnxModel;
use super::table::{bytes, grouped, table};
use super::terminal::{print, print_json};
use crate::benchmark::{Timing, latencies, latency};
use crate::pack::PackError;

/// Time a model on this machine: one image, one thread
#[derive(Args)]
pub(super) struct Bench {
    /// A .sinew file, or a .safetensors checkpoint or .onnx file, which is packed in memory; ONNX Runtime takes an .onnx file as it is, and
    /// others exported in memory
    file: PathBuf,
    /// Who computes
    #[arg(long, value_enum, default_value_t = Engine::Sinew)]
    engine: Engine,
    /// Timed runs
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    runs: u32,
    /// Threads; Sinew's runtime uses one
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    #[command(flatten)]
    output_options: OutputOptions,
}

/// What an engine does not tell is absent.
#[derive(Serialize)]
struct Report {
    engine: Engine,
    latency_ms: Latency,
    load_ms: f64,
    peak_rss_bytes: Option<u64>,
    file_bytes: u64,
    arena_bytes: Option<usize>,
    macs_dense: Option<u64>,
    macs_effective: Option<u64>,
    isa: Option<&'static str>,
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

impl From<&Timing> for Latency {
    fn from(timing: &Timing) -> Self {
        Self {
            min: timing.min_ms(),
            median: timing.median_ms(),
            p99: timing.p99_ms(),
        }
    }
}

#[derive(Serialize)]
struct Layer {
    name: String,
    kernel: &'static str,
    min_ms: f64,
}

impl Bench {
    pub(super) fn run(self) -> Result<(), Failure> {
        let report = match self.engine {
            Engine::Sinew => self.on_sinew()?,
            Engine::Ort => self.on_onnx_runtime()?,
        };
        if self.output_options.json {
            print_json(&report)
        } else {
            print(&text(&report))
        }
    }

    fn on_sinew(&self) -> Result<Report, Failure> {
        if self.threads != 1 {
            return Err(Failure::usage(format!(
                "time with --threads {}: Sinew's runtime uses one thread; leave the option out, or take --engine ort",
                self.threads
            )));
        }
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
        Ok(Report {
            engine: self.engine,
            latency_ms: Latency::from(&timing),
            load_ms,
            peak_rss_bytes: peak_rss_bytes(),
            file_bytes: packed.len() as u64,
            arena_bytes: Some(model.arena_bytes()),
            macs_dense: Some(model.macs_dense()),
            macs_effective: Some(model.macs_effective()),
            isa: Some(isa.name()),
            runs: self.runs,
            threads: self.threads,
            layers: layers
                .map(|((name, step), min_ms)| Layer {
                    name,
                    kernel: step.kernel_name(isa),
                    min_ms,
                })
                .collect(),
        })
    }

    fn on_onnx_runtime(&self) -> Result<Report, Failure> {
        let file = OnnxModel::read(&self.file)?;
        let start = Instant::now();
        let model = file.open(None, Some(self.threads))?;
        let load_ms = 1e3 * start.elapsed().as_secs_f64();
        let timing = latency(&model, self.runs as usize)?;
        Ok(Report {
            engine: self.engine,
            latency_ms: Latency::from(&timing),
            load_ms,
            peak_rss_bytes: peak_rss_bytes(),
            file_bytes: file.bytes(),
            arena_bytes: None,
            macs_dense: None,
            macs_effective: None,
            isa: None,
            runs: self.runs,
            threads: self.threads,
            layers: Vec::new(),
        })
    }
}

fn text(report: &Report) -> String {
    let Latency { min, median, p99 } = report.latency_ms;
    let threads = match report.threads {
        1 => "one thread".to_owned(),
        threads => format!("{threads} threads"),
    };
    let engine = report.isa.unwrap_or("ONNX Runtime");
    let mut text = format!(
        "  latency: min {min:.3} ms, median {median:.3} ms, p99 {p99:.3} ms ({} runs, one image, {threads}, {engine})\n  \
         load and verify: {:.3} ms; file {}",
        report.runs,
        report.load_ms,
        bytes(report.file_bytes),
    );
    if let Some(arena) = report.arena_bytes {
        text += &format!(", arena {}", bytes(arena as u64));
    }
    if let (Some(effective), Some(dense)) = (report.macs_effective, report.macs_dense) {
        let (effective, dense) = (grouped(effective), grouped(dense));
        text += &format!("; {effective} of {dense} multiply-accumulates done");
    }
    if report.layers.is_empty() {
        return format!("\n{text}\n");
    }
    let header = ["layer", "kernel", "min ms"].map(str::to_owned).to_vec();
    let row = |layer: &Layer| {
        let min = format!("{:.4}", layer.min_ms);
        vec![layer.name.clone(), layer.kernel.to_owned(), min]
    };
    let rows: Vec<_> = [header]
        .into_iter()
        .chain(report.layers.iter().map(row))
        .collect();
    format!("\n{}\n{text}\n", table(&rows))
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
