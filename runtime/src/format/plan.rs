//! The plan: its header, tensor records and step records. Tensor 0 is the network's input, and step
//! `k` writes tensor `k + 1`, so a tensor has one writer and its number says which.

use core::ops::Range;

use super::little_endian::{first_nonzero, read, write};
use super::view::product;
use super::{MAX_STEPS, Operator};
use crate::{Error, ErrorKind};

/// The totals of a plan, all of which the verifier recomputes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanHeader {
    /// The number of the tensor that is the network's output.
    pub output: u32,
    /// The number of steps, from 1 to [`MAX_STEPS`]; there is one tensor more.
    pub step_count: u32,
    /// Where the last tensor in the arena ends, in bytes.
    pub arena_bytes: u64,
    /// The largest [`super::Demand::scratch_bytes`] of the steps.
    pub scratch_bytes: u64,
    /// The sum of [`super::Demand::macs_dense`] over the steps.
    pub macs_dense: u64,
    /// The sum of [`super::Demand::macs_effective`] over the steps.
    pub macs_effective: u64,
}

impl PlanHeader {
    /// The header's size in the file.
    pub const BYTES: usize = 64;
    const RESERVED: usize = 48;

    /// Reads a plan header.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Result<Self, Error> {
        let word = |at| u32::from_le_bytes(read(bytes, at));
        let long = |at| u64::from_le_bytes(read(bytes, at));
        let [input, output, tensor_count, step_count] = [word(0), word(4), word(8), word(12)];
        let fail = |kind, at| Err(Error::new(kind, at));
        if let Some(at) = first_nonzero(bytes, Self::RESERVED) {
            return fail(ErrorKind::PlanReserved, at);
        }
        if !(1..=MAX_STEPS).contains(&step_count) {
            return fail(ErrorKind::StepCount, 12);
        }
        if tensor_count != step_count + 1 {
            return fail(ErrorKind::TensorCount, 8);
        }
        if input != 0 {
            return fail(ErrorKind::InputTensor, 0);
        }
        if output >= tensor_count {
            return fail(ErrorKind::OutputTensor, 4);
        }
        Ok(Self {
            output,
            step_count,
            arena_bytes: long(16),
            scratch_bytes: long(24),
            macs_dense: long(32),
            macs_effective: long(40),
        })
    }

    /// Writes the header.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        write(&mut bytes, 4, self.output.to_le_bytes());
        write(&mut bytes, 8, self.step_count.wrapping_add(1).to_le_bytes());
        write(&mut bytes, 12, self.step_count.to_le_bytes());
        write(&mut bytes, 16, self.arena_bytes.to_le_bytes());
        write(&mut bytes, 24, self.scratch_bytes.to_le_bytes());
        write(&mut bytes, 32, self.macs_dense.to_le_bytes());
        write(&mut bytes, 40, self.macs_effective.to_le_bytes());
        bytes
    }
}

/// A tensor's dimensions, row-major; a vector of n features is n × 1 × 1. Where a tensor has another
/// number of axes, any shape with as many values does: the steps that work on it have their own [`super::View`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Number of channels or features.
    pub channels: u32,
    /// Height of a channel's map.
    pub height: u32,
    /// Width of a channel's map.
    pub width: u32,
}

impl Shape {
    /// Height times width.
    pub fn area(&self) -> u64 {
        u64::from(self.height) * u64::from(self.width)
    }

    /// The number of values; saturates.
    pub fn elements(&self) -> u64 {
        product(&[self.channels, self.height, self.width])
    }

    /// `[channels, height, width]`.
    pub fn dimensions(&self) -> [usize; 3] {
        [self.channels, self.height, self.width].map(|dimension| dimension as usize)
    }
}

/// Where a tensor lies in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorRecord {
    /// Its first value, counted in 32-bit values from the start of the arena.
    pub offset: u32,
    /// Its dimensions.
    pub shape: Shape,
}

impl TensorRecord {
    /// A record's size in the file.
    pub const BYTES: usize = 16;

    /// Reads a record. Every sixteen bytes are one; the verifier decides whether it fits.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let word = |at| u32::from_le_bytes(read(bytes, at));
        Self {
            offset: word(0),
            shape: Shape {
                channels: word(4),
                height: word(8),
                width: word(12),
            },
        }
    }

    /// Writes the record.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        write(&mut bytes, 0, self.offset.to_le_bytes());
        write(&mut bytes, 4, self.shape.channels.to_le_bytes());
        write(&mut bytes, 8, self.shape.height.to_le_bytes());
        write(&mut bytes, 12, self.shape.width.to_le_bytes());
        bytes
    }

    /// The values it occupies in the arena; its end saturates.
    pub fn span(&self) -> Range<u64> {
        let start = u64::from(self.offset);
        start..start.saturating_add(self.shape.elements())
    }

    /// Whether the two share a value of the arena.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (own, its) = (self.span(), other.span());
        own.start < its.end && its.start < own.end
    }
}

/// One step of the plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepRecord {
    /// What it computes.
    pub operator: Operator,
    /// The numbers of the tensors it reads: as many as [`Operator::arity`], then zeros.
    pub inputs: [u32; 2],
    /// The number of the tensor it writes: its own number plus one.
    pub output: u32,
    /// Where its weights start in the weights section; zero if it has none.
    pub weights_offset: u64,
    /// The length of its weights in bytes; zero if it has none.
    pub weights_length: u64,
}

