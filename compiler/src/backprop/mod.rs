//! Backpropagation by matrix products on the processor: gradients of images, responses and parameters, for networks of the zoo's
//! operators.
//!
//! Training a small network is hundreds of thousands of short passes, in which a framework spends most of its time on everything but
//! products. Here a network is a list of steps on buffers that are used again. A batch is cut into parts, which run side by side from one
//! batch norm to the next. Nothing depends on the number of threads; the last bits of an image's slopes may depend on its batch, since a
//! product of other size may add in another order. Non-goals: operators that no network of the zoo is made of, which are refused by name; other devices
//! (`execute`).

mod columns;
mod convolution;
mod depthwise;
mod elementwise;
mod lanes;
mod lower;
mod matrix;
mod normalization;
mod pass;
mod sparse;
mod step;
mod tape;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use sinew_models::{Network, ParameterId};

use crate::attack::Loss;
use crate::classifier::{Classifier, ComputeError, Differentiable, Gradient, slopes};
use crate::trainable::{Backward, LossOf, Normalization, Request, Responses, Trainable, Wanted};
use lower::Program;
use pass::{Pass, batch_norm};
use sparse::Sparse;
use tape::Tape;

/// Bytes of the values and slopes of a part whose images have nothing to do with each other: what is left of them in a core's cache is not
/// read from memory.
const PART_BYTES: usize = 16 << 20;

/// Most images in such a part.
const MAX_PART: usize = 16;

/// Parts of a batch of which parameters get gradients. Each has a copy of these, to be added up; fewer parts would leave cores idle.
const PARTS: usize = 8;

/// Numbers of a parameter's gradient that are added up at once.
const SUM: usize = 1 << 14;

/// A network that has no gradients here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pull slopes back through node \"{node}\": {problem}")]
pub struct BackpropError {
    /// The node's name.
    pub node: String,
    /// Why.
    pub problem: String,
}

/// A network with the parameters it computes with, and the buffers that it does so in.
#[derive(Debug)]
pub struct Backprop<'n> {
    network: &'n Network,
    program: Program,
    parameters: Vec<Vec<f32>>,
    /// For each convolution its matrices without their zeros, where that is worth it.
    sparse: Vec<Vec<Sparse>>,
    /// Tapes that nobody uses.
    tapes: Mutex<Vec<Tape>>,
}

impl<'n> Backprop<'n> {
    /// Lowers `network`, and copies its parameters.
    ///
    /// # Errors
    /// The first node that has no gradient here.
    pub fn new(network: &'n Network) -> Result<Self, BackpropError> {
        let parameters = network.parameters().iter();
        let mut engine = Self {
            network,
            program: Program::new(network, &[])?,
            parameters: parameters.map(|p| p.values().to_vec()).collect(),
            sparse: Vec::new(),
            tapes: Mutex::default(),
        };
        engine.find_zeros();
        Ok(engine)
    }

    /// Takes the zeros out of the parameters as they are now.
    fn find_zeros(&mut self) {
        let convolutions = self.program.convolutions();
        let sparse = convolutions.map(|layer| layer.sparse(&self.parameters[layer.weight]));
        self.sparse = sparse.collect();
    }

    fn pass<'p>(&'p self, program: &'p Program, is_batch: bool) -> Pass<'p> {
        Pass::new(program, (&self.parameters, &self.sparse), is_batch)
    }

    /// A tape, used before or new.
    fn take(&self) -> Tape {
        let mut tapes = self.tapes.lock().unwrap_or_else(PoisonError::into_inner);
        tapes.pop().unwrap_or_default()
    }

    fn put_back(&self, tapes: impl IntoIterator<Item = Tape>) {
        let mut unused = self.tapes.lock().unwrap_or_else(PoisonError::into_inner);
        unused.extend(tapes);
    }

    /// Images of a part, where images have nothing to do with each other.
    fn part(&self) -> usize {
        let elements: usize = self.program.elements.iter().sum();
        (PART_BYTES / (2 * size_of::<f32>() * elements)).clamp(1, MAX_PART)
    }

    fn pixels(&self) -> usize {
        self.program.elements[0]
    }

