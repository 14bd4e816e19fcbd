//! The operators a network is made of.
//!
//! The set is kept small on purpose: everything that imports networks reduces what it finds to these.
//! Non-goals: shapes (`shape`) and arithmetic (`reference` here, other engines elsewhere).

use serde::{Deserialize, Serialize};

use crate::function::{BinaryFunction, Function, Reduction};
use crate::network::ParameterId;
use crate::window::Window;

/// What a node computes. Shapes are given without the batch axis: every operator treats images one by one. A *map* is
/// `[channel, height, width]`; other values may have any number of axes, counted from 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// The same value for every image. Takes nothing.
    Constant {
        /// The value, with its shape.
        value: ParameterId,
    },
    /// `(x − mean[c]) / deviation[c]` for every channel `c` of a map, with constants: the input normalisation.
    Normalize {
        /// One mean per channel, in the units of the input.
        mean: Vec<f32>,
        /// One standard deviation per channel, above zero.
        deviation: Vec<f32>,
    },
    /// Cross-correlation of a map with weights `[output channel, input channel / groups, kernel height, kernel width]`.
    Convolution {
        /// The weights.
        weight: ParameterId,
        /// One bias per output channel.
        bias: Option<ParameterId>,
        /// Kernel, stride, zero padding and dilation.
        window: Window,
        /// Channels are cut into this many groups that do not see each other.
        groups: usize,
    },
    /// `W·x + b` along the last axis, with weights `[output feature, input feature]`.
    Linear {
        /// The weights.
        weight: ParameterId,
        /// One bias per output feature.
        bias: Option<ParameterId>,
    },
    /// Product of two values `[…, row, k]` and `[…, k, column]`; the axes before the last two are broadcast against each other.
    MatMul,
    /// Batch normalisation over the channel axis, which is axis 0 (Ioffe and Szegedy, 2015).
    BatchNorm {
        /// γ, one per channel.
        scale: ParameterId,
        /// β, one per channel.
        shift: ParameterId,
        /// Running mean, used outside training.
        mean: ParameterId,
        /// Running (biased) variance, used outside training.
        variance: ParameterId,
        /// Added to the variance before the square root.
        epsilon: f32,
    },
    /// An element-wise function of one value.
    Unary(Function),
    /// An element-wise function of two values. Their shapes are aligned at the last axis, and axes of length 1 are repeated.
    Binary(BinaryFunction),
    /// The elements of the second value where the first is not 0, else those of the third; broadcast like [`Binary`](Self::Binary).
    Where,
    /// Largest value of each window on a map; padded positions do not take part.
    MaxPool(Window),
    /// Mean of each window on a map over the taps that lie inside it.
    AveragePool(Window),
    /// Many elements to one along some axes, which stay with length 1. `[1, 2]` makes global pooling of a map.
    Reduce {
        /// How.
        reduction: Reduction,
        /// The axes, rising.
        axes: Vec<usize>,
    },
    /// `e^x` divided by its sum along an axis.
    Softmax {
        /// The axis.
        axis: usize,
    },
    /// Any number of values, one after the other along an axis.
    Concat {
        /// The axis.
        axis: usize,
    },
    /// The same elements in the same (row-major) order in another shape.
    Reshape {
        /// The shape.
        shape: Vec<usize>,
    },
    /// Other order of the axes.
    Transpose {
        /// Axis `i` of the result is axis `order[i]` of the input.
        order: Vec<usize>,
    },
    /// Chosen positions of an axis: slices, padding, repetition and nearest-neighbour resizing alike.
    Select {
        /// The axis.
        axis: usize,
        /// For each position of the result that of the input, or nothing for `fill`.
        indices: Vec<Option<usize>>,
        /// The value where there is no index.
        fill: f32,
    },
}

