//! `sinew compile`: the pipeline, from a recipe to a `.sinew` file.

use std::path::{Path, PathBuf};
use std::{io, process, thread};

use clap::Args;

use super::failure::Failure;
use super::table::{bytes, grouped, percent, table};
use super::terminal::{print, print_json};
use super::{ComputeOptions, OutputOptions};
use crate::evaluate::Evaluation;
use crate::pipeline::{NetworkRecord, RunRecord, compile, compile_parent, files};
use crate::recipe::Recipe;

/// Train, prune, fine-tune, pack and evaluate as a recipe says; goes on with a run that was interrupted
#[derive(Args)]
pub(super) struct Compile {
    /// The recipe, a TOML file
    recipe: PathBuf,
    /// Folder of the run: its state and its results [default: runs/NAME-OF-THE-RECIPE]
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// Instead of the recipe's data: embedded, fashion-mnist, cifar-10 or a folder
    #[arg(long)]
    data: Option<String>,
    /// Instead of the recipe's seed
    #[arg(long)]
    seed: Option<u64>,
    /// Stop at the dense network
    #[arg(long, hide = true)]
    parent: bool,
    /// End as soon as standard input does: who started this process holds it, and takes it along whatever kills it
    #[arg(long, hide = true)]
    leashed: bool,
    #[command(flatten)]
    compute: ComputeOptions,
    #[command(flatten)]
    output_options: OutputOptions,
}

impl Compile {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.leashed {
            thread::spawn(end_with_standard_input);
        }
        self.compute.set_threads()?;
        let mut recipe = Recipe::read(&self.recipe)?;
        if let Some(data) = self.data {
            recipe.data = data;
        }
        if let Some(seed) = self.seed {
            recipe.seed = seed;
        }
        let folder = self.output.unwrap_or_else(|| {
            Path::new("runs").join(self.recipe.file_stem().unwrap_or(self.recipe.as_os_str()))
        });
        let progress = self.output_options.progress();
        if self.parent {
            let record = compile_parent(&recipe, &folder, self.compute.device, &progress)?;
            return print_json(&record);
        }
        let record = compile(&recipe, &folder, self.compute.device, &progress)?;
        if self.output_options.json {
            return print_json(&record);
        }
        print(&format!(
            "\n{}\n  {}\n  model: {}\n",
            table(&rows(&record)),
            conditions(&record.sparse.evaluation),
            folder.join(files::MODEL).display()
        ))
    }
}

/// The run can go on another time: no file is ever half written.
fn end_with_standard_input() {
    // An error means the same as the end.
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    process::exit(1);
}

/// Accuracy, size and sparsity of a run's two networks, header first.
pub(super) fn rows(record: &RunRecord) -> Vec<Vec<String>> {
    let (dense, sparse) = (&record.dense, &record.sparse);
    let row = |label: &str, cell: &dyn Fn(&NetworkRecord) -> String| {
        vec![label.to_owned(), cell(dense), cell(sparse)]
    };
    let mut rows = vec![
        vec![String::new(), "dense".to_owned(), "sparse".to_owned()],
        row("accuracy, clean", &|n| percent(n.evaluation.clean_accuracy)),
    ];
    for (index, attack) in dense.evaluation.attacks.iter().enumerate() {
        let label = format!(
            "accuracy, {} at ε = {}",
            attack.name, dense.evaluation.epsilon
        );
        rows.push(row(&label, &|n| {
            percent(n.evaluation.attacks[index].robust_accuracy)
        }));
    }
    if let Some(suite) = &dense.suite {
        let samples = grouped(suite.samples as u64);
        let label = format!("accuracy, suite on {samples} images");
        rows.push(row(&label, &|n| {
            let suite = n.suite.as_ref().expect("both networks are measured alike");
            percent(suite.robust_accuracy)
        }));
    }
    rows.push(row("parameters", &|n| grouped(n.parameters as u64)));
    rows.push(row("zeros among the weights", &|n| percent(n.sparsity)));
    rows.push(row("size on disk", &|n| bytes(n.bytes)));
    rows
}

/// What makes the figures mean something: norm, radius, samples, seed and the strength of the attacks, in two lines.
pub(super) fn conditions(evaluation: &Evaluation) -> String {
    let attacks = evaluation.attacks.iter();
    let attacks: Vec<String> = attacks
        .map(|a| format!("{} {}", a.name, a.budget))
        .collect();
    format!(
        "{} ball of radius {}, first {} test images, seed {};\n  forward and backward passes an image, at most: {}",
        evaluation.norm.symbol(),
        evaluation.epsilon,
        grouped(evaluation.samples as u64),
        evaluation.seed,
        attacks.join(", ")
    )
}
