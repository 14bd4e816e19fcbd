//! From `Network` to a `.sinew` file: fold, lower to the runtime's steps, place tensors in the arena, write.
//!
//! Only this module writes model bytes; the layout of every record is the runtime's own. The result is read back and verified before
//! it is given out. Non-goals: quantisation and the transport profile.

mod arena;
mod fold;
mod functions;
mod lower;
mod manifest;
mod plan;
mod unpack;
mod write;

pub use functions::operator_name;
pub use manifest::{LayerRecord, Manifest};
pub use unpack::unpack;

pub(crate) use fold::{BatchNorm, fold_batch_norm};

use sinew_models::Network;
use sinew_runtime::Model;

/// A network that cannot be packed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PackError {
    /// The runtime has no such step, or it exceeds a limit of the format.
    #[error("pack node \"{node}\": {problem}")]
    Node {
        /// The node's name.
        node: String,
        /// Why.
        problem: String,
    },
    /// The runtime refuses the file.
    #[error("verify the packed file: {0}")]
    Verify(#[from] sinew_runtime::Error),
}

/// Below this density the sparse kernels are faster: measured by `cargo bench -p sinew-runtime` on the layers of the zoo, where
/// convolutions cross between 0.41 and 0.62 and linear layers between 0.28 and 0.46.
const SPARSE_CONVOLUTION_BELOW: f64 = 0.45;
const SPARSE_LINEAR_BELOW: f64 = 0.3;

/// The bytes of a `.sinew` file. The same network and manifest give the same bytes.
///
/// # Errors
/// If a node exceeds a limit of the format.
pub fn pack(network: &Network, manifest: &Manifest) -> Result<Vec<u8>, PackError> {
    let folded = fold_batch_norm(network);
    let plan = lower::lower(&folded)?;
    let manifest = manifest.with_layers(&plan);
    let bytes = write::write(&plan, &manifest.to_bytes());
    Model::parse(&bytes)?;
    Ok(bytes)
}
