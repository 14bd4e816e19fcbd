//! Pullback: gradients with respect to images on the runtime's own kernels, dense and sparse.
//!
//! An attack needs nothing of a backward pass but the slopes at the image, and those of a convolution are convolutions with its
//! transposed weights. So both passes run on the kernels that the deployed network runs on, with the zeros that pruning has
//! left skipped, and everything between them is a loop over one array. Images are computed in small parts, each by one core, so that
//! values stay in its cache from one pass to the other. What is computed for an image depends on nothing else in its batch.
//! Non-goals: gradients of parameters (`execute`), and operators that no network of the zoo is made of: those are refused by name.

mod affine;
pub(crate) mod binary;
mod convolution;
mod kernel;
mod lower;
pub(crate) mod pool;
mod scatter;
pub(crate) mod tape;
mod transposed;

use rayon::prelude::*;
use sinew_models::Network;

use crate::attack::Loss;
use crate::classifier::{Classifier, ComputeError, Differentiable, Gradient, slopes};
use kernel::Kernels;
use tape::{Step, Tape};

/// A network whose slopes cannot be pulled back here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pull slopes back through node \"{node}\": {problem}")]
pub struct PullbackError {
    /// The node's name.
    pub node: String,
    /// Why.
    pub problem: String,
}

/// Both passes of a network as steps, with each layer's weights packed for the runtime. Batch norms are folded as in a packed file.
#[derive(Debug)]
pub struct Program {
    input_shape: [usize; 3],
    classes: usize,
    /// Images that one core computes at a time.
    part: usize,
    /// Elements of each value that is kept, for one image. The input comes first.
    elements: Vec<usize>,
    /// Which of them is the logits.
    output: usize,
    steps: Vec<Step>,
    /// Packed files of one layer each.
    files: Vec<Vec<u8>>,
}

impl Program {
    /// Lowers `network`.
    ///
    /// # Errors
    /// The first node that has no pullback here, or that exceeds a limit of the runtime.
    pub fn new(network: &Network) -> Result<Self, PullbackError> {
        lower::lower(network)
    }

    /// The program, ready to run.
    pub fn pullback(&self) -> Pullback<'_> {
        Pullback {
            program: self,
            kernels: Kernels::new(&self.files),
        }
    }
}

/// A program that is ready to run.
#[derive(Debug)]
pub struct Pullback<'p> {
    program: &'p Program,
    kernels: Kernels<'p>,
}

impl Pullback<'_> {
    fn tape(&self) -> Tape<'_> {
        Tape::new(&self.program.elements, &self.kernels)
    }

    /// Leaves the logits of `images` on the tape, and returns them.
    fn forward<'t>(&self, tape: &'t mut Tape<'_>, images: &[f32]) -> &'t [f32] {
        tape.load(images);
        for step in &self.program.steps {
            step.forward(tape);
        }
        tape.value(self.program.output)
    }

    /// Pulls slopes of the logits that are on the tape back to the images.
    fn backward<'t>(&self, tape: &'t mut Tape<'_>, slopes: &[f32]) -> &'t [f32] {
        tape.begin(self.program.output, slopes);
        for step in self.program.steps.iter().rev() {
            step.backward(tape);
        }
        tape.slopes_of_input()
    }
}

impl Classifier for Pullback<'_> {
    fn input_shape(&self) -> [usize; 3] {
        self.program.input_shape
    }

    fn classes(&self) -> usize {
        self.program.classes
    }

    fn logits(&self, images: &[f32]) -> Result<Vec<f32>, ComputeError> {
        let pixels = self.program.elements[0];
        let mut logits = vec![0.0; images.len() / pixels * self.classes()];
        images
            .par_chunks(self.program.part * pixels)
            .zip(logits.par_chunks_mut(self.program.part * self.classes()))
            .for_each_init(
                || self.tape(),
                |tape, (images, logits)| logits.copy_from_slice(self.forward(tape, images)),
            );
        Ok(logits)
    }
}

impl Differentiable for Pullback<'_> {
    fn gradient(&self, images: &[f32], loss: &dyn Loss) -> Result<Gradient, ComputeError> {
        let (pixels, classes, part) = (self.program.elements[0], self.classes(), self.program.part);
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
            .for_each_init(
                || self.tape(),
                |tape, (number, (((images, logits), losses), pixels))| {
                    logits.copy_from_slice(self.forward(tape, images));
                    let (found, slopes) = slopes(loss, logits, classes, number * part);
                    losses.copy_from_slice(&found);
                    pixels.copy_from_slice(self.backward(tape, &slopes));
                },
            );
        Ok(gradient)
    }
}