    /// Runs a batch forward in parts.
    fn forward<'p>(
        &'p self,
        program: &'p Program,
        images: &[f32],
        request: &Request<'_>,
    ) -> Result<Batch<'p>, ComputeError> {
        let pixels = self.pixels();
        if images.is_empty() || !images.len().is_multiple_of(pixels) {
            return Err(ComputeError(format!(
                "a batch has {} numbers, an image has {pixels}",
                images.len()
            )));
        }
        let is_batch = request.normalization == Normalization::Batch;
        let mut pass = self.pass(program, is_batch);
        pass.want(false, request.parameters);
        let part = (images.len() / pixels).div_ceil(PARTS);
        let load = |images: &[f32]| {
            let mut tape = self.take();
            tape.load(program, images);
            tape
        };
        let mut tapes: Vec<Tape> = images.par_chunks(part * pixels).map(load).collect();
        pass.forward(&mut tapes);
        Ok(Batch { pass, tapes, part })
    }
}

/// A batch between its passes.
struct Batch<'p> {
    pass: Pass<'p>,
    tapes: Vec<Tape>,
    /// Images of each tape but the last.
    part: usize,
}

impl Batch<'_> {
    /// A value of all images.
    fn value(&self, slot: usize) -> Vec<f32> {
        let program = self.pass.program;
        self.gather(program.elements[slot], |tape, target| {
            tape.read(program, slot, target)
        })
    }

    /// `[image, element]` of what `read` finds on the tapes.
    fn gather(&self, elements: usize, read: impl Fn(&Tape, &mut [f32]) + Sync) -> Vec<f32> {
        let images: usize = self.tapes.iter().map(|tape| tape.images).sum();
        let mut all = vec![0.0; images * elements];
        let parts = all.par_chunks_mut(self.part * elements).zip(&self.tapes);
        parts.for_each(|(target, tape)| read(tape, target));
        all
    }

    /// Pulls slopes at the logits and at points, where there are any, back.
    fn backward(&mut self, logits: &[f32], points: &[Vec<f32>]) {
        let program = self.pass.program;
        let ends = std::iter::once((program.output, logits));
        let ends: Vec<_> = ends
            .chain(
                program
                    .points
                    .iter()
                    .copied()
                    .zip(points.iter().map(Vec::as_slice)),
            )
            .collect();
        let part = self.part;
        self.tapes
            .par_iter_mut()
            .enumerate()
            .for_each(|(number, tape)| {
                tape.begin(program);
                for &(slot, slopes) in &ends {
                    let size = part * program.elements[slot];
                    if let Some(own) = slopes.chunks(size).nth(number) {
                        tape.bring(program, slot, own);
                    }
                }
            });
        self.pass.backward(&mut self.tapes);
    }

    /// What has arrived at each point.
    fn points(&self) -> Vec<Vec<f32>> {
        let program = self.pass.program;
        let slots = program.points.iter().enumerate();
        let read = |(point, slot): (usize, &usize)| {
            self.gather(program.elements[*slot], |tape, target| {
                target.copy_from_slice(tape.points[point].get());
            })
        };
        slots.map(read).collect()
    }

    /// Mean and biased variance of the batch at every batch norm.
    fn statistics(&self) -> Vec<(ParameterId, Vec<f32>)> {
        let norms = self.pass.program.norms.iter().zip(&self.pass.statistics);
        let both = norms.flat_map(|(step, statistics)| {
            let norm = batch_norm(self.pass.program, *step);
            [
                (norm.mean, statistics.iter().map(|s| s.mean).collect()),
                (
                    norm.variance,
                    statistics.iter().map(|s| s.variance).collect(),
                ),
            ]
        });
        both.collect()
    }
}

/// The gradient of each parameter, added up in the order of batches and parts.
fn add_up(network: &Network, batches: &[Batch<'_>]) -> Vec<Vec<f32>> {
    let tapes: Vec<&Tape> = batches.iter().flat_map(|batch| &batch.tapes).collect();
    let of_parameter = |(number, parameter): (usize, &sinew_models::Parameter)| {
        if !parameter.role().is_trainable() {
            return Vec::new();
        }
        let mut sum = vec![0.0; parameter.values().len()];
        let parts: Vec<&[f32]> = tapes
            .iter()
            .filter_map(|tape| tape.parameters[number].get())
            .collect();
        sum.par_chunks_mut(SUM)
            .enumerate()
            .for_each(|(piece, sum)| {
                for part in &parts {
                    let part = &part[piece * SUM..][..sum.len()];
                    sum.iter_mut()
                        .zip(part)
                        .for_each(|(sum, slope)| *sum += slope);
                }
            });
        sum
    };
    network
        .parameters()
        .iter()
        .enumerate()
        .map(of_parameter)
        .collect()
}

impl Classifier for Backprop<'_> {
    fn input_shape(&self) -> [usize; 3] {
        self.network.input_shape()
    }

    fn classes(&self) -> usize {
        self.network.classes()
    }

    fn logits(&self, images: &[f32]) -> Result<Vec<f32>, ComputeError> {
        let (program, pixels, part) = (&self.program, self.pixels(), self.part());
        let pass = self.pass(program, false);
        let mut logits = vec![0.0; images.len() / pixels * self.classes()];
        images
            .par_chunks(part * pixels)
            .zip(logits.par_chunks_mut(part * self.classes()))
            .for_each(|(images, logits)| {
                let mut tape = self.take();
                tape.load(program, images);
                pass.forward_part(&mut tape);
                tape.read(program, program.output, logits);
                self.put_back([tape]);
            });
        Ok(logits)
    }
}

