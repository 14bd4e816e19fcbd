//! ONNX: networks to the exchange format of the field (<https://onnx.ai>).

pub mod export;

pub use export::{ExportError, ExportOptions, export};
