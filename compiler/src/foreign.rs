//! Networks that come from elsewhere, made ready for training: one input of the data's shape, logits at the end, gradients all the way.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sinew_models::onnx::{self, ImportOptions, OnnxError};
use sinew_models::{Archive, FileError, Network, Shape, ShapeError, ValueId};

/// What a foreign network expects of its input, where pixels in [0, 1] are not it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSettings {
    /// Subtracted from every channel: becomes part of the network.
    pub mean: Vec<f32>,
    /// Divided by after that.
    pub deviation: Vec<f32>,
}

/// SHA-256 over a network's graph and numbers.
///
/// # Errors
/// If a number is not finite.
pub fn hash(network: &Network) -> Result<String, ForeignError> {
    let bytes = Archive::from(network.clone()).to_bytes()?;
    let digest = Sha256::digest(bytes);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A network that cannot be trained here.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// The file cannot be read or has no counterpart here.
    #[error("import {}: {source}", path.display())]
    Import {
        /// The file.
        path: PathBuf,
        /// Why.
        source: OnnxError,
    },
    /// The normalisation does not fit the network's channels.
    #[error("use [input] of the recipe: {0}")]
    Input(#[from] ShapeError),
    /// A number in it is not finite.
    #[error("train a foreign network: {0}")]
    Numbers(#[from] FileError),
    /// It is a classifier of other images.
    #[error(
        "train {}: it takes {takes} inputs and gives {gives} scores, the data are {images} images of {classes} classes; use a network \
         with as many outputs, or other data", path.display()
    )]
    Data {
        /// The file.
        path: PathBuf,
        /// Shape of its input.
        takes: String,
        /// Number of its outputs.
        gives: usize,
        /// Shape of the images.
        images: String,
        /// Number of their classes.
        classes: usize,
    },
    /// Nothing in it can be trained.
    #[error("train {}: it has no weights", .0.display())]
    NoWeights(PathBuf),
    /// Training cannot see through one of its nodes.
    #[error(
        "train {}: node \"{node}\" ({operator}) has no gradient; cut it off, or replace it by one that has", path.display()
    )]
    NoGradient {
        /// The file.
        path: PathBuf,
        /// The node's name.
        node: String,
        /// What it computes.
        operator: String,
    },
}

/// Whether a recipe's network is a file, and not the name of one in the zoo.
pub fn is_file(network: &str) -> bool {
    Path::new(network)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"))
}

/// The network in an ONNX file, for images of `shape` with the class names `classes`. A softmax at its end is left out, since losses and
/// attacks work on logits.
///
/// # Errors
/// If it cannot be imported, takes other inputs, has another number of outputs, or an operator without a gradient.
pub fn read(
    path: &Path,
    input: Option<&InputSettings>,
    shape: [usize; 3],
    classes: &[String],
) -> Result<Network, ForeignError> {
    let options = ImportOptions {
        input_shape: Some(shape.to_vec()),
        ..ImportOptions::default()
    };
    let import = onnx::import(path, &options).map_err(|source| ForeignError::Import {
        path: path.to_owned(),
        source,
    })?;
    let mut network = import.network.up_to_logits();
    if let Some(InputSettings { mean, deviation }) = input {
        network = network.normalized(mean.clone(), deviation.clone())?;
    }
    if network.parameter_count() == 0 {
        return Err(ForeignError::NoWeights(path.to_owned()));
    }
    if let Some(node) = network
        .nodes()
        .iter()
        .find(|node| !node.operator.has_gradient())
    {
        return Err(ForeignError::NoGradient {
            path: path.to_owned(),
            node: node.name.clone(),
            operator: node.operator.name().to_owned(),
        });
    }
    let takes = network.shape(ValueId::INPUT).clone();
    let images = Shape::from(shape);
    if takes != images || network.classes() != classes.len() {
        return Err(ForeignError::Data {
            path: path.to_owned(),
            takes: takes.to_string(),
            gives: network.classes(),
            images: images.to_string(),
            classes: classes.len(),
        });
    }
    Ok(network.with_labels(classes.to_vec())?)
}