impl Differentiable for Backprop<'_> {
    fn gradient(&self, images: &[f32], loss: &dyn Loss) -> Result<Gradient, ComputeError> {
        let (program, classes, part) = (&self.program, self.classes(), self.part());
        let pixels = self.pixels();
        let mut pass = self.pass(program, false);
        pass.want(true, Wanted::None);
        let count = images.len() / pixels;
        let mut gradient = Gradient {
            logits: vec![0.0; count * classes],
            losses: vec![0.0; count],
            pixels: vec![0.0; images.len()],
        };
        images
            .par_chunks(part * pixels)
            .zip(gradient.logits.par_chunks_mut(part * classes))
            .zip(gradient.losses.par_chunks_mut(part))
            .zip(gradient.pixels.par_chunks_mut(part * pixels))
            .enumerate()
            .for_each(|(number, (((images, logits), losses), pixels))| {
                let mut tape = self.take();
                tape.load(program, images);
                pass.forward_part(&mut tape);
                tape.read(program, program.output, logits);
                let (found, slopes) = slopes(loss, logits, classes, number * part);
                losses.copy_from_slice(&found);
                tape.begin(program);
                tape.bring(program, program.output, &slopes);
                pass.backward_part(&mut tape);
                tape.read_pixels(program, pixels);
                self.put_back([tape]);
            });
        Ok(gradient)
    }
}

impl Trainable for Backprop<'_> {
    fn network(&self) -> &Network {
        self.network
    }

    fn set_parameters(&mut self, values: &[Vec<f32>]) -> Result<(), ComputeError> {
        let lengths = |values: &[Vec<f32>]| values.iter().map(Vec::len).collect::<Vec<_>>();
        if lengths(values) != lengths(&self.parameters) {
            return Err(ComputeError(
                "the parameters have other lengths than the network's".to_owned(),
            ));
        }
        for (own, values) in self.parameters.iter_mut().zip(values) {
            own.copy_from_slice(values);
        }
        self.find_zeros();
        Ok(())
    }

    fn backward(&self, request: &Request<'_>, loss: LossOf<'_>) -> Result<Backward, ComputeError> {
        let seeing;
        let program = if request.points.is_empty() {
            &self.program
        } else {
            seeing = Program::new(self.network, request.points)
                .map_err(|error| ComputeError(error.to_string()))?;
            &seeing
        };
        let batches = request.batches.iter();
        let mut batches: Vec<Batch<'_>> = batches
            .map(|images| self.forward(program, images, request))
            .collect::<Result<_, _>>()?;
        let points = |batch: &Batch<'_>| {
            program
                .points
                .iter()
                .map(|slot| batch.value(*slot))
                .collect()
        };
        let slopes = loss(&Responses {
            logits: batches
                .iter()
                .map(|batch| batch.value(program.output))
                .collect(),
            points: batches.iter().map(points).collect(),
        });
        for (number, batch) in batches.iter_mut().enumerate() {
            let points = slopes.points.get(number).map_or(&[][..], Vec::as_slice);
            batch.backward(&slopes.logits[number], points);
        }
        let backward = Backward {
            parameters: if request.parameters != Wanted::None {
                add_up(self.network, &batches)
            } else {
                Vec::new()
            },
            points: batches.iter().map(Batch::points).collect(),
            statistics: match request.normalization {
                Normalization::Batch => batches.iter().map(Batch::statistics).collect(),
                Normalization::Running => Vec::new(),
            },
        };
        self.put_back(batches.into_iter().flat_map(|batch| batch.tapes));
        Ok(backward)
    }
}
