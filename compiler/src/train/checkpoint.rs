//! The state of a training run as one file: the network, its velocities and averages, the best epoch so far, the history.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sinew_models::Network;
use sinew_models::file::{self, Archive};

use super::optimizer::State;
use super::{EpochRecord, TrainError};
use crate::atomic_file;

/// Where a run stands. Together with the seed this decides everything that follows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Epochs that are finished.
    pub(super) epoch: usize,
    /// Steps of the next epoch that are finished.
    pub(super) step: usize,
    /// Sum of the training loss over those steps.
    pub(super) loss: f64,
    /// Images of those steps that were classified as they were crafted.
    pub(super) withstood: usize,
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
/// 1 where a value may differ from zero, else 0.
const MASK: &str = "mask";
/// What the pruning method keeps.
const SPARSIFIER: &str = "sparsifier";

impl Checkpoint {
    /// Writes the file whole or not at all, with the state of the pruning method. The archive's network carries the best weights so
    /// far, else the initial ones.
    pub(super) fn save(
        &self,
        path: &Path,
        initial: &Network,
        sparsifier: BTreeMap<String, Vec<f32>>,
    ) -> Result<(), TrainError> {
        let mut tensors = BTreeMap::new();
        let mut keep = |name: String, shape: &[usize], values: Vec<f32>| {
            let shape = shape.to_vec();
            tensors.insert(name, file::Tensor { shape, values });
        };
        for (part, values) in PARTS.iter().zip(self.parts()) {
            for (parameter, values) in initial.parameters().iter().zip(values) {
                let name = format!("{part}/{}", parameter.name());
                keep(name, parameter.shape(), values.clone());
            }
        }
        for (parameter, mask) in initial.parameters().iter().zip(&self.state.masks) {
            if let Some(mask) = mask {
                let name = format!("{MASK}/{}", parameter.name());
                let mask = mask.iter().map(|keep| f32::from(u8::from(*keep)));
                keep(name, parameter.shape(), mask.collect());
            }
        }
        for (name, values) in sparsifier {
            keep(format!("{SPARSIFIER}/{name}"), &[values.len()], values);
        }
        let saved = Saved {
            position: self.position.clone(),
            has_best: self.best.is_some(),
        };
        let json = serde_json::to_string(&saved).expect("plain data");
        let archive = Archive {
            network: self.best.as_ref().unwrap_or(initial).clone(),
            tensors,
            metadata: BTreeMap::from([(METADATA.to_owned(), json)]),
        };
        // Only finite numbers can be saved; others will never become finite again.
        let bytes = archive.to_bytes().map_err(|error| TrainError::Diverged {
            epoch: self.position.epoch + 1,
            problem: error.to_string(),
        })?;
        Ok(atomic_file::write(path, &bytes)?)
    }

    /// Reads a checkpoint of a run that began with `initial`, and the state of its pruning method.
    pub(super) fn load(
        path: &Path,
        initial: &Network,
    ) -> Result<(Self, BTreeMap<String, Vec<f32>>), TrainError> {
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
        let tensors = &mut archive.tensors;
        let mut part = |part: &str| -> Vec<Option<Vec<f32>>> {
            let parameters = initial.parameters().iter();
            parameters
                .map(|parameter| {
                    let tensor = tensors.remove(&format!("{part}/{}", parameter.name()));
                    let tensor = tensor.filter(|tensor| tensor.shape == parameter.shape());
                    tensor.map(|tensor| tensor.values)
                })
                .collect()
        };
        let masks = part(MASK).into_iter();
        let masks = masks.map(|mask| Some(mask?.iter().map(|keep| *keep != 0.0).collect()));
        let masks: Vec<Option<Vec<bool>>> = masks.collect();
        let mut masked = initial.parameters().iter().zip(&masks);
        if let Some((p, _)) = masked.find(|(p, mask)| mask.is_some() && !p.role().is_trainable()) {
            let name = p.name();
            return Err(damaged(format!("{name} has a mask and is not trained")));
        }
        let mut whole = |name: &str| -> Result<Vec<Vec<f32>>, TrainError> {
            let values: Option<Vec<Vec<f32>>> = part(name).into_iter().collect();
            values.ok_or_else(|| damaged(format!("a {name} is missing or has another shape")))
        };
        let state = State {
            parameters: whole(PARTS[0])?,
            velocities: whole(PARTS[1])?,
            averages: whole(PARTS[2])?,
            masks,
        };
        let checkpoint = Self {
            position: saved.position,
            state,
            best: saved.has_best.then_some(archive.network),
        };
        let own = archive.tensors.into_iter().filter_map(|(name, tensor)| {
            let name = name.strip_prefix(SPARSIFIER)?.strip_prefix('/')?;
            Some((name.to_owned(), tensor.values))
        });
        Ok((checkpoint, own.collect()))
    }

    fn parts(&self) -> [&[Vec<f32>]; 3] {
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
