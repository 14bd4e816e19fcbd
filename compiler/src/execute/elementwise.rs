//! Element-wise functions and reductions on burn tensors, written so that no finite input makes a gradient that is not a number.

use burn::tensor::{Tensor, activation};
use sinew_models::{BinaryFunction, Function, Reduction, Shape};

use super::operator::Operand;
use super::rearrange::broadcast;

/// `function` of every element.
pub(super) fn unary(function: Function, x: Tensor<4>) -> Tensor<4> {
    match function {
        Function::RELU => activation::relu(x),
        Function::Clip { low, high } => {
            let raised = match low {
                Some(low) => x.clamp_min(low),
                None => x,
            };
            match high {
                Some(high) => raised.clamp_max(high),
                None => raised,
            }
        }
        Function::Affine { scale, shift } => x * scale + shift,
        Function::LeakyRelu { slope } => x.clone().clamp_min(0.0) + x.clamp_max(0.0) * slope,
        // The exponential only sees what is below zero: elsewhere it could overflow, and 0·∞ is no gradient.
        Function::Elu { alpha } => {
            x.clone().clamp_min(0.0) + (x.clamp_max(0.0).exp() - 1.0) * alpha
        }
        Function::Sigmoid => activation::sigmoid(x),
        Function::Tanh => x.tanh(),
        Function::Softplus => x.clone().clamp_min(0.0) + x.abs().neg().exp().log1p(),
        Function::Erf => x.erf(),
        Function::Exp => x.exp(),
        Function::Log => x.log(),
        Function::Abs => x.abs(),
        Function::Sign => x.sign(),
        Function::Floor => x.floor(),
        // Straight-through: the value is rounded, the gradient that of x.
        Function::Round => {
            let still = x.clone().detach();
            x - still.clone() + still.round()
        }
        Function::Power { exponent } => x.powf_scalar(exponent),
        Function::Sin => x.sin(),
        Function::Cos => x.cos(),
    }
}

/// `function` of two values, broadcast to `shape`.
pub(super) fn binary(
    function: BinaryFunction,
    left: Operand<'_>,
    right: Operand<'_>,
    shape: &Shape,
) -> Tensor<4> {
    let [left, right] = aligned([left, right], shape);
    match function {
        BinaryFunction::Add => left + right,
        BinaryFunction::Subtract => left - right,
        BinaryFunction::Multiply => left * right,
        BinaryFunction::Divide => left / right,
        BinaryFunction::Minimum => left.min_pair(right),
        BinaryFunction::Maximum => left.max_pair(right),
        BinaryFunction::Power => left.powf(right),
        BinaryFunction::Greater => left.greater(right).float(),
        BinaryFunction::Equal => left.equal(right).float(),
    }
}

/// `yes` where `condition` is not 0, else `no`, broadcast to `shape`.
pub(super) fn choose(
    condition: Operand<'_>,
    yes: Operand<'_>,
    no: Operand<'_>,
    shape: &Shape,
) -> Tensor<4> {
    let operands = [condition, yes, no];
    let batch = operands.iter().map(Operand::batch).max().unwrap_or(1);
    let [condition, yes, no] = operands.map(|operand| broadcast(operand, batch, &shape.0));
    no.mask_where(condition.not_equal_elem(0.0), yes)
}

/// Several elements to one along `axes`, one axis after the other.
pub(super) fn reduce(reduction: Reduction, input: Operand<'_>, axes: &[usize]) -> Tensor<4> {
    let mut tensor = input.tensor;
    let mut shape = input.shape.clone();
    let batch = tensor.dims()[0];
    for axis in axes {
        let operand = Operand {
            tensor,
            shape: &shape,
        };
        let along = operand.around(*axis);
        let length = shape.0[*axis];
        let reduced = match reduction {
            Reduction::Sum => along.sum_dim(1),
            Reduction::Mean => along.mean_dim(1),
            Reduction::Maximum => along.max_dim(1),
            Reduction::Minimum => along.min_dim(1),
            Reduction::Product => (1..length).fold(along.clone().narrow(1, 0, 1), |product, at| {
                product * along.clone().narrow(1, at, 1)
            }),
            Reduction::ArgMaximum => along.argmax(1).float(),
        };
        shape.0[*axis] = 1;
        tensor = reduced.reshape([batch, shape.elements(), 1, 1]);
    }
    tensor
}

/// Two values as burn broadcasts them by itself where they have at most three axes, else repeated until they are alike.
fn aligned<'n>(operands: [Operand<'n>; 2], shape: &Shape) -> [Tensor<4>; 2] {
    let rank = shape.0.len();
    if operands[0].shape == operands[1].shape {
        return operands.map(|operand| operand.tensor);
    }
    if rank <= 3 {
        return operands.map(|operand| {
            let mut axes = [operand.batch(), 1, 1, 1];
            let own = &operand.shape.0;
            axes[4 - own.len()..].copy_from_slice(own);
            operand.tensor.reshape(axes)
        });
    }
    operands.map(|operand| {
        let batch = operand.batch();
        broadcast(operand, batch, &shape.0)
    })
}
