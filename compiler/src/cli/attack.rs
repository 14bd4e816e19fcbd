//! `sinew attack`: how many images a model still classifies under attack.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use sinew_models::Network;

use super::compile::conditions;
use super::engine::Engine;
use super::failure::Failure;
use super::model_file::ModelFile;
use super::onnx_model::OnnxModel;
use super::table::{percent, table};
use super::terminal::{print, print_json};
use super::{ComputeOptions, OutputOptions};
use crate::attack::{AttackSettings, Circumstances, PgdLoss, ThreatModel, Victim};
use crate::classifier::{Classifier, StraightThrough};
use crate::data::{self, DataSource, ImageSettings, Resize};
use crate::evaluate::{Bar, Evaluation, PackedClassifier, Protocol, Samples, Volatile, evaluate};
use crate::execute::Executor;
use crate::onnx_runtime::OnnxRuntime;

/// Attack a model on test images, white-box; a packed model is judged by its own arithmetic
#[derive(Args)]
pub(super) struct AttackCommand {
    /// A .sinew file, a .safetensors checkpoint or an .onnx file
    model: PathBuf,
    /// Who computes the logits that are judged; the gradients are Sinew's in any case
    #[arg(long, value_enum, default_value_t = Engine::Sinew)]
    engine: Engine,
    /// Which attacks; all if absent
    #[arg(long, value_enum)]
    attack: Vec<Name>,
    /// Radius of the L∞ ball in units of [0, 1] pixels
    #[arg(long, default_value_t = 0.1, value_parser = epsilon, allow_negative_numbers = true)]
    epsilon: f32,
    /// Steps of PGD
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    steps: u32,
    /// Random restarts of PGD
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    restarts: u32,
    /// How many test images, the first in file order
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    samples: u32,
    /// Test images: embedded, fashion-mnist, cifar-10 or a folder
    #[arg(long, default_value = "embedded")]
    data: String,
    /// How pictures in folders get the model's size: stretch, crop or pad [default: as in the model's training]
    #[arg(long)]
    resize: Option<Resize>,
    /// Decides random starts
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    compute: ComputeOptions,
    #[command(flatten)]
    output_options: OutputOptions,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// One step of ε
    Fgsm,
    /// Projected gradient descent
    Pgd,
}

#[derive(Serialize)]
struct Report {
    engine: Engine,
    #[serde(flatten)]
    evaluation: Evaluation,
    checks: Vec<()>,
}

impl AttackCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.compute.set_threads()?;
        let model = ModelFile::read(&self.model)?;
        // Where the loss is differentiated there must be no softmax yet.
        let network = model.network()?.up_to_logits();
        let resize = match self.resize {
            Some(resize) => Some(resize),
            None => model.resize()?,
        };
        let settings =
            resize.and_then(|resize| ImageSettings::for_shape(network.input_shape(), resize));
        let progress = self.output_options.progress();
        let source = DataSource::from(self.data.as_ref());
        let samples = self.samples as usize;
        let test = data::load_test(&source, samples, settings.as_ref(), &progress)?;
        if test.shape() != network.input_shape() || test.classes().len() != network.classes() {
            return Err(Failure::input(format!(
                "attack {} with data set {}: the model takes {:?} images of {} classes, the data are {:?} of {}",
                self.model.display(),
                test.name(),
                network.input_shape(),
                network.classes(),
                test.shape(),
                test.classes().len()
            )));
        }
        let twin = Executor::new(&network, &self.compute.device.open()?);
        let (packed, onnx);
        let victim: &dyn Classifier = match (self.engine, &model) {
            (Engine::Ort, _) => {
                onnx = self.on_onnx_runtime(&network)?;
                &onnx
            }
            (Engine::Sinew, ModelFile::Packed(bytes)) => {
                packed = PackedClassifier::new(bytes)?;
                &packed
            }
            (Engine::Sinew, ModelFile::Network(_)) => &twin,
        };
        let threat = ThreatModel::linf(self.epsilon);
        let at = Circumstances {
            threat,
            classes: network.classes(),
            surrogate: None,
        };
        let attacks: Result<Vec<_>, _> = self.attacks().iter().map(|s| s.attack(&at)).collect();
        let protocol = Protocol {
            threat,
            attacks: attacks?,
            alone: true,
            seed: self.seed,
        };
        let indices: Vec<usize> = (0..test.len()).collect();
        let samples = Samples {
            data: &test,
            indices: &indices,
        };
        let through = StraightThrough {
            deployed: victim,
            twin: &twin,
        };
        let bar = Bar::new(&progress, "attack", &protocol.attacks, indices.len());
        let evaluation = evaluate(
            Victim::Gradients(&through),
            samples,
            &protocol,
            &mut Volatile,
            &bar,
        )?
        .evaluation;
        if self.output_options.json {
            return print_json(&Report {
                engine: self.engine,
                evaluation,
                checks: Vec::new(),
            });
        }
        print(&text(&evaluation))
    }

    /// The model in ONNX Runtime, if it agrees with the network about what it takes and gives.
    fn on_onnx_runtime(&self, twin: &Network) -> Result<OnnxRuntime, Failure> {
        let file = OnnxModel::read(&self.model)?;
        let model = file.open(Some(twin.input_shape()), self.compute.threads)?;
        if model.classes() != twin.classes() {
            return Err(Failure::input(format!(
                "attack {}: ONNX Runtime gives {} logits, the imported network {}",
                self.model.display(),
                model.classes(),
                twin.classes()
            )));
        }
        Ok(model)
    }

    fn attacks(&self) -> Vec<AttackSettings> {
        let names = if self.attack.is_empty() {
            Name::value_variants()
        } else {
            &self.attack
        };
        let attack = |name: &Name| match name {
            Name::Fgsm => AttackSettings::Fgsm,
            Name::Pgd => AttackSettings::Pgd {
                steps: self.steps as usize,
                restarts: self.restarts as usize,
                loss: PgdLoss::Ce,
            },
        };
        names.iter().map(attack).collect()
    }
}

fn epsilon(text: &str) -> Result<f32, String> {
    let value: f32 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&value) {
        Ok(value)
    } else {
        Err("not in [0, 1], the range of a pixel".to_owned())
    }
}

fn text(evaluation: &Evaluation) -> String {
    let mut rows = vec![
        ["", "accuracy", "seconds"].map(str::to_owned).to_vec(),
        vec!["clean".to_owned(), percent(evaluation.clean_accuracy)],
    ];
    for attack in &evaluation.attacks {
        rows.push(vec![
            attack.name.clone(),
            percent(attack.robust_accuracy),
            format!("{:.1}", attack.seconds),
        ]);
    }
    rows.push(vec![
        "all attacks".to_owned(),
        percent(evaluation.robust_accuracy),
    ]);
    format!("\n{}\n  {}\n", table(&rows), conditions(evaluation))
}
