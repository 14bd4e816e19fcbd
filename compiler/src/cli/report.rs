//! `sinew report`: finished runs as one HTML page.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::failure::Failure;
use super::terminal::{print, print_json};
use super::{ComputeOptions, OutputOptions};
use crate::atomic_file;
use crate::report::{ReportSettings, report};

/// Show runs on one HTML page: curves, distributions, pictures of units, and a comparison of several
#[derive(Args)]
pub(super) struct ReportCommand {
    /// Folders of finished runs, as `sinew compile` and `sinew demo` leave them
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// The page to write; it needs nothing but itself
    #[arg(short, long, default_value = "report.html")]
    output: PathBuf,
    /// Where the runs' images are, if no longer where their recipes say: embedded, fashion-mnist, cifar-10 or a folder
    #[arg(long)]
    data: Option<String>,
    #[command(flatten)]
    compute: ComputeOptions,
    #[command(flatten)]
    output_options: OutputOptions,
}

#[derive(Serialize)]
struct Report {
    report: PathBuf,
    runs: Vec<PathBuf>,
    bytes: usize,
}

impl ReportCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.compute.set_threads()?;
        let settings = ReportSettings {
            data: self.data.as_deref(),
            device: self.compute.device,
        };
        let page = report(&self.runs, settings, &self.output_options.progress())?;
        atomic_file::write(&self.output, page.as_bytes())?;
        if self.output_options.json {
            return print_json(&Report {
                report: self.output,
                runs: self.runs,
                bytes: page.len(),
            });
        }
        print(&format!("{}\n", self.output.display()))
    }
}
