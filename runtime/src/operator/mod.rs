//! The operators, one per file: what a step does with its inputs, its weights and the scratch.
//! The loops that cost most time are in [`crate::kernel`], functions that need a series in [`crate::math`].

mod affine;
mod binary;
mod concat;
mod constant;
mod convolution;
mod gather;
mod linear;
mod mat_mul;
mod pool;
mod reduce;
mod softmax;
mod swap;
mod unary;

pub use affine::Affine;
pub use binary::Binary;
pub use concat::Concat;
pub use constant::Constant;
pub use convolution::Convolution;
pub use gather::Gather;
pub use linear::Linear;
pub use mat_mul::MatMul;
pub use pool::Pool;
pub use reduce::Reduce;
pub use softmax::Softmax;
pub use swap::Swap;
pub use unary::Unary;

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
    Binary(Binary),
    Affine(Affine<'m>),
    Unary(Unary),
    Concat(Concat),
    Gather(Gather<'m>),
    Swap(Swap),
    Reduce(Reduce),
    Softmax(Softmax),
    Constant(Constant<'m>),
    MatMul(MatMul),
}

impl Task<'_> {
    /// Computes `output` from `inputs`, which lie in the arena.
    pub fn run(
        &self,
        isa: Isa,
        arena: &mut Arena,
        inputs: &[TensorRecord; 2],
        output: &TensorRecord,
    ) {
        let ([values, second], result, scratch) = arena.split(inputs, output);
        match self {
            Self::Convolution(task) => task.run(isa, values, result, scratch),
            Self::Linear(task) => task.run(values, result),
            Self::MaxPool(task) => task.max(values, result),
            Self::AveragePool(task) => task.average(values, result),
            Self::Binary(task) => task.run(values, second, result),
            Self::Affine(task) => task.run(values, result),
            Self::Unary(task) => task.run(values, result),
            Self::Concat(task) => task.run(values, second, result),
            Self::Gather(task) => task.run(values, result),
            Self::Swap(task) => task.run(values, result),
            Self::Reduce(task) => task.run(values, result),
            Self::Softmax(task) => task.run(values, result),
            Self::Constant(task) => task.run(result),
            Self::MatMul(task) => task.run(values, second, result),
        }
    }

    /// The kernel that [`Task::run`] uses with this instruction set.
    pub fn kernel_name(&self, isa: Isa) -> &'static str {
        match self {
            Self::Convolution(task) => task.kernel_name(isa),
            Self::Linear(task) => task.kernel_name(),
            Self::MaxPool(_) => "max-pool/scalar",
            Self::AveragePool(_) => "average-pool/scalar",
            Self::Binary(_) => "binary/scalar",
            Self::Affine(_) => "affine/scalar",
            Self::Unary(_) => "unary/scalar",
            Self::Concat(_) => "concat/scalar",
            Self::Gather(_) => "gather/scalar",
            Self::Swap(_) => "swap/scalar",
            Self::Reduce(_) => "reduce/scalar",
            Self::Softmax(_) => "softmax/scalar",
            Self::Constant(_) => "constant/scalar",
            Self::MatMul(_) => "matrix-product/scalar",
        }
    }
}
