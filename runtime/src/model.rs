//! A verified model: a view of a file's bytes whose accessors cannot fail.

use crate::arena::Arena;
use crate::format::{PlanHeader, StepRecord, TensorRecord};
use crate::verify::verify;
use crate::{Error, Step};

/// A verified model. It borrows the file, which may lie at any address, and copies nothing.
#[derive(Clone, Copy, Debug)]
pub struct Model<'m> {
    pub(crate) plan: Plan<'m>,
    pub(crate) manifest: &'m [u8],
}

/// The plan and the weights it refers to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan<'m> {
    /// Where the plan starts in the file.
    pub at: usize,
    pub header: PlanHeader,
    pub tensors: &'m [[u8; TensorRecord::BYTES]],
    pub steps: &'m [[u8; StepRecord::BYTES]],
    pub weights: Section<'m>,
}

/// A section's contents and where they start in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section<'m> {
    pub at: usize,
    pub bytes: &'m [u8],
}

impl Plan<'_> {
    /// A tensor by its number, which is below the number of tensors.
    pub fn tensor(&self, number: usize) -> TensorRecord {
        TensorRecord::from_bytes(&self.tensors[number])
    }

    /// Where a tensor's record starts in the file.
    pub fn tensor_at(&self, number: usize) -> usize {
        self.at + PlanHeader::BYTES + number * TensorRecord::BYTES
    }

    /// Where a step's record starts in the file.
    pub fn step_at(&self, index: usize) -> usize {
        self.tensor_at(self.tensors.len()) + index * StepRecord::BYTES
    }
}

impl<'m> Model<'m> {
    /// Verifies a file. Takes time linear in its length and quadratic in its number of steps (at
    /// most [`crate::format::MAX_STEPS`]), and no memory.
    pub fn parse(file: &'m [u8]) -> Result<Self, Error> {
        verify(file)
    }

    /// The input's shape, `[channels, height, width]`.
    pub fn input_shape(&self) -> [usize; 3] {
        self.input().shape.dimensions()
    }

    /// The output's shape, `[channels, height, width]`; class scores are `[classes, 1, 1]`.
    pub fn output_shape(&self) -> [usize; 3] {
        self.output().shape.dimensions()
    }

    /// The number of values in the output.
    pub fn output_len(&self) -> usize {
        self.output().shape.elements() as usize
    }

    /// The number of values in the input.
    pub fn input_len(&self) -> usize {
        self.input().shape.elements() as usize
    }

    /// The bytes of memory that [`crate::Session::new`] needs, wherever that memory starts.
    pub fn arena_bytes(&self) -> usize {
        Arena::bytes_needed(&self.plan.header)
    }

    /// Multiply-accumulates of one run if every matrix were dense.
    pub fn macs_dense(&self) -> u64 {
        self.plan.header.macs_dense
    }

    /// Multiply-accumulates of one run with the weights that are stored.
    pub fn macs_effective(&self) -> u64 {
        self.plan.header.macs_effective
    }

    /// The steps in the order in which they run.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = Step<'m>> + use<'m> {
        let plan = self.plan;
        (0..plan.steps.len())
            .map(move |index| Step::read(&plan, index).expect("the verifier has read every step"))
    }

    /// The manifest, a message that the runtime does not read; empty if the file has none.
    pub fn manifest(&self) -> &'m [u8] {
        self.manifest
    }

    pub(crate) fn input(&self) -> TensorRecord {
        self.plan.tensor(0)
    }

    pub(crate) fn output(&self) -> TensorRecord {
        self.plan.tensor(self.plan.header.output as usize)
    }
}
