//! The exponential function and what is a fraction of exponentials.
//!
//! x = k · ln 2 + r with an integer k and |r| ≤ ln 2 / 2, so eˣ = 2ᵏ · eʳ. The factor 2ᵏ is made from bits, eʳ − 1 is its Taylor
//! polynomial of degree 10, which is off by less than |r|¹¹ / 11! < 10⁻¹².

use core::f64::consts::{LN_2, LOG2_E};

use super::polynomial;

/// Beyond it `f32` has long been at zero or infinity, and `f64` is far from both.
const LIMIT: f64 = 150.0;

/// 1.5 · 2⁵²: what is added to it is rounded to an integer.
const ROUNDING: f64 = 6755399441055744.0;

/// 1/1!, 1/2!, …, 1/10!.
const FACTORIALS: [f64; 10] = [
    1.0,
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5040.0,
    1.0 / 40320.0,
    1.0 / 362880.0,
    1.0 / 3628800.0,
];

/// eˣ. Arguments beyond ±150 count as ±150: as `f32` the result is infinity or zero.
pub fn exp(x: f64) -> f64 {
    let (power_of_two, rest) = split(x);
    power_of_two + power_of_two * rest
}

/// eˣ − 1, as accurate where that is close to zero, whose sign is that of x. Arguments beyond ±150 count as ±150.
pub fn exp_m1(x: f64) -> f64 {
    let (power_of_two, rest) = split(x);
    ((power_of_two - 1.0) + power_of_two * rest).copysign(x)
}

/// 1 / (1 + e⁻ˣ), as it stands.
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + exp(-x))
}

/// The hyperbolic tangent, (e²ˣ − 1) / (e²ˣ + 1) of |x| with the sign of x: so nothing cancels around zero.
pub fn tanh(x: f64) -> f64 {
    let power = exp_m1(2.0 * x.abs());
    (power / (power + 2.0)).copysign(x)
}

/// 2ᵏ and eʳ − 1.
fn split(x: f64) -> (f64, f64) {
    let x = x.clamp(-LIMIT, LIMIT);
    let k = (x * LOG2_E + ROUNDING) - ROUNDING;
    let r = x - k * LN_2;
    let power_of_two = f64::from_bits(((k as i64 + 1023) << 52) as u64);
    (power_of_two, r * polynomial(r, &FACTORIALS))
}
