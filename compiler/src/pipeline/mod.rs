//! The compile stage from data to device: train, measure anomaly, prune, fine-tune, pack, evaluate.
//!
//! Every stage leaves its result in the run's folder under its final name. A run that is killed and started again skips finished
//! stages and resumes the unfinished one from its checkpoint; the final files are the same to the bit.

mod error;
mod folder;
mod record;

pub use error::CompileError;
pub use folder::files;
pub use record::{NetworkRecord, Provenance, RunRecord};

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::tensor::Device;
use rand::Rng;
use rand::seq::SliceRandom;
use serde::Serialize;
use sinew_models::Network;
use sinew_models::file::Archive;
use sinew_models::zoo::{self, ZooOptions};

use crate::atomic_file;
use crate::attack::{Attack, Circumstances, Examples, NamedAttack, Pgd, ThreatModel, Victim};
use crate::classifier::WithTwin;
use crate::data::{self, DataError, DataSource, Dataset};
use crate::evaluate::{Bar, Evaluation, PackedClassifier, Protocol, Samples, Volatile, evaluate};
use crate::execute::{DeviceChoice, Executor};
use crate::foreign;
use crate::gradients::with_gradients;
use crate::pack::{self, Manifest};
use crate::progress::Progress;
use crate::prune::{Granularity, Needs, Provenance as Measured, Scope, Statistics, Target, prune};
use crate::recipe::Recipe;
use crate::seed::{seeds, stream};
use crate::train::{EpochRecord, TrainRun, TrainSettings, train};

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
    let source = DataSource::from(recipe.data.as_ref());
    let (train_data, test) = data::load(&source, recipe.image.as_ref(), progress)?;
    let mut provenance = Provenance {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        recipe: recipe.clone(),
        device: device.to_string(),
        network: None,
        train_data: train_data.hash(),
        test_data: test.hash(),
    };
    let test = test.first(recipe.evaluate.samples);
    let run = Run {
        recipe,
        folder,
        device: &opened,
        device_choice: device,
        progress,
        data: Data::new(train_data, test, recipe)?,
    };
    // Whatever is wrong with the recipe shows before the folder is claimed for it.
    let initial = run.initial()?;
    run.attacks()?;
    if foreign::is_file(&recipe.network) {
        provenance.network = Some(foreign::hash(&initial)?);
    }
    let _lock = folder::take(folder, &provenance)?;

    let dense = run.dense(initial)?;
    let statistics = run.statistics(&dense.network)?;
    let sparse = run.sparse(&dense.network, &statistics)?;
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
    device_choice: DeviceChoice,
    progress: &'a Progress,
    data: Data,
}

