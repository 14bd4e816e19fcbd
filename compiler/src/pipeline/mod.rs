//! The compile stage from data to device: train, measure anomaly, prune, fine-tune, pack, evaluate.
//!
//! Every stage leaves its result in the run's folder under its final name. A run that is killed and started again skips finished
//! stages and resumes the unfinished one from its checkpoint; the final files are the same to the bit.

mod error;
mod folder;
mod measure;
mod record;

pub use error::CompileError;
pub use folder::files;
pub use record::{NetworkRecord, Provenance, RunRecord};

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rand::Rng;
use serde::Serialize;
use sinew_models::Network;
use sinew_models::UnitGroups;
use sinew_models::file::Archive;
use sinew_models::zoo::{self, ZooOptions};

use crate::atomic_file;
use crate::data::{self, DataError, DataSource, Dataset};
use crate::execute::DeviceChoice;
use crate::foreign;
use crate::observe::Sample;
use crate::progress::Progress;
use crate::prune::{Fixed, Granularity, Measure, Needs, Sparsifier, Statistics, layers};
use crate::recipe::Recipe;
use crate::seed::stream;
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
    let (run, initial, provenance) = Run::new(recipe, folder, device, progress)?;
    let _lock = folder::take(folder, &provenance)?;

    let dense = run.dense(initial)?;
    run.anomaly(&dense.network, files::ANOMALY)?;
    let sparse = run.sparse(&dense.network)?;
    run.anomaly(&sparse.network, files::SPARSE_ANOMALY)?;
    let dense_record = run.network_record(&dense, &dense.network, files::DENSE_MODEL, "dense")?;
    let sparse_record = run.network_record(&sparse, &dense.network, files::MODEL, "sparse")?;
    let record = RunRecord {
        provenance,
        training_images: run.data.train.len(),
        dense: dense_record,
        sparse: sparse_record,
    };
    atomic_file::write(&folder.join(files::RECORD), &json(&record))?;
    Ok(record)
}

/// The stages of [`compile`] that make and measure the dense network alone; [`files::PARENT`] are what they leave for others.
///
/// # Errors
/// As [`compile`].
pub fn compile_parent(
    recipe: &Recipe,
    folder: &Path,
    device: DeviceChoice,
    progress: &Progress,
) -> Result<NetworkRecord, CompileError> {
    let (run, initial, provenance) = Run::new(recipe, folder, device, progress)?;
    let _lock = folder::take(folder, &provenance)?;

    let dense = run.dense(initial)?;
    run.anomaly(&dense.network, files::ANOMALY)?;
    run.network_record(&dense, &dense.network, files::DENSE_MODEL, "dense")
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

/// One of the run's two trainings.
struct Stage<'a> {
    /// Of the file it leaves.
    name: &'a str,
    label: &'a str,
    settings: &'a TrainSettings,
    /// The parent, where there is one.
    teacher: Option<&'a Network>,
}

const HISTORY: &str = "sinew.history";

/// Where the metadata of a trained network tell, as JSON, which units were removed from it: the names of layers with [`RemovedUnits`].
pub const REMOVED_UNITS: &str = "sinew.removed-units";

/// The units that a training stage has removed whole, by the name of their layer: their numbers, rising, in the network that it began with.
pub type RemovedUnits = BTreeMap<String, Vec<usize>>;

struct Run<'a> {
    recipe: &'a Recipe,
    folder: &'a Path,
    device: DeviceChoice,
    progress: &'a Progress,
    data: Data,
}

impl<'a> Run<'a> {
    /// A run with the network that its training begins with. Whatever is wrong with the recipe shows here, before a folder is claimed.
    fn new(
        recipe: &'a Recipe,
        folder: &'a Path,
        device: DeviceChoice,
        progress: &'a Progress,
    ) -> Result<(Self, Network, Provenance), CompileError> {
        device.open()?;
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
        let run = Self {
            recipe,
            folder,
            device,
            progress,
            data: Data::new(train_data, test, recipe)?,
        };
        let initial = run.initial()?;
        run.measurements()?;
        if foreign::is_file(&recipe.network) {
            provenance.network = Some(foreign::hash(&initial)?);
        }
        Ok((run, initial, provenance))
    }

    fn initial(&self) -> Result<Network, CompileError> {
        let train = &self.data.train;
        let recipe = self.recipe;
        if foreign::is_file(&recipe.network) {
            let (path, input) = (Path::new(&recipe.network), recipe.input.as_ref());
            return Ok(foreign::read(path, input, train.shape(), train.classes())?);
        }
        let (mean, deviation) = train.moments();
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
        let stage = Stage {
            name: files::DENSE,
            label: "train",
            settings: &self.recipe.train,
            teacher: None,
        };
        self.trained(&stage, initial, &mut Fixed)
    }

