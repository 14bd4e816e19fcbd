//! What a run leaves in writing: what decided it, and every figure.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::evaluate::Evaluation;
use crate::recipe::Recipe;
use crate::train::EpochRecord;

/// Everything that decides a run's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of the tool.
    pub version: String,
    /// What is done.
    pub recipe: Recipe,
    /// Device it is done on.
    pub device: String,
    /// SHA-256 over the network that training begins with, if it comes from a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// SHA-256 over shape, labels and pixels of the training images.
    pub train_data: String,
    /// The same of the test images.
    pub test_data: String,
}

/// A recipe that runs again, with the rest in comments.
impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# sinew {} on {}", self.version, self.device)?;
        if let Some(network) = &self.network {
            writeln!(f, "# network: {network}")?;
        }
        writeln!(f, "# training images: {}", self.train_data)?;
        writeln!(f, "# test images: {}", self.test_data)?;
        f.write_str(&toml::to_string(&self.recipe).expect("a recipe is plain data"))
    }
}

/// Every figure of a run, as `run.json` holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// What decided it.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// Training images that an epoch passes over.
    pub training_images: usize,
    /// The trained parent.
    pub dense: NetworkRecord,
    /// The product.
    pub sparse: NetworkRecord,
}

/// Figures of one of a run's two networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkRecord {
    /// Trainable parameters that are not zero.
    pub parameters: usize,
    /// Fraction of the dense network's weights, in convolution and linear layers, that are zero or gone.
    pub sparsity: f64,
    /// Size of the packed file.
    pub bytes: u64,
    /// Training epochs on the way to it.
    pub history: Vec<EpochRecord>,
    /// Accuracy, clean and attacked, on test images.
    pub evaluation: Evaluation,
    /// The same under the suite that the recipe asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<Evaluation>,
}
