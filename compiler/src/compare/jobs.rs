//! Runs as processes, several at a time, parents before those that begin with them.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::plan::parent_folder;
use super::{Plan, finished};
use crate::atomic_file::{self, WriteError};
use crate::execute::DeviceChoice;
use crate::pipeline::files;
use crate::progress::{Lines, Progress};
use crate::recipe::Recipe;

/// Who does the runs.
#[derive(Clone, Debug)]
pub struct Workers {
    /// The `sinew` program.
    pub program: PathBuf,
    /// Processes at a time.
    pub jobs: usize,
    /// Threads of each.
    pub threads: u16,
    /// Where each computes.
    pub device: DeviceChoice,
}

/// A run that came to no end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failed {
    /// Its label.
    pub run: String,
    /// What it said.
    pub error: String,
    /// Its exit code; none if a signal ended it, or it was never begun.
    #[serde(skip)]
    pub code: Option<i32>,
}

/// One process.
struct Job<'a> {
    label: String,
    recipe: &'a Recipe,
    folder: PathBuf,
    /// The job whose dense network it begins with; none if it is to make one.
    parent: Option<usize>,
}

#[derive(Clone, Debug)]
enum State {
    Waiting,
    Running,
    Done,
    Failed,
}

/// What the workers know of each other.
struct Shared<'a> {
    jobs: &'a [Job<'a>],
    states: Mutex<(Vec<State>, Vec<Failed>)>,
    changed: Condvar,
}

impl Workers {
    /// Does the runs of `plan` that are not finished, and returns those that failed.
    pub(super) fn work(
        &self,
        plan: &Plan,
        folder: &Path,
        progress: &Progress,
    ) -> Result<Vec<Failed>, WriteError> {
        let jobs = self.jobs(plan, folder);
        for job in &jobs {
            let parent = job.folder.parent().expect("inside the comparison's");
            atomic_file::create_folder(parent)?;
            atomic_file::sweep(parent)?;
        }
        let shared = Shared {
            jobs: &jobs,
            states: Mutex::new((vec![State::Waiting; jobs.len()], Vec::new())),
            changed: Condvar::new(),
        };
        let lines = progress.lines();
        let all = lines.bar("all", jobs.len() as u64);
        all.enable_steady_tick(TICK);
        thread::scope(|scope| {
            for _ in 0..self.jobs.min(jobs.len()) {
                scope.spawn(|| {
                    while let Some(number) = shared.next() {
                        let outcome = self.run(&jobs[number], &jobs, &lines);
                        shared.settle(number, outcome);
                        all.inc(1);
                    }
                });
            }
        });
        lines.clear();
        let (_, mut failed) = shared
            .states
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        // In the order of the plan, whichever ended first.
        failed.sort_by_key(|failed| jobs.iter().position(|job| job.label == failed.run));
        Ok(failed)
    }

    /// What is left to do: parents first, and only those that somebody needs.
    fn jobs<'a>(&self, plan: &'a Plan, folder: &Path) -> Vec<Job<'a>> {
        let runs = plan.runs.iter();
        let left: Vec<_> = runs
            .filter(|run| finished(run, folder, self).is_none())
            .collect();
        let mut parents: Vec<usize> = left.iter().map(|run| run.parent).collect();
        parents.dedup();
        parents.sort_unstable();
        parents.dedup();
        let dense = parents.iter().map(|&parent| {
            let first = left.iter().find(|run| run.parent == parent);
            let recipe = &plan.parents[parent];
            Job {
                label: format!(
                    "{} dense seed {}",
                    first.expect("it needs the parent").origin,
                    recipe.seed
                ),
                recipe,
                folder: folder.join(parent_folder(recipe)),
                parent: None,
            }
        });
        let sparse = left.iter().map(|run| Job {
            label: run.label(),
            recipe: &run.recipe,
            folder: folder.join(run.folder()),
            parent: parents.binary_search(&run.parent).ok(),
        });
        dense.chain(sparse).collect()
    }

    fn run(&self, job: &Job<'_>, jobs: &[Job<'_>], lines: &Lines) -> Result<(), Failed> {
        let failed = |error: String, code| Failed {
            run: job.label.clone(),
            error,
            code,
        };
        let internal = |problem: io::Error| failed(problem.to_string(), None);
        if let Some(parent) = job.parent {
            inherit(&jobs[parent].folder, &job.folder)
                .map_err(|error| failed(error.to_string(), None))?;
        }
        // Beside the folder, so that the run can be repeated by hand; inside there will be the recipe that it claims the folder for.
        let recipe = PathBuf::from(format!("{}.toml", job.folder.display()));
        let text = toml::to_string(job.recipe).expect("plain data");
        atomic_file::write(&recipe, text.as_bytes())
            .map_err(|error| failed(error.to_string(), None))?;

        let line = lines.spinner(job.label.clone());
        line.enable_steady_tick(TICK);
        let mut command = Command::new(&self.program);
        command
            .args(["compile", "--json", "--leashed", "--threads"])
            .arg(self.threads.to_string())
            .args(["--device", &self.device.to_string()])
            .args(job.parent.is_none().then_some("--parent"))
            .arg("--output")
            .arg(&job.folder)
            .arg(&recipe);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(internal)?;
        // As long as this is held, the child lives: whatever kills this process closes it.
        let leash = child.stdin.take();
        let mut said = Vec::new();
        if let Some(stderr) = &mut child.stderr {
            stderr.read_to_end(&mut said).map_err(internal)?;
        }
        let status = child.wait().map_err(internal)?;
        drop(leash);
        line.finish_and_clear();
        if status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        let error = if said.is_empty() {
            status.to_string()
        } else {
            said
        };
        Err(failed(error, status.code()))
    }
}

/// How often lines are drawn.
const TICK: Duration = Duration::from_millis(250);

/// Gives a run what its parent has left.
fn inherit(parent: &Path, run: &Path) -> Result<(), WriteError> {
    atomic_file::create_folder(run)?;
    for file in files::PARENT {
        let (from, to) = (parent.join(file), run.join(file));
        if from.exists() && !to.exists() {
            atomic_file::share(&from, &to)?;
        }
    }
    Ok(())
}

impl Shared<'_> {
    fn lock(&self) -> MutexGuard<'_, (Vec<State>, Vec<Failed>)> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job that can be begun, as soon as there is one; none if none is left.
    fn next(&self) -> Option<usize> {
        let mut states = self.lock();
        loop {
            let waiting = |number: &usize| matches!(states.0[*number], State::Waiting);
            let ready = |number: &usize| match self.jobs[*number].parent {
                None => true,
                Some(parent) => matches!(states.0[parent], State::Done),
            };
            let left: Vec<usize> = (0..self.jobs.len()).filter(waiting).collect();
            left.first()?;
            if let Some(number) = left.into_iter().find(ready) {
                states.0[number] = State::Running;
                return Some(number);
            }
            states = self
                .changed
                .wait(states)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Notes how a job has ended. Those that wait for it fail with it.
    fn settle(&self, number: usize, outcome: Result<(), Failed>) {
        let mut states = self.lock();
        match outcome {
            Ok(()) => states.0[number] = State::Done,
            Err(failed) => {
                for (heir, job) in self.jobs.iter().enumerate() {
                    if job.parent == Some(number) {
                        states.0[heir] = State::Failed;
                        states.1.push(Failed {
                            run: job.label.clone(),
                            error: format!("its parent has failed: {}", failed.run),
                            code: None,
                        });
                    }
                }
                states.0[number] = State::Failed;
                states.1.push(failed);
            }
        }
        drop(states);
        self.changed.notify_all();
    }
}
