//! The state of a training run as one file: the network, its velocities and averages, the best epoch so far, the history.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use sinew_models::Network;
use sinew_models::file::{self, Archive};

use super::optimizer::State;
use super::{EpochRecord, TrainError};
use crate::atomic_file;
use crate::execute::{download, upload_flat};

/// Where a run stands. Together with the seed this decides everything that follows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Epochs that are finished.
    pub(super) epoch: usize,
    /// Steps of the next epoch that are finished.
    pub(super) step: usize,
    /// Sum of the training loss over those steps.
    pub(super) loss: f64,
    /// What the finished epochs gave.
    pub(super) history: Vec<EpochRecord>,
}

/// A run that can go on.
pub(super) struct Checkpoint {
    pub(super) position: Position,
    pub(super) state: State,
    /// The network of the best epoch so far.
    pub(super) best: Option<Network>,
}

const METADATA: &str = "sinew.training";
const PARTS: [&str; 3] = ["parameter", "velocity", "average"];

impl Checkpoint {
    /// Writes the file whole or not at all. The archive's network carries the best weights so far (else the initial ones) and the masks.
    pub(super) fn save(&self, path: &Path, initial: &Network) -> Result<(), TrainError> {
        let network = self.best.as_ref().unwrap_or(initial);
        let mut tensors = BTreeMap::new();
        for (part, values) in PARTS.iter().zip(self.parts()) {
            for (parameter, tensor) in network.parameters().iter().zip(values) {
                let name = format!("{part}/{}", parameter.name());
                let (shape, values) = (parameter.shape().to_vec(), download(tensor.clone())?);
                tensors.insert(name, file::Tensor { shape, values });
            }
        }
        let saved = Saved {
            position: self.position.clone(),
            has_best: self.best.is_some(),
        };
        let json = serde_json::to_string(&saved).expect("plain data");
        let metadata = BTreeMap::from([(METADATA.to_owned(), json)]);
        let archive = Archive {
            network: network.clone(),
            tensors,
            metadata,
        };
        // Only finite numbers can be saved; others will never become finite again.
        let bytes = archive.to_bytes().map_err(|error| TrainError::Diverged {
            epoch: self.position.epoch + 1,
            problem: error.to_string(),
        })?;
        Ok(atomic_file::write(path, &bytes)?)
    }

    /// Reads a checkpoint of a run that began with `initial`.
    pub(super) fn load(
        path: &Path,
        initial: &Network,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let damaged = |problem: String| TrainError::Checkpoint {
            path: path.to_owned(),
            problem,
        };
        let bytes = fs::read(path).map_err(|error| damaged(error.to_string()))?;
        let mut archive =
            Archive::from_bytes(&bytes).map_err(|error| damaged(error.to_string()))?;
        if archive.network.nodes() != initial.nodes() {
            return Err(damaged("it belongs to another network".to_owned()));
        }
        let json = archive
            .metadata
            .get(METADATA)
            .ok_or_else(|| damaged("it holds no training state".to_owned()))?;
        let saved: Saved =
            serde_json::from_str(json).map_err(|error| damaged(error.to_string()))?;
        let mut part = |part: &str| -> Result<Vec<Tensor<1>>, TrainError> {
            let parameters = initial.parameters().iter();
            parameters
                .map(|parameter| {
                    let name = format!("{part}/{}", parameter.name());
                    let tensor = archive.tensors.remove(&name);
                    tensor
                        .filter(|tensor| tensor.shape == parameter.shape())
                        .map(|tensor| upload_flat(tensor.values, device))
                        .ok_or_else(|| {
                            damaged(format!("tensor \"{name}\" is missing or has another shape"))
                        })
                })
                .collect()
        };
        let state = State {
            parameters: part(PARTS[0])?,
            velocities: part(PARTS[1])?,
            averages: part(PARTS[2])?,
        };
        Ok(Self {
            position: saved.position,
            state,
            best: saved.has_best.then_some(archive.network),
        })
    }

    fn parts(&self) -> [&[Tensor<1>]; 3] {
        [
            &self.state.parameters,
            &self.state.velocities,
            &self.state.averages,
        ]
    }
}

#[derive(Serialize, Deserialize)]
struct Saved {
    position: Position,
    has_best: bool,
}
