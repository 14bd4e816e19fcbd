//! Latency of packed models on Sinew's runtime, and of classifiers on any engine.

use std::time::{Duration, Instant};

use sinew_runtime::{Isa, Model, RunError, Session};

use crate::classifier::{Classifier, ComputeError};
use crate::pack::PackError;

/// Runs that warm caches and clocks before any is timed.
const WARM_UP: usize = 10;

/// Timed runs of one model on one image.
#[derive(Clone, Debug)]
pub struct Timing {
    /// Of whole runs, ascending.
    runs: Vec<Duration>,
    /// The shortest time of each step, where the engine tells.
    steps: Vec<Duration>,
}

impl Timing {
    /// The shortest run in milliseconds.
    pub fn min_ms(&self) -> f64 {
        self.quantile_ms(0.0)
    }

    /// The median run in milliseconds.
    pub fn median_ms(&self) -> f64 {
        self.quantile_ms(0.5)
    }

    /// The run that 99 of 100 do not exceed, in milliseconds.
    pub fn p99_ms(&self) -> f64 {
        self.quantile_ms(0.99)
    }

    /// The shortest time of each step in milliseconds, none where the engine does not tell.
    pub fn steps_ms(&self) -> Vec<f64> {
        self.steps.iter().copied().map(milliseconds).collect()
    }

    fn new(mut runs: Vec<Duration>, steps: Vec<Duration>) -> Self {
        runs.sort_unstable();
        Self { runs, steps }
    }

    fn quantile_ms(&self, quantile: f64) -> f64 {
        let rank = (quantile * self.runs.len() as f64) as usize;
        milliseconds(self.runs[rank.min(self.runs.len() - 1)])
    }
}

/// Something that could not be timed.
#[derive(Debug, thiserror::Error)]
pub enum BenchmarkError {
    /// The file is not a model.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The runtime refused.
    #[error("run the model: {0}")]
    Run(#[from] RunError),
}

/// Times `runs` (at least one) runs of each packed file on one thread, taking turns, so that a machine that slows down slows all of them.
///
/// # Errors
/// If a file is not a valid model.
pub fn latencies(files: &[&[u8]], runs: usize) -> Result<Vec<Timing>, BenchmarkError> {
    let mut contestants = Vec::new();
    for file in files {
        let model = Model::parse(file).map_err(PackError::from)?;
        contestants.push(Contestant::new(model));
    }
    for turn in 0..WARM_UP + runs.max(1) {
        for contestant in &mut contestants {
            contestant.run(turn >= WARM_UP)?;
        }
    }
    Ok(contestants.into_iter().map(Contestant::finish).collect())
}

/// Times `runs` (at least one) runs of a classifier, with what it takes to hand over the image and to fetch the logits.
///
/// # Errors
/// What the classifier reports.
pub fn latency(classifier: &dyn Classifier, runs: usize) -> Result<Timing, ComputeError> {
    let image = image(classifier.input_shape().iter().product());
    for _ in 0..WARM_UP {
        classifier.logits(&image)?;
    }
    let timed = (0..runs.max(1)).map(|_| {
        let start = Instant::now();
        classifier.logits(&image)?;
        Ok(start.elapsed())
    });
    Ok(Timing::new(timed.collect::<Result<_, _>>()?, Vec::new()))
}

/// Any image will do: no kernel's time depends on the values.
fn image(elements: usize) -> Vec<f32> {
    (0..elements).map(|i| (i % 17) as f32 / 17.0).collect()
}

struct Contestant<'m> {
    model: Model<'m>,
    memory: Vec<u8>,
    input: Vec<f32>,
    output: Vec<f32>,
    runs: Vec<Duration>,
    steps: Vec<Duration>,
}

impl<'m> Contestant<'m> {
    fn new(model: Model<'m>) -> Self {
        Self {
            memory: vec![0; model.arena_bytes()],
            input: image(model.input_len()),
            output: vec![0.0; model.output_len()],
            runs: Vec::new(),
            steps: vec![Duration::MAX; model.steps().len()],
            model,
        }
    }

    fn run(&mut self, timed: bool) -> Result<(), RunError> {
        let mut session = Session::with_isa(&self.model, &mut self.memory, Isa::detect())?;
        let start = Instant::now();
        session.run(&self.input, &mut self.output)?;
        let whole = start.elapsed();
        if timed {
            self.runs.push(whole);
            // A run of its own: reading the clock after every step would lengthen the whole.
            let steps = &mut self.steps;
            let mut last = Instant::now();
            session.run_observed(&self.input, &mut self.output, &mut |step, _| {
                steps[step] = steps[step].min(last.elapsed());
                last = Instant::now();
            })?;
        }
        Ok(())
    }

    fn finish(self) -> Timing {
        Timing::new(self.runs, self.steps)
    }
}

fn milliseconds(duration: Duration) -> f64 {
    1e3 * duration.as_secs_f64()
}
