//! Convolutions as matrix products, and linear layers, which are convolutions of maps with one element.
//!
//! With the columns `X` that windows see, a convolution is `Y = W·X`; slopes `G` of `Y` make `Wᵀ·G` of those of the columns, and `G·Xᵀ` of
//! those of the weights. Columns of several images lie side by side, as many as make a product worth its while. Non-goals: depthwise
//! convolutions, whose matrices have one row (`depthwise`).

use std::ops::Range;

use super::columns::Windows;
use super::matrix::{matrix, multiply};

/// With fewer columns than this, a product spends its time on reading the weights.
const COLUMNS: usize = 256;

/// A convolution with weights `[output channel, input channel / groups, tap]`.
#[derive(Debug)]
pub(super) struct Convolution {
    pub(super) weight: usize,
    pub(super) bias: Option<usize>,
    /// Input and output channels of a group.
    pub(super) depth: usize,
    pub(super) units: usize,
    pub(super) groups: usize,
    pub(super) windows: Windows,
}

/// Memory that convolutions write what they need for a moment.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    columns: Vec<f32>,
    /// Planes of one channel, cut into the phases of a stride.
    phases: Vec<f32>,
}

/// The images of a part whose columns are multiplied at once, in one group.
struct Block {
    group: usize,
    images: Range<usize>,
    /// Images of the part.
    of: usize,
}

impl Convolution {
    /// Input: `[input channel, image, element]`; output `[output channel, image, window]`.
    pub(super) fn forward(
        &self,
        input: &[f32],
        output: &mut [f32],
        images: usize,
        parameters: &[Vec<f32>],
        scratch: &mut Scratch,
    ) {
        let bias = self.bias.map(|bias| &parameters[bias]);
        for block in self.blocks(images) {
            let (rows, columns) = (self.rows(), self.columns(&block));
            let stride = images * self.windows.count();
            let weights = self.weights(&block, &parameters[self.weight]);
            let weights = matrix(weights, [self.units, rows], rows);
            let target = &mut output[self.outputs(&block)];
            let (seen, spacing) = self.seen(&block, input, scratch);
            let seen = matrix(seen, [rows, columns], spacing);
            multiply(target, [self.units, columns], stride, false, weights, seen);
            if let Some(bias) = bias {
                let bias = &bias[block.group * self.units..];
                for (row, bias) in target.chunks_mut(stride).zip(bias) {
                    row[..columns].iter_mut().for_each(|y| *y += bias);
                }
            }
        }
    }

    /// Writes the slopes of the input to `targets`, or adds them.
    pub(super) fn pull_input(
        &self,
        slopes: &[f32],
        targets: &mut [f32],
        add: bool,
        images: usize,
        parameters: &[Vec<f32>],
        scratch: &mut Scratch,
    ) {
        if !self.windows.is_identity && !add {
            targets.fill(0.0);
        }
        for block in self.blocks(images) {
            let (rows, columns) = (self.rows(), self.columns(&block));
            let stride = images * self.windows.count();
            let weights = self.weights(&block, &parameters[self.weight]);
            let weights = matrix(weights, [self.units, rows], rows).transpose();
            let slopes = matrix(&slopes[self.outputs(&block)], [self.units, columns], stride);
            if self.windows.is_identity {
                let targets = &mut targets[self.inputs(&block)];
                multiply(targets, [rows, columns], stride, add, weights, slopes);
                continue;
            }
            let brought = room(&mut scratch.columns, rows * columns);
            multiply(brought, [rows, columns], columns, false, weights, slopes);
            let count = self.windows.count();
            let mut lines = brought.chunks_exact_mut(columns);
            let length = self.windows.cut_length();
            for channel in 0..self.depth {
                let phases = room(&mut scratch.phases, block.images.len() * length);
                phases.fill(0.0);
                for (reach, line) in self.windows.reaches().zip(&mut lines) {
                    let images = block.images.clone().zip(line.chunks_exact_mut(count));
                    for (number, (image, brought)) in images.enumerate() {
                        let plane = match length {
                            0 => &mut targets[self.plane(&block, channel, image)],
                            _ => &mut phases[number * length..][..length],
                        };
                        self.windows.bring(reach, brought, plane);
                    }
                }
                if length > 0 {
                    for (image, phases) in block.images.clone().zip(phases.chunks_exact(length)) {
                        let plane = self.plane(&block, channel, image);
                        self.windows.join(phases, &mut targets[plane]);
                    }
                }
            }
        }
    }

