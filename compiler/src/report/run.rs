//! A finished run as its folder tells it: figures, networks, anomaly degrees, images. The only place of the report that reads files.
//!
//! Non-goals: measuring anything (`curve`, `excitation`), and runs that are not finished.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use sinew_models::Network;
use sinew_models::file::Archive;

use super::ReportError;
use super::layer::{Layer, layers};
use crate::data::{self, DataSource, Dataset};
use crate::evaluate::Evaluation;
use crate::foreign;
use crate::pipeline::{NetworkRecord, REMOVED_UNITS, RemovedUnits, RunRecord, files};
use crate::progress::Progress;
use crate::prune::{Granularity, Measure, Needs, Scope, Statistics};
use crate::recipe::Recipe;

/// Something of each of a run's two networks.
#[derive(Clone, Debug)]
pub(super) struct Pair<T> {
    /// Of the trained parent.
    pub(super) dense: T,
    /// Of the pruned network.
    pub(super) sparse: T,
}

/// A finished run.
#[derive(Debug)]
pub(super) struct Run {
    /// What the page calls it: the folder's name.
    pub(super) name: String,
    /// Where it lies.
    pub(super) folder: PathBuf,
    /// Every figure.
    pub(super) record: RunRecord,
    /// The networks as they were trained.
    pub(super) networks: Pair<Network>,
    /// The same, packed.
    pub(super) packed: Pair<Vec<u8>>,
    /// Images that anomaly degrees were measured on.
    pub(super) measured: usize,
    /// Convolution and linear layers in node order.
    pub(super) layers: Vec<Layer>,
    /// Training images, as many as the run used.
    pub(super) train: Dataset,
    /// Test images.
    pub(super) test: Dataset,
}

impl Run {
    /// Reads the run in `folder`. Its images are looked for at `data`, or where the recipe says.
    ///
    /// # Errors
    /// If there is no run, it is not finished, something in it is damaged or of another version, or the images are not its.
    pub(super) fn read(
        folder: &Path,
        data: Option<&str>,
        progress: &Progress,
    ) -> Result<Self, ReportError> {
        if !folder.join(files::RECIPE).is_file() {
            return Err(ReportError::NoRun(folder.to_owned()));
        }
        let record = read_record(&folder.join(files::RECORD))?;
        let sparse = folder.join(files::SPARSE);
        let networks = Pair {
            dense: read_archive(&folder.join(files::DENSE))?,
            sparse: read_archive(&sparse)?,
        };
        let removed = removed_units(&networks.sparse)
            .map_err(|problem| damaged(&sparse, problem.to_string()))?;
        let networks = Pair {
            dense: networks.dense.network,
            sparse: networks.sparse.network,
        };
        let statistics = Pair {
            dense: read_statistics(&folder.join(files::ANOMALY), &networks.dense)?,
            sparse: read_statistics(&folder.join(files::SPARSE_ANOMALY), &networks.sparse)?,
        };
        let packed = Pair {
            dense: read(&folder.join(files::DENSE_MODEL))?,
            sparse: read(&folder.join(files::MODEL))?,
        };
        let (train, test) = read_images(folder, &record, data, progress)?;
        let [dense, sparse] = [&networks.dense, &networks.sparse];
        for (network, file) in [(dense, files::DENSE), (sparse, files::SPARSE)] {
            if (network.input_shape(), network.classes()) != (train.shape(), train.classes().len())
            {
                let problem = "its network is for other images than the run's".to_owned();
                return Err(damaged(&folder.join(file), problem));
            }
        }
        Ok(Self {
            name: name(folder),
            folder: folder.to_owned(),
            layers: layers(&networks, &statistics, &removed),
            measured: statistics.dense.images(),
            record,
            networks,
            packed,
            train,
            test,
        })
    }

    /// What decided the run.
    pub(super) fn recipe(&self) -> &Recipe {
        &self.record.provenance.recipe
    }

    /// How it was pruned: the method, what it removed at a time, and what it compared with what, where that is not the usual.
    pub(super) fn method(&self) -> String {
        let prune = &self.recipe().prune;
        let pieces = match prune.granularity {
            Granularity::Weight => String::new(),
            Granularity::Block { across, along } => format!(", blocks of {across} × {along}"),
            Granularity::NM { keep, of } => format!(", {keep}:{of}"),
            Granularity::Unit => ", whole units".to_owned(),
        };
        let scope = match prune.scope {
            Scope::Global => "",
            Scope::Layer => ", every layer alike",
            Scope::Erk => ", small layers denser",
        };
        format!("{}{pieces}{scope}", prune.method.name())
    }

