//! Convolutions as matrix products, and linear layers, which are convolutions of maps with one element.
//!
//! With the columns `X` that windows see, a convolution is `Y = W·X`; slopes `G` of `Y` make `Wᵀ·G` of those of the columns, and `G·Xᵀ` of
//! those of the weights. Columns of several images lie side by side, as many as make a product worth its while. Where most weights are
//! zero, the first two are products with those that are not, and of the third only their elements are computed, if no others are wanted
//! (`sparse`). Non-goals: depthwise convolutions, whose matrices have one row (`depthwise`).

use std::ops::Range;

use super::columns::Windows;
use super::matrix::{matrix, multiply};
use super::sparse::Sparse;

/// With fewer columns than this, a product spends its time on reading the weights.
const COLUMNS: usize = 256;

/// A convolution with weights `[output channel, input channel / groups, tap]`.
#[derive(Debug)]
pub(super) struct Convolution {
    /// Its number among all of the network.
    pub(super) number: usize,
    pub(super) weight: usize,
    pub(super) bias: Option<usize>,
    /// Input and output channels of a group.
    pub(super) depth: usize,
    pub(super) units: usize,
    pub(super) groups: usize,
    pub(super) windows: Windows,
}

/// What a convolution computes with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights<'p> {
    pub(super) dense: &'p [f32],
    /// The matrix of each group, where most weights are zero; else nothing.
    pub(super) sparse: &'p [Sparse],
    pub(super) bias: Option<&'p [f32]>,
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
    /// The matrix of each group without its zeros, if most of all weights are zero.
    pub(super) fn sparse(&self, weights: &[f32]) -> Vec<Sparse> {
        let groups = weights.chunks_exact(self.units * self.rows());
        let sparse: Option<Vec<Sparse>> = groups
            .map(|weights| Sparse::new(weights, self.rows()))
            .collect();
        sparse.unwrap_or_default()
    }

    /// Input: `[input channel, image, element]`; output `[output channel, image, window]`.
    pub(super) fn forward(
        &self,
        input: &[f32],
        output: &mut [f32],
        images: usize,
        weights: Weights<'_>,
        scratch: &mut Scratch,
    ) {
        for block in self.blocks(images) {
            let (rows, columns) = (self.rows(), self.columns(&block));
            let stride = images * self.windows.count();
            let target = &mut output[self.outputs(&block)];
            let (seen, spacing) = self.seen(&block, input, scratch);
            if let Some(sparse) = weights.sparse.get(block.group) {
                let target = (&mut *target, stride);
                (sparse.matrix).multiply(columns, target, false, (seen, spacing));
            } else {
                let weights = matrix(
                    self.weights(&block, weights.dense),
                    [self.units, rows],
                    rows,
                );
                let seen = matrix(seen, [rows, columns], spacing);
                multiply(target, [self.units, columns], stride, false, weights, seen);
            }
            if let Some(bias) = weights.bias {
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
        weights: Weights<'_>,
        scratch: &mut Scratch,
    ) {
        if !self.windows.is_identity && !add {
            targets.fill(0.0);
        }
        for block in self.blocks(images) {
            let (rows, columns) = (self.rows(), self.columns(&block));
            let stride = images * self.windows.count();
            let slopes = &slopes[self.outputs(&block)];
            let columns_of = |(target, spacing): (&mut [f32], usize), add: bool| {
                if let Some(sparse) = weights.sparse.get(block.group) {
                    let target = (target, spacing);
                    (sparse.transposed).multiply(columns, target, add, (slopes, stride));
                } else {
                    let weights = matrix(
                        self.weights(&block, weights.dense),
                        [self.units, rows],
                        rows,
                    );
                    let slopes = matrix(slopes, [self.units, columns], stride);
                    multiply(
                        target,
                        [rows, columns],
                        spacing,
                        add,
                        weights.transpose(),
                        slopes,
                    );
                }
            };
            if self.windows.is_identity {
                columns_of((&mut targets[self.inputs(&block)], stride), add);
                continue;
            }
            let brought = room(&mut scratch.columns, rows * columns);
            columns_of((&mut *brought, columns), false);
            self.bring(&block, brought, targets, &mut scratch.phases);
        }
    }

    /// Adds slopes of columns to those of the elements that windows see.
    fn bring(
        &self,
        block: &Block,
        brought: &mut [f32],
        targets: &mut [f32],
        scratch: &mut Vec<f32>,
    ) {
        let count = self.windows.count();
        let mut lines = brought.chunks_exact_mut(self.columns(block));
        let length = self.windows.cut_length();
        for channel in 0..self.depth {
            let phases = room(scratch, block.images.len() * length);
            phases.fill(0.0);
            for (reach, line) in self.windows.reaches().zip(&mut lines) {
                let images = block.images.clone().zip(line.chunks_exact_mut(count));
                for (number, (image, brought)) in images.enumerate() {
                    let plane = match length {
                        0 => &mut targets[self.plane(block, channel, image)],
                        _ => &mut phases[number * length..][..length],
                    };
                    self.windows.bring(reach, brought, plane);
                }
            }
            if length > 0 {
                for (image, phases) in block.images.clone().zip(phases.chunks_exact(length)) {
                    let plane = self.plane(block, channel, image);
                    self.windows.join(phases, &mut targets[plane]);
                }
            }
        }
    }

    /// Writes the slopes of the weights to `targets`, or adds them. Where `kept` has the matrix of each group, only those of weights that
    /// it has; the others are zero.
    pub(super) fn pull_weights(
        &self,
        [input, slopes]: [&[f32]; 2],
        targets: &mut [f32],
        add: bool,
        images: usize,
        kept: &[Sparse],
        scratch: &mut Scratch,
    ) {
        if !(kept.is_empty() || add) {
            targets.fill(0.0);
        }
        for block in self.blocks(images) {
            let (rows, columns) = (self.rows(), self.columns(&block));
            let stride = images * self.windows.count();
            let slopes = &slopes[self.outputs(&block)];
            let (seen, spacing) = self.seen(&block, input, scratch);
            let size = self.units * rows;
            let targets = &mut targets[block.group * size..][..size];
            if let Some(kept) = kept.get(block.group) {
                kept.add_products(columns, targets, (slopes, stride), (seen, spacing));
                continue;
            }
            let slopes = matrix(slopes, [self.units, columns], stride);
            let add = add || block.images.start > 0;
            let seen = matrix(seen, [rows, columns], spacing).transpose();
            multiply(targets, [self.units, rows], rows, add, slopes, seen);
        }
    }

    fn blocks(&self, images: usize) -> impl Iterator<Item = Block> + use<> {
        // Where columns need not be gathered, nothing is gained by cutting them. Blocks are of one size, as nearly as they can be: a
        // small last one would cost most of what a full one does.
        let size = if self.windows.is_identity {
            images
        } else {
            let enough = COLUMNS.div_ceil(self.windows.count());
            images.div_ceil((images / enough).max(1))
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
