//! The compile stage from data to device: train, measure anomaly, prune, fine-tune, pack, evaluate.
//!
//! Every stage leaves its result in the run's folder under its final name. A run that is killed and started again skips finished
//! stages and resumes the unfinished one from its checkpoint; the final files are the same to the bit.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use sinew_models::Network;
use sinew_models::file::Archive;
use sinew_models::zoo::{self, ZooOptions};

use crate::atomic_file::{self, WriteError};
use crate::attack::{Attack, Differentiable, Pgd};
use crate::data::{self, DataError, DataSource, Dataset};
use crate::evaluate::{Evaluation, PackedClassifier, evaluate};
use crate::execute::{DeviceChoice, DeviceError, ExecuteError, Executor};
use crate::pack::{self, Manifest, PackError};
use crate::progress::Progress;
use crate::prune::{AnomalyTable, RankingError, Statistics, prune};
use crate::recipe::Recipe;
use crate::seed::stream;
use crate::train::{EpochRecord, TrainError, TrainRun, TrainSettings, train};

/// Names of the files in a run's folder.
pub mod files {
    /// The recipe, with everything the command line changed.
    pub const RECIPE: &str = "recipe.toml";
    /// The trained parent.
    pub const DENSE: &str = "dense.safetensors";
    /// The parent's anomaly table.
    pub const ANOMALY: &str = "anomaly.json";
    /// The pruned and fine-tuned network.
    pub const SPARSE: &str = "sparse.safetensors";
    /// The parent, packed: what the sparse model is compared with.
    pub const DENSE_MODEL: &str = "dense.sinew";
    /// The product.
    pub const MODEL: &str = "model.sinew";
    /// Every figure of the run.
    pub const RECORD: &str = "run.json";
}

/// A run that could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// Another process holds the folder.
    #[error("work in {}: another run is using this folder", .0.display())]
    Locked(PathBuf),
    /// The folder holds a run of something else.
    #[error("resume in {}: it holds a run of another recipe, version, device or of other data; choose another folder, or delete this one", .0.display())]
    OtherRun(PathBuf),
    /// A file of an earlier stage that cannot be used.
    #[error("resume from {}: {problem}; delete the file to repeat its stage", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The data cannot be had.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The network cannot be built for these data.
    #[error("build the network: {0}")]
    Zoo(#[from] zoo::ZooError),
    /// Training failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The sparsity cannot be met.
    #[error(transparent)]
    Ranking(#[from] RankingError),
    /// The network cannot be packed.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The device failed.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The device cannot be had.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A result could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Everything that decides a run's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of the tool.
    pub version: String,
    /// What is done.
    pub recipe: Recipe,
    /// Device it is done on.
    pub device: String,
    /// SHA-256 over shape, labels and pixels of the training images.
    pub train_data: String,
    /// The same of the test images.
    pub test_data: String,
}

/// A recipe that runs again, with the rest in comments.
impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# sinew {} on {}", self.version, self.device)?;
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
    /// Fraction of zeros among the weights of convolution and linear layers.
    pub sparsity: f64,
    /// Size of the packed file.
    pub bytes: u64,
    /// Training epochs on the way to it.
    pub history: Vec<EpochRecord>,
    /// Accuracy, clean and attacked, on test images.
    pub evaluation: Evaluation,
}

/// Runs `recipe` in `folder`, or goes on with the run that is there.
///
/// # Errors
/// See [`CompileError`]. Whatever was finished stays and is not repeated by the next try.
pub fn compile(
    recipe: &Recipe,
    folder: &Path,
    device: DeviceChoice,
    progress: &Progress,
) -> Result<RunRecord, CompileError> {
    let opened = device.open()?;
    let (train_data, test) = data::load(&DataSource::from(recipe.data.as_ref()))?;
    let provenance = Provenance {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        recipe: recipe.clone(),
        device: device.to_string(),
        train_data: train_data.hash(),
        test_data: test.hash(),
    };
    let test = test.first(recipe.evaluate.samples);
    let run = Run {
        recipe,
        folder,
        device: &opened,
        progress,
        data: Data::new(train_data, test, recipe)?,
    };
    // Whatever is wrong with the recipe shows before the folder is claimed for it.
    let initial = run.initial()?;
    atomic_file::create_folder(folder)?;
    let _lock = lock(folder)?;
    atomic_file::sweep(folder)?;
    claim(folder, &provenance)?;

    let dense = run.dense(initial)?;
    let table = run.anomaly(&dense.network)?;
    let sparse = run.sparse(&dense.network, &table)?;
    let dense_record = run.network_record(&dense, files::DENSE_MODEL, "attack dense")?;
    let sparse_record = run.network_record(&sparse, files::MODEL, "attack sparse")?;
    let record = RunRecord {
        provenance,
        dense: dense_record,
        sparse: sparse_record,
    };
    atomic_file::write(&folder.join(files::RECORD), &json(&record))?;
    Ok(record)
}

