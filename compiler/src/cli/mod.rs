//! The command line: one command per file, each a thin shell around the library.

mod anomaly;
mod attack;
mod bench;
mod compare;
mod compile;
mod data;
mod demo;
mod engine;
mod export;
mod failure;
mod import;
mod inspect;
mod labels;
mod model_file;
mod onnx_model;
mod pack;
mod report;
mod run;
mod saved;
mod subject;
mod table;
mod terminal;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serde::de::DeserializeOwned;

use crate::execute::DeviceChoice;
use crate::progress::Progress;
use failure::Failure;

/// Compiles neural networks into small, fast, adversarially robust programs.
#[derive(Parser)]
#[command(name = "sinew", version, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 success · 1 internal failure · 2 wrong usage · 3 an input is missing, damaged or out of range · \
    4 an output cannot be written · 5 no such device or engine"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    Compile(compile::Compile),
    Compare(compare::Compare),
    Attack(attack::AttackCommand),
    Anomaly(anomaly::Anomaly),
    Run(run::Run),
    Bench(bench::Bench),
    Inspect(inspect::Inspect),
    Import(import::Import),
    Export(export::Export),
    Pack(pack::Pack),
    Report(report::ReportCommand),
    Data(data::Data),
}

/// Options of every command that prints results.
#[derive(Args, Clone, Copy)]
struct OutputOptions {
    /// Print one JSON object instead of text, and no progress
    #[arg(long)]
    json: bool,
}

impl OutputOptions {
    fn progress(self) -> Progress {
        if self.json {
            Progress::hidden()
        } else {
            Progress::visible()
        }
    }
}

/// Options of every command that computes on burn.
#[derive(Args, Clone, Copy)]
struct ComputeOptions {
    /// Where to compute: cpu, gpu or gpu:N
    #[arg(long, default_value_t = DeviceChoice::Cpu)]
    device: DeviceChoice,
    /// Threads on the CPU; all cores if absent
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

impl ComputeOptions {
    /// Must come before anything computes.
    fn set_threads(self) -> Result<(), Failure> {
        let Some(threads) = self.threads else {
            return Ok(());
        };
        rayon::ThreadPoolBuilder::new()
            .num_threads(usize::from(threads))
            .build_global()
            .map_err(|error| Failure::internal(format!("start {threads} threads: {error}")))
    }
}

/// A value by the name that serde gives it.
fn named<T: DeserializeOwned>(text: &str, known: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|_| format!("there are {known}"))
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo(command) => command.run(),
        Command::Compile(command) => command.run(),
        Command::Compare(command) => command.run(),
        Command::Attack(command) => command.run(),
        Command::Anomaly(command) => command.run(),
        Command::Run(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Inspect(command) => command.run(),
        Command::Import(command) => command.run(),
        Command::Export(command) => command.run(),
        Command::Pack(command) => command.run(),
        Command::Report(command) => command.run(),
        Command::Data(command) => command.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