    /// Writes the slopes of the weights to `targets`, or adds them.
    pub(super) fn pull_weights(
        &self,
        input: &[f32],
        slopes: &[f32],
        targets: &mut [f32],
        add: bool,
        images: usize,
        scratch: &mut Scratch,
    ) {
        for block in self.blocks(images) {
            let (rows, columns) = (self.rows(), self.columns(&block));
            let stride = images * self.windows.count();
            let slopes = matrix(&slopes[self.outputs(&block)], [self.units, columns], stride);
            let add = add || block.images.start > 0;
            let (seen, spacing) = self.seen(&block, input, scratch);
            let seen = matrix(seen, [rows, columns], spacing).transpose();
            let size = self.units * rows;
            let targets = &mut targets[block.group * size..][..size];
            multiply(targets, [self.units, rows], rows, add, slopes, seen);
        }
    }

    fn blocks(&self, images: usize) -> impl Iterator<Item = Block> + use<> {
        // Where columns need not be gathered, nothing is gained by cutting them.
        let size = if self.windows.is_identity {
            images
        } else {
            COLUMNS.div_ceil(self.windows.count())
        };
        (0..self.groups).flat_map(move |group| {
            (0..images).step_by(size).map(move |first| Block {
                group,
                images: first..images.min(first + size),
                of: images,
            })
        })
    }

    /// Weights of an output channel.
    fn rows(&self) -> usize {
        self.depth * self.windows.taps()
    }

    fn columns(&self, block: &Block) -> usize {
        block.images.len() * self.windows.count()
    }

    fn weights<'w>(&self, block: &Block, weights: &'w [f32]) -> &'w [f32] {
        let size = self.units * self.rows();
        &weights[block.group * size..][..size]
    }

    /// Where a plane of the input lies.
    fn plane(&self, block: &Block, channel: usize, image: usize) -> Range<usize> {
        let size = self.windows.elements();
        let start = ((block.group * self.depth + channel) * block.of + image) * size;
        start..start + size
    }

    /// Where a block's results lie, from the first to the last.
    fn outputs(&self, block: &Block) -> Range<usize> {
        stretch(block, self.units, self.windows.count())
    }

    /// Where a block's elements lie, from the first to the last.
    fn inputs(&self, block: &Block) -> Range<usize> {
        stretch(block, self.depth, self.windows.elements())
    }

    /// The columns of a block, and how far apart their rows begin.
    fn seen<'s>(
        &self,
        block: &Block,
        input: &'s [f32],
        scratch: &'s mut Scratch,
    ) -> (&'s [f32], usize) {
        let count = self.windows.count();
        if self.windows.is_identity {
            return (&input[self.inputs(block)], block.of * count);
        }
        let columns = self.columns(block);
        let seen = room(&mut scratch.columns, self.rows() * columns);
        let mut lines = seen.chunks_exact_mut(columns);
        let length = self.windows.cut_length();
        for channel in 0..self.depth {
            let phases = room(&mut scratch.phases, block.images.len() * length);
            if length > 0 {
                for (image, phases) in block.images.clone().zip(phases.chunks_exact_mut(length)) {
                    let plane = self.plane(block, channel, image);
                    self.windows.cut(&input[plane], phases);
                }
            }
            for (reach, line) in self.windows.reaches().zip(&mut lines) {
                let images = block.images.clone().zip(line.chunks_exact_mut(count));
                for (number, (image, seen)) in images.enumerate() {
                    let plane = match length {
                        0 => &input[self.plane(block, channel, image)],
                        _ => &phases[number * length..][..length],
                    };
                    self.windows.gather(reach, plane, seen);
                }
            }
        }
        (seen, columns)
    }
}

fn stretch(block: &Block, channels: usize, size: usize) -> Range<usize> {
    let start = (block.group * channels * block.of + block.images.start) * size;
    let length = ((channels - 1) * block.of + block.images.len()) * size;
    start..start + length
}

/// The first `count` numbers of a buffer that grows.
fn room(scratch: &mut Vec<f32>, count: usize) -> &mut [f32] {
    if scratch.len() < count {
        scratch.resize(count, 0.0);
    }
    &mut scratch[..count]
}
