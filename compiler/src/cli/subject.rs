//! The model that a command attacks or measures: its file, its network, and what stands for it in an evaluation.

use std::path::{Path, PathBuf};

use sinew_models::Network;

use super::engine::Engine;
use super::failure::Failure;
use super::model_file::ModelFile;
use super::onnx_model::OnnxModel;
use crate::attack::Victim;
use crate::classifier::{Classifier, WithTwin};
use crate::data::{Dataset, ImageSettings, Resize};
use crate::evaluate::PackedClassifier;
use crate::execute::DeviceChoice;
use crate::foreign;
use crate::gradients::with_gradients;
use crate::onnx_runtime::OnnxRuntime;

/// A model and its network, of a packed model the float twin, without a softmax at the end, where a loss has no use for it.
pub(super) struct Subject {
    path: PathBuf,
    pub(super) file: ModelFile,
    pub(super) network: Network,
}

impl Subject {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let file = ModelFile::read(path)?;
        let network = file.network()?.up_to_logits();
        Ok(Self {
            path: path.to_owned(),
            file,
            network,
        })
    }

    /// What pictures in folders are brought to: the model's size, by default as in its training.
    pub(super) fn image_settings(
        &self,
        resize: Option<Resize>,
    ) -> Result<Option<ImageSettings>, Failure> {
        let resize = match resize {
            Some(resize) => Some(resize),
            None => self.file.resize()?,
        };
        let shape = self.network.input_shape();
        Ok(resize.and_then(|resize| ImageSettings::for_shape(shape, resize)))
    }

    /// Refuses images that are not the model's.
    pub(super) fn fits(&self, data: &Dataset) -> Result<(), Failure> {
        let network = &self.network;
        if (data.shape(), data.classes().len()) == (network.input_shape(), network.classes()) {
            return Ok(());
        }
        Err(Failure::input(format!(
            "use model {} with data set {}: the model takes {:?} images of {} classes, the data are {:?} of {}",
            self.path.display(),
            data.name(),
            network.input_shape(),
            network.classes(),
            data.shape(),
            data.classes().len()
        )))
    }

    /// What tells this model from all others.
    pub(super) fn hash(&self) -> Result<String, Failure> {
        if let ModelFile::Packed(bytes) = &self.file {
            use sha2::{Digest, Sha256};
            let digest = Sha256::digest(bytes);
            return Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        foreign::hash(&self.network)
            .map_err(|error| Failure::input(format!("use model {}: {error}", self.path.display())))
    }

    /// Calls `attack` with the model as a victim: in the arithmetic that is deployed, with the gradients of its network.
    pub(super) fn with_victim<T>(
        &self,
        (engine, threads): (Engine, Option<u16>),
        device: DeviceChoice,
        attack: impl FnOnce(Victim<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        with_gradients(&self.network, device, |twin| {
            self.deployed(engine, threads, |deployed| match deployed {
                None => attack(Victim::Gradients(twin)),
                Some(deployed) => attack(Victim::Gradients(&WithTwin { deployed, twin })),
            })
        })?
    }

    /// Calls `work` with what computes the model where it is deployed; none if that is its network.
    fn deployed<T>(
        &self,
        engine: Engine,
        threads: Option<u16>,
        work: impl FnOnce(Option<&dyn Classifier>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        match (engine, &self.file) {
            (Engine::Sinew, ModelFile::Network(_)) => work(None),
            (Engine::Sinew, ModelFile::Packed(bytes)) => work(Some(&PackedClassifier::new(bytes)?)),
            (Engine::Ort, _) => work(Some(&self.on_onnx_runtime(threads)?)),
        }
    }

    /// The model in ONNX Runtime, if it agrees with the network about what it takes and gives.
    fn on_onnx_runtime(&self, threads: Option<u16>) -> Result<OnnxRuntime, Failure> {
        let file = OnnxModel::read(&self.path)?;
        let model = file.open(Some(self.network.input_shape()), threads)?;
        if model.classes() == self.network.classes() {
            return Ok(model);
        }
        Err(Failure::input(format!(
            "attack {}: ONNX Runtime gives {} logits, the imported network {}",
            self.path.display(),
            model.classes(),
            self.network.classes()
        )))
    }
}
