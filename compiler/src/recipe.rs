//! Recipes: everything that decides a run, in one TOML file. The same recipe, device and binary give the same result.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::attack::{AttackSettings, Suite};
use crate::data::ImageSettings;
use crate::foreign::{self, InputSettings};
use crate::prune::{
    Criterion, Granularity, Magnitude, MethodSettings, PruneSettings, PruningSchedule,
    RankedSettings, Scope,
};
use crate::train::TrainSettings;

/// The form of recipe this version reads.
const VERSION: u32 = 2;

/// A run of `sinew compile`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Form of the recipe: 2.
    pub version: u32,
    /// Decides every random choice.
    #[serde(default)]
    pub seed: u64,
    /// `embedded`, the name of a data set, or a folder.
    pub data: String,
    /// How many training images to use, the first in file order; all if absent.
    pub train_images: Option<usize>,
    /// Fraction of the training images that is held out to choose by.
    pub validation_fraction: f64,
    /// Name of a network of the zoo, or an .onnx file.
    pub network: String,
    /// Multiplies the channels of a network of the zoo.
    #[serde(default = "unchanged_width")]
    pub width: f64,
    /// What the network in an .onnx file expects of its input; pixels in [0, 1] if absent.
    pub input: Option<InputSettings>,
    /// Radius of the L∞ ball in units of [0, 1] pixels.
    pub epsilon: f32,
    /// What pictures in folders are brought to; as they are if absent.
    pub image: Option<ImageSettings>,
    /// Training of the dense network.
    pub train: TrainSettings,
    /// What is removed while the network is fine-tuned, and how.
    pub prune: PruneSettings,
    /// The training run in which the network is pruned and goes on.
    pub fine_tune: TrainSettings,
    /// What is measured on test images.
    pub evaluate: EvaluateSettings,
}

fn unchanged_width() -> f64 {
    1.0
}

/// A recipe of which only this is of interest.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// What is measured on the first test images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluateSettings {
    /// Test images; all if there are fewer.
    pub samples: usize,
    /// Attacks, each on all images.
    pub attacks: Vec<AttackSettings>,
    /// A suite besides; none if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<SuiteSettings>,
}

/// A suite of attacks on the first test images, each attack on the survivors of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteSettings {
    /// Which.
    pub name: Suite,
    /// Test images; all if there are fewer.
    pub samples: usize,
}

/// A recipe that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// No such file, or not readable.
    #[error("read recipe {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, a missing key, a value of the wrong type. The message has line and key.
    #[error("read recipe {origin}: {problem}")]
    Parse {
        /// The file, or the name of a shipped recipe.
        origin: String,
        /// What and where.
        problem: String,
    },
    /// A value out of range.
    #[error("use recipe {origin}: {problem}")]
    Value {
        /// The file, or the name of a shipped recipe.
        origin: String,
        /// "key: problem", behind the line if the value stands in a file.
        problem: String,
    },
}

impl Recipe {
    /// The name under which a checkpoint's metadata hold the recipe that made it, as TOML.
    pub const KEY: &str = "sinew.recipe";

