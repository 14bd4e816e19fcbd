//! Import: from the bytes of a file to a [`Network`].
//!
//! `decode` makes a graph of nodes; `walk` goes through those that the output needs and lets `operator` lower each through `Lowering`;
//! `finish` puts the network together, simplifies it, and tells what became of every node.

mod attribute;
mod census;
mod decode;
mod external;
mod finish;
mod inline;
mod interface;
mod lowering;
mod operator;
pub(super) mod tensor;
#[cfg(test)]
mod testing;
mod walk;

use std::path::Path;

use super::{Import, ImportOptions, OnnxError};

/// Imports the bytes of a file.
pub(super) fn import(
    bytes: &[u8],
    folder: Option<&Path>,
    options: &ImportOptions,
) -> Result<Import, OnnxError> {
    let (graph, initializers) = decode::decode(bytes, folder, options.max_elements)?;
    let interface = interface::Interface::new(&graph, options)?;
    let walked = walk::walk(&graph, initializers, &interface, options)?;
    finish::finish(&graph, walked)
}
