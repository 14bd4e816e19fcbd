//! Sine and cosine, for every `f32`.
//!
//! x · 2/π = n + f with an integer n and |f| ≤ ½, so x is n quarter turns and r = f · π/2. What is left are the Taylor polynomials
//! of sine and cosine for |r| ≤ π/4, which are off by less than 10⁻¹².
//!
//! For n and f after Payne and Hanek (1983): x = ±M · 2ᵉ with an integer M < 2²⁴. Whole turns do not matter, so those bits of 2/π
//! whose product with M · 2ᵉ is a multiple of 4 are left out. The next 96 bits are enough: what follows them changes the product
//! by less than 2⁻⁷⁰, and no `f32` is closer to a multiple of π/2 than 2⁻³⁰.

use core::f64::consts::{FRAC_PI_2, FRAC_PI_4};

use super::polynomial;

/// 32 zeros and the first 224 bits of 2/π behind the binary point.
const TWO_OVER_PI: [u32; 8] = [
    0, 0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB,
];

const TWO_TO_128: f64 = 340282366920938463463374607431768211456.0;

/// 1, −1/3!, 1/5!, …, 1/13!.
const SINE: [f64; 7] = [
    1.0,
    -1.0 / 6.0,
    1.0 / 120.0,
    -1.0 / 5040.0,
    1.0 / 362880.0,
    -1.0 / 39916800.0,
    1.0 / 6227020800.0,
];

/// 1, −1/2!, 1/4!, …, 1/12!.
const COSINE: [f64; 7] = [
    1.0,
    -1.0 / 2.0,
    1.0 / 24.0,
    -1.0 / 720.0,
    1.0 / 40320.0,
    -1.0 / 3628800.0,
    1.0 / 479001600.0,
];

/// The sine of x radians; NaN for infinity.
pub fn sin(x: f32) -> f64 {
    let (quarters, rest) = reduce(x.abs());
    sine(quarters, rest) * f64::from(1_f32.copysign(x))
}

/// The cosine of x radians; NaN for infinity.
pub fn cos(x: f32) -> f64 {
    let (quarters, rest) = reduce(x.abs());
    sine(quarters + 1, rest)
}

/// The sine of a number of quarter turns and a rest.
fn sine(quarters: u32, rest: f64) -> f64 {
    let square = rest * rest;
    let size = if quarters.is_multiple_of(2) {
        rest * polynomial(square, &SINE)
    } else {
        polynomial(square, &COSINE)
    };
    if quarters % 4 < 2 { size } else { -size }
}

/// The quarter turns in x ≥ 0 without whole turns, and the rest, at most an eighth of a turn in size.
fn reduce(x: f32) -> (u32, f64) {
    if f64::from(x) <= FRAC_PI_4 {
        return (0, x.into());
    }
    if !x.is_finite() {
        return (0, f64::NAN);
    }
    let mantissa = x.to_bits() & 0x7F_FFFF | 0x80_0000;
    // The exponent e is this less 150. The first bit that matters is the one behind the binary point with the number e − 1; where
    // there is none with this number, zeros stand in the table.
    let first = (x.to_bits() >> 23) as usize - 120;
    let words = &TWO_OVER_PI[first / 32..][..4];
    let bits = words
        .iter()
        .fold(0_u128, |bits, &word| bits << 32 | u128::from(word));
    let window = (bits << (first % 32)) >> 32;
    // Modulo 4, with 126 bits behind the binary point.
    let product = (u128::from(mantissa) * window) << 32;
    let quarters = (product.wrapping_add(1 << 125) >> 126) as u32;
    let fraction = (product << 2).cast_signed() as f64 / TWO_TO_128;
    (quarters, fraction * FRAC_PI_2)
}
