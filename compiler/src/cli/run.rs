//! `sinew run`: classify images.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use sinew_runtime::{Model, Session};

use super::OutputOptions;
use super::failure::Failure;
use super::inspect::manifest;
use super::model_file::ModelFile;
use super::table::{percent, table};
use super::terminal::{print, print_json};
use crate::data::{ImageSettings, Resize, read_picture};
use crate::pack::PackError;

/// Classify images with a model, on the runtime that devices use
#[derive(Args)]
pub(super) struct Run {
    /// A .sinew file, or a .safetensors checkpoint, which is packed in memory
    file: PathBuf,
    /// PNG or JPEG images, or .npy files with float32 arrays [batch, channel, height, width] in [0, 1]
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// How pictures get the model's size: stretch, crop or pad [default: as in the model's training, else stretch]
    #[arg(long)]
    resize: Option<Resize>,
    #[command(flatten)]
    output_options: OutputOptions,
}

#[derive(Serialize)]
struct Report {
    results: Vec<Classified>,
}

#[derive(Serialize)]
struct Classified {
    input: String,
    index: usize,
    class: usize,
    label: Option<String>,
    logits: Vec<f32>,
}

impl Run {
    pub(super) fn run(self) -> Result<(), Failure> {
        let file = ModelFile::read(&self.file)?;
        let resize = match self.resize {
            Some(resize) => resize,
            None => file.resize()?.unwrap_or(Resize::Stretch),
        };
        let packed = file.packed()?;
        let model = Model::parse(&packed).map_err(PackError::from)?;
        let labels = manifest(&model).labels;
        let mut memory = vec![0; model.arena_bytes()];
        let mut results = Vec::new();
        for path in &self.inputs {
            let images = read_images(path, model.input_shape(), resize)?;
            for (index, image) in images.chunks(model.input_len()).enumerate() {
                let mut logits = vec![0.0; model.output_len()];
                Session::new(&model, &mut memory)
                    .and_then(|mut session| session.run(image, &mut logits))
                    .map_err(|error| Failure::internal(format!("run the model: {error}")))?;
                let class = argmax(&logits);
                let input = path.display().to_string();
                results.push(Classified {
                    input,
                    index,
                    class,
                    label: labels.get(class).cloned(),
                    logits,
                });
            }
        }
        if self.output_options.json {
            print_json(&Report { results })
        } else {
            print(&text(&results))
        }
    }
}

/// Images as the network takes them, one behind the other.
fn read_images(path: &Path, shape: [usize; 3], resize: Resize) -> Result<Vec<f32>, Failure> {
    let fail =
        |problem: String| Failure::input(format!("read input {}: {problem}", path.display()));
    if path.extension().is_some_and(|extension| extension == "npy") {
        return read_npy(path, shape).map_err(fail);
    }
    let Some(settings) = ImageSettings::for_shape(shape, resize) else {
        let [channels, ..] = shape;
        return Err(fail(format!(
            "the model takes {channels} channels, pictures have 1 or 3: use .npy"
        )));
    };
    let pixels = read_picture(path, &settings)?;
    Ok(pixels
        .iter()
        .map(|pixel| f32::from(*pixel) / 255.0)
        .collect())
}

fn read_npy(path: &Path, shape: [usize; 3]) -> Result<Vec<f32>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    let array = npyz::NpyFile::new(BufReader::new(file)).map_err(|error| error.to_string())?;
    let [channels, height, width] = shape.map(|axis| axis as u64);
    let wanted = format!("float32 [batch, {channels}, {height}, {width}]");
    if array.shape().len() != 4 || array.shape()[1..] != [channels, height, width] {
        return Err(format!(
            "the array has shape {:?}, the model takes {wanted}",
            array.shape()
        ));
    }
    // Before anything is allocated: the file must be as long as its header promises.
    if array.shape()[0] > length / (4 * channels * height * width) {
        return Err(format!(
            "the file is too short for its shape {:?}",
            array.shape()
        ));
    }
    if array.order() != npyz::Order::C {
        return Err("the array is in Fortran order: save it in C order".to_owned());
    }
    let values = array
        .into_vec::<f32>()
        .map_err(|error| format!("{error}: the model takes {wanted}"))?;
    match values.iter().position(|value| !value.is_finite()) {
        Some(position) => Err(format!("value {position} is {}", values[position])),
        None => Ok(values),
    }
}

fn argmax(logits: &[f32]) -> usize {
    let best = |best: usize, (class, logit): (usize, &f32)| {
        if *logit > logits[best] { class } else { best }
    };
    logits.iter().enumerate().fold(0, best)
}

fn text(results: &[Classified]) -> String {
    let mut rows = vec![
        ["input", "class", "probability"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for result in results {
        let largest = result.logits[result.class];
        let sum: f32 = result
            .logits
            .iter()
            .map(|logit| (logit - largest).exp())
            .sum();
        rows.push(vec![
            format!("{} [{}]", result.input, result.index),
            result
                .label
                .clone()
                .unwrap_or_else(|| result.class.to_string()),
            percent(f64::from(1.0 / sum)),
        ]);
    }
    format!("\n{}", table(&rows))
}
