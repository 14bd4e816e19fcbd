//! Recipes: everything that decides a run, in one TOML file. The same recipe, device and binary give the same result.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::attack::AttackSettings;
use crate::data::ImageSettings;
use crate::foreign::{self, InputSettings};
use crate::prune::PruneSettings;
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
        /// "key: problem".
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
        recipe.check(origin)?;
        Ok(recipe)
    }

    /// Checks every value, after parsing or after command-line flags have changed some.
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
        let line = error
            .span()
            .map(|span| 1 + text[..span.start].matches('\n').count());
        let place = line.map_or_else(String::new, |line| format!("line {line}: "));
        let message = error.message().replace('\n', " ");
        RecipeError::Parse {
            origin: origin.to_owned(),
            problem: format!("{place}{message}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEMO: &str = include_str!("../../models/recipes/demo.toml");
    const SHAPES: &str = include_str!("../../models/recipes/coloured-shapes.toml");
    const QUICK: &str = include_str!("../../models/recipes/demo-quick.toml");
    const SHIPPED: [&str; 3] = [DEMO, QUICK, SHAPES];

    #[test]
    fn shipped_recipes_are_valid_and_survive_the_round_trip() {
        for text in SHIPPED {
            let recipe = Recipe::parse(text, "demo").unwrap();
            let again = Recipe::parse(&toml::to_string(&recipe).unwrap(), "again").unwrap();
            assert_eq!(recipe, again);
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
            let text = SHIPPED.iter().find(|text| text.contains(from));
            let text = text.expect(from).replace(from, to);
            let error = Recipe::parse(&text, "r").unwrap_err();
            assert!(matches!(error, RecipeError::Value { .. }), "{error}");
            assert!(error.to_string().contains(key), "{error} should name {key}");
        }
    }
}
