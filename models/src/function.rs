//! Element-wise functions of one and of two values, and reductions.
//!
//! Non-goals: arithmetic (`reference` here, other engines elsewhere).

use serde::{Deserialize, Serialize};

/// An element-wise function of one value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// `min(max(x, low), high)`; a side without a bound is open. ReLU is [`Function::RELU`].
    Clip {
        /// Smallest result.
        low: Option<f32>,
        /// Largest result, not below `low`.
        high: Option<f32>,
    },
    /// `scale·x + shift`.
    Affine {
        /// The factor.
        scale: f32,
        /// Added after.
        shift: f32,
    },
    /// `x` where it is not negative, else `slope·x`.
    LeakyRelu {
        /// The factor below zero.
        slope: f32,
    },
    /// `x` where it is not negative, else `alpha·(eˣ − 1)` (Clevert et al., 2015).
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
    /// The nearest integer, the even one of two. Its gradient is taken to be 1 (straight-through; Bengio et al., 2013), since the only
    /// networks that round are quantised ones.
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
    /// `max(x, 0)`.
    pub const RELU: Self = Self::Clip {
        low: Some(0.0),
        high: None,
    };

    /// `min(max(x, 0), 6)`.
    pub const RELU6: Self = Self::Clip {
        low: Some(0.0),
        high: Some(6.0),
    };

    /// The function's name as messages and tables show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::RELU => "relu",
            Self::RELU6 => "relu6",
            Self::Clip { .. } => "clip",
            Self::Affine { .. } => "affine",
            Self::LeakyRelu { .. } => "leaky relu",
            Self::Elu { .. } => "elu",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Softplus => "softplus",
            Self::Erf => "erf",
            Self::Exp => "exp",
            Self::Log => "log",
            Self::Abs => "abs",
            Self::Sign => "sign",
            Self::Floor => "floor",
            Self::Round => "round",
            Self::Power { .. } => "power",
            Self::Sin => "sin",
            Self::Cos => "cos",
        }
    }

    /// The function as a clamp, where it is one: its lower and upper bound, infinite where it is open.
    pub fn bounds(self) -> Option<(f32, f32)> {
        match self {
            Self::Clip { low, high } => Some((
                low.unwrap_or(f32::NEG_INFINITY),
                high.unwrap_or(f32::INFINITY),
            )),
            _ => None,
        }
    }

    /// What is wrong with the function's constants, if anything is: they are finite, and a clamp's bounds are in order.
    pub(crate) fn problem(self) -> Option<String> {
        let constants = match self {
            Self::Clip { low, high } => [low.unwrap_or(0.0), high.unwrap_or(0.0)],
            Self::Affine { scale, shift } => [scale, shift],
            Self::LeakyRelu { slope } => [slope, 0.0],
            Self::Elu { alpha } => [alpha, 0.0],
            Self::Power { exponent } => [exponent, 0.0],
            _ => [0.0; 2],
        };
        if !constants.iter().all(|constant| constant.is_finite()) {
            return Some("constants must be finite".to_owned());
        }
        match self.bounds() {
            Some((low, high)) if low > high => Some(format!("bound {low} is above bound {high}")),
            _ => None,
        }
    }
}

/// An element-wise function of two values `x` and `y`, broadcast against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BinaryFunction {
    /// `x + y`.
    Add,
    /// `x − y`.
    Subtract,
    /// `x·y`.
    Multiply,
    /// `x / y`.
    Divide,
    /// The smaller of the two.
    Minimum,
    /// The larger of the two.
    Maximum,
    /// `x^y`.
    Power,
    /// 1 where `x > y`, else 0.
    Greater,
    /// 1 where `x = y`, else 0.
    Equal,
}

impl BinaryFunction {
    /// The function's name as messages and tables show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Subtract => "subtract",
            Self::Multiply => "multiply",
            Self::Divide => "divide",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::Power => "power",
            Self::Greater => "greater",
            Self::Equal => "equal",
        }
    }
}

/// How many values become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The largest.
    Maximum,
    /// The smallest.
    Minimum,
    /// Their product.
    Product,
    /// The position of the largest, the first of several; along one axis only.
    ArgMaximum,
}

impl Reduction {
    /// The reduction's name as messages and tables show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Maximum => "maximum over axes",
            Self::Minimum => "minimum over axes",
            Self::Product => "product",
            Self::ArgMaximum => "arg max",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clamps_are_named_and_bounded() {
        assert_eq!(Function::RELU6.name(), "relu6");
        assert_eq!(Function::RELU6.bounds(), Some((0.0, 6.0)));
        assert_eq!(Function::RELU.name(), "relu");
        assert_eq!(Function::RELU.bounds(), Some((0.0, f32::INFINITY)));
        assert_eq!(Function::Tanh.bounds(), None);
    }

    #[test]
    fn constants_are_finite_and_bounds_in_order() {
        let clip = |low, high| Function::Clip { low, high }.problem();
        assert_eq!(clip(Some(1.0), Some(1.0)), None);
        assert_eq!(clip(None, None), None);
        assert!(clip(Some(1.0), Some(0.5)).unwrap().contains("above"));
        assert!(clip(Some(f32::NAN), None).unwrap().contains("finite"));
        let exponent = f32::INFINITY;
        assert!(Function::Power { exponent }.problem().is_some());
        assert_eq!(Function::Sigmoid.problem(), None);
    }
}