/// Held as long as the run lives; the system releases it when the process dies.
fn lock(folder: &Path) -> Result<File, CompileError> {
    let path = folder.join(".lock");
    let file = File::create(&path).map_err(|source| WriteError { path, source })?;
    file.try_lock()
        .map_err(|_| CompileError::Locked(folder.to_owned()))?;
    Ok(file)
}

/// Makes the folder this run's, or checks that it already is: same recipe, data, device and version.
fn claim(folder: &Path, provenance: &Provenance) -> Result<(), CompileError> {
    let path = folder.join(files::RECIPE);
    let text = provenance.to_string();
    match fs::read_to_string(&path) {
        Ok(found) if found == text => Ok(()),
        Ok(_) => Err(CompileError::OtherRun(folder.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(atomic_file::write(&path, text.as_bytes())?)
        }
        Err(error) => Err(CompileError::State {
            path,
            problem: error.to_string(),
        }),
    }
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("plain data");
    bytes.push(b'\n');
    bytes
}

/// The three disjoint sets of a run.
struct Data {
    train: Dataset,
    validation: Dataset,
    test: Dataset,
}

impl Data {
    fn new(train: Dataset, test: Dataset, recipe: &Recipe) -> Result<Self, DataError> {
        let train = match recipe.train_images {
            Some(count) => train.first(count),
            None => train,
        };
        let (train, validation) = data::split(&train, recipe.validation_fraction, recipe.seed)?;
        Ok(Self {
            train,
            validation,
            test,
        })
    }
}

/// A network with the training that led to it.
struct Trained {
    network: Network,
    history: Vec<EpochRecord>,
}

const HISTORY: &str = "sinew.history";

struct Run<'a> {
    recipe: &'a Recipe,
    folder: &'a Path,
    device: &'a Device,
    progress: &'a Progress,
    data: Data,
}

impl Run<'_> {
    fn initial(&self) -> Result<Network, CompileError> {
        let (mean, deviation) = moments(&self.data.train);
        let options = ZooOptions {
            input_shape: self.data.train.shape(),
            labels: self.data.train.classes().to_vec(),
            width: self.recipe.width,
            mean,
            deviation,
            seed: self.recipe.seed,
        };
        Ok(zoo::build(&self.recipe.network, &options)?)
    }

    fn dense(&self, initial: Network) -> Result<Trained, CompileError> {
        self.trained(files::DENSE, "train", &self.recipe.train, || Ok(initial))
    }

    fn sparse(&self, dense: &Network, table: &AnomalyTable) -> Result<Trained, CompileError> {
        self.trained(files::SPARSE, "fine-tune", &self.recipe.fine_tune, || {
            let settings = &self.recipe.prune;
            let statistics = Statistics {
                anomaly: table,
                seed: self.recipe.seed,
            };
            let mut network = dense.clone();
            prune(
                &mut network,
                &settings.criterion,
                &statistics,
                settings.sparsity,
                settings.density_floor,
            )?;
            Ok(network)
        })
    }

    /// The result of a training stage: read if it is finished, else resumed or begun.
    fn trained(
        &self,
        name: &str,
        label: &str,
        settings: &TrainSettings,
        initial: impl FnOnce() -> Result<Network, CompileError>,
    ) -> Result<Trained, CompileError> {
        let path = self.folder.join(name);
        let checkpoint = path.with_extension("checkpoint");
        let trained = if path.exists() {
            read_trained(&path)?
        } else {
            let run = TrainRun {
                settings,
                epsilon: self.recipe.epsilon,
                seed: stream_seed(self.recipe.seed, label),
                train: &self.data.train,
                validation: &self.data.validation,
                device: self.device,
                checkpoint: &checkpoint,
            };
            let (network, history) = train(&run, initial()?, self.progress, label)?;
            let json = serde_json::to_string(&history).expect("plain data");
            let metadata = BTreeMap::from([(HISTORY.to_owned(), json)]);
            let archive = Archive {
                network,
                tensors: BTreeMap::new(),
                metadata,
            };
            let bytes = archive
                .to_bytes()
                .expect("a trained network is finite and has unique names");
            atomic_file::write(&path, &bytes)?;
            Trained {
                network: archive.network,
                history,
            }
        };
        // Left over by a run that was killed between its last two writes, or not needed any more.
        let _ = fs::remove_file(&checkpoint);
        Ok(trained)
    }

    fn anomaly(&self, dense: &Network) -> Result<AnomalyTable, CompileError> {
        let path = self.folder.join(files::ANOMALY);
        if let Ok(bytes) = fs::read(&path) {
            let table: Result<AnomalyTable, _> = serde_json::from_slice(&bytes);
            let problem = match table {
                Ok(table) if table.fits(dense) => return Ok(table),
                Ok(_) => "it belongs to another network".to_owned(),
                Err(error) => error.to_string(),
            };
            return Err(CompileError::State { path, problem });
        }
        let settings = &self.recipe.prune;
        let executor = Executor::new(dense, self.device);
        let mut sample: Vec<usize> = (0..self.data.train.len()).collect();
        sample.shuffle(&mut stream(self.recipe.seed, "anomaly sample", &[]));
        sample.truncate(settings.samples);
        let attack = Pgd::new(self.recipe.epsilon, settings.steps, 1);
        let mut table = AnomalyTable::new(settings.measure, dense);
        let bar = self.progress.bar("measure anomaly", sample.len() as u64);
        for (number, indices) in sample.chunks(ANOMALY_BATCH).enumerate() {
            let images = self.data.train.batch(indices);
            let labels: Vec<usize> = indices
                .iter()
                .map(|i| usize::from(self.data.train.labels()[*i]))
                .collect();
            let seed = stream_seed(self.recipe.seed, &format!("anomaly attack {number}"));
            let adversarial = attack.perturb(&executor, &images, &labels, seed)?;
            table.add(&executor, &images, &adversarial, &labels)?;
            bar.inc(indices.len() as u64);
        }
        bar.finish();
        atomic_file::write(&path, &json(&table))?;
        Ok(table)
    }

    fn network_record(
        &self,
        trained: &Trained,
        name: &str,
        label: &str,
    ) -> Result<NetworkRecord, CompileError> {
        let network = &trained.network;
        let manifest = Manifest::new(network, Some(self.recipe));
        let bytes = pack::pack(network, &manifest)?;
        let model = self.folder.join(name);
        atomic_file::write(&model, &bytes)?;

        let path = model.with_extension("evaluation.json");
        let evaluation = match fs::read(&path) {
            Ok(found) => serde_json::from_slice(&found).map_err(|error| CompileError::State {
                path,
                problem: error.to_string(),
            })?,
            Err(_) => {
                let evaluation = self.evaluate(network, &bytes, label)?;
                atomic_file::write(&path, &json(&evaluation))?;
                evaluation
            }
        };
        Ok(NetworkRecord {
            parameters: network.nonzero_count(),
            sparsity: network.sparsity(),
            bytes: bytes.len() as u64,
            history: trained.history.clone(),
            evaluation,
        })
    }

    /// The packed model is judged; the gradients are those of its float twin.
    fn evaluate(
        &self,
        network: &Network,
        packed: &[u8],
        label: &str,
    ) -> Result<Evaluation, CompileError> {
        let recipe = self.recipe;
        let attacks: Vec<Box<dyn Attack>> = recipe
            .evaluate
            .attacks
            .iter()
            .map(|attack| attack.attack(recipe.epsilon))
            .collect();
        let twin = Executor::new(network, self.device);
        let victim = PackedClassifier::new(packed)?;
        let surrogate: &dyn Differentiable = &twin;
        Ok(evaluate(
            &victim,
            surrogate,
            &attacks,
            recipe.epsilon,
            &self.data.test,
            recipe.seed,
            (self.progress, label),
        )?)
    }
}

