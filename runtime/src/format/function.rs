//! Element-wise functions of one and of two values, and reductions. What each computes is defined in `docs/FORMAT.md`; how, in
//! `crate::operator` and `crate::math`.

use super::little_endian::{read, write};
use crate::{Error, ErrorKind};

/// An element-wise function of one value `x`. Constants are finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
    /// `scale · x + shift`. With 1 and 0 it copies, which is how a step changes nothing but the shape.
    Affine {
        /// The factor.
        scale: f32,
        /// Added after.
        shift: f32,
    },
    /// `x` where it is not negative, else `slope · x`.
    LeakyRelu {
        /// The factor below zero.
        slope: f32,
    },
    /// `x` where it is not negative, else `alpha · (eˣ − 1)` (Clevert et al., 2015).
    Elu {
        /// The limit towards −∞ is `−alpha`.
        alpha: f32,
    },
    /// `1 / (1 + e⁻ˣ)`.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// `ln(1 + eˣ)`.
    Softplus,
    /// The error function, `2/√π · ∫₀ˣ e^(−t²) dt`.
    Erf,
    /// `eˣ`.
    Exp,
    /// The natural logarithm.
    Log,
    /// `|x|`.
    Abs,
    /// −1, 0 or 1.
    Sign,
    /// The largest integer that is not above `x`.
    Floor,
    /// The nearest integer, the even one of two.
    Round,
    /// `x^exponent`.
    Power {
        /// The exponent.
        exponent: f32,
    },
    /// The sine of `x` radians.
    Sin,
    /// The cosine of `x` radians.
    Cos,
}

impl Function {
    /// Whether it is computed by a series.
    pub fn is_transcendental(self) -> bool {
        match self {
            Self::Affine { .. }
            | Self::LeakyRelu { .. }
            | Self::Abs
            | Self::Sign
            | Self::Floor
            | Self::Round => false,
            Self::Elu { .. }
            | Self::Sigmoid
            | Self::Tanh
            | Self::Softplus
            | Self::Erf
            | Self::Exp
            | Self::Log
            | Self::Power { .. }
            | Self::Sin
            | Self::Cos => true,
        }
    }

    /// Reads the function of a step record.
    pub(super) fn read(record: &[u8]) -> Result<Self, Error> {
        let [a, b] = [24, 28].map(|at| move || read_constant(record, at));
        Ok(match code(record) {
            1 => Self::Affine {
                scale: a()?,
                shift: b()?,
            },
            2 => Self::LeakyRelu { slope: a()? },
            3 => Self::Elu { alpha: a()? },
            4 => Self::Sigmoid,
            5 => Self::Tanh,
            6 => Self::Softplus,
            7 => Self::Erf,
            8 => Self::Exp,
            9 => Self::Log,
            10 => Self::Abs,
            11 => Self::Sign,
            12 => Self::Floor,
            13 => Self::Round,
            14 => Self::Power { exponent: a()? },
            15 => Self::Sin,
            16 => Self::Cos,
            _ => return Err(UNKNOWN),
        })
    }

    /// Writes the function into a step record.
    pub(super) fn write(self, record: &mut [u8]) {
        let (code, a, b) = match self {
            Self::Affine { scale, shift } => (1_u16, scale, shift),
            Self::LeakyRelu { slope } => (2, slope, 0.0),
            Self::Elu { alpha } => (3, alpha, 0.0),
            Self::Sigmoid => (4, 0.0, 0.0),
            Self::Tanh => (5, 0.0, 0.0),
            Self::Softplus => (6, 0.0, 0.0),
            Self::Erf => (7, 0.0, 0.0),
            Self::Exp => (8, 0.0, 0.0),
            Self::Log => (9, 0.0, 0.0),
            Self::Abs => (10, 0.0, 0.0),
            Self::Sign => (11, 0.0, 0.0),
            Self::Floor => (12, 0.0, 0.0),
            Self::Round => (13, 0.0, 0.0),
            Self::Power { exponent } => (14, exponent, 0.0),
            Self::Sin => (15, 0.0, 0.0),
            Self::Cos => (16, 0.0, 0.0),
        };
        write(record, 2, code.to_le_bytes());
        write(record, 24, a.to_le_bytes());
        write(record, 28, b.to_le_bytes());
    }
}

/// An element-wise function of two values `x` and `y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryFunction {
    /// `x + y`.
    Add = 1,
    /// `x − y`.
    Subtract = 2,
    /// `x · y`.
    Multiply = 3,
    /// `x / y`.
    Divide = 4,
    /// The smaller of the two.
    Minimum = 5,
    /// The larger of the two.
    Maximum = 6,
    /// `x^y`.
    Power = 7,
    /// 1 where `x > y`, else 0.
    Greater = 8,
    /// 1 where `x = y`, else 0.
    Equal = 9,
}

impl BinaryFunction {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Add,
        Self::Subtract,
        Self::Multiply,
        Self::Divide,
        Self::Minimum,
        Self::Maximum,
        Self::Power,
        Self::Greater,
        Self::Equal,
    ];

    /// Reads the function of a step record.
    pub(super) fn read(record: &[u8]) -> Result<Self, Error> {
        find(Self::ALL, |function| function as u16, record)
    }

    /// Writes the function into a step record.
    pub(super) fn write(self, record: &mut [u8]) {
        write(record, 2, (self as u16).to_le_bytes());
    }
}

/// How many values become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Their sum.
    Sum = 1,
    /// Their mean.
    Mean = 2,
    /// The largest.
    Maximum = 3,
    /// The smallest.
    Minimum = 4,
    /// Their product.
    Product = 5,
    /// The position of the largest, the first of several.
    ArgMaximum = 6,
}

impl Reduction {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Sum,
        Self::Mean,
        Self::Maximum,
        Self::Minimum,
        Self::Product,
        Self::ArgMaximum,
    ];

    /// Reads the reduction of a step record.
    pub(super) fn read(record: &[u8]) -> Result<Self, Error> {
        find(Self::ALL, |reduction| reduction as u16, record)
    }

    /// Writes the reduction into a step record.
    pub(super) fn write(self, record: &mut [u8]) {
        write(record, 2, (self as u16).to_le_bytes());
    }
}

const UNKNOWN: Error = Error {
    kind: ErrorKind::UnknownFunction,
    offset: 2,
};

/// The number of a step record's function.
fn code(record: &[u8]) -> u16 {
    u16::from_le_bytes(read(record, 2))
}

/// The one of `all` that has the number in a step record.
fn find<T: Copy, const N: usize>(
    all: [T; N],
    number: fn(T) -> u16,
    record: &[u8],
) -> Result<T, Error> {
    let mut all = all.into_iter();
    all.find(|&one| number(one) == code(record)).ok_or(UNKNOWN)
}

/// A constant in a step record, which is a finite number.
pub(super) fn read_constant(record: &[u8], at: usize) -> Result<f32, Error> {
    let constant = f32::from_le_bytes(read(record, at));
    if constant.is_finite() {
        Ok(constant)
    } else {
        Err(Error::new(ErrorKind::FunctionConstant, at))
    }
}
