//! `sinew compare`: pruning methods side by side, over sparsities and seeds.

mod text;

use std::io::{self, Write};
use std::num::{NonZeroU16, NonZeroUsize};
use std::path::PathBuf;
use std::thread::available_parallelism;

use clap::Args;

use super::OutputOptions;
use super::failure::Failure;
use super::terminal::{print, print_json};
use crate::compare::{Failed, Plan, Variations, Workers, compare, methods};
use crate::execute::DeviceChoice;
use crate::prune::MethodSettings;
use crate::recipe::Recipe;

/// Do recipes with several pruning methods, sparsities and seeds, and put the figures side by side; goes on where it was interrupted
#[derive(Args)]
pub(super) struct Compare {
    /// Recipes, TOML files with names of their own
    #[arg(required = true)]
    recipes: Vec<PathBuf>,
    /// Instead of the recipes' methods: hydra, harp, radmm, learned-mask, flying-bird, a criterion's name to prune at once, gradual-NAME to
    /// prune step by step, or a table as in a recipe; with commas between them
    #[arg(long, value_parser = listed)]
    methods: Option<Methods>,
    /// Instead of the recipes' sparsities: fractions to remove, with commas between them
    #[arg(long, value_delimiter = ',')]
    sparsities: Vec<f64>,
    /// How many seeds, from each recipe's own on
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// The method that others are tested against, as the table calls it [default: the first]
    #[arg(long)]
    reference: Option<String>,
    /// Folder of the comparison: the runs, their parents, and compare.json
    #[arg(long, short, default_value = "comparison")]
    output: PathBuf,
    /// Runs at a time; one for each core if absent
    #[arg(long)]
    jobs: Option<NonZeroUsize>,
    /// Threads of each run
    #[arg(long, default_value = "1")]
    threads_per_job: NonZeroU16,
    /// Where to compute: cpu, gpu or gpu:N
    #[arg(long, default_value_t = DeviceChoice::Cpu)]
    device: DeviceChoice,
    /// Print Markdown instead of text
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    #[command(flatten)]
    output_options: OutputOptions,
}

/// A list that is one argument.
#[derive(Clone, Debug)]
struct Methods(Vec<MethodSettings>);

fn listed(text: &str) -> Result<Methods, String> {
    methods(text).map(Methods)
}

impl Compare {
    pub(super) fn run(self) -> Result<(), Failure> {
        let plan = self.plan()?;
        let names = plan.methods();
        let reference = match &self.reference {
            None => names[0],
            Some(name) if names.contains(&name.as_str()) => name,
            Some(name) => {
                return Err(Failure::usage(format!(
                    "compare with --reference {name}: there are {}",
                    names.join(", ")
                )));
            }
        };
        self.device.open()?;
        let program = std::env::current_exe()
            .map_err(|error| Failure::internal(format!("find this program: {error}")))?;
        let cores = || available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let workers = Workers {
            program,
            jobs: self.jobs.unwrap_or_else(cores).get(),
            threads: self.threads_per_job.get(),
            device: self.device,
        };
        let progress = self.output_options.progress();
        let comparison = compare(&plan, reference, &self.output, &workers, &progress)?;
        if self.output_options.json {
            print_json(&comparison)?;
        } else if self.markdown {
            print(&text::markdown(&comparison))?;
        } else {
            print(&text::text(&comparison))?;
        }
        match comparison.failed.as_slice() {
            [] => Ok(()),
            failed => Err(report(failed, plan.runs.len())),
        }
    }

    fn plan(&self) -> Result<Plan, Failure> {
        let mut recipes = Vec::new();
        for path in &self.recipes {
            let name = path.file_stem().unwrap_or(path.as_os_str());
            recipes.push((name.to_string_lossy().into_owned(), Recipe::read(path)?));
        }
        let methods = self.methods.as_ref().map(|methods| methods.0.clone());
        let variations = Variations {
            methods: methods.unwrap_or_default(),
            sparsities: self.sparsities.clone(),
            seeds: self.seeds,
        };
        Ok(Plan::new(&recipes, &variations)?)
    }
}

/// Says what each failed run said, and ends as the first one did.
fn report(failed: &[Failed], runs: usize) -> Failure {
    for failed in failed {
        // Nothing is left to try if standard error is closed.
        let _ = writeln!(io::stderr(), "{}: {}", failed.run, failed.error);
    }
    let code = failed.iter().find_map(|failed| failed.code);
    let message = format!(
        "compare: of {runs} runs and their parents {} came to no end; the same command tries them again",
        failed.len()
    );
    Failure::with_code(message, code)
}