impl StepRecord {
    /// A record's size in the file.
    pub const BYTES: usize = 64;

    /// The numbers of the tensors it reads.
    pub fn inputs(&self) -> &[u32] {
        &self.inputs[..self.operator.arity()]
    }

    /// Reads a record.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Result<Self, Error> {
        let record = Self {
            operator: Operator::read(bytes)?,
            inputs: [4, 8].map(|at| u32::from_le_bytes(read(bytes, at))),
            output: u32::from_le_bytes(read(bytes, 12)),
            weights_offset: u64::from_le_bytes(read(bytes, 48)),
            weights_length: u64::from_le_bytes(read(bytes, 56)),
        };
        // Writing leaves zero what the operator does not use, so whatever differs should be zero.
        let written = record.to_bytes();
        match (0..Self::BYTES).find(|&at| written[at] != bytes[at]) {
            Some(at) => Err(Error::new(ErrorKind::UnusedField, at)),
            None => Ok(record),
        }
    }

    /// Writes the record, with zeros in the fields that its operator does not use.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        self.operator.write(&mut bytes);
        for (index, input) in self.inputs().iter().enumerate() {
            write(&mut bytes, 4 + 4 * index, input.to_le_bytes());
        }
        write(&mut bytes, 12, self.output.to_le_bytes());
        if self.operator.has_weights() {
            write(&mut bytes, 48, self.weights_offset.to_le_bytes());
            write(&mut bytes, 56, self.weights_length.to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{BinaryFunction, Bounds, Encoding, Function, Reduction, View, Window};

    const WINDOW: Window = Window {
        kernel: [3, 5],
        stride: [1, 2],
        padding: [0, 1, 2, 3],
        dilation: [2, 3],
    };

    const VIEW: View = View {
        outer: 4,
        axis: 5,
        inner: 6,
    };

    #[test]
    fn headers_and_tensors_survive_the_round_trip() {
        let header = PlanHeader {
            output: 2,
            step_count: 3,
            arena_bytes: 4,
            scratch_bytes: 5,
            macs_dense: 6,
            macs_effective: 7,
        };
        assert_eq!(PlanHeader::from_bytes(&header.to_bytes()), Ok(header));
        let tensor = TensorRecord {
            offset: 1,
            shape: Shape {
                channels: 2,
                height: 3,
                width: 4,
            },
        };
        assert_eq!(TensorRecord::from_bytes(&tensor.to_bytes()), tensor);
    }

    fn survives(operator: Operator) {
        let weights = u64::from(operator.has_weights());
        let mut inputs = [1, 9];
        inputs[operator.arity()..].fill(0);
        let step = StepRecord {
            operator,
            inputs,
            output: 2,
            weights_offset: 300 * weights,
            weights_length: 400 * weights,
        };
        assert_eq!(StepRecord::from_bytes(&step.to_bytes()), Ok(step));
    }

    #[test]
    fn steps_survive_the_round_trip() {
        let bounds = Bounds::RELU6;
        let encoding = Encoding::Sparse;
        for operator in [
            Operator::Convolution {
                encoding,
                bounds,
                window: WINDOW,
                groups: 4,
            },
            Operator::Linear { encoding, bounds },
            Operator::MaxPool { window: WINDOW },
            Operator::AveragePool { window: WINDOW },
            Operator::Affine { bounds },
            Operator::Concat {
                view: VIEW,
                second_axis: 7,
            },
            Operator::Gather {
                view: VIEW,
                count: 7,
                fill: -1.5,
            },
            Operator::Swap {
                outer: 4,
                rows: 5,
                columns: 6,
                inner: 7,
            },
            Operator::Softmax { view: VIEW },
            Operator::Constant,
            Operator::MatMul {
                batch: 4,
                rows: 5,
                depth: 6,
                columns: 7,
            },
        ] {
            survives(operator);
        }
    }

    #[test]
    fn every_function_survives_the_round_trip() {
        let bounds = Bounds::RELU;
        for function in BinaryFunction::ALL {
            for reversed in [false, true] {
                survives(Operator::Binary {
                    function,
                    view: VIEW,
                    reversed,
                    bounds,
                });
            }
        }
        for reduction in Reduction::ALL {
            survives(Operator::Reduce {
                reduction,
                view: VIEW,
            });
        }
        let [scale, shift] = [0.25, -3.0];
        for function in [
            Function::Affine { scale, shift },
            Function::LeakyRelu { slope: 0.1 },
            Function::Elu { alpha: 2.0 },
            Function::Sigmoid,
            Function::Tanh,
            Function::Softplus,
            Function::Erf,
            Function::Exp,
            Function::Log,
            Function::Abs,
            Function::Sign,
            Function::Floor,
            Function::Round,
            Function::Power { exponent: -0.5 },
            Function::Sin,
            Function::Cos,
        ] {
            survives(Operator::Unary { function, bounds });
        }
    }

    #[test]
    fn neighbours_in_the_arena_do_not_overlap() {
        let at = |offset| TensorRecord {
            offset,
            shape: Shape {
                channels: 2,
                height: 2,
                width: 1,
            },
        };
        assert!(at(4).overlaps(&at(7)) && at(7).overlaps(&at(4)));
        assert!(!at(4).overlaps(&at(8)) && !at(8).overlaps(&at(4)));
    }
}
