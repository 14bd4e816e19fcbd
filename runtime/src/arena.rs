//! The caller's memory, divided into activations and scratch. Which tensor lies where was decided by
//! the compiler and verified with the file.

use crate::RunError;
use crate::format::{PlanHeader, TensorRecord};

/// Activations and scratch start at multiples of this, a cache line.
const ALIGNMENT: usize = 64;

/// The memory of one session.
pub struct Arena<'a> {
    activations: &'a mut [f32],
    scratch: &'a mut [u8],
}

impl<'a> Arena<'a> {
    /// What [`Arena::new`] needs, wherever the memory starts. The verifier keeps it below
    /// [`crate::format::MAX_MEMORY_BYTES`] and two lines.
    pub fn bytes_needed(plan: &PlanHeader) -> usize {
        ALIGNMENT - 1 + activation_bytes(plan) + plan.scratch_bytes as usize
    }

    /// Divides `memory`.
    pub fn new(memory: &'a mut [u8], plan: &PlanHeader) -> Result<Self, RunError> {
        let needed = Self::bytes_needed(plan);
        let given = memory.len();
        if given < needed {
            return Err(RunError::ArenaTooSmall { needed, given });
        }
        let start = memory.as_ptr().align_offset(ALIGNMENT);
        let (activations, scratch) = memory[start..].split_at_mut(activation_bytes(plan));
        Ok(Self {
            activations: words_mut(activations),
            scratch: &mut scratch[..plan.scratch_bytes as usize],
        })
    }

    /// A tensor's values.
    pub fn values(&self, tensor: &TensorRecord) -> &[f32] {
        let span = tensor.span();
        &self.activations[span.start as usize..span.end as usize]
    }

    /// A tensor's values, for writing.
    pub fn values_mut(&mut self, tensor: &TensorRecord) -> &mut [f32] {
        let span = tensor.span();
        &mut self.activations[span.start as usize..span.end as usize]
    }

    /// What a step reads, what it writes, and the scratch. Inputs may overlap each other, but not the
    /// output. An input without values may lie at 0 whatever the output.
    pub fn split(
        &mut self,
        inputs: &[TensorRecord; 2],
        output: &TensorRecord,
    ) -> ([&[f32]; 2], &mut [f32], &mut [u8]) {
        let output = output.span();
        let (before, rest) = self.activations.split_at_mut(output.start as usize);
        let (values, behind) = rest.split_at_mut((output.end - output.start) as usize);
        let inputs = inputs.each_ref().map(|input| {
            let input = input.span();
            if input.end <= output.start {
                &before[input.start as usize..input.end as usize]
            } else {
                let [start, end] = [input.start, input.end].map(|at| (at - output.end) as usize);
                &behind[start..end]
            }
        });
        (inputs, values, self.scratch)
    }
}

/// The length of the activations, rounded up so that what follows is aligned as well.
fn activation_bytes(plan: &PlanHeader) -> usize {
    (plan.arena_bytes as usize).next_multiple_of(ALIGNMENT)
}

/// A number that every four bytes are.
pub trait Word: Copy {}

impl Word for f32 {}
impl Word for u32 {}

/// Aligned bytes as words.
pub fn words_mut<T: Word>(bytes: &mut [u8]) -> &mut [T] {
    // SAFETY: only `f32` and `u32` are words; every bit pattern is one, and both can be seen as bytes.
    #[allow(unsafe_code)]
    let (before, words, _) = unsafe { bytes.align_to_mut() };
    assert!(before.is_empty(), "scratch is divided at multiples of four");
    words
}
