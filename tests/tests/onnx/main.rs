//! ONNX files against what others say of them: ONNX Runtime, and the ONNX project's own cases.

mod engine;
