//! The general power, e^(y · ln|x|) with the sign that follows from x and y.

use super::exponential::exp;
use super::logarithm::ln;

/// x to the power of y, both `f32` values. The logarithm is accurate to 2⁻⁴⁸ of itself, and the exponent of e is below 150 wherever
/// the result is a finite `f32` that is not zero; so the power is as accurate as the other functions. Special cases as for `pow` in
/// C99: x⁰ and 1ʸ are 1 whatever the other is; a negative x has a power for integers only, and the sign of the odd ones.
pub fn power(x: f64, y: f64) -> f64 {
    if y == 0.0 || x == 1.0 {
        return 1.0;
    }
    if x.is_nan() || y.is_nan() || x < 0.0 && x.is_finite() && !is_integer(y) {
        return f64::NAN;
    }
    let sign = if is_odd(y) { 1_f64.copysign(x) } else { 1.0 };
    if x == -1.0 {
        // Its logarithm times infinity would not be a number.
        return sign;
    }
    sign * exp(y * ln(x.abs()))
}

/// Whether an `f32` value is an integer. From 2²⁴ on, all are, and even; infinity counts as one of them.
fn is_integer(value: f64) -> bool {
    value.abs() >= 16777216.0 || f64::from(value as i32) == value
}

fn is_odd(value: f64) -> bool {
    value.abs() < 16777216.0 && is_integer(value) && value as i32 & 1 == 1
}
