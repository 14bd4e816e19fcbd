//! `sinew data`: data sets by name.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::OutputOptions;
use super::failure::Failure;
use super::table::{grouped, table};
use super::terminal::{print, print_json};
use crate::data::{DataSource, DatasetName, ImageSettings, Resize, default_folder, fetch, load};
use crate::progress::Progress;

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
    /// Absent where images differ.
    shape: Option<[usize; 3]>,
    /// The smallest and the largest number of any image.
    channels: [usize; 2],
    heights: [usize; 2],
    widths: [usize; 2],
    classes: Vec<String>,
    train_images: usize,
    test_images: usize,
    /// Absent where images differ: hashes are of images as a network takes them.
    train_sha256: Option<String>,
    test_sha256: Option<String>,
    #[serde(skip)]
    labels: [Vec<u16>; 2],
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
                let info = info(&DataSource::from(data.as_ref()), &output_options.progress())?;
                if output_options.json {
                    print_json(&info)
                } else {
                    print(&text(&info))
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

fn info(source: &DataSource, progress: &Progress) -> Result<Info, Failure> {
    let (train, test) = match source.image_folder()? {
        None => load(source, None, progress)?,
        Some(folder) => {
            let shapes = folder.shapes(progress)?;
            let shapes: Vec<_> = shapes.into_iter().map(|(shape, _)| shape).collect();
            let &[shape] = shapes.as_slice() else {
                let (name, classes) = (folder.name(), folder.classes());
                return Ok(Info::new(name, classes, folder.labels(), &shapes));
            };
            // All have it, so that nothing will be resized.
            let settings = ImageSettings::for_shape(shape, Resize::Stretch);
            folder.load(settings.as_ref(), progress)?
        }
    };
    let labels = [&train, &test].map(|data| data.labels().to_vec());
    Ok(Info {
        train_sha256: Some(train.hash()),
        test_sha256: Some(test.hash()),
        ..Info::new(train.name(), train.classes(), labels, &[train.shape()])
    })
}

impl Info {
    /// Without hashes. `shapes` are the different ones, at least one.
    fn new(name: &str, classes: &[String], labels: [Vec<u16>; 2], shapes: &[[usize; 3]]) -> Self {
        let range = |axis: usize| {
            let sides = || shapes.iter().map(|shape| shape[axis]);
            [sides().min().unwrap_or(0), sides().max().unwrap_or(0)]
        };
        let [channels, heights, widths] = [0, 1, 2].map(range);
        Self {
            name: name.to_owned(),
            shape: match shapes {
                [shape] => Some(*shape),
                _ => None,
            },
            channels,
            heights,
            widths,
            classes: classes.to_vec(),
            train_images: labels[0].len(),
            test_images: labels[1].len(),
            train_sha256: None,
            test_sha256: None,
            labels,
        }
    }
}

fn text(info: &Info) -> String {
    let mut counts = vec![[0_u64; 2]; info.classes.len()];
    for (part, labels) in info.labels.iter().enumerate() {
        for label in labels {
            counts[usize::from(*label)][part] += 1;
        }
    }
    let mut rows = vec![["class", "training", "test"].map(str::to_owned).to_vec()];
    for (name, [train, test]) in info.classes.iter().zip(counts) {
        rows.push(vec![name.clone(), grouped(train), grouped(test)]);
    }
    let range = |[least, most]: [usize; 2]| match least == most {
        true => least.to_string(),
        false => format!("({least} to {most})"),
    };
    let advice = match info.shape {
        Some(_) => "",
        None => "\n  They differ: a recipe needs [image], `sinew attack` may need --resize.\n",
    };
    format!(
        "\n  {}: {} training and {} test images, {}×{}×{}\n{advice}\n{}",
        info.name,
        grouped(info.train_images as u64),
        grouped(info.test_images as u64),
        range(info.channels),
        range(info.heights),
        range(info.widths),
        table(&rows)
    )
}
