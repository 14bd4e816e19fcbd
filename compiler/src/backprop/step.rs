//! One step of the forward pass, and its part of the backward pass.
//!
//! Non-goals: the order of steps (`pass`), and the arithmetic of the larger ones (their own files).

use crate::pullback::binary::Binary;
use crate::pullback::pool::{AveragePool, MaxPool};
use crate::pullback::tape::put;
use crate::trainable::Wanted;

use super::convolution::Convolution;
use super::depthwise::Depthwise;
use super::elementwise::Unary;
use super::normalization::{BatchNorm, Statistics};
use super::pass::Pass;
use super::tape::{Tape, swap_axes};

/// What a step computes.
#[derive(Debug)]
pub(super) enum Task {
    Convolution(Convolution),
    Depthwise(Depthwise),
    BatchNorm(BatchNorm),
    /// `(x − mean[c]) / deviation[c]`.
    Normalize {
        mean: Vec<f32>,
        deviation: Vec<f32>,
    },
    Unary(Unary),
    Binary(Binary),
    MaxPool(MaxPool),
    AveragePool(AveragePool),
    /// `factor` times the sum of every plane, of so many elements.
    Sum {
        factor: f32,
        elements: usize,
    },
    /// To so many channels, from so many.
    Reshape {
        channels: [usize; 2],
    },
}

/// A task with the values it works on.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) task: Task,
    /// The values it takes.
    pub(super) inputs: Vec<usize>,
    /// The value it computes.
    pub(super) output: usize,
    /// The clamp that follows it. Where it holds, slopes end.
    pub(super) bounds: Option<(f32, f32)>,
}

impl Step {
    pub(super) fn forward(&self, tape: &mut Tape, pass: &Pass<'_>) {
        // A step does not read what it writes.
        let mut result = std::mem::take(&mut tape.values[self.output]);
        let output = result.get_mut();
        let input = |index: usize| tape.values[self.inputs[index]].get();
        let (images, parameters) = (tape.images, pass.parameters);
        match &self.task {
            Task::Convolution(task) => {
                let weights = pass.weights(task);
                task.forward(input(0), output, images, weights, &mut tape.columns);
            }
            Task::Depthwise(task) => task.forward(input(0), output, images, parameters),
            Task::BatchNorm(task) => {
                let statistics = &pass.statistics[task.number];
                task.forward(input(0), output, parameters, statistics, self.clamp());
            }
            Task::Normalize { mean, deviation } => {
                let length = output.len() / mean.len();
                let rows = input(0)
                    .chunks_exact(length)
                    .zip(output.chunks_exact_mut(length));
                for ((input, output), (mean, deviation)) in rows.zip(mean.iter().zip(deviation)) {
                    put(output, input.iter().map(|x| (x - mean) / deviation), false);
                }
            }
            Task::Unary(function) => function.forward(input(0), output),
            Task::Binary(task) => task.forward([input(0), input(1)], output),
            Task::MaxPool(task) => task.forward(input(0), output),
            Task::AveragePool(task) => task.forward(input(0), output),
            Task::Sum { factor, elements } => {
                let planes = input(0).chunks_exact(*elements);
                put(
                    output,
                    planes.map(|plane| factor * plane.iter().sum::<f32>()),
                    false,
                );
            }
            Task::Reshape {
                channels: [from, to],
            } => {
                reshape(input(0), [*from, *to], images, output, &mut tape.scratch);
            }
        }
        if let Some((low, high)) = self.bounds
            && !matches!(self.task, Task::BatchNorm(_))
        {
            for element in output {
                *element = element.clamp(low, high);
            }
        }
        tape.values[self.output] = result;
    }

    /// Whether there is anything to pull back: slopes have arrived, and something is wanted of them.
    fn is_due(&self, tape: &Tape, pass: &Pass<'_>) -> bool {
        pass.wanted[self.output] && tape.slopes[self.output].is_written
    }

    /// Ends what arrives at the output: no deposit comes after this.
    pub(super) fn arrive(&self, tape: &mut Tape, pass: &Pass<'_>) {
        if !self.is_due(tape, pass) {
            return;
        }
        tape.keep_points(pass.program, self.output);
        let slopes = tape.slopes[self.output].get_mut();
        if let Some((low, high)) = self.bounds {
            let values = tape.values[self.output].get();
            for (slope, value) in slopes.iter_mut().zip(values) {
                *slope = if low < *value && *value < high {
                    *slope
                } else {
                    0.0
                };
            }
        }
        if let Task::BatchNorm(task) = &self.task
            && (pass.parameters_wanted != Wanted::None || pass.is_batch)
        {
            let input = tape.values[self.inputs[0]].get();
            let sums = task.sums(input, slopes, &pass.statistics[task.number]);
            if pass.parameters_wanted != Wanted::None {
                for (id, which) in [(task.shift, 0), (task.scale, 1)] {
                    let sums = sums.iter().map(|sums| sums[which] as f32);
                    tape.parameters[id.0]
                        .deposit(sums.len(), |targets, add| put(targets, sums, add));
                }
            }
            tape.sums[task.number] = sums;
        }
    }

