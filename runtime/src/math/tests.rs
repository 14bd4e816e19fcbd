//! Every function against the standard library's 64-bit one: special values, every exponent, and random bits.

use proptest::prelude::*;

use super::*;

/// A function under test and what judges it.
type Pair = (&'static str, fn(f32) -> f64, fn(f64) -> f64);

const FUNCTIONS: [Pair; 11] = [
    ("exp", |x| exp(x.into()), f64::exp),
    ("exp_m1", |x| exp_m1(x.into()), f64::exp_m1),
    (
        "sigmoid",
        |x| sigmoid(x.into()),
        |x| 1.0 / (1.0 + (-x).exp()),
    ),
    ("tanh", |x| tanh(x.into()), f64::tanh),
    ("ln", |x| ln(x.into()), f64::ln),
    (
        "softplus",
        |x| softplus(x.into()),
        |x| x.max(0.0) + (-x.abs()).exp().ln_1p(),
    ),
    ("erf", |x| erf(x.into()), series_erf),
    ("sin", sin, f64::sin),
    ("cos", cos, f64::cos),
    ("floor", |x| floor(x).into(), f64::floor),
    (
        "round_half_even",
        |x| round_half_even(x).into(),
        f64::round_ties_even,
    ),
];

/// The error function by a series without cancellation, 2/√π · e^(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (1·3·5·…·(2n + 1)).
fn series_erf(x: f64) -> f64 {
    if x.is_nan() || x.abs() > 6.0 {
        return if x.is_nan() { x } else { x.signum() };
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..400 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    core::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

/// Whether `result` is accurate to 2⁻³⁹, if `f32` has a normal number for it, or is that number, and whether it rounds to the `f32` next to `expected` or its
/// neighbour, or to the same special value.
fn is_close(result: f64, expected: f64) -> bool {
    let (rounded, nearest) = (result as f32, expected as f32);
    if nearest.is_nan() || nearest.is_infinite() || nearest == 0.0 {
        return nearest.to_bits() == rounded.to_bits() || nearest.is_nan() && rounded.is_nan();
    }
    let accuracy = 0.5_f64.powi(39) * expected.abs();
    let is_accurate = !nearest.is_normal()
        || result == f64::from(nearest)
        || (result - expected).abs() <= accuracy;
    // The bits of numbers of one sign are in their order.
    is_accurate
        && rounded.is_sign_positive() == nearest.is_sign_positive()
        && rounded.to_bits().abs_diff(nearest.to_bits()) <= 1
}

fn check(x: f32) {
    for (name, function, judge) in FUNCTIONS {
        let (result, expected) = (function(x), judge(x.into()));
        assert!(
            is_close(result, expected),
            "{name}({x:e}): {result:e} for {expected:e}"
        );
    }
}

fn check_power(x: f32, y: f32) {
    let (result, expected) = (power(x.into(), y.into()), f64::from(x).powf(y.into()));
    assert!(
        is_close(result, expected),
        "{x:e} to the power of {y:e}: {result:e} for {expected:e}"
    );
}

/// Zero, the ends of every range, and numbers at which the functions change their ways.
const SPECIAL: [f32; 24] = [
    0.0,
    f32::MIN_POSITIVE,
    f32::from_bits(1),
    f32::EPSILON,
    0.25,
    0.5,
    core::f32::consts::FRAC_PI_4,
    0.99999994,
    1.0,
    1.0000001,
    core::f32::consts::SQRT_2,
    1.5,
    core::f32::consts::FRAC_PI_2,
    2.0,
    2.5,
    3.0,
    4.0,
    88.72284,
    103.97208,
    8388607.5,
    16777217.0,
    f32::MAX,
    f32::INFINITY,
    f32::NAN,
];

fn signed_specials() -> impl Iterator<Item = f32> {
    SPECIAL.into_iter().flat_map(|value| [value, -value])
}

#[test]
fn special_values() {
    signed_specials().for_each(check);
    for x in signed_specials() {
        signed_specials().for_each(|y| check_power(x, y));
    }
}

#[test]
fn every_exponent() {
    // A step through all bit patterns that is coprime to their number.
    for index in 0..100_000_u32 {
        check(f32::from_bits(index.wrapping_mul(42_949_673)));
    }
}

proptest! {
    #[test]
    fn any_number(bits: u32) {
        check(f32::from_bits(bits));
    }

    #[test]
    fn numbers_around_one(x in -20_f32..20.0) {
        check(x);
    }

    #[test]
    fn any_power(x: u32, y: u32) {
        check_power(f32::from_bits(x), f32::from_bits(y));
    }

    #[test]
    fn powers_around_one(x in 0_f32..20.0, y in -20_f32..20.0, n in -40_i16..40) {
        check_power(x, y);
        check_power(-x, n.into());
        check_power(-x, y);
        // Where the logarithm's series is longest, and its error is multiplied most.
        let edge = 1.40 + 0.014 * (x / 20.0);
        check_power(edge, 12.0 * y);
    }
}
