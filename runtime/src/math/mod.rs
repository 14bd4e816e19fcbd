//! Functions that neither `core` nor the processor has, one family per file.
//!
//! They are computed in 64 bits by additions, multiplications, divisions and operations on bits alone. IEEE 754 defines each of
//! these to the last bit, so results are the same on every target, with or without the standard library. Arguments are `f32`
//! values or what follows from a few of them; what matters of a result is its `f32`. The relative error before that rounding is
//! below 2⁻³⁹ (or the result is the nearest `f32` already), so the rounded result is off by less than one unit in the last place,
//! and mostly not at all. Special cases are those of C99, Annex F.
//!
//! Not here: 64-bit accuracy, results beyond the range of `f32`, vectors.

mod error_function;
mod exponential;
mod logarithm;
mod power;
mod rounding;
mod trigonometric;

pub use error_function::erf;
pub use exponential::{exp, exp_m1, sigmoid, tanh};
pub use logarithm::{ln, softplus};
pub use power::power;
pub use rounding::{floor, round_half_even};
pub use trigonometric::{cos, sin};

/// c₀ + c₁x + c₂x² + …, by Horner's rule.
fn polynomial<const N: usize>(x: f64, coefficients: &[f64; N]) -> f64 {
    coefficients
        .iter()
        .rev()
        .fold(0.0, |sum, &coefficient| sum * x + coefficient)
}

#[cfg(test)]
mod tests;
