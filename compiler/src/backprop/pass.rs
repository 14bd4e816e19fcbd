//! Both passes over a batch that is cut into parts, each with a tape of its own.
//!
//! Parts are computed at the same time, from one batch norm to the next; where the statistics are the batch's, the parts' sums meet there,
//! in order. So nothing depends on the number of threads. Non-goals: what each step does (`step`).

use rayon::prelude::*;

use super::convolution::{Convolution, Weights};
use super::lower::Program;
use super::normalization::{BatchNorm, Statistics};
use super::sparse::Sparse;
use super::step::Task;
use super::tape::Tape;
use crate::trainable::Wanted;

/// What the steps of a pass see beside a tape.
#[derive(Debug)]
pub(super) struct Pass<'p> {
    pub(super) program: &'p Program,
    pub(super) parameters: &'p [Vec<f32>],
    /// For each convolution its matrices without their zeros, as [`Convolution::sparse`] gives them.
    pub(super) sparse: &'p [Vec<Sparse>],
    /// Whether batch norms use the batch's statistics.
    pub(super) is_batch: bool,
    /// For each batch norm and channel.
    pub(super) statistics: Vec<Vec<Statistics>>,
    /// The values whose slopes are wanted, or lead to some that are.
    pub(super) wanted: Vec<bool>,
    /// Of which parameters slopes are wanted.
    pub(super) parameters_wanted: Wanted,
}

impl<'p> Pass<'p> {
    /// A pass with running statistics, where those of the batch do not take their place.
    pub(super) fn new(
        program: &'p Program,
        (parameters, sparse): (&'p [Vec<f32>], &'p [Vec<Sparse>]),
        is_batch: bool,
    ) -> Self {
        let norms = program.norms.iter().map(|step| batch_norm(program, *step));
        Self {
            program,
            parameters,
            sparse,
            is_batch,
            statistics: norms.map(|norm| norm.running(parameters)).collect(),
            wanted: Vec::new(),
            parameters_wanted: Wanted::None,
        }
    }

    /// What a convolution of the program computes with.
    pub(super) fn weights(&self, convolution: &Convolution) -> Weights<'p> {
        Weights {
            dense: &self.parameters[convolution.weight],
            sparse: &self.sparse[convolution.number],
            bias: convolution.bias.map(|bias| &self.parameters[bias][..]),
        }
    }

    /// Asks for slopes: those of the images, of parameters, and of the program's points.
    pub(super) fn want(&mut self, images: bool, parameters: Wanted) {
        let program = self.program;
        let is_point = |slot: usize| program.points.contains(&slot);
        self.parameters_wanted = parameters;
        self.wanted = vec![false; program.elements.len()];
        self.wanted[0] = images || is_point(0);
        for step in &program.steps {
            let has_parameters = matches!(
                step.task,
                Task::Convolution(_) | Task::Depthwise(_) | Task::BatchNorm(_)
            );
            self.wanted[step.output] = parameters != Wanted::None && has_parameters
                || is_point(step.output)
                || step.inputs.iter().any(|input| self.wanted[*input]);
        }
    }

    /// Runs one part forward, which takes running statistics.
    pub(super) fn forward_part(&self, tape: &mut Tape) {
        self.run(0, self.program.steps.len(), tape);
    }

    /// Runs the parts of a batch forward.
    pub(super) fn forward(&mut self, tapes: &mut [Tape]) {
        let program = self.program;
        let mut first = 0;
        if self.is_batch {
            for (number, &at) in program.norms.iter().enumerate() {
                let (norm, input) = (batch_norm(program, at), program.steps[at].inputs[0]);
                let parts = tapes.par_iter_mut().map(|tape| {
                    self.run(first, at, tape);
                    norm.measure(tape.values[input].get(), program.channels[input])
                });
                let parts: Vec<_> = parts.collect();
                self.statistics[number] = norm.batch(&parts);
                first = at;
            }
        }
        tapes
            .par_iter_mut()
            .for_each(|tape| self.run(first, program.steps.len(), tape));
    }

    fn run(&self, first: usize, end: usize, tape: &mut Tape) {
        for step in &self.program.steps[first..end] {
            step.forward(tape, self);
        }
    }

    /// Pulls the slopes that one part's tape was brought back to its beginning, with running statistics.
    pub(super) fn backward_part(&self, tape: &mut Tape) {
        self.rewind(0, self.program.steps.len(), tape);
    }

    /// Pulls back the slopes that the tapes of a batch were brought.
    pub(super) fn backward(&mut self, tapes: &mut [Tape]) {
        let program = self.program;
        let mut end = program.steps.len();
        if self.is_batch {
            for (number, &at) in program.norms.iter().enumerate().rev() {
                let step = &program.steps[at];
                tapes.par_iter_mut().for_each(|tape| {
                    self.rewind(at + 1, end, tape);
                    step.arrive(tape, self);
                });
                self.spread(
                    number,
                    program.elements[step.output] / program.channels[step.output],
                    tapes,
                );
                end = at;
                tapes.par_iter_mut().for_each(|tape| step.pull(tape, self));
            }
        }
        tapes.par_iter_mut().for_each(|tape| {
            self.rewind(0, end, tape);
            tape.keep_points(program, 0);
        });
    }

    fn rewind(&self, first: usize, end: usize, tape: &mut Tape) {
        for step in self.program.steps[first..end].iter().rev() {
            step.arrive(tape, self);
            step.pull(tape, self);
        }
    }

    /// Makes the means of slopes at a batch norm, whose planes have so many `elements`, of the parts' sums.
    fn spread(&mut self, number: usize, elements: usize, tapes: &[Tape]) {
        let images: usize = tapes.iter().map(|tape| tape.images).sum();
        let count = (images * elements) as f64;
        for (channel, statistics) in self.statistics[number].iter_mut().enumerate() {
            let parts = tapes
                .iter()
                .filter_map(|tape| tape.sums[number].get(channel));
            let sums = parts.fold([0.0; 2], |sums, part| {
                [sums[0] + part[0], sums[1] + part[1]]
            });
            statistics.slopes = sums.map(|sum| (sum / count) as f32);
        }
    }
}

/// The batch norm that is step `at`.
pub(super) fn batch_norm(program: &Program, at: usize) -> &BatchNorm {
    match &program.steps[at].task {
        Task::BatchNorm(norm) => norm,
        other => unreachable!("step {at} is {other:?}"),
    }
}