    /// Deposits what the slopes of the output make of those of the inputs and parameters.
    pub(super) fn pull(&self, tape: &mut Tape, pass: &Pass<'_>) {
        if !self.is_due(tape, pass) {
            return;
        }
        let arrived = std::mem::take(&mut tape.slopes[self.output]);
        if let Some(slopes) = arrived.get() {
            if pass.parameters_wanted != Wanted::None {
                self.pull_parameters(slopes, tape, pass);
            }
            for side in 0..self.inputs.len() {
                if pass.wanted[self.inputs[side]] {
                    self.pull_input(side, slopes, tape, pass);
                }
            }
        }
        tape.slopes[self.output] = arrived;
    }

    fn pull_parameters(&self, slopes: &[f32], tape: &mut Tape, pass: &Pass<'_>) {
        let Tape {
            images,
            values,
            parameters,
            columns,
            ..
        } = tape;
        let images = *images;
        let input = values[self.inputs[0]].get();
        let (weight, bias) = match &self.task {
            Task::Convolution(task) => (task.weight, task.bias),
            Task::Depthwise(task) => (task.weight, task.bias),
            _ => return,
        };
        let length = pass.parameters[weight].len();
        parameters[weight].deposit(length, |targets, add| match &self.task {
            Task::Convolution(task) => {
                let kept = match pass.parameters_wanted {
                    Wanted::Kept => pass.weights(task).sparse,
                    _ => &[],
                };
                task.pull_weights([input, slopes], targets, add, images, kept, columns);
            }
            Task::Depthwise(task) => task.pull_weights(input, slopes, targets, add, images),
            _ => {}
        });
        if let Some(bias) = bias {
            let length = pass.parameters[bias].len();
            let rows = slopes.chunks_exact(slopes.len() / length);
            let sums = rows.map(|row| super::lanes::sum(row, |slope| slope) as f32);
            parameters[bias].deposit(length, |targets, add| put(targets, sums, add));
        }
    }

    fn pull_input(&self, side: usize, slopes: &[f32], tape: &mut Tape, pass: &Pass<'_>) {
        let Tape {
            images,
            values,
            slopes: deposits,
            scratch,
            columns,
            ..
        } = tape;
        let (images, parameters) = (*images, pass.parameters);
        let input = |index: usize| values[self.inputs[index]].get();
        let length = input(side).len();
        deposits[self.inputs[side]].deposit(length, |targets, add| match &self.task {
            Task::Convolution(task) => {
                task.pull_input(slopes, targets, add, images, pass.weights(task), columns);
            }
            Task::Depthwise(task) => task.pull_input(slopes, targets, add, images, parameters),
            Task::BatchNorm(task) => {
                let statistics: &[Statistics] = &pass.statistics[task.number];
                task.pull_input(input(0), slopes, targets, add, parameters, statistics);
            }
            Task::Normalize { deviation, .. } => {
                let length = slopes.len() / deviation.len();
                let rows = slopes
                    .chunks_exact(length)
                    .zip(targets.chunks_exact_mut(length));
                for ((slopes, targets), deviation) in rows.zip(deviation) {
                    put(targets, slopes.iter().map(|slope| slope / deviation), add);
                }
            }
            Task::Unary(function) => {
                let output = values[self.output].get();
                function.pull_input([input(0), output], slopes, targets, add);
            }
            Task::Binary(task) => task.backward(side, slopes, input(1 - side), targets, add),
            Task::MaxPool(task) => task.backward(input(0), slopes, targets, add),
            Task::AveragePool(task) => task.backward(slopes, targets, add),
            Task::Sum { factor, elements } => {
                let spread = slopes
                    .iter()
                    .flat_map(|slope| std::iter::repeat_n(factor * slope, *elements));
                put(targets, spread, add);
            }
            Task::Reshape {
                channels: [from, to],
            } => {
                let mut swapped = vec![0.0; slopes.len()];
                reshape(slopes, [*to, *from], images, &mut swapped, scratch);
                put(targets, swapped.into_iter(), add);
            }
        });
    }

    fn clamp(&self) -> (f32, f32) {
        self.bounds.unwrap_or((f32::NEG_INFINITY, f32::INFINITY))
    }
}

/// From `[channel, image, element]` to as many numbers with another number of channels.
fn reshape(
    numbers: &[f32],
    [from, to]: [usize; 2],
    images: usize,
    target: &mut [f32],
    scratch: &mut Vec<f32>,
) {
    scratch.resize(scratch.len().max(numbers.len()), 0.0);
    let scratch = &mut scratch[..numbers.len()];
    swap_axes(numbers, [from, images], scratch);
    swap_axes(scratch, [images, to], target);
}
