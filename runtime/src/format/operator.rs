//! The operators a step can apply, with their parameters. What each computes is defined in
//! `docs/FORMAT.md`; how, in `crate::operator`.

use super::little_endian::{read, write};
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

    /// Clamps `value`. Unlike [`f32::clamp`] this has no assertion that loops would carry along.
    #[inline]
    pub fn clamp(self, value: f32) -> f32 {
        value.max(self.low).min(self.high)
    }
}

/// The sliding window of convolutions and pools. Pairs are vertical, then horizontal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Height and width of the kernel, at least 1.
    pub kernel: [u16; 2],
    /// Distance between neighbouring windows, at least 1.
    pub stride: [u16; 2],
    /// Padding at the top, left, bottom and right, smaller than the kernel on that axis, so that
    /// every window touches the image.
    pub padding: [u16; 4],
}

impl Window {
    /// Height and width of the output for an image of the given height and width.
    pub fn output_size(&self, image: [u32; 2]) -> Result<[u32; 2], ErrorKind> {
        let side = |axis: usize| {
            let padding = u32::from(self.padding[axis]) + u32::from(self.padding[axis + 2]);
            image[axis]
                .checked_add(padding)
                .and_then(|padded| padded.checked_sub(u32::from(self.kernel[axis])))
                .map(|span| span / u32::from(self.stride[axis]) + 1)
                .ok_or(ErrorKind::WindowTooLarge)
        };
        Ok([side(0)?, side(1)?])
    }

    /// The number of positions in the kernel.
    pub fn area(&self) -> u64 {
        u64::from(self.kernel[0]) * u64::from(self.kernel[1])
    }
}

/// What a step computes.
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
    /// The sum of two tensors of equal shape, clamped.
    Add {
        /// The tensor that is added to the input.
        second: u32,
        /// The fused activation function.
        bounds: Bounds,
    },
    /// x · scale + shift for each channel, clamped.
    Affine {
        /// The fused activation function.
        bounds: Bounds,
    },
}

impl Operator {
    /// Whether its steps have a part of the weights section.
    pub fn has_weights(&self) -> bool {
        match self {
            Self::Convolution { .. } | Self::Linear { .. } | Self::Affine { .. } => true,
            Self::MaxPool { .. } | Self::AveragePool { .. } | Self::Add { .. } => false,
        }
    }

    /// Reads the operator of a step record; fields that it does not use are not looked at.
    pub(super) fn read(record: &[u8]) -> Result<Self, Error> {
        let encoding = || match u16::from_le_bytes(read(record, 2)) {
            1 => Ok(Encoding::Dense),
            2 => Ok(Encoding::Sparse),
            _ => Err(Error::new(ErrorKind::UnknownEncoding, 2)),
        };
        Ok(match u16::from_le_bytes(read(record, 0)) {
            1 => Self::Convolution {
                encoding: encoding()?,
                bounds: read_bounds(record)?,
                window: read_window(record)?,
                groups: u32::from_le_bytes(read(record, 40)),
            },
            2 => Self::Linear {
                encoding: encoding()?,
                bounds: read_bounds(record)?,
            },
            3 => Self::MaxPool {
                window: read_window(record)?,
            },
            4 => Self::AveragePool {
                window: read_window(record)?,
            },
            5 => Self::Add {
                second: u32::from_le_bytes(read(record, 8)),
                bounds: read_bounds(record)?,
            },
            6 => Self::Affine {
                bounds: read_bounds(record)?,
            },
            _ => return Err(Error::new(ErrorKind::UnknownOperator, 0)),
        })
    }

    /// Writes the operator into a step record of zeros.
    pub(super) fn write(&self, record: &mut [u8]) {
        let (code, encoding) = match *self {
            Self::Convolution { encoding, .. } => (1_u16, encoding as u16),
            Self::Linear { encoding, .. } => (2, encoding as u16),
            Self::MaxPool { .. } => (3, 0),
            Self::AveragePool { .. } => (4, 0),
            Self::Add { .. } => (5, 0),
            Self::Affine { .. } => (6, 0),
        };
        write(record, 0, code.to_le_bytes());
        write(record, 2, encoding.to_le_bytes());
        match *self {
            Self::Convolution {
                bounds,
                window,
                groups,
                ..
            } => {
                write_bounds(record, bounds);
                write_window(record, window);
                write(record, 40, groups.to_le_bytes());
            }
            Self::MaxPool { window } | Self::AveragePool { window } => write_window(record, window),
            Self::Add { second, bounds } => {
                write(record, 8, second.to_le_bytes());
                write_bounds(record, bounds);
            }
            Self::Linear { bounds, .. } | Self::Affine { bounds } => write_bounds(record, bounds),
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

fn write_bounds(record: &mut [u8], bounds: Bounds) {
    write(record, 16, bounds.low.to_le_bytes());
    write(record, 20, bounds.high.to_le_bytes());
}

fn read_window(record: &[u8]) -> Result<Window, Error> {
    let field = |at| u16::from_le_bytes(read(record, at));
    let window = Window {
        kernel: [field(24), field(26)],
        stride: [field(28), field(30)],
        padding: [field(32), field(34), field(36), field(38)],
    };
    if window.kernel.contains(&0) {
        return Err(Error::new(ErrorKind::KernelZero, 24));
    }
    if window.stride.contains(&0) {
        return Err(Error::new(ErrorKind::StrideZero, 28));
    }
    let [top, left, bottom, right] = window.padding;
    let [height, width] = window.kernel;
    if top.max(bottom) >= height || left.max(right) >= width {
        return Err(Error::new(ErrorKind::PaddingTooLarge, 32));
    }
    Ok(window)
}

fn write_window(record: &mut [u8], window: Window) {
    let fields = [window.kernel, window.stride].into_iter().flatten();
    for (index, field) in fields.chain(window.padding).enumerate() {
        write(record, 24 + 2 * index, field.to_le_bytes());
    }
}
