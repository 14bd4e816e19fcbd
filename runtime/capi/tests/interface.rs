//! Calls the C interface: from Rust for every status, and from a C program for header and linking.

#[path = "../../tests/support/mod.rs"]
mod support;

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::path::Path;
use std::process::Command;
use std::ptr;

use sinew_c::*;
use sinew_runtime::format::{Bounds, Operator};
use support::Network;

/// A model that clamps three values at zero.
fn rectifier() -> Vec<u8> {
    let mut network = Network::new([3, 1, 1], 1);
    let bounds = Bounds::RELU;
    network.add(Operator::Affine { bounds }, &[0], 0, 0.0);
    network.layers[0].bias = vec![1.0; 3];
    network.layers[0].weights = vec![0.0; 3];
    network.parts().file()
}

#[test]
fn a_model_runs() {
    let file = rectifier();
    let mut model = MaybeUninit::uninit();
    // SAFETY: all pointers point to what the functions ask for.
    unsafe {
        let status = sinew_model_parse(file.as_ptr(), file.len(), model.as_mut_ptr());
        assert_eq!(status, Status::Ok);
        let model = model.as_ptr();
        let mut shape = [0; 3];
        assert_eq!(sinew_model_input_shape(model, &mut shape), Status::Ok);
        assert_eq!(shape, [3, 1, 1]);
        assert_eq!(sinew_model_output_len(model), 3);

        let length = sinew_model_arena_bytes(model);
        let mut arena = vec![0_u8; length];
        let arena = arena.as_mut_ptr().cast();
        let (input, mut output) = ([1.0, -2.0, 3.0], [f32::NAN; 3]);
        let (from, to) = (input.as_ptr(), output.as_mut_ptr());
        let run = |arena_length, input_length, output_length| {
            sinew_run(
                model,
                arena,
                arena_length,
                from,
                input_length,
                to,
                output_length,
            )
        };
        assert_eq!(run(length - 1, 3, 3), Status::ArenaTooSmall);
        assert_eq!(run(length, 2, 3), Status::InputLength);
        assert_eq!(run(length, 3, 2), Status::OutputLength);
        assert_eq!(run(length, 3, 3), Status::Ok);
        assert_eq!(output, [1.0, 0.0, 3.0]);
    }
}

#[test]
fn null_pointers_and_failed_models_are_statuses() {
    let file = rectifier();
    let (bytes, length) = (file.as_ptr(), file.len());
    let mut storage = MaybeUninit::uninit();
    let (mut byte, mut value) = (0_u8, 0_f32);
    // SAFETY: pointers are null or point to what the functions ask for.
    unsafe {
        let model = storage.as_mut_ptr();
        assert_eq!(
            sinew_model_parse(ptr::null(), 0, model),
            Status::NullPointer
        );
        assert_eq!(
            sinew_model_parse(bytes, length, ptr::null_mut()),
            Status::NullPointer
        );
        assert_eq!(
            sinew_model_parse(bytes, length - 1, model),
            Status::Malformed
        );
        assert_eq!(sinew_model_input_shape(model, &mut [0; 3]), Status::NoModel);
        assert_eq!(
            sinew_model_input_shape(model, ptr::null_mut()),
            Status::NullPointer
        );
        assert_eq!(sinew_model_arena_bytes(model), 0);
        assert_eq!(sinew_model_output_len(ptr::null()), 0);
        let arena = ptr::from_mut(&mut byte).cast();
        let run = |model, output| sinew_run(model, arena, 1, &1.0, 1, output, 1);
        assert_eq!(run(model, &mut value), Status::NoModel);
        assert_eq!(run(ptr::null(), &mut value), Status::NullPointer);
        assert_eq!(run(model, ptr::null_mut()), Status::NullPointer);
    }
}

#[test]
fn every_status_has_a_message() {
    // SAFETY: messages are never null and live for ever.
    let message = |status| unsafe { CStr::from_ptr(sinew_status_message(status)) };
    for status in Status::Ok as i32..=Status::OutputLength as i32 {
        assert_ne!(message(status), message(-1));
    }
}

/// Compiles `program.c` with the header, links it with the static library and runs it.
#[test]
#[cfg(unix)]
fn a_c_program_runs_a_model() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Cargo puts the library into the folder in which this test is.
    let library = std::env::current_exe()
        .unwrap()
        .with_file_name("libsinew_c.a");
    let (model, program) = (folder.join("rectifier.sinew"), folder.join("program"));
    std::fs::write(&model, rectifier()).unwrap();
    let compiled = Command::new("cc")
        .args([
            "-std=c99",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "-I",
        ])
        .arg(source.join("include"))
        .arg(source.join("tests/program.c"))
        .arg(library)
        .args(["-lpthread", "-ldl", "-lm", "-o"])
        .arg(&program)
        .status();
    match compiled {
        Err(error) => eprintln!("SKIPPED: there is no C compiler: {error}"),
        Ok(status) => {
            assert!(status.success());
            let output = Command::new(program).arg(model).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), "1.0 0.0 3.0\n");
        }
    }
}
