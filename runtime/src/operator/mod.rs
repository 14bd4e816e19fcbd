//! The operators, one per file: what a step does with its input, its weights and the scratch.
//! The loops that cost time are in [`crate::kernel`].

mod add;
mod affine;
mod convolution;
mod linear;
mod pool;

pub use add::Add;
pub use affine::Affine;
pub use convolution::Convolution;
pub use linear::Linear;
pub use pool::Pool;

use crate::Isa;
use crate::arena::Arena;
use crate::format::TensorRecord;

/// An operator with its weights.
#[derive(Clone, Copy, Debug)]
pub enum Task<'m> {
    Convolution(Convolution<'m>),
    Linear(Linear<'m>),
    MaxPool(Pool),
    AveragePool(Pool),
    Add(Add),
    Affine(Affine<'m>),
}

impl Task<'_> {
    /// Computes `output` from `input`, which lie in the arena.
    pub fn run(&self, isa: Isa, arena: &mut Arena, input: &TensorRecord, output: &TensorRecord) {
        let (values, result, scratch) = arena.split(input, output);
        match self {
            Self::Convolution(task) => task.run(isa, values, result, scratch),
            Self::Linear(task) => task.run(values, result),
            Self::MaxPool(task) => task.max(values, result),
            Self::AveragePool(task) => task.average(values, result),
            Self::Add(task) => {
                // Copying first means that never more than two tensors are borrowed.
                result.copy_from_slice(values);
                let (second, result, _) = arena.split(&task.second, output);
                task.run(second, result);
            }
            Self::Affine(task) => task.run(values, result),
        }
    }

    /// The kernel that [`Task::run`] uses with this instruction set.
    pub fn kernel_name(&self, isa: Isa) -> &'static str {
        match self {
            Self::Convolution(task) => task.kernel_name(isa),
            Self::Linear(task) => task.kernel_name(),
            Self::MaxPool(_) => "max-pool/scalar",
            Self::AveragePool(_) => "average-pool/scalar",
            Self::Add(_) => "add/scalar",
            Self::Affine(_) => "affine/scalar",
        }
    }
}
