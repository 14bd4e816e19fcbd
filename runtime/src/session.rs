//! Runs a model in memory that the caller provides.

use crate::arena::Arena;
use crate::{Isa, Model, RunError};

/// A model with the memory it runs in and the instruction set of its kernels.
///
/// The instruction set is chosen once, here; in a run each step costs one `match` on it.
pub struct Session<'m, 'a> {
    model: Model<'m>,
    isa: Isa,
    arena: Arena<'a>,
}

impl<'m, 'a> Session<'m, 'a> {
    /// A session with the fastest kernels of this CPU. `memory` has at least
    /// [`Model::arena_bytes`] bytes; what it contains does not matter.
    pub fn new(model: &Model<'m>, memory: &'a mut [u8]) -> Result<Self, RunError> {
        Self::with_isa(model, memory, Isa::detect())
    }

    /// A session with the kernels of a given instruction set.
    pub fn with_isa(model: &Model<'m>, memory: &'a mut [u8], isa: Isa) -> Result<Self, RunError> {
        Ok(Self {
            model: *model,
            isa,
            arena: Arena::new(memory, &model.plan.header)?,
        })
    }

    /// Computes one output from one input, both `[channel, height, width]` in row-major order.
    pub fn run(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), RunError> {
        self.run_observed(input, output, &mut |_, _| ())
    }

    /// Like [`Session::run`]; after every step, `observe` gets its number and what it has computed.
    pub fn run_observed(
        &mut self,
        input: &[f32],
        output: &mut [f32],
        observe: &mut dyn FnMut(usize, &[f32]),
    ) -> Result<(), RunError> {
        let (needed, given) = (self.model.input_len(), input.len());
        if needed != given {
            return Err(RunError::InputLength { needed, given });
        }
        let (needed, given) = (self.model.output_len(), output.len());
        if needed != given {
            return Err(RunError::OutputLength { needed, given });
        }
        self.arena
            .values_mut(&self.model.input())
            .copy_from_slice(input);
        for (index, step) in self.model.steps().enumerate() {
            step.task
                .run(self.isa, &mut self.arena, &step.inputs, &step.output);
            observe(index, self.arena.values(&step.output));
        }
        output.copy_from_slice(self.arena.values(&self.model.output()));
        Ok(())
    }
}
