//! Latency of packed models on Sinew's runtime.

use std::time::{Duration, Instant};

use sinew_runtime::{Isa, Model, RunError, Session};

use crate::pack::PackError;

/// Runs that warm caches and clocks before any is timed.
const WARM_UP: usize = 10;

/// Timed runs of one model on one image, one thread.
#[derive(Clone, Debug)]
pub struct Timing {
    /// Of whole runs, ascending.
    runs: Vec<Duration>,
    /// The shortest time of each step.
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

    /// The shortest time of each step in milliseconds.
    pub fn steps_ms(&self) -> Vec<f64> {
        self.steps.iter().copied().map(milliseconds).collect()
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

/// Times `runs` (at least one) runs of each file, taking turns, so that a machine that slows down slows all of them.
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

struct Contestant<'m> {
    model: Model<'m>,
    memory: Vec<u8>,
    input: Vec<f32>,
    output: Vec<f32>,
    timing: Timing,
}

impl<'m> Contestant<'m> {
    fn new(model: Model<'m>) -> Self {
        Self {
            memory: vec![0; model.arena_bytes()],
            // Any image will do: no kernel's time depends on the values.
            input: (0..model.input_len())
                .map(|i| (i % 17) as f32 / 17.0)
                .collect(),
            output: vec![0.0; model.output_len()],
            timing: Timing {
                runs: Vec::new(),
                steps: vec![Duration::MAX; model.steps().len()],
            },
            model,
        }
    }

    fn run(&mut self, timed: bool) -> Result<(), RunError> {
        let mut session = Session::with_isa(&self.model, &mut self.memory, Isa::detect())?;
        let start = Instant::now();
        session.run(&self.input, &mut self.output)?;
        let whole = start.elapsed();
        if timed {
            self.timing.runs.push(whole);
            // A run of its own: reading the clock after every step would lengthen the whole.
            let steps = &mut self.timing.steps;
            let mut last = Instant::now();
            session.run_observed(&self.input, &mut self.output, &mut |step, _| {
                steps[step] = steps[step].min(last.elapsed());
                last = Instant::now();
            })?;
        }
        Ok(())
    }

    fn finish(mut self) -> Timing {
        self.timing.runs.sort_unstable();
        self.timing
    }
}

fn milliseconds(duration: Duration) -> f64 {
    1e3 * duration.as_secs_f64()
}