impl Run<'_> {
    fn initial(&self) -> Result<Network, CompileError> {
        let train = &self.data.train;
        let recipe = self.recipe;
        if foreign::is_file(&recipe.network) {
            let (path, input) = (Path::new(&recipe.network), recipe.input.as_ref());
            return Ok(foreign::read(path, input, train.shape(), train.classes())?);
        }
        let (mean, deviation) = moments(&self.data.train);
        let options = ZooOptions {
            input_shape: train.shape(),
            labels: train.classes().to_vec(),
            width: recipe.width,
            mean,
            deviation,
            seed: recipe.seed,
        };
        Ok(zoo::build(&recipe.network, &options)?)
    }

    fn dense(&self, initial: Network) -> Result<Trained, CompileError> {
        self.trained(files::DENSE, "train", &self.recipe.train, || Ok(initial))
    }

    fn sparse(&self, dense: &Network, statistics: &Statistics) -> Result<Trained, CompileError> {
        self.trained(files::SPARSE, "fine-tune", &self.recipe.fine_tune, || {
            let settings = &self.recipe.prune;
            let target = Target {
                sparsity: settings.sparsity,
                granularity: Granularity::Weight,
                scope: Scope::Global,
                density_floor: settings.density_floor,
            };
            let mut network = dense.clone();
            let seed = self.recipe.seed;
            prune(&mut network, &settings.criterion, statistics, seed, &target)?;
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
            self.read_trained(&path)?
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
            let recipe = toml::to_string(self.recipe).expect("plain data");
            let metadata =
                BTreeMap::from([(HISTORY.to_owned(), json), (Recipe::KEY.to_owned(), recipe)]);
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

    fn statistics(&self, dense: &Network) -> Result<Statistics, CompileError> {
        let settings = &self.recipe.prune;
        let needs = settings.criterion.needs();
        let needs = needs.and(&Needs::of_measure(settings.measure));
        let attack = Pgd::new(ThreatModel::linf(self.recipe.epsilon), settings.steps);
        let measured = Measured {
            attack: format!("pgd{}", settings.steps),
            epsilon: self.recipe.epsilon,
            seed: self.recipe.seed,
            network: foreign::hash(dense)?,
        };
        let path = self.folder.join(files::ANOMALY);
        if let Ok(bytes) = fs::read(&path) {
            let problem = match Statistics::from_bytes(&bytes, dense) {
                Ok((statistics, found)) if found == measured && *statistics.needs() == needs => {
                    return Ok(statistics);
                }
                Ok(_) => "it belongs to another network, or to another recipe".to_owned(),
                Err(error) => error.to_string(),
            };
            return Err(CompileError::State { path, problem });
        }
        let executor = Executor::new(dense, self.device);
        let mut sample: Vec<usize> = (0..self.data.train.len()).collect();
        sample.shuffle(&mut stream(self.recipe.seed, "anomaly sample", &[]));
        sample.truncate(settings.samples);
        let mut statistics = Statistics::new(dense, &needs);
        let bar = self.progress.bar("measure anomaly", sample.len() as u64);
        for indices in sample.chunks(ANOMALY_BATCH) {
            let images = self.data.train.batch(indices);
            let labels = self.data.train.batch_labels(indices);
            let positions = indices.iter().map(|index| *index as u64);
            let seeds = seeds(self.recipe.seed, "anomaly attack", positions);
            let examples = Examples::new(&images, &labels, &seeds);
            let adversarial = attack.perturb(&executor, &examples)?;
            statistics.add(&executor, &images, &adversarial, &labels)?;
            bar.inc(indices.len() as u64);
        }
        bar.finish();
        atomic_file::write(&path, &statistics.to_bytes(&measured))?;
        Ok(statistics)
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
            Ok(found) => match serde_json::from_slice(&found) {
                Ok(evaluation) if self.asked_for(&evaluation)? => evaluation,
                Ok(_) => {
                    let problem = "it belongs to another evaluation".to_owned();
                    return Err(CompileError::State { path, problem });
                }
                Err(error) => {
                    let problem = error.to_string();
                    return Err(CompileError::State { path, problem });
                }
            },
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

    /// Whether an evaluation that was found is the one the recipe asks for: a figure must not get another threat model's label.
    fn asked_for(&self, found: &Evaluation) -> Result<bool, CompileError> {
        let recipe = self.recipe;
        let wanted = self.attacks()?;
        let wanted = wanted.iter().map(|attack| (&attack.name, attack.budget));
        let made = found.attacks.iter().map(|a| (&a.name, a.budget));
        Ok((found.epsilon, found.samples, found.seed)
            == (recipe.epsilon, self.data.test.len(), recipe.seed)
            && made.eq(wanted))
    }

    /// The attacks that the recipe asks for.
    fn attacks(&self) -> Result<Vec<NamedAttack<'static>>, CompileError> {
        let at = Circumstances {
            threat: ThreatModel::linf(self.recipe.epsilon),
            classes: self.data.test.classes().len(),
            surrogate: None,
        };
        let settings = self.recipe.evaluate.attacks.iter();
        let attacks: Result<_, _> = settings.map(|settings| settings.attack(&at)).collect();
        Ok(attacks?)
    }

    /// A training stage's result, which must be about images such as this run's.
    fn read_trained(&self, path: &Path) -> Result<Trained, CompileError> {
        let trained = read_trained(path)?;
        let (network, data) = (&trained.network, &self.data.train);
        if (network.input_shape(), network.labels()) == (data.shape(), data.classes()) {
            return Ok(trained);
        }
        Err(CompileError::State {
            path: path.to_owned(),
            problem: "its network is for other images".to_owned(),
        })
    }

    /// The packed model is attacked; the gradients are those of its float twin.
    fn evaluate(
        &self,
        network: &Network,
        packed: &[u8],
        label: &str,
    ) -> Result<Evaluation, CompileError> {
        let protocol = Protocol {
            threat: ThreatModel::linf(self.recipe.epsilon),
            attacks: self.attacks()?,
            alone: true,
            seed: self.recipe.seed,
        };
        let indices: Vec<usize> = (0..self.data.test.len()).collect();
        let samples = Samples {
            data: &self.data.test,
            indices: &indices,
        };
        let bar = Bar::new(self.progress, label, &protocol.attacks, indices.len());
        let deployed = &PackedClassifier::new(packed)?;
        let findings = with_gradients(network, self.device_choice, |twin| {
            let victim = WithTwin { deployed, twin };
            let victim = Victim::Gradients(&victim);
            evaluate(victim, samples, &protocol, &mut Volatile, &bar)
        })?;
        Ok(findings?.evaluation)
    }
}

/// Images per batch of the anomaly table; bounds the memory that responses take on the host.
const ANOMALY_BATCH: usize = 100;

fn stream_seed(seed: u64, purpose: &str) -> u64 {
    stream(seed, purpose, &[]).next_u64()
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
