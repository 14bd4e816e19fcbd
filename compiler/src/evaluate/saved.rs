//! Turned images on disk: as exact numbers for programs, as pictures for people.

use std::io;
use std::path::Path;

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use npyz::WriterBuilder;
use serde::Serialize;

use super::{EvaluateError, Findings, Samples};
use crate::atomic_file;
use crate::classifier::Decider;

/// Times that a difference is magnified in pictures.
const MAGNIFIED: f32 = 4.0;
/// The least side of one panel, in pixels of the picture.
const SIDE: usize = 112;

/// What `examples.json` says of one turned image; its place in the list is its place in the arrays.
#[derive(Serialize)]
struct Example<'a> {
    /// Number in the test set.
    index: usize,
    label: &'a str,
    /// What the network takes it for; none if no class stands out.
    decided: Option<&'a str>,
    /// The attack that turned it.
    attack: &'a str,
    distance: f64,
    picture: String,
}

/// Writes into `folder` what attacks have found: `clean.npy` and `adversarial.npy`, `[image, channel, height, width]` in float32, `labels.npy`,
/// `examples.json`, and for each image a picture of the clean and the turned one and of their difference, four times magnified around
/// grey.
///
/// # Errors
/// If something cannot be written, or what the network reports.
pub fn save_adversarial(
    folder: &Path,
    samples: Samples<'_>,
    model: &dyn Decider,
    findings: &Findings,
) -> Result<(), EvaluateError> {
    let data = samples.data;
    let [channels, height, width] = data.shape();
    let pictures = folder.join("pictures");
    atomic_file::create_folder(&pictures)?;
    let (mut clean, mut turned, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    let mut examples = Vec::new();
    for (&index, image) in &findings.adversarial {
        let original = data.batch(&[index]);
        let label = usize::from(data.labels()[index]);
        let decision = model.decide(image, 1)?.first().copied().flatten();
        let attacks = &findings.evaluation.attacks;
        let attack = attacks.iter().find(|attack| attack.turned.contains(&index));
        let name = format!("{index:05}.png");
        let picture = panels(&original, image, data.shape());
        atomic_file::write(&pictures.join(&name), &picture)?;
        examples.push(Example {
            index,
            label: &data.classes()[label],
            decided: decision.map(|class| data.classes()[class].as_str()),
            attack: attack.map_or("", |attack| attack.name.as_str()),
            distance: findings.evaluation.norm.distance(&original, image),
            picture: format!("pictures/{name}"),
        });
        labels.push(label as i64);
        clean.extend(original);
        turned.extend_from_slice(image);
    }
    let shape = [labels.len(), channels, height, width].map(|side| side as u64);
    atomic_file::write(&folder.join("clean.npy"), &npy(&shape, &clean))?;
    atomic_file::write(&folder.join("adversarial.npy"), &npy(&shape, &turned))?;
    atomic_file::write(&folder.join("labels.npy"), &npy(&shape[..1], &labels))?;
    let list = serde_json::to_vec_pretty(&examples).expect("plain data");
    atomic_file::write(&folder.join("examples.json"), &list)?;
    Ok(())
}

/// An array as a `.npy` file.
fn npy<T: npyz::AutoSerialize + Copy>(shape: &[u64], values: &[T]) -> Vec<u8> {
    let write = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::new().default_dtype();
        let mut writer = options.shape(shape).writer(&mut bytes).begin_nd()?;
        writer.extend(values.iter().copied())?;
        writer.finish()?;
        Ok(bytes)
    };
    write().expect("memory takes all that is written")
}

/// A PNG of the clean image, the turned one, and their difference, side by side.
fn panels(clean: &[f32], turned: &[f32], [channels, height, width]: [usize; 3]) -> Vec<u8> {
    let zoom = SIDE.div_ceil(height.min(width)).max(1);
    let (rows, columns) = (height * zoom, width * zoom);
    let gap = zoom;
    let total = 3 * columns + 2 * gap;
    // Anything but three channels is shown as grey, by the first.
    let colours = if channels == 3 { 3 } else { 1 };
    let difference: Vec<f32> = clean
        .iter()
        .zip(turned)
        .map(|(a, b)| 0.5 + MAGNIFIED * (b - a))
        .collect();
    let mut pixels = vec![255u8; rows * total * colours];
    for (number, panel) in [clean, turned, &difference].into_iter().enumerate() {
        for row in 0..rows {
            for column in 0..columns {
                for colour in 0..colours {
                    let value = panel[(colour * height + row / zoom) * width + column / zoom];
                    let place = row * total + number * (columns + gap) + column;
                    pixels[place * colours + colour] =
                        (value.clamp(0.0, 1.0) * 255.0).round() as u8;
                }
            }
        }
    }
    let colour = if colours == 3 {
        ExtendedColorType::Rgb8
    } else {
        ExtendedColorType::L8
    };
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(&pixels, total as u32, rows as u32, colour)
        .expect("as many pixels as the sides say");
    png
}