impl Operator {
    /// The operator's name as messages and tables show it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Constant { .. } => "constant",
            Self::Normalize { .. } => "normalize",
            Self::Convolution { .. } => "convolution",
            Self::Linear { .. } => "linear",
            Self::MatMul => "matrix product",
            Self::BatchNorm { .. } => "batch norm",
            Self::Unary(function) => function.name(),
            Self::Binary(function) => function.name(),
            Self::Where => "where",
            Self::MaxPool(_) => "max pool",
            Self::AveragePool(_) => "average pool",
            Self::Reduce { reduction, .. } => reduction.name(),
            Self::Softmax { .. } => "softmax",
            Self::Concat { .. } => "concat",
            Self::Reshape { .. } => "reshape",
            Self::Transpose { .. } => "transpose",
            Self::Select { .. } => "select",
        }
    }

    /// How many values the operator takes; `None` for any number but none.
    pub fn arity(&self) -> Option<usize> {
        match self {
            Self::Constant { .. } => Some(0),
            Self::MatMul | Self::Binary(_) => Some(2),
            Self::Where => Some(3),
            Self::Concat { .. } => None,
            _ => Some(1),
        }
    }

    /// Whether a change of the inputs shows in a gradient. Where it does not, neither training nor a gradient attack can see through the
    /// operator.
    pub fn has_gradient(&self) -> bool {
        !matches!(
            self,
            Self::Unary(Function::Sign | Function::Floor)
                | Self::Binary(BinaryFunction::Greater | BinaryFunction::Equal)
                | Self::Reduce {
                    reduction: Reduction::ArgMaximum,
                    ..
                }
        )
    }

    /// The prunable weights of a convolution or linear layer.
    pub fn weight(&self) -> Option<ParameterId> {
        match self {
            Self::Convolution { weight, .. } | Self::Linear { weight, .. } => Some(*weight),
            _ => None,
        }
    }

    /// Every parameter the operator reads, weights first.
    pub fn parameters(&self) -> Vec<ParameterId> {
        match self {
            Self::Constant { value } => vec![*value],
            Self::Convolution { weight, bias, .. } | Self::Linear { weight, bias } => {
                std::iter::once(*weight).chain(*bias).collect()
            }
            Self::BatchNorm {
                scale,
                shift,
                mean,
                variance,
                ..
            } => vec![*scale, *shift, *mean, *variance],
            _ => Vec::new(),
        }
    }

    /// The same parameters, to be renumbered.
    pub fn parameters_mut(&mut self) -> Vec<&mut ParameterId> {
        match self {
            Self::Constant { value } => vec![value],
            Self::Convolution { weight, bias, .. } | Self::Linear { weight, bias } => {
                std::iter::once(weight).chain(bias).collect()
            }
            Self::BatchNorm {
                scale,
                shift,
                mean,
                variance,
                ..
            } => vec![scale, shift, mean, variance],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_come_with_the_weights_first() {
        let linear = Operator::Linear {
            weight: ParameterId(4),
            bias: Some(ParameterId(2)),
        };
        assert_eq!(linear.weight(), Some(ParameterId(4)));
        assert_eq!(linear.parameters(), [ParameterId(4), ParameterId(2)]);
        let constant = Operator::Constant {
            value: ParameterId(3),
        };
        assert_eq!(constant.weight(), None);
        assert_eq!(constant.parameters(), [ParameterId(3)]);
        assert_eq!(Operator::MatMul.parameters(), []);
    }

    #[test]
    fn parameters_are_renumbered_in_place() {
        let [scale, shift, mean, variance] = [0, 1, 2, 3].map(ParameterId);
        let mut norm = Operator::BatchNorm {
            scale,
            shift,
            mean,
            variance,
            epsilon: 1e-5,
        };
        for id in norm.parameters_mut() {
            id.0 += 4;
        }
        assert_eq!(norm.parameters(), [4, 5, 6, 7].map(ParameterId));
    }

    #[test]
    fn steps_have_no_gradient() {
        assert!(!Operator::Binary(BinaryFunction::Greater).has_gradient());
        assert!(Operator::Binary(BinaryFunction::Multiply).has_gradient());
        assert!(Operator::Unary(Function::Round).has_gradient());
    }
}