/// Images per batch of the anomaly table; bounds the memory that responses take on the host.
const ANOMALY_BATCH: usize = 100;

fn stream_seed(seed: u64, purpose: &str) -> u64 {
    rand::Rng::next_u64(&mut stream(seed, purpose, &[]))
}

fn read_trained(path: &Path) -> Result<Trained, CompileError> {
    let damaged = |problem: String| CompileError::State {
        path: path.to_owned(),
        problem,
    };
    let bytes = fs::read(path).map_err(|error| damaged(error.to_string()))?;
    let archive = Archive::from_bytes(&bytes).map_err(|error| damaged(error.to_string()))?;
    let history = archive
        .metadata
        .get(HISTORY)
        .map(|text| serde_json::from_str(text));
    let history = history
        .ok_or_else(|| damaged("it holds no training history".to_owned()))?
        .map_err(|error| damaged(error.to_string()))?;
    Ok(Trained {
        network: archive.network,
        history,
    })
}

/// Mean and standard deviation of every channel over all pixels of `data`, in units of [0, 1] pixels.
fn moments(data: &Dataset) -> (Vec<f32>, Vec<f32>) {
    let [channels, height, width] = data.shape();
    let map = height * width;
    let count = (data.len() * map).max(1) as f64;
    let channel = |channel: usize| {
        let (mut sum, mut squares) = (0u64, 0u64);
        for index in 0..data.len() {
            for &pixel in &data.pixels(index)[channel * map..(channel + 1) * map] {
                sum += u64::from(pixel);
                squares += u64::from(pixel) * u64::from(pixel);
            }
        }
        let mean = sum as f64 / count / 255.0;
        let variance = squares as f64 / count / 255.0f64.powi(2) - mean * mean;
        // A constant channel carries nothing; any scale will do.
        let deviation = if variance > 1e-12 {
            variance.sqrt()
        } else {
            1.0
        };
        (mean as f32, deviation as f32)
    };
    (0..channels).map(channel).unzip()
}
