//! Statistics in a file: safetensors, one F64 tensor `<layer>.<quantity>.<part>` for each sum, and one metadata key with all the rest as a
//! JSON object. The bytes follow from the statistics alone.
//!
//! The bytes that are read may be anything: they are checked against the network that they are to be about.

use std::collections::{BTreeMap, HashMap};

use safetensors::tensor::{Dtype, TensorInfo, TensorView};
use serde::{Deserialize, Serialize};
use sinew_models::Network;
use sinew_models::file::{FileError, split};

use super::{Needs, Part, Quantity, Statistics, parts};

/// Version of the JSON object that is written and read.
const VERSION: u32 = 1;
/// Where it stands among safetensors' metadata.
const KEY: &str = "sinew.statistics";

/// What the figures are about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The attack's name and parameters.
    pub attack: String,
    /// Radius of the L∞ ball in units of [0, 1] pixels.
    pub epsilon: f32,
    /// Decided the images and the attack's random choices.
    pub seed: u64,
    /// SHA-256 of the network, as hexadecimal digits.
    pub network: String,
}

/// Why bytes are not statistics of a network.
#[derive(Debug, thiserror::Error)]
pub enum StatisticsError {
    /// No safetensors file, or a tensor that is missing or wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// A safetensors file of another kind.
    #[error("no statistics inside: the metadata have no \"{KEY}\"")]
    NoStatistics,
    /// Written by another version of this program.
    #[error("statistics of version {0} are unknown, {VERSION} is what this program reads")]
    Version(u32),
    /// The JSON object is damaged.
    #[error("description of the statistics: {0}")]
    Description(#[from] serde_json::Error),
}

/// Everything but the sums.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    version: u32,
    images: usize,
    needs: Needs,
    provenance: Provenance,
}

/// The part of the description that all versions share.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Statistics {
    /// The file's bytes.
    pub fn to_bytes(&self, provenance: &Provenance) -> Vec<u8> {
        let mut tensors = BTreeMap::new();
        for (layer, sums) in self.layers.iter().zip(&self.sums) {
            for ((quantity, part), sum) in sums {
                let bytes: Vec<u8> = sum.iter().flat_map(|sum| sum.to_le_bytes()).collect();
                let name = tensor_name(&layer.name, *quantity, *part);
                tensors.insert(name, (sum.len(), bytes));
            }
        }
        let description = Description {
            version: VERSION,
            images: self.images,
            needs: self.needs.clone(),
            provenance: provenance.clone(),
        };
        let description = serde_json::to_string(&description).expect("plain data");
        let views = tensors.iter().map(|(name, (count, bytes))| {
            let view = TensorView::new(Dtype::F64, vec![*count], bytes);
            (name, view.expect("eight bytes for each sum"))
        });
        let metadata = HashMap::from([(KEY.to_owned(), description)]);
        safetensors::serialize(views, Some(metadata)).expect("names are unique")
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote about a network with the layers of `network`. Never panics, and takes memory in
    /// proportion to the file's and the network's size.
    ///
    /// # Errors
    /// For bytes that are no such file, with the tensor at fault.
    pub fn from_bytes(
        bytes: &[u8],
        network: &Network,
    ) -> Result<(Self, Provenance), StatisticsError> {
        let (header, data) = split(bytes)?;
        let metadata = header.metadata().as_ref();
        let json = metadata.and_then(|metadata| metadata.get(KEY));
        let json = json.ok_or(StatisticsError::NoStatistics)?;
        let Versioned { version } = serde_json::from_str(json)?;
        if version != VERSION {
            return Err(StatisticsError::Version(version));
        }
        let description: Description = serde_json::from_str(json)?;
        let mut tensors: BTreeMap<String, &TensorInfo> = header.tensors().into_iter().collect();
        let mut statistics = Self::new(network, &Needs::default());
        for (layer, sums) in statistics.layers.iter().zip(&mut statistics.sums) {
            for (quantity, part, domain) in parts(&description.needs) {
                let name = tensor_name(&layer.name, quantity, part);
                let count = super::length(layer, domain);
                let sum = take(
                    tensors.remove(&name),
                    data,
                    count,
                    is_signed(quantity, part),
                );
                let sum = sum.map_err(|problem| FileError::Tensor { name, problem })?;
                sums.insert((quantity, part), sum);
            }
        }
        if let Some(name) = tensors.into_keys().next() {
            let problem = "the network has no such layer, or nothing says it is there".to_owned();
            return Err(FileError::Tensor { name, problem }.into());
        }
        statistics.needs = description.needs;
        statistics.images = description.images;
        Ok((statistics, description.provenance))
    }
}

/// Whether a sum may be below zero.
fn is_signed(quantity: Quantity, part: Part) -> bool {
    quantity == Quantity::MeanGradient || part == Part::Correlation
}

fn take(
    info: Option<&TensorInfo>,
    data: &[u8],
    count: usize,
    signed: bool,
) -> Result<Vec<f64>, String> {
    let info = info.ok_or("it is missing")?;
    if info.dtype != Dtype::F64 {
        return Err(format!("its type is {}, not {}", info.dtype, Dtype::F64));
    }
    if info.shape != [count] {
        return Err(format!(
            "its shape is {:?}, where the network needs [{count}]",
            info.shape
        ));
    }
    let (start, end) = info.data_offsets;
    let (numbers, _) = data[start..end].as_chunks();
    let sum: Vec<f64> = numbers.iter().copied().map(f64::from_le_bytes).collect();
    match sum
        .iter()
        .position(|sum| !sum.is_finite() || (!signed && *sum < 0.0))
    {
        None => Ok(sum),
        Some(index) => Err(format!("element {index} is {}", sum[index])),
    }
}

fn tensor_name(layer: &str, quantity: Quantity, part: Part) -> String {
    format!("{layer}.{}.{}", word(quantity), word(part))
}

/// A variant's name as it is serialised.
fn word<T: Serialize>(variant: T) -> String {
    let value = serde_json::to_value(variant).expect("plain data");
    value.as_str().expect("variants without fields").to_owned()
}
