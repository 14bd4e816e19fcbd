//! stub
#![allow(missing_docs)]
use std::collections::BTreeMap; use std::path::Path; use crate::Network;
#[derive(Default)] pub struct ImportOptions { pub input_shape: Option<Vec<usize>>, pub output: Option<String> }
pub struct Import { pub network: Network, pub explanation: Vec<Explained> }
pub struct Explained { pub node: String, pub operator: String, pub fate: String }
#[derive(Debug, thiserror::Error)] #[error("stub")] pub struct OnnxError;
pub fn import(_: &Path, _: &ImportOptions) -> Result<Import, OnnxError> { Err(OnnxError) }
#[derive(Default)] pub struct ExportOptions { pub sparse_initializers: bool, pub metadata: BTreeMap<String, String> }
pub fn export(_: &Network, _: &ExportOptions) -> Result<Vec<u8>, OnnxError> { Err(OnnxError) }
