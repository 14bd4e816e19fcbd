//! The tape: the values of one part of a batch, their slopes, and the slopes of parameters that its images bring.
//!
//! A value is `[channel, image, element]`, its first axis before the images: so a channel of all images is one row of a matrix. Slopes are
//! deposited: the first deposit is written and others are added, so that nothing has to be cleared. Buffers only grow. Non-goals: what
//! steps compute (`step`).

use super::convolution::Scratch;
use super::lower::Program;

/// Numbers that are overwritten again and again, as many as there is use for.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    numbers: Vec<f32>,
    length: usize,
}

impl Buffer {
    /// Makes room for `length` numbers, whatever they are.
    pub(super) fn set_length(&mut self, length: usize) {
        if self.numbers.len() < length {
            self.numbers.resize(length, 0.0);
        }
        self.length = length;
    }

    pub(super) fn get(&self) -> &[f32] {
        &self.numbers[..self.length]
    }

    pub(super) fn get_mut(&mut self) -> &mut [f32] {
        &mut self.numbers[..self.length]
    }
}

/// The slopes of a value or of a parameter, as far as they are there.
#[derive(Debug, Default)]
pub(super) struct Slopes {
    buffer: Buffer,
    pub(super) is_written: bool,
}

impl Slopes {
    /// Gives `write` room for `length` numbers, and whether it has to add to what is there.
    pub(super) fn deposit(&mut self, length: usize, write: impl FnOnce(&mut [f32], bool)) {
        self.buffer.set_length(length);
        write(self.buffer.get_mut(), self.is_written);
        self.is_written = true;
    }

    /// What has been deposited, if anything has.
    pub(super) fn get(&self) -> Option<&[f32]> {
        self.is_written.then(|| self.buffer.get())
    }

    pub(super) fn get_mut(&mut self) -> &mut [f32] {
        self.buffer.get_mut()
    }
}

/// The buffers of one part.
#[derive(Debug, Default)]
pub(super) struct Tape {
    /// Images of the part.
    pub(super) images: usize,
    pub(super) values: Vec<Buffer>,
    pub(super) slopes: Vec<Slopes>,
    /// Slopes of parameters.
    pub(super) parameters: Vec<Slopes>,
    /// For each batch norm and channel, sums of slopes and of their products with normalised elements; nothing where no slopes arrive.
    pub(super) sums: Vec<Vec<[f64; 2]>>,
    /// For each point, the slopes that have arrived there.
    pub(super) points: Vec<Buffer>,
    pub(super) scratch: Vec<f32>,
    pub(super) columns: Scratch,
}

impl Tape {
    /// Begins a forward pass of `images`: `[image, channel, height, width]`.
    pub(super) fn load(&mut self, program: &Program, images: &[f32]) {
        self.images = images.len() / program.elements[0];
        let slots = program.elements.len();
        self.values.resize_with(slots, Buffer::default);
        self.slopes.resize_with(slots, Slopes::default);
        for (value, elements) in self.values.iter_mut().zip(&program.elements) {
            value.set_length(self.images * elements);
        }
        let input = self.values[0].get_mut();
        swap_axes(images, [self.images, program.channels[0]], input);
    }

    /// Copies a value to `target`: `[image, element]`.
    pub(super) fn read(&self, program: &Program, slot: usize, target: &mut [f32]) {
        let shape = [program.channels[slot], self.images];
        swap_axes(self.values[slot].get(), shape, target);
    }

    /// Begins a backward pass.
    pub(super) fn begin(&mut self, program: &Program) {
        for slopes in self.slopes.iter_mut().chain(&mut self.parameters) {
            slopes.is_written = false;
        }
        self.parameters
            .resize_with(program.parameters, Slopes::default);
        self.sums.clear();
        self.sums.resize(program.norms.len(), Vec::new());
        self.points
            .resize_with(program.points.len(), Buffer::default);
        for (point, slot) in self.points.iter_mut().zip(&program.points) {
            point.set_length(self.images * program.elements[*slot]);
            point.get_mut().fill(0.0);
        }
    }

    /// Deposits slopes `[image, element]` of a value.
    pub(super) fn bring(&mut self, program: &Program, slot: usize, slopes: &[f32]) {
        let shape = [self.images, program.channels[slot]];
        let scratch = &mut self.scratch;
        self.slopes[slot].deposit(slopes.len(), |targets, add| {
            if !add {
                return swap_axes(slopes, shape, targets);
            }
            scratch.resize(scratch.len().max(slopes.len()), 0.0);
            let swapped = &mut scratch[..slopes.len()];
            swap_axes(slopes, shape, swapped);
            targets
                .iter_mut()
                .zip(swapped)
                .for_each(|(target, slope)| *target += *slope);
        });
    }

    /// Copies the slopes that have arrived at a value to the points that it is.
    pub(super) fn keep_points(&mut self, program: &Program, slot: usize) {
        for (point, at) in self.points.iter_mut().zip(&program.points) {
            if let (true, Some(slopes)) = (*at == slot, self.slopes[slot].get()) {
                let shape = [program.channels[slot], self.images];
                swap_axes(slopes, shape, point.get_mut());
            }
        }
    }

    /// Copies the slopes of the images to `target`: `[image, channel, height, width]`, zero if none have arrived.
    pub(super) fn read_pixels(&self, program: &Program, target: &mut [f32]) {
        match self.slopes[0].get() {
            Some(slopes) => swap_axes(slopes, [program.channels[0], self.images], target),
            None => target.fill(0.0),
        }
    }
}

/// From `[row, column, …]` to `[column, row, …]`.
pub(super) fn swap_axes(numbers: &[f32], [rows, columns]: [usize; 2], target: &mut [f32]) {
    if rows == 1 || columns == 1 {
        return target.copy_from_slice(numbers);
    }
    let length = numbers.len() / (rows * columns);
    let runs = target.chunks_exact_mut(length).enumerate();
    for (index, target) in runs {
        let (column, row) = (index / rows, index % rows);
        target.copy_from_slice(&numbers[(row * columns + column) * length..][..length]);
    }
}