    fn sparse(&self, dense: &Network) -> Result<Trained, CompileError> {
        let recipe = self.recipe;
        let stage = Stage {
            name: files::SPARSE,
            label: "fine-tune",
            settings: &recipe.fine_tune,
            teacher: Some(dense),
        };
        let seed = stream_seed(recipe.seed, "prune");
        let mut sparsifier = recipe.prune.sparsifier(seed);
        self.trained(&stage, dense.clone(), &mut *sparsifier)
    }

    /// The result of a training stage: read if it is finished, else resumed or begun.
    fn trained(
        &self,
        stage: &Stage<'_>,
        initial: Network,
        sparsifier: &mut dyn Sparsifier,
    ) -> Result<Trained, CompileError> {
        let path = self.folder.join(stage.name);
        let checkpoint = path.with_extension("checkpoint");
        let trained = if path.exists() {
            self.read_trained(&path)?
        } else {
            let run = TrainRun {
                settings: stage.settings,
                epsilon: self.recipe.epsilon,
                seed: stream_seed(self.recipe.seed, stage.label),
                train: &self.data.train,
                validation: &self.data.validation,
                teacher: stage.teacher,
                device: self.device,
                checkpoint: &checkpoint,
            };
            let mut observe = |network: &Network, needs: &Needs| {
                self.sample().observe(network, needs, &Progress::hidden())
            };
            let (network, history) = train(
                &run,
                initial,
                sparsifier,
                &mut observe,
                self.progress,
                stage.label,
            )?;
            let (network, removed) = match self.recipe.prune.granularity {
                Granularity::Unit => without_silent_units(&network)?,
                _ => (network, RemovedUnits::new()),
            };
            let json = serde_json::to_string(&history).expect("plain data");
            let recipe = toml::to_string(self.recipe).expect("plain data");
            let removed = serde_json::to_string(&removed).expect("plain data");
            let metadata = BTreeMap::from([
                (HISTORY.to_owned(), json),
                (Recipe::KEY.to_owned(), recipe),
                (REMOVED_UNITS.to_owned(), removed),
            ]);
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

    /// The training images that networks are measured on.
    fn sample(&self) -> Sample<'_> {
        let (recipe, settings) = (self.recipe, &self.recipe.prune);
        Sample {
            data: &self.data.train,
            count: settings.samples,
            epsilon: recipe.epsilon,
            steps: settings.steps,
            seed: recipe.seed,
            device: self.device,
        }
    }

    /// Leaves the anomaly of a network in the folder, for people and reports.
    fn anomaly(&self, network: &Network, name: &str) -> Result<(), CompileError> {
        let path = self.folder.join(name);
        let sample = self.sample();
        let provenance = sample.provenance(network)?;
        if let Ok(bytes) = fs::read(&path) {
            let problem = match Statistics::from_bytes(&bytes, network) {
                Ok((_, found)) if found == provenance => return Ok(()),
                Ok(_) => "it belongs to another network".to_owned(),
                Err(error) => error.to_string(),
            };
            return Err(CompileError::State { path, problem });
        }
        let needs =
            Needs::of_measure(Measure::Activation).and(&Needs::of_measure(Measure::Gradient));
        let statistics = sample.observe(network, &needs, self.progress)?;
        Ok(atomic_file::write(
            &path,
            &statistics.to_bytes(&provenance),
        )?)
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
}

/// The network without the units that give nothing: they were pruned whole, with all that hangs on them.
fn without_silent_units(network: &Network) -> Result<(Network, RemovedUnits), CompileError> {
    let groups = UnitGroups::of(network);
    let silent = groups.silent(network);
    let layers = layers(network);
    let mut removed = RemovedUnits::new();
    for unit in silent.iter().flat_map(|group| &groups.groups()[*group]) {
        let layer = removed.entry(layers[unit.layer].name.clone());
        layer.or_default().push(unit.index);
    }
    removed.values_mut().for_each(|units| units.sort_unstable());
    Ok((groups.remove(network, &silent)?, removed))
}

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

#[cfg(test)]
mod tests {
    use sinew_models::ValueId;
    use sinew_models::builder::NetworkBuilder;

    use super::*;

    #[test]
    fn removed_units_are_told_by_their_numbers_before() {
        let mut builder = NetworkBuilder::new("small", [2, 1, 1], 0);
        let x = builder.flatten("flatten", ValueId::INPUT);
        let x = builder.linear("first", x, 4);
        builder.linear("second", x, 2);
        let mut network = builder.finish(Vec::new()).unwrap();
        let groups = UnitGroups::of(&network);
        groups.silence(&mut network, &[3, 1]);
        let (smaller, removed) = without_silent_units(&network).unwrap();
        assert_eq!(
            removed,
            RemovedUnits::from([("first".to_owned(), vec![1, 3])])
        );
        let first = |network: &Network| network.parameter(layers(network)[0].weight).clone();
        let before = first(&network).values().to_vec();
        assert_eq!(
            first(&smaller).values(),
            [&before[..2], &before[4..6]].concat()
        );
        let (same, removed) = without_silent_units(&smaller).unwrap();
        assert_eq!((same, removed), (smaller, RemovedUnits::new()));
    }
}
