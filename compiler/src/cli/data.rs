//! `sinew data`: data sets by name.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::OutputOptions;
use super::failure::Failure;
use super::table::{grouped, table};
use super::terminal::{print, print_json};
use crate::data::{DataSource, Dataset, DatasetName, default_folder, fetch, load};

/// Fetch data sets and look at them
#[derive(Args)]
pub(super) struct Data {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Download a data set and check it; goes on where an earlier try broke off
    Fetch {
        /// fashion-mnist
        name: DatasetName,
        /// Where to put it [default: the folder in which --data NAME looks]
        #[arg(long, short)]
        output: Option<PathBuf>,
        /// Address of a mirror with the same file names
        #[arg(long)]
        mirror: Option<String>,
        #[command(flatten)]
        output_options: OutputOptions,
    },
    /// Show what a data set holds
    Info {
        /// embedded, fashion-mnist, cifar-10 or a folder
        #[arg(long, default_value = "embedded")]
        data: String,
        #[command(flatten)]
        output_options: OutputOptions,
    },
}

#[derive(Serialize)]
struct Fetched {
    folder: PathBuf,
}

#[derive(Serialize)]
struct Info {
    name: String,
    shape: [usize; 3],
    classes: Vec<String>,
    train_images: usize,
    test_images: usize,
    train_sha256: String,
    test_sha256: String,
}

impl Data {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Fetch {
                name,
                output,
                mirror,
                output_options,
            } => {
                let folder = match output {
                    Some(folder) => folder,
                    None => default_folder(name)?,
                };
                fetch_with_bar(name, &folder, mirror.as_deref(), output_options)?;
                if output_options.json {
                    return print_json(&Fetched { folder });
                }
                print(&format!("{name} is in {}\n", folder.display()))
            }
            Command::Info {
                data,
                output_options,
            } => {
                let (train, test) = load(&DataSource::from(data.as_ref()))?;
                let info = info(&train, &test);
                if output_options.json {
                    print_json(&info)
                } else {
                    print(&text(&info, &train, &test))
                }
            }
        }
    }
}

fn fetch_with_bar(
    name: DatasetName,
    folder: &std::path::Path,
    mirror: Option<&str>,
    options: OutputOptions,
) -> Result<(), Failure> {
    let progress = options.progress();
    let mut bar: Option<(String, indicatif::ProgressBar)> = None;
    fetch(name, folder, mirror, &mut |at| {
        if bar.as_ref().is_none_or(|(file, _)| file != at.file) {
            bar = Some((
                at.file.to_owned(),
                progress.bytes(at.file.to_owned(), at.total.unwrap_or(0)),
            ));
        }
        if let Some((_, bar)) = &bar {
            bar.set_position(at.done);
        }
    })
    .map_err(|error| Failure::fetch(&error))
}

fn info(train: &Dataset, test: &Dataset) -> Info {
    Info {
        name: train.name().to_owned(),
        shape: train.shape(),
        classes: train.classes().to_vec(),
        train_images: train.len(),
        test_images: test.len(),
        train_sha256: train.hash(),
        test_sha256: test.hash(),
    }
}

fn text(info: &Info, train: &Dataset, test: &Dataset) -> String {
    let count = |data: &Dataset, class: usize| {
        grouped(
            data.labels()
                .iter()
                .filter(|label| usize::from(**label) == class)
                .count() as u64,
        )
    };
    let mut rows = vec![["class", "training", "test"].map(str::to_owned).to_vec()];
    for (class, name) in info.classes.iter().enumerate() {
        rows.push(vec![name.clone(), count(train, class), count(test, class)]);
    }
    let [channels, height, width] = info.shape;
    format!(
        "\n  {}: {} training and {} test images, {channels}×{height}×{width}\n\n{}",
        info.name,
        grouped(info.train_images as u64),
        grouped(info.test_images as u64),
        table(&rows)
    )
}
