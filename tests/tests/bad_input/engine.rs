//! ONNX Runtime that is not there, and what it refuses.

use std::fs;
use std::process::Command;

use sinew_tests::program::sinew;
use sinew_tests::wheel::{RAPID_OCR, onnx_runtime_library, wheel};

use super::{DEVICE, INPUT, USAGE, assert_fails, text};

fn on_onnx_runtime(command: &str) -> Command {
    let mut command = sinew(command);
    command
        .args(["--engine", "ort"])
        .env("ORT_DYLIB_PATH", onnx_runtime_library());
    command
}

#[test]
fn an_onnx_runtime_that_is_not_there_is_a_device_error_that_says_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let no_library = folder.path().join("no-library.so");
    fs::write(&no_library, "text").unwrap();
    let missing = folder.path().join("missing.so");
    for (library, name) in [
        (text(&no_library), "no-library.so"),
        (text(&missing), "missing.so"),
        // No Python to ask either.
        ("", "ORT_DYLIB_PATH is not set"),
    ] {
        let mut command = on_onnx_runtime("bench model.onnx");
        command
            .env("ORT_DYLIB_PATH", library)
            .env("PATH", folder.path());
        assert_fails(&mut command, DEVICE, &[name, "pip install onnxruntime=="]);
    }
}

#[test]
fn a_model_that_onnx_runtime_does_not_run_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.onnx");
    fs::write(&broken, "text").unwrap();
    let missing = folder.path().join("missing.onnx");
    let models = wheel(RAPID_OCR).join("rapidocr_onnxruntime/models");
    let open_sizes = models.join("ch_ppocr_mobile_v2.0_cls_infer.onnx");
    for (model, problem) in [
        (&broken, "broken.onnx"),
        (&missing, "missing.onnx"),
        (&open_sizes, "[?, 3, ?, ?]"),
    ] {
        assert_fails(
            on_onnx_runtime("bench").arg(model),
            INPUT,
            &[text(model), problem],
        );
    }
}

#[test]
fn more_threads_than_the_engine_has_are_a_usage_error() {
    assert_fails(
        &mut sinew("bench model --threads 2"),
        USAGE,
        &["--threads 2", "--engine ort"],
    );
}