    /// Every value of the recipe under its key, such as `prune.sparsity`.
    pub(super) fn settings(&self) -> BTreeMap<String, String> {
        let recipe = toml::Value::try_from(self.recipe()).expect("a recipe is plain data");
        let mut settings = BTreeMap::new();
        flatten("", &recipe, &mut settings);
        settings
    }
}

fn flatten(key: &str, value: &toml::Value, settings: &mut BTreeMap<String, String>) {
    let text = match value {
        toml::Value::Table(table) => {
            for (inner, value) in table {
                let dot = if key.is_empty() { "" } else { "." };
                flatten(&format!("{key}{dot}{inner}"), value, settings);
            }
            return;
        }
        toml::Value::String(text) => text.clone(),
        // Single precision, written in double, would show digits that nobody wrote.
        toml::Value::Float(number) => (*number as f32).to_string(),
        other => other.to_string(),
    };
    settings.insert(key.to_owned(), text);
}

/// The figures to judge a network by: the suite's if the recipe asks for one, else those of its attacks.
pub(super) fn headline(record: &NetworkRecord) -> &Evaluation {
    record.suite.as_ref().unwrap_or(&record.evaluation)
}

/// What a folder is called.
fn name(folder: &Path) -> String {
    let full = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = full.file_name().unwrap_or(full.as_os_str());
    name.to_string_lossy().into_owned()
}

/// SHA-256 of `bytes`, in hexadecimal digits.
pub(super) fn hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn damaged(path: &Path, problem: String) -> ReportError {
    ReportError::File {
        path: path.to_owned(),
        problem,
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ReportError> {
    fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ReportError::Unfinished(path.to_owned()),
        _ => damaged(path, error.to_string()),
    })
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ReportError> {
    let bytes = read(path)?;
    serde_json::from_slice(&bytes).map_err(|error| damaged(path, error.to_string()))
}

fn read_record(path: &Path) -> Result<RunRecord, ReportError> {
    /// The part that every version writes.
    #[derive(Deserialize)]
    struct Excerpt {
        version: String,
    }
    let found = read_json::<Excerpt>(path)?.version;
    let record: RunRecord = read_json(path).map_err(|error| {
        if found == env!("CARGO_PKG_VERSION") {
            return error;
        }
        ReportError::Version {
            path: path.to_owned(),
            found,
        }
    })?;
    let recipe = &record.provenance.recipe;
    recipe
        .check(&path.display().to_string())
        .map_err(|error| damaged(path, error.to_string()))?;
    Ok(record)
}

fn read_archive(path: &Path) -> Result<Archive, ReportError> {
    let archive = Archive::from_bytes(&read(path)?);
    archive.map_err(|error| damaged(path, error.to_string()))
}

fn removed_units(archive: &Archive) -> Result<RemovedUnits, serde_json::Error> {
    let text = archive.metadata.get(REMOVED_UNITS);
    text.map_or(Ok(RemovedUnits::new()), |text| serde_json::from_str(text))
}

/// What the attack does to the units of `network`, by both measures.
fn read_statistics(path: &Path, network: &Network) -> Result<Statistics, ReportError> {
    let bytes = read(path)?;
    let (statistics, about) = Statistics::from_bytes(&bytes, network)
        .map_err(|error| damaged(path, error.to_string()))?;
    let both = Needs::of_measure(Measure::Activation).and(&Needs::of_measure(Measure::Gradient));
    let hash = foreign::hash(network).map_err(|error| damaged(path, error.to_string()))?;
    if about.network != hash {
        return Err(damaged(path, "it belongs to another network".to_owned()));
    }
    if !statistics.needs().contain(&both) {
        return Err(damaged(path, "it lacks a measure".to_owned()));
    }
    Ok(statistics)
}

fn read_images(
    folder: &Path,
    record: &RunRecord,
    data: Option<&str>,
    progress: &Progress,
) -> Result<(Dataset, Dataset), ReportError> {
    let recipe = &record.provenance.recipe;
    let source = DataSource::from(data.unwrap_or(&recipe.data).as_ref());
    let (train, test) = data::load(&source, recipe.image.as_ref(), progress)?;
    let provenance = &record.provenance;
    if (train.hash(), test.hash()) != (provenance.train_data.clone(), provenance.test_data.clone())
    {
        return Err(ReportError::OtherImages(folder.to_owned()));
    }
    let train = match recipe.train_images {
        Some(count) => train.first(count),
        None => train,
    };
    Ok((train, test))
}
