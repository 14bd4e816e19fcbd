//! The natural logarithm, and softplus, which is one.
//!
//! x = 2ᵏ · m with √½ ≤ m ≤ √2, so ln x = k · ln 2 + ln m. With s = (m − 1) / (m + 1), ln m is 2 artanh s, the series
//! 2s · (1 + s²/3 + s⁴/5 + …). There s² < 0.0295, and what follows the ninth term is below 10⁻¹⁵ of the sum.

use core::f64::consts::{LN_2, SQRT_2};

use super::exponential::exp;
use super::polynomial;

/// 1, 1/3, 1/5, …, 1/17.
const ODD_FRACTIONS: [f64; 9] = [
    1.0,
    1.0 / 3.0,
    1.0 / 5.0,
    1.0 / 7.0,
    1.0 / 9.0,
    1.0 / 11.0,
    1.0 / 13.0,
    1.0 / 15.0,
    1.0 / 17.0,
];

/// The natural logarithm of zero or a normal number; −∞ of zero, NaN below.
pub fn ln(x: f64) -> f64 {
    if x < 0.0 {
        return f64::NAN;
    }
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if !x.is_finite() {
        return x;
    }
    const MANTISSA: u64 = (1 << 52) - 1;
    let k = (x.to_bits() >> 52) as i64 - 1023;
    let m = f64::from_bits(x.to_bits() & MANTISSA | 1023 << 52);
    let (k, m) = if m > SQRT_2 { (k + 1, m / 2.0) } else { (k, m) };
    k as f64 * LN_2 + twice_artanh((m - 1.0) / (m + 1.0))
}

/// ln(1 + eˣ) = max(x, 0) + ln(1 + e^(−|x|)): so no power overflows.
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + ln_1p(exp(-x.abs()))
}

/// ln(1 + x) for 0 ≤ x ≤ 1, as accurate where that is close to zero: s = x / (2 + x).
fn ln_1p(x: f64) -> f64 {
    if x < SQRT_2 - 1.0 {
        twice_artanh(x / (2.0 + x))
    } else {
        ln(1.0 + x)
    }
}

/// 2 artanh s for |s| ≤ (√2 − 1) / (√2 + 1).
fn twice_artanh(s: f64) -> f64 {
    2.0 * s * polynomial(s * s, &ODD_FRACTIONS)
}
