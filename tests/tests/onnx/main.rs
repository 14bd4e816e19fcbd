//! ONNX files against what others say of them: ONNX Runtime, and the ONNX project's own cases; and what goes out comes back.

mod engine;
mod export_files;
mod round_trip;
