//! The operators a network is made of.
//!
//! The set is kept small on purpose: everything that imports networks reduces what it finds to these.
//! Non-goals: shapes (`shape.rs`) and arithmetic (`reference.rs` here, other engines elsewhere).

use serde::{Deserialize, Serialize};

use crate::network::ParameterId;

/// What a node computes. Shapes are given without the batch axis; maps are `[channel, height, width]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// `(x − mean[c]) / deviation[c]` for every channel `c`, with constants: the input normalisation.
    Normalize {
        /// One mean per channel, in the units of the input.
        mean: Vec<f32>,
        /// One standard deviation per channel, above zero.
        deviation: Vec<f32>,
    },
    /// Cross-correlation with weights `[output channel, input channel / groups, kernel height, kernel width]`.
    Convolution {
        /// The weights.
        weight: ParameterId,
        /// One bias per output channel.
        bias: Option<ParameterId>,
        /// Kernel, stride and zero padding.
        window: Window,
        /// Channels are cut into this many groups that do not see each other.
        groups: usize,
    },
    /// `W·x + b` with weights `[output feature, input feature]`.
    Linear {
        /// The weights.
        weight: ParameterId,
        /// One bias per output feature.
        bias: Option<ParameterId>,
    },
    /// Batch normalisation over the channel axis (Ioffe and Szegedy, 2015).
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
    /// An element-wise function.
    Activation(Activation),
    /// Largest value of each window; padded positions do not take part.
    MaxPool(Window),
    /// Mean of each window over the positions that lie inside the map.
    AveragePool(Window),
    /// Mean of each channel: `[channel, height, width]` to `[channel, 1, 1]`.
    GlobalAveragePool,
    /// Sum of two values of the same shape.
    Add,
    /// `[channel, height, width]` to `[channel·height·width]`.
    Flatten,
}

impl Operator {
    /// The operator's name as messages and tables show it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Normalize { .. } => "normalize",
            Self::Convolution { .. } => "convolution",
            Self::Linear { .. } => "linear",
            Self::BatchNorm { .. } => "batch norm",
            Self::Activation(activation) => activation.name(),
            Self::MaxPool(_) => "max pool",
            Self::AveragePool(_) => "average pool",
            Self::GlobalAveragePool => "global average pool",
            Self::Add => "add",
            Self::Flatten => "flatten",
        }
    }

    /// How many values the operator takes.
    pub fn arity(&self) -> usize {
        if matches!(self, Self::Add) { 2 } else { 1 }
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
}

/// An element-wise function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
}

impl Activation {
    /// The function's name as messages and tables show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Relu6 => "relu6",
        }
    }

    /// The function as a clamp: its lower and upper bound.
    pub fn bounds(self) -> (f32, f32) {
        match self {
            Self::Relu => (0.0, f32::INFINITY),
            Self::Relu6 => (0.0, 6.0),
        }
    }
}

/// A window that slides over a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Height and width.
    pub kernel: [usize; 2],
    /// Steps down and to the right.
    pub stride: [usize; 2],
    /// Padding at the top, left, bottom and right.
    pub padding: [usize; 4],
}

impl Window {
    /// A square window with the same padding on all four sides.
    pub fn square(kernel: usize, stride: usize, padding: usize) -> Self {
        Self {
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [padding; 4],
        }
    }

    /// Height and width of the result on a map of `size`; `None` where no window fits, or a stride or the kernel is zero.
    pub fn output_size(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let [top, left, bottom, right] = self.padding;
        let along = |axis: usize, before: usize, after: usize| {
            let room = size[axis].checked_add(before)?.checked_add(after)?;
            let steps = room.checked_sub(self.kernel[axis])?;
            (self.kernel[axis] > 0).then_some(())?;
            Some(steps.checked_div(self.stride[axis])? + 1)
        };
        Some([along(0, top, bottom)?, along(1, left, right)?])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn output_size_counts_the_windows_that_fit(
            size in 0usize..12,
            kernel in 0usize..6,
            stride in 0usize..4,
            before in 0usize..4,
            after in 0usize..4,
        ) {
            let window = Window {
                kernel: [kernel, 1],
                stride: [stride, 1],
                padding: [before, 0, after, 0],
            };
            let padded = before + size + after;
            let count = (0..=padded)
                .filter(|start| stride > 0 && start % stride == 0 && start + kernel <= padded)
                .count();
            let expected = (kernel > 0 && count > 0).then_some([count, 1]);
            prop_assert_eq!(window.output_size([size, 1]), expected);
        }

        #[test]
        fn output_size_never_overflows(
            size: [usize; 2], kernel: [usize; 2], stride: [usize; 2], padding: [usize; 4],
        ) {
            Window { kernel, stride, padding }.output_size(size);
        }
    }

    #[test]
    fn activations_are_named_and_bounded() {
        assert_eq!(Operator::Activation(Activation::Relu6).name(), "relu6");
        assert_eq!(Activation::Relu6.bounds(), (0.0, 6.0));
        assert_eq!(Activation::Relu.bounds(), (0.0, f32::INFINITY));
    }

    #[test]
    fn parameters_come_with_the_weights_first() {
        let linear = Operator::Linear {
            weight: ParameterId(4),
            bias: Some(ParameterId(2)),
        };
        assert_eq!(linear.weight(), Some(ParameterId(4)));
        assert_eq!(linear.parameters(), [ParameterId(4), ParameterId(2)]);
        assert_eq!(Operator::Flatten.weight(), None);
        assert_eq!(Operator::Flatten.parameters(), []);
    }
}
