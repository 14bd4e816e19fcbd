//! The tape: the values of one part of a batch, their slopes, and the steps that compute both.
//!
//! A value is `[image, element]`. Slopes are deposited: the first deposit is written and others are added, so that nothing has to be
//! cleared.

use super::affine::Affine;
use super::binary::Binary;
use super::convolution::Convolution;
use super::kernel::{Kernels, Workspace};
use super::pool::{AveragePool, MaxPool};
use super::scatter::{Gather, Scatter};

/// What a step computes.
#[derive(Debug)]
pub(super) enum Task {
    Convolution(Convolution),
    Affine(Affine),
    Binary(Binary),
    MaxPool(MaxPool),
    AveragePool(AveragePool),
    Scatter(Scatter),
    Gather(Gather),
    /// The same value for every image.
    Constant(Vec<f32>),
}

/// One step of the forward pass, and its part of the backward pass.
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

/// The buffers of one core.
pub(super) struct Tape<'k> {
    /// Elements of each value, for one image.
    elements: &'k [usize],
    kernels: &'k Kernels<'k>,
    workspace: Workspace,
    values: Vec<Vec<f32>>,
    slopes: Vec<Slopes>,
}

/// The slopes of a value, as far as they are there.
#[derive(Clone, Debug, Default)]
pub(super) struct Slopes {
    numbers: Vec<f32>,
    is_written: bool,
}

impl Slopes {
    /// Gives `write` the numbers, and whether it has to add to them.
    fn deposit(&mut self, write: impl FnOnce(&mut [f32], bool)) {
        write(&mut self.numbers, self.is_written);
        self.is_written = true;
    }

    /// Writes or adds one number for each element.
    fn deposit_each(&mut self, numbers: impl Iterator<Item = f32>) {
        self.deposit(|targets, add| put(targets, numbers, add));
    }
}

/// Writes `numbers` to `targets`, or adds them.
pub(crate) fn put(targets: &mut [f32], numbers: impl Iterator<Item = f32>, add: bool) {
    let pairs = targets.iter_mut().zip(numbers);
    if add {
        pairs.for_each(|(target, number)| *target += number);
    } else {
        pairs.for_each(|(target, number)| *target = number);
    }
}

impl<'k> Tape<'k> {
    pub(super) fn new(elements: &'k [usize], kernels: &'k Kernels<'k>) -> Self {
        Self {
            elements,
            kernels,
            workspace: Workspace::default(),
            values: vec![Vec::new(); elements.len()],
            slopes: vec![Slopes::default(); elements.len()],
        }
    }

    /// Begins a forward pass of `images`.
    pub(super) fn load(&mut self, images: &[f32]) {
        let count = images.len() / self.elements[0];
        for ((value, slopes), elements) in self
            .values
            .iter_mut()
            .zip(&mut self.slopes)
            .zip(self.elements)
        {
            value.resize(count * elements, 0.0);
            slopes.numbers.resize(count * elements, 0.0);
        }
        self.values[0].copy_from_slice(images);
    }

    /// A value of all images.
    pub(super) fn value(&self, value: usize) -> &[f32] {
        &self.values[value]
    }

    /// Begins a backward pass with the slopes of one value.
    pub(super) fn begin(&mut self, value: usize, slopes: &[f32]) {
        for slopes in &mut self.slopes {
            slopes.is_written = false;
        }
        self.slopes[value].deposit_each(slopes.iter().copied());
    }

    /// What has arrived at the images: zeros if nothing has.
    pub(super) fn slopes_of_input(&mut self) -> &[f32] {
        let Slopes {
            numbers,
            is_written,
        } = &mut self.slopes[0];
        if !*is_written {
            numbers.fill(0.0);
        }
        numbers
    }
}

impl Step {
    pub(super) fn forward(&self, tape: &mut Tape<'_>) {
        // A step does not read what it writes.
        let mut output = std::mem::take(&mut tape.values[self.output]);
        let input = |index: usize| tape.values[self.inputs[index]].as_slice();
        match &self.task {
            Task::Convolution(task) => {
                task.forward(input(0), &mut output, tape.kernels, &mut tape.workspace);
            }
            Task::Affine(task) => task.forward(input(0), &mut output),
            Task::Binary(task) => task.forward([input(0), input(1)], &mut output),
            Task::MaxPool(task) => task.forward(input(0), &mut output),
            Task::AveragePool(task) => task.forward(input(0), &mut output),
            Task::Scatter(task) => {
                output.fill(0.0);
                for index in 0..self.inputs.len() {
                    task.forward(index, input(index), &mut output);
                }
            }
            Task::Gather(task) => task.forward(input(0), &mut output),
            Task::Constant(value) => {
                for image in output.chunks_exact_mut(value.len()) {
                    image.copy_from_slice(value);
                }
            }
        }
        if let Some((low, high)) = self.bounds
            && !matches!(self.task, Task::Convolution(_))
        {
            for element in &mut output {
                *element = element.clamp(low, high);
            }
        }
        tape.values[self.output] = output;
    }

    pub(super) fn backward(&self, tape: &mut Tape<'_>) {
        let mut slopes = std::mem::take(&mut tape.slopes[self.output]);
        if slopes.is_written {
            if let Some((low, high)) = self.bounds {
                let values = &tape.values[self.output];
                for (slope, value) in slopes.numbers.iter_mut().zip(values) {
                    *slope = if low < *value && *value < high {
                        *slope
                    } else {
                        0.0
                    };
                }
            }
            self.pull(&slopes.numbers, tape);
        }
        tape.slopes[self.output] = slopes;
    }

    /// Deposits what the slopes of the output make of those of the inputs.
    fn pull(&self, slopes: &[f32], tape: &mut Tape<'_>) {
        let input = |index: usize| tape.values[self.inputs[index]].as_slice();
        let deposits = &mut tape.slopes;
        match &self.task {
            Task::Convolution(task) => deposits[self.inputs[0]].deposit(|targets, add| {
                task.backward(slopes, targets, add, tape.kernels, &mut tape.workspace);
            }),
            Task::Affine(task) => deposits[self.inputs[0]].deposit_each(task.backward(slopes)),
            Task::Binary(task) => {
                for side in [0, 1] {
                    let other = input(1 - side);
                    deposits[self.inputs[side]]
                        .deposit(|targets, add| task.backward(side, slopes, other, targets, add));
                }
            }
            Task::MaxPool(task) => {
                deposits[self.inputs[0]]
                    .deposit(|targets, add| task.backward(input(0), slopes, targets, add));
            }
            Task::AveragePool(task) => {
                deposits[self.inputs[0]]
                    .deposit(|targets, add| task.backward(slopes, targets, add));
            }
            Task::Scatter(task) => {
                for (index, input) in self.inputs.iter().enumerate() {
                    deposits[*input]
                        .deposit(|targets, add| task.backward(index, slopes, targets, add));
                }
            }
            Task::Gather(task) => {
                deposits[self.inputs[0]]
                    .deposit(|targets, add| task.backward(slopes, targets, add));
            }
            Task::Constant(_) => {}
        }
    }
}
