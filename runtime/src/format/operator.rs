//! The operators a step can apply, with their parameters. What each computes is defined in
//! `docs/FORMAT.md`; how, in `crate::operator`.

use super::function::read_constant;
use super::little_endian::{read, write};
use super::{BinaryFunction, Function, Reduction, View, Window};
use crate::{Error, ErrorKind};

/// How a weight matrix is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Every value, in row-major order.
    Dense = 1,
    /// Compressed sparse rows with 16-bit column indices.
    Sparse = 2,
}

/// The fused activation function: results are clamped to `low..=high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The least result.
    pub low: f32,
    /// The greatest result, not below `low`.
    pub high: f32,
}

impl Bounds {
    /// No activation function.
    pub const NONE: Self = Self {
        low: f32::NEG_INFINITY,
        high: f32::INFINITY,
    };
    /// max(0, x).
    pub const RELU: Self = Self {
        low: 0.0,
        high: f32::INFINITY,
    };
    /// min(max(0, x), 6).
    pub const RELU6: Self = Self {
        low: 0.0,
        high: 6.0,
    };

    /// Clamps `value`; NaN stays NaN. Unlike [`f32::clamp`] this has no assertion that loops would
    /// carry along, and unlike [`f32::max`] each side is one instruction.
    #[inline]
    pub fn clamp(self, value: f32) -> f32 {
        let above = if value < self.low { self.low } else { value };
        if above > self.high { self.high } else { above }
    }
}

/// What a step computes. `x` is its first input, `x2` its second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operator {
    /// Cross-correlation with zero padding, plus bias, clamped.
    Convolution {
        /// How the weights are stored.
        encoding: Encoding,
        /// The fused activation function.
        bounds: Bounds,
        /// The sliding window.
        window: Window,
        /// Number of groups, which divides both channel counts; depthwise: all channels.
        groups: u32,
    },
    /// The product of a matrix and the flattened input, plus bias, clamped.
    Linear {
        /// How the weights are stored.
        encoding: Encoding,
        /// The fused activation function.
        bounds: Bounds,
    },
    /// The largest value in each window; padded positions do not take part.
    MaxPool {
        /// The sliding window.
        window: Window,
    },
    /// The mean of the values in each window; padded positions do not take part.
    AveragePool {
        /// The sliding window.
        window: Window,
    },
    /// An element-wise function of two values, clamped. `x2` has length 1 on the view's axis, and is
    /// repeated along it.
    Binary {
        /// The function.
        function: BinaryFunction,
        /// `x` and the output. `x2` has `outer × inner` values.
        view: View,
        /// Whether `x2` is the function's first operand, and `x` its second.
        reversed: bool,
        /// The fused activation function.
        bounds: Bounds,
    },
    /// x · scale + shift for each channel, clamped.
    Affine {
        /// The fused activation function.
        bounds: Bounds,
    },
    /// An element-wise function of one value, clamped. The output may have another shape.
    Unary {
        /// The function.
        function: Function,
        /// The fused activation function.
        bounds: Bounds,
    },
    /// `x` and then `x2` along an axis.
    Concat {
        /// `x`.
        view: View,
        /// The length of the axis in `x2`, whose other axes are those of `x`.
        second_axis: u32,
    },
    /// Chosen positions of an axis. The weights are one index for each, or [`Operator::FILL`].
    Gather {
        /// `x`.
        view: View,
        /// The length of the axis in the output.
        count: u32,
        /// The value where there is no index.
        fill: f32,
    },
    /// Two neighbouring axes in the other order: `[outer, rows, columns, inner]` becomes
    /// `[outer, columns, rows, inner]`.
    Swap {
        /// The product of the lengths of the axes before.
        outer: u32,
        /// The length of the first of the two axes in `x`.
        rows: u32,
        /// The length of the second of the two axes in `x`.
        columns: u32,
        /// The product of the lengths of the axes behind.
        inner: u32,
    },
    /// The values along an axis become one.
    Reduce {
        /// How.
        reduction: Reduction,
        /// `x`. The output has `outer × inner` values.
        view: View,
    },
    /// `e^x` divided by its sum along an axis.
    Softmax {
        /// `x` and the output.
        view: View,
    },
    /// Values that are the same in every run: the weights. There is no input.
    Constant,
    /// The matrix product of `x`, `[batch, rows, depth]`, and `x2`, `[batch, depth, columns]`. Each may
    /// be one matrix only, which then is used for the whole batch.
    MatMul {
        /// The number of products.
        batch: u32,
        /// Rows of the left matrix and of the product.
        rows: u32,
        /// Columns of the left matrix, rows of the right one.
        depth: u32,
        /// Columns of the right matrix and of the product.
        columns: u32,
    },
}

impl Operator {
    /// The index in the weights of a gather step that stands for its fill value.
    pub const FILL: u32 = u32::MAX;

    /// The number of tensors that its steps read.
    pub fn arity(&self) -> usize {
        match self {
            Self::Constant => 0,
            Self::Binary { .. } | Self::Concat { .. } | Self::MatMul { .. } => 2,
            _ => 1,
        }
    }

    /// Whether its steps have a part of the weights section.
    pub fn has_weights(&self) -> bool {
        matches!(
            self,
            Self::Convolution { .. }
                | Self::Linear { .. }
                | Self::Affine { .. }
                | Self::Gather { .. }
                | Self::Constant
        )
    }

