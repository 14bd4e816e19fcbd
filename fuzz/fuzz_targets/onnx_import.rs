//! Whatever the bytes are, the import ends in time and memory without a panic; and what it imports can be written as a network file and
//! read back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sinew_models::Archive;
use sinew_models::onnx::{ImportOptions, import_bytes};

fuzz_target!(|bytes: &[u8]| {
    for whole in [false, true] {
        let options = ImportOptions {
            whole,
            max_elements: 1 << 16,
            ..ImportOptions::default()
        };
        let Ok(import) = import_bytes(bytes, None, &options) else {
            continue;
        };
        // Shapes may be large, parameters not; but only numbers that are finite can be written.
        let Ok(file) = Archive::from(import.network.clone()).to_bytes() else {
            continue;
        };
        if let Ok(archive) = Archive::from_bytes(&file) {
            assert_eq!(archive.network, import.network);
        }
    }
});
