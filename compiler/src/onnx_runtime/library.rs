//! Finding and loading ONNX Runtime: from `ORT_DYLIB_PATH`, else from the package `onnxruntime` of `python3`.
//!
//! Non-goals: downloading it, and looking in more places than these two, which a user can say in one sentence.

use std::error::Error;
use std::path::{self, Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::{env, fs};

use ort::LoadDynamicError;
use ort::environment::Environment;
use ort::logging::LogLevel;

use super::OnnxRuntimeError;

/// Prints the folder of the package without running any of it. What lies in the working folder is not looked at.
const FIND_PACKAGE: &str = "import sys; sys.path.pop(0); import importlib.util; \
    print(importlib.util.find_spec('onnxruntime').submodule_search_locations[0])";

/// There is one for the process, and it stays: ONNX Runtime cannot be unloaded.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// The environment of all sessions. Loads the library if this is the first time.
///
/// # Errors
/// If there is no library, or it is another one, or too old.
pub(super) fn environment() -> Result<Environment, String> {
    environment_from(find)
}

/// Loads ONNX Runtime from the file at `path`, where nothing else is to decide which one it is. If one is loaded already, it stays.
///
/// # Errors
/// If the file is not ONNX Runtime, or too old.
pub fn load_library(path: &Path) -> Result<(), OnnxRuntimeError> {
    let loaded = environment_from(|| Ok(path.to_owned()));
    loaded.map(drop).map_err(OnnxRuntimeError::Library)
}

fn environment_from(
    library: impl FnOnce() -> Result<PathBuf, String>,
) -> Result<Environment, String> {
    let mut environment = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*environment {
        return Ok(environment.clone());
    }
    let library = library()?;
    // ort takes a relative path from the folder of the program, and panics if it has to look for the library itself.
    let library = path::absolute(library).map_err(|error| error.to_string())?;
    let builder = ort::init_from(library).map_err(|error| match &error {
        // What the system says, which names the file.
        LoadDynamicError::Dlopen { error: cause, .. } => match cause.source() {
            Some(cause) => cause.to_string(),
            None => error.to_string(),
        },
        _ => error.to_string(),
    })?;
    // By default it writes to standard error, also what the caller is told.
    let loaded = builder
        .with_logger(Arc::new(|_, _, _, _, _| {}))
        .with_telemetry(false)
        .build()
        .map_err(|error| error.to_string())?;
    loaded.set_log_level(LogLevel::Fatal);
    Ok(environment.insert(loaded).clone())
}

/// The library's file, in the places where it is looked for.
fn find() -> Result<PathBuf, String> {
    let named = env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty());
    named
        .map(PathBuf::from)
        .or_else(in_python_package)
        .ok_or_else(|| {
            "ORT_DYLIB_PATH is not set, and python3 has no package onnxruntime".to_owned()
        })
}

fn in_python_package() -> Option<PathBuf> {
    let output = Command::new("python3")
        .args(["-c", FIND_PACKAGE])
        .output()
        .ok()?;
    let package = String::from_utf8(output.stdout).ok()?;
    let folder = PathBuf::from(package.trim_end()).join("capi");
    // Such as libonnxruntime.so.1.32.0, libonnxruntime.1.32.0.dylib, onnxruntime.dll.
    let beginning = format!("{}onnxruntime.", env::consts::DLL_PREFIX);
    let mut paths = fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path());
    paths.find(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(&beginning))
    })
}
