//! ONNX: what goes out comes back, and other engines compute the same.

mod export_files;
mod round_trip;