    /// The fused activation function, if its steps have one.
    pub fn bounds(&self) -> Option<Bounds> {
        match *self {
            Self::Convolution { bounds, .. }
            | Self::Linear { bounds, .. }
            | Self::Binary { bounds, .. }
            | Self::Affine { bounds }
            | Self::Unary { bounds, .. } => Some(bounds),
            _ => None,
        }
    }

    /// Reads the operator of a step record; fields that it does not use are not looked at.
    pub(super) fn read(record: &[u8]) -> Result<Self, Error> {
        let word = |at| u32::from_le_bytes(read(record, at));
        let encoding = || match u16::from_le_bytes(read(record, 2)) {
            1 => Ok(Encoding::Dense),
            2 => Ok(Encoding::Sparse),
            _ => Err(Error::new(ErrorKind::UnknownEncoding, 2)),
        };
        let window = || Window::read(record);
        let bounds = || read_bounds(record);
        let view = View::read(record);
        Ok(match u16::from_le_bytes(read(record, 0)) {
            1 => Self::Convolution {
                encoding: encoding()?,
                bounds: bounds()?,
                window: window()?,
                groups: word(40),
            },
            2 => Self::Linear {
                encoding: encoding()?,
                bounds: bounds()?,
            },
            3 => Self::MaxPool { window: window()? },
            4 => Self::AveragePool { window: window()? },
            5 => Self::Binary {
                function: BinaryFunction::read(record)?,
                view,
                reversed: read_flag(record, 36)?,
                bounds: bounds()?,
            },
            6 => Self::Affine { bounds: bounds()? },
            7 => Self::Unary {
                function: Function::read(record)?,
                bounds: bounds()?,
            },
            8 => Self::Concat {
                view,
                second_axis: word(36),
            },
            9 => Self::Gather {
                view,
                count: word(36),
                fill: read_constant(record, 40)?,
            },
            10 => Self::Swap {
                outer: word(24),
                rows: word(28),
                columns: word(32),
                inner: word(36),
            },
            11 => Self::Reduce {
                reduction: Reduction::read(record)?,
                view,
            },
            12 => Self::Softmax { view },
            13 => Self::Constant,
            14 => Self::MatMul {
                batch: word(24),
                rows: word(28),
                depth: word(32),
                columns: word(36),
            },
            _ => return Err(Error::new(ErrorKind::UnknownOperator, 0)),
        })
    }

    /// The operator's number in step records.
    fn code(&self) -> u16 {
        match self {
            Self::Convolution { .. } => 1,
            Self::Linear { .. } => 2,
            Self::MaxPool { .. } => 3,
            Self::AveragePool { .. } => 4,
            Self::Binary { .. } => 5,
            Self::Affine { .. } => 6,
            Self::Unary { .. } => 7,
            Self::Concat { .. } => 8,
            Self::Gather { .. } => 9,
            Self::Swap { .. } => 10,
            Self::Reduce { .. } => 11,
            Self::Softmax { .. } => 12,
            Self::Constant => 13,
            Self::MatMul { .. } => 14,
        }
    }

    /// Writes the operator into a step record of zeros.
    pub(super) fn write(&self, record: &mut [u8]) {
        write(record, 0, self.code().to_le_bytes());
        if let Some(bounds) = self.bounds() {
            write(record, 16, bounds.low.to_le_bytes());
            write(record, 20, bounds.high.to_le_bytes());
        }
        let mut words = |from: usize, words: &[u32]| {
            for (index, word) in words.iter().enumerate() {
                write(record, from + 4 * index, word.to_le_bytes());
            }
        };
        match *self {
            Self::Convolution {
                encoding,
                window,
                groups,
                ..
            } => {
                words(40, &[groups]);
                write(record, 2, (encoding as u16).to_le_bytes());
                window.write(record);
            }
            Self::Linear { encoding, .. } => write(record, 2, (encoding as u16).to_le_bytes()),
            Self::MaxPool { window } | Self::AveragePool { window } => window.write(record),
            Self::Binary {
                function,
                view,
                reversed,
                ..
            } => {
                words(36, &[reversed.into()]);
                function.write(record);
                view.write(record);
            }
            Self::Unary { function, .. } => function.write(record),
            Self::Concat { view, second_axis } => {
                words(36, &[second_axis]);
                view.write(record);
            }
            Self::Gather { view, count, fill } => {
                words(36, &[count, fill.to_bits()]);
                view.write(record);
            }
            Self::Swap {
                outer,
                rows,
                columns,
                inner,
            } => words(24, &[outer, rows, columns, inner]),
            Self::Reduce { reduction, view } => {
                reduction.write(record);
                view.write(record);
            }
            Self::Softmax { view } => view.write(record),
            Self::MatMul {
                batch,
                rows,
                depth,
                columns,
            } => words(24, &[batch, rows, depth, columns]),
            Self::Affine { .. } | Self::Constant => {}
        }
    }
}

fn read_bounds(record: &[u8]) -> Result<Bounds, Error> {
    let bounds = Bounds {
        low: f32::from_le_bytes(read(record, 16)),
        high: f32::from_le_bytes(read(record, 20)),
    };
    // False for NaN on either side.
    if bounds.low <= bounds.high {
        Ok(bounds)
    } else {
        Err(Error::new(ErrorKind::ActivationBounds, 16))
    }
}

fn read_flag(record: &[u8], at: usize) -> Result<bool, Error> {
    match u32::from_le_bytes(read(record, at)) {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Error::new(ErrorKind::Flag, at)),
    }
}
