//! `sinew attack`: how many images a model still classifies under attack, and whether that figure is to be believed.

mod card;
mod live_table;
mod state;

use std::path::PathBuf;

use clap::Args;
use rand::seq::SliceRandom;
use serde::Serialize;

use self::card::{markdown, text};
use self::live_table::LiveTable;
use super::engine::Engine;
use super::failure::Failure;
use super::subject::Subject;
use super::terminal::{print, print_json};
use super::{ComputeOptions, OutputOptions, named};
use crate::atomic_file;
use crate::attack::{AttackSettings, Circumstances, NAMED, NamedAttack, Norm, Suite, ThreatModel};
use crate::classifier::Differentiable;
use crate::data::{self, DataSource, Dataset, Resize};
use crate::evaluate::{
    Checks, CorruptedAccuracy, Evaluation, Protocol, Samples, check_evaluation,
    corrupted_accuracies, evaluate, save_adversarial,
};
use crate::gradients::with_gradients;
use crate::progress::Progress;
use crate::seed::stream;

/// Attack a model on test images and check whether the result is real; goes on with an attack that was interrupted
#[derive(Args)]
pub(super) struct AttackCommand {
    /// A .sinew file, which is attacked in its own arithmetic, a .safetensors checkpoint or an .onnx file
    model: PathBuf,
    /// Which attacks, each on the survivors of those before it: quick, standard (AutoAttack's) or full [default: standard]
    #[arg(long, conflicts_with = "attack", value_parser = suite)]
    suite: Option<Suite>,
    /// One attack, on all images; may be repeated
    #[arg(long, value_name = "NAME", value_parser = NAMED.map(|(name, _)| name))]
    attack: Vec<String>,
    /// Steps of the chosen attacks, per restart or target
    #[arg(long, requires = "attack", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    steps: Option<u64>,
    /// Random restarts of the chosen attacks
    #[arg(long, requires = "attack", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    restarts: Option<u64>,
    /// Classes that the chosen attacks drive an image to, one after the other
    #[arg(long, requires = "attack", value_parser = clap::value_parser!(u64).range(1..=65_535))]
    targets: Option<u64>,
    /// Most queries per image of the chosen attacks
    #[arg(long, requires = "attack", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    queries: Option<u64>,
    /// How the length of a perturbation is measured: linf or l2
    #[arg(long, default_value = "linf", value_parser = norm)]
    norm: Norm,
    /// Radius of the ball in units of [0, 1] pixels [default: 0.1 for linf]
    #[arg(long, value_parser = epsilon, allow_negative_numbers = true)]
    epsilon: Option<f32>,
    /// How many test images, the first in file order
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    samples: u32,
    /// Random test images instead of the first, drawn with the seed
    #[arg(long)]
    shuffle: bool,
    /// Test images: embedded, fashion-mnist, cifar-10 or a folder
    #[arg(long, default_value = "embedded")]
    data: String,
    /// How pictures in folders get the model's size: stretch, crop or pad [default: as in the model's training]
    #[arg(long)]
    resize: Option<Resize>,
    /// Another model, such as the dense parent: examples made on it are tried on this one too
    #[arg(long, value_name = "MODEL")]
    surrogate: Option<PathBuf>,
    /// Who computes what decides; gradients are Sinew's in any case
    #[arg(long, value_enum, default_value_t = Engine::Sinew)]
    engine: Engine,
    /// Leave out the checks for masked gradients
    #[arg(long)]
    no_checks: bool,
    /// Accuracy on noise, blur, contrast and shifts as well, as a control without an adversary; part of the full suite
    #[arg(long)]
    corruptions: bool,
    /// Folder for turned images: .npy arrays, pictures, and a list
    #[arg(long, value_name = "FOLDER")]
    save_adversarial: Option<PathBuf>,
    /// Print the result as a Markdown card
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Where an interrupted attack keeps what it has done [default: in the user's cache]
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// Decides random starts and searches
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    compute: ComputeOptions,
    #[command(flatten)]
    output_options: OutputOptions,
}

/// What is printed.
#[derive(Serialize)]
struct Report {
    model: PathBuf,
    data: String,
    engine: Engine,
    #[serde(skip_serializing_if = "Option::is_none")]
    suite: Option<Suite>,
    shuffled: bool,
    #[serde(flatten)]
    evaluation: Evaluation,
    #[serde(flatten)]
    checks: Checks,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    corruptions: Vec<CorruptedAccuracy>,
}

impl AttackCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.threat()?;
        self.chosen()?;
        self.compute.set_threads()?;
        let device = self.compute.device;
        device.open()?;
        let subject = Subject::read(&self.model)?;
        let progress = self.output_options.progress();
        let (test, indices) = self.test_images(&subject, &progress)?;
        let samples = Samples {
            data: &test,
            indices: &indices,
        };
        let Some(path) = &self.surrogate else {
            return self.attack(&subject, samples, None, &progress);
        };
        let surrogate = Subject::read(path)?;
        surrogate.fits(&test)?;
        let hash = surrogate.hash()?;
        with_gradients(&surrogate.network, device, |model| {
            self.attack(&subject, samples, Some((model, hash)), &progress)
        })?
    }

    /// Attacks `subject` on `samples` and prints what came of it. A surrogate comes with its hash.
    fn attack(
        &self,
        subject: &Subject,
        samples: Samples<'_>,
        surrogate: Option<(&dyn Differentiable, String)>,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let (surrogate, surrogate_hash) = surrogate.unzip();
        let at = Circumstances {
            threat: self.threat()?,
            classes: subject.network.classes(),
            surrogate,
        };
        let (suite, settings) = match self.chosen()? {
            none if none.is_empty() => {
                let suite = self.suite.unwrap_or(Suite::Standard);
                let attacks = suite.attacks(at.threat, at.classes, surrogate.is_some());
                (Some(suite), attacks)
            }
            chosen => (None, chosen),
        };
        let attacks: Result<Vec<NamedAttack<'_>>, _> = settings
            .iter()
            .map(|settings| settings.attack(&at))
            .collect();
        let protocol = Protocol {
            threat: at.threat,
            attacks: attacks?,
            alone: suite.is_none(),
            seed: self.seed,
        };
        let identity = self.identity(subject, surrogate_hash, samples, &settings)?;
        let mut journal = state::open(self.state.as_deref(), &self.model, &identity)?;
        if let Some(folder) = &self.save_adversarial {
            // Better now than after the attack.
            atomic_file::create_folder(folder)?;
        }
        let engine = (self.engine, self.compute.threads);
        let report = subject.with_victim(engine, self.compute.device, |victim| {
            let table = LiveTable::new(progress, &protocol.attacks);
            let findings = evaluate(victim, samples, &protocol, &mut journal, &table)?;
            let mut checks = Checks::default();
            if !self.no_checks {
                table.checking();
                let figures = &findings.evaluation;
                checks =
                    check_evaluation(victim, samples, figures, surrogate, &mut journal, &table)?;
            }
            let mut corruptions = Vec::new();
            if self.corruptions || suite == Some(Suite::Full) {
                corruptions = corrupted_accuracies(victim.decider(), samples, self.seed)?;
            }
            drop(table);
            if let Some(folder) = &self.save_adversarial {
                save_adversarial(folder, samples, victim.decider(), &findings)?;
            }
            Ok(Report {
                model: self.model.clone(),
                data: samples.data.name().to_owned(),
                engine: self.engine,
                suite,
                shuffled: self.shuffle,
                evaluation: findings.evaluation,
                checks,
                corruptions,
            })
        })?;
        if self.output_options.json {
            print_json(&report)?;
        } else if self.markdown {
            print(&markdown(&report))?;
        } else {
            print(&text(&report))?;
        }
        // The result is out; what is left of the state would only be in the way.
        let _ = journal.remove();
        Ok(())
    }

    fn threat(&self) -> Result<ThreatModel, Failure> {
        let epsilon = match (self.norm, self.epsilon) {
            (_, Some(epsilon)) => epsilon,
            (Norm::Linf, None) => 0.1,
            (Norm::L2, None) => {
                return Err(Failure::usage(
                    "attack in L2: no radius is usual there; add --epsilon".to_owned(),
                ));
            }
        };
        if self.norm == Norm::Linf && epsilon > 1.0 {
            return Err(Failure::usage(format!(
                "attack with --epsilon {epsilon}: not in [0, 1], the range of a pixel"
            )));
        }
        Ok(ThreatModel {
            norm: self.norm,
            epsilon,
        })
    }

    /// The attacks that were asked for by name, with their parameters.
    fn chosen(&self) -> Result<Vec<AttackSettings>, Failure> {
        let parameters = [
            ("steps", self.steps),
            ("restarts", self.restarts),
            ("targets", self.targets),
            ("queries", self.queries),
        ];
        let mut chosen = Vec::new();
        for name in &self.attack {
            let mut settings = AttackSettings::named(name).expect("checked by clap");
            for (parameter, value) in parameters {
                let Some(value) = value else { continue };
                settings = settings.with(parameter, value).ok_or_else(|| {
                    let known: Vec<String> = settings
                        .parameters()
                        .into_iter()
                        .map(|(name, _)| format!("--{name}"))
                        .collect();
                    let known = if known.is_empty() {
                        "nothing".to_owned()
                    } else {
                        known.join(", ")
                    };
                    Failure::usage(format!(
                        "use --{parameter} with attack {name}: it takes {known}"
                    ))
                })?;
            }
            chosen.push(settings);
        }
        Ok(chosen)
    }

    /// A test set that fits the model, and which of its images are attacked.
    fn test_images(
        &self,
        subject: &Subject,
        progress: &Progress,
    ) -> Result<(Dataset, Vec<usize>), Failure> {
        let settings = subject.image_settings(self.resize)?;
        let source = DataSource::from(self.data.as_ref());
        let samples = self.samples as usize;
        let read = if self.shuffle { usize::MAX } else { samples };
        let test = data::load_test(&source, read, settings.as_ref(), progress)?;
        subject.fits(&test)?;
        let mut indices: Vec<usize> = (0..test.len()).collect();
        if self.shuffle {
            indices.shuffle(&mut stream(self.seed, "attacked images", &[]));
        }
        indices.truncate(samples);
        Ok((test, indices))
    }

    /// Everything that decides the result, as text.
    fn identity(
        &self,
        subject: &Subject,
        surrogate: Option<String>,
        samples: Samples<'_>,
        settings: &[AttackSettings],
    ) -> Result<String, Failure> {
        let images = samples.data.subset(samples.indices.iter().copied());
        Ok(serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "model": subject.hash()?,
            "surrogate": surrogate,
            "images": images.hash(),
            "indices": samples.indices,
            "norm": self.norm,
            "epsilon": self.threat()?.epsilon,
            "attacks": settings,
            "alone": !self.attack.is_empty(),
            "seed": self.seed,
            "engine": self.engine,
            "device": self.compute.device.to_string(),
        })
        .to_string())
    }
}

fn suite(text: &str) -> Result<Suite, String> {
    named(text, "quick, standard, full")
}

fn norm(text: &str) -> Result<Norm, String> {
    named(text, "linf, l2")
}

fn epsilon(text: &str) -> Result<f32, String> {
    let value: f32 = text.parse().map_err(|_| "not a number".to_owned())?;
    if value >= 0.0 && value.is_finite() {
        Ok(value)
    } else {
        Err("not in [0, 1], the range of a pixel".to_owned())
    }
}