    /// Reads a recipe from a file.
    ///
    /// # Errors
    /// If the file cannot be read, or [`Recipe::parse`] refuses it.
    pub fn read(path: &Path) -> Result<Self, RecipeError> {
        let text = fs::read_to_string(path).map_err(|source| RecipeError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads a recipe from text; `origin` names it in errors.
    ///
    /// # Errors
    /// If a key is unknown or missing, or a value is out of range.
    pub fn parse(text: &str, origin: &str) -> Result<Self, RecipeError> {
        // First of all the version: keys of another one are no mistakes in this one.
        let excerpt: Versioned = parse_toml(text, origin)?;
        if excerpt.version != VERSION {
            return Err(RecipeError::Value {
                origin: origin.to_owned(),
                problem: format!(
                    "version: this tool reads version {VERSION}, not {}; CHANGELOG.md says what has changed",
                    excerpt.version
                ),
            });
        }
        let recipe: Self = parse_toml(text, origin)?;
        let Some(problem) = recipe.problem() else {
            return Ok(recipe);
        };
        let place = place(key_position(text, &problem).map(|position| line(text, position)));
        Err(RecipeError::Value {
            origin: origin.to_owned(),
            problem: format!("{place}{problem}"),
        })
    }

    /// Checks every value, after command-line flags have changed some.
    ///
    /// # Errors
    /// The first value that is out of range.
    pub fn check(&self, origin: &str) -> Result<(), RecipeError> {
        match self.problem() {
            None => Ok(()),
            Some(problem) => Err(RecipeError::Value {
                origin: origin.to_owned(),
                problem,
            }),
        }
    }

    /// The recipe of the dense network alone, in which nothing is left that has no influence on it: runs with equal ones share their parent.
    pub fn parent(&self) -> Self {
        let mut parent = self.clone();
        parent.prune.method = MethodSettings::Ranked(RankedSettings {
            criterion: Criterion::Magnitude(Magnitude {}),
            schedule: PruningSchedule::OneShot,
        });
        parent.prune.sparsity = 0.0;
        parent.prune.scope = Scope::default();
        parent.prune.density_floor = 0.0;
        if parent.prune.granularity != Granularity::Unit {
            parent.prune.granularity = Granularity::Weight;
        }
        parent.fine_tune = self.train.clone();
        parent
    }

    /// The settings for pictures in a recipe's `text`, which may be of another version; `origin` names it in errors.
    ///
    /// # Errors
    /// If it is not TOML, or these settings cannot be used.
    pub fn image_settings(text: &str, origin: &str) -> Result<Option<ImageSettings>, RecipeError> {
        /// A recipe of which only this is of interest.
        #[derive(Deserialize)]
        struct Excerpt {
            image: Option<ImageSettings>,
        }
        let excerpt: Excerpt = parse_toml(text, origin)?;
        match excerpt.image.and_then(|image| image.problem()) {
            None => Ok(excerpt.image),
            Some(problem) => Err(RecipeError::Value {
                origin: origin.to_owned(),
                problem: format!("image.{problem}"),
            }),
        }
    }

    fn problem(&self) -> Option<String> {
        let own = match self {
            r if !(r.epsilon >= 0.0 && r.epsilon <= 1.0) => Some(format!(
                "epsilon: {} is not in [0, 1], the range of a pixel",
                r.epsilon
            )),
            r if !(r.validation_fraction > 0.0 && r.validation_fraction < 1.0) => Some(format!(
                "validation_fraction: {} is not between 0 and 1",
                r.validation_fraction
            )),
            r if foreign::is_file(&r.network) && r.width != unchanged_width() => {
                Some("width: only networks of the zoo can be made wider or narrower".to_owned())
            }
            r if !foreign::is_file(&r.network) && r.input.is_some() => {
                Some("input: networks of the zoo normalise their input themselves".to_owned())
            }
            r if r.train_images == Some(0) => Some("train_images: must be at least 1".to_owned()),
            r if r.evaluate.samples == 0 => Some("evaluate.samples: must be at least 1".to_owned()),
            r if r.evaluate.suite.is_some_and(|suite| suite.samples == 0) => {
                Some("evaluate.suite.samples: must be at least 1".to_owned())
            }
            r => r.evaluate.attacks.iter().find_map(|attack| {
                let problem = attack.problem()?;
                Some(format!("evaluate.attacks: {}: {problem}", attack.name()))
            }),
        };
        let of = |section: &str, settings: &TrainSettings| {
            settings
                .problem()
                .map(|problem| format!("{section}.{problem}"))
        };
        let image = || Some(format!("image.{}", self.image?.problem()?));
        let prune = || Some(format!("prune.{}", self.prune.problem()?));
        let parent = || {
            let problem = "train.distillation: there is no parent before the dense network is trained; it belongs to fine_tune";
            (self.train.distillation.is_some()).then(|| problem.to_owned())
        };
        own.or_else(image)
            .or_else(prune)
            .or_else(parent)
            .or_else(|| of("train", &self.train))
            .or_else(|| of("fine_tune", &self.fine_tune))
    }
}

/// Reads TOML; errors name the line.
fn parse_toml<T: DeserializeOwned>(text: &str, origin: &str) -> Result<T, RecipeError> {
    toml::from_str(text).map_err(|error| {
        let place = place(error.span().map(|span| line(text, span.start)));
        let message = error.message().replace('\n', " ");
        RecipeError::Parse {
            origin: origin.to_owned(),
            problem: format!("{place}{message}"),
        }
    })
}

/// The line that a byte of a text is in.
fn line(text: &str, position: usize) -> usize {
    1 + text[..position].matches('\n').count()
}

/// A line as errors begin with it.
fn place(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!("line {line}: "))
}

/// Where the key stands that a problem is about, "key: problem"; else the innermost of the tables around it that the text has.
fn key_position(text: &str, problem: &str) -> Option<usize> {
    let (key, _) = problem.split_once(':')?;
    let document = DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut position = None;
    for part in key.split('.') {
        let Some((key, value)) = entry(table, part) else {
            break;
        };
        position = Some(key.span().start);
        match value.get_ref().as_table() {
            Some(inner) => table = inner,
            None => break,
        }
    }
    position
}

/// A table's entry with a key. Problems of a choice such as a loss may leave out its name, which is then the only key of a table.
fn entry<'t, 'i>(
    table: &'t DeTable<'i>,
    part: &str,
) -> Option<(&'t Spanned<DeString<'i>>, &'t Spanned<DeValue<'i>>)> {
    let find = |table: &'t DeTable<'i>| table.iter().find(|(key, _)| key.get_ref() == part);
    find(table).or_else(|| {
        let mut values = table.values();
        let (Some(choice), None) = (values.next(), values.next()) else {
            return None;
        };
        find(choice.get_ref().as_table()?)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sinew_models::zoo;

    use super::*;
    use crate::train::LearningRate;

    const DEMO: &str = include_str!("../../models/recipes/demo.toml");
    const SHAPES: &str = include_str!("../../models/recipes/coloured-shapes.toml");
    const QUICK: &str = include_str!("../../models/recipes/demo-quick.toml");

    /// The shipped recipes by the names of their files, those of comparisons behind `comparison/`.
    fn shipped() -> BTreeMap<String, String> {
        let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/recipes");
        let in_folder = |folder: &str| {
            let files = fs::read_dir(recipes.join(folder)).unwrap();
            let files = files.map(|file| file.unwrap().path());
            let files: Vec<PathBuf> = files.filter(|path| path.is_file()).collect();
            let named = files.into_iter().map(|path| {
                let name = path.file_stem().unwrap().to_str().unwrap();
                let text = fs::read_to_string(&path).unwrap();
                (format!("{folder}{name}"), text)
            });
            named.collect::<Vec<_>>()
        };
        ["", "comparison/"]
            .into_iter()
            .flat_map(in_folder)
            .collect()
    }

    #[test]
    fn shipped_recipes_are_valid_and_survive_the_round_trip() {
        let shipped = shipped();
        assert!(
            [
                "demo",
                "demo-quick",
                "coloured-shapes",
                "comparison/conv_cnn"
            ]
            .iter()
            .all(|name| shipped.contains_key(*name))
        );
        for (name, text) in shipped {
            let recipe = Recipe::parse(&text, &name).unwrap();
            let again = Recipe::parse(&toml::to_string(&recipe).unwrap(), "again").unwrap();
            assert_eq!(recipe, again);
        }
    }

    #[test]
    fn recipes_of_the_zoo_differ_in_the_network_and_its_learning_rate_alone() {
        let shipped = shipped();
        let plain = |network: &str, kind: &str| {
            let text = &shipped[&format!("{network}-{kind}")];
            let mut recipe = Recipe::parse(text, network).unwrap();
            assert_eq!(std::mem::take(&mut recipe.network), network);
            for settings in [&mut recipe.train, &mut recipe.fine_tune] {
                settings.learning_rate = LearningRate::Constant { rate: 0.0 };
            }
            recipe
        };
        for network in zoo::NAMES {
            let [stages, end] = ["three-stage", "end-to-end"].map(|kind| {
                assert_eq!(plain(network, kind), plain("small_cnn", kind), "{network}");
                plain(network, kind)
            });
            // Two ways to prune, at one budget.
            assert_ne!(stages.prune.method, end.prune.method);
            let prune = stages.prune.clone();
            assert_eq!(stages, Recipe { prune, ..end });
        }
    }

    #[test]
    fn settings_for_pictures_are_found_in_recipes_of_any_version() {
        let settings = |text: &str| Recipe::image_settings(text, "r");
        let expected = Recipe::parse(SHAPES, "r").unwrap().image;
        assert!(expected.is_some());
        let later = SHAPES.replace("version = 2", "version = 3\nnews = true");
        assert_eq!(settings(&later).unwrap(), expected);
        assert_eq!(settings(DEMO).unwrap(), None);
        assert_eq!(settings("").unwrap(), None);
        let error = settings(&SHAPES.replace("height = 32", "height = 0")).unwrap_err();
        assert!(error.to_string().contains("image.height"), "{error}");
    }

    #[test]
    fn errors_name_line_and_key() {
        let unknown = DEMO.replacen("momentum =", "momentun =", 1);
        let error = Recipe::parse(&unknown, "mine.toml")
            .unwrap_err()
            .to_string();
        let line = 1 + DEMO
            .lines()
            .position(|line| line.starts_with("momentum"))
            .unwrap();
        assert!(
            error.contains("mine.toml") && error.contains("momentun"),
            "{error}"
        );
        assert!(error.contains(&format!("line {line}")), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }

    #[test]
    fn the_dense_network_has_no_parent_to_listen_to() {
        let section = "distillation = { weight = 0.5, temperature = 2.0 }\n";
        let with = |name: &str| DEMO.replace(name, &format!("{name}\n{section}"));
        let recipe = Recipe::parse(&with("[fine_tune]"), "r").unwrap();
        assert!(recipe.fine_tune.distillation.is_some());
        let error = Recipe::parse(&with("[train]"), "r").unwrap_err();
        assert!(
            error.to_string().contains("train.distillation: "),
            "{error}"
        );
    }

    #[test]
    fn values_out_of_range_are_refused_by_key() {
        for (from, to, key) in [
            ("sparsity = 0.9", "sparsity = 1.0", "prune.sparsity"),
            ("sparsity = 0.9", "sparsity = nan", "prune.sparsity"),
            (
                "density_floor = 0.02",
                "density_floor = 0.2",
                "prune.density_floor",
            ),
            ("epsilon = 0.1", "epsilon = -0.1", "epsilon"),
            ("epsilon = 0.1", "epsilon = 1.5", "epsilon"),
            ("version = 2", "version = 1", "version"),
            ("batch_size = 32", "batch_size = 0", "train.batch_size"),
            (
                "highest = 0.1",
                "highest = inf",
                "train.learning_rate.highest",
            ),
            (
                "warm_up = 0.25",
                "warm_up = 1.0",
                "train.learning_rate.warm_up",
            ),
            (
                "noise = 1.0",
                "noise = -1.0",
                "train.adversary.n-fgsm.noise",
            ),
            ("steps = 20", "steps = 0", "evaluate.attacks"),
            ("\nsteps = 5", "\nsteps = 0", "prune.steps"),
            ("height = 32", "height = 0", "image.height"),
            ("width = 32", "width = 5000", "image.width"),
        ] {
            let examples = [DEMO, QUICK, SHAPES];
            let text = examples.iter().find(|text| text.contains(from));
            let text = text.expect(from).replace(from, to);
            let error = Recipe::parse(&text, "r").unwrap_err();
            assert!(matches!(error, RecipeError::Value { .. }), "{error}");
            assert!(error.to_string().contains(key), "{error} should name {key}");
        }
    }

    #[test]
    fn values_out_of_range_are_refused_by_line() {
        let line = |from: &str, to: &str, expected: &str| {
            assert!(DEMO.contains(from), "{from}");
            let text = DEMO.replacen(from, to, 1);
            let error = Recipe::parse(&text, "r").unwrap_err().to_string();
            let line = text.lines().position(|line| line.starts_with(expected));
            let place = format!("use recipe r: line {}: ", 1 + line.expect(expected));
            assert!(error.starts_with(&place), "{error} should say {place}");
        };
        line("epsilon = 0.1", "epsilon = 2.0", "epsilon");
        line("sparsity = 0.9", "sparsity = 1.0", "sparsity");
        line("epochs = 3", "epochs = 0", "epochs = 0");
        line("samples = 1000", "samples = 0", "samples = 0");
        // In an inline table, with and without the name of the choice in the message.
        line("noise = 1.0", "noise = -1.0", "adversary");
        let learned = "method = { learned-mask = { start = \"anomaly-feeding\" } }";
        line(learned, "method = { hydra = { learn = 2.0 } }", "method");
        // In tables with headers of their own.
        let table = "sparsity = 0.9\n[prune.method.hydra]\nscore_rate = 1.0\nlearn = 2.0\n";
        let rest = "density_floor = 0.02\nsamples = 500\nsteps = 5";
        let prune = format!("{learned}\nsparsity = 0.9\n{rest}");
        line(&prune, table, "learn = 2.0");
        // What is not there is missed where it should be.
        line(
            "sparsity = 0.9\ndensity_floor = 0.02",
            "sparsity = 0.999",
            "[prune]",
        );
    }
}
