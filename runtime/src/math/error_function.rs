//! The error function, 2/√π · ∫₀ˣ e^(−t²) dt.
//!
//! Below 1, its Maclaurin series 2x/√π · (1 − x²/3 + x⁴/(2!·5) − …), which after fourteen terms is off by less than
//! 1/(14!·29) < 10⁻¹². From 1 to 4, a polynomial in t = (x − 2.5) / 1.5 through the 21 Chebyshev nodes of that interval, whose
//! coefficients were computed with 60 digits; it is off by less than 2·10⁻¹². From 4 on, 1 is the nearest `f32`.

use core::f64::consts::FRAC_2_SQRT_PI;

use super::polynomial;

/// (−1)ⁿ / (n! · (2n + 1)).
const MACLAURIN: [f64; 14] = [
    1.0,
    -1.0 / 3.0,
    1.0 / 10.0,
    -1.0 / 42.0,
    1.0 / 216.0,
    -1.0 / 1320.0,
    1.0 / 9360.0,
    -1.0 / 75600.0,
    1.0 / 685440.0,
    -1.0 / 6894720.0,
    1.0 / 76204800.0,
    -1.0 / 918086400.0,
    1.0 / 11975040000.0,
    -1.0 / 168129561600.0,
];

/// The interpolant's coefficients, from t⁰ on.
const INTERPOLANT: [f64; 21] = [
    0.999593047982555,
    0.0032674263701221976,
    -0.012252848790627822,
    0.028181550420121902,
    -0.04365077420794333,
    0.046453652434876605,
    -0.031876543953606895,
    0.009267188101343988,
    0.006680613448285873,
    -0.00961960609796886,
    0.004544496570266771,
    0.00043689057476382545,
    -0.001828138405849116,
    0.0009289505114708216,
    5.5468481050979044e-05,
    -0.0003030329467872908,
    0.00011481662775900842,
    3.754712322177056e-05,
    -3.3336471370946054e-05,
    -9.706737580987892e-07,
    3.5874859958577997e-06,
];

/// The error function.
pub fn erf(x: f64) -> f64 {
    let size = x.abs();
    if size < 1.0 {
        FRAC_2_SQRT_PI * x * polynomial(x * x, &MACLAURIN)
    } else if size < 4.0 {
        polynomial((size - 2.5) / 1.5, &INTERPOLANT).copysign(x)
    } else if x.is_nan() {
        x
    } else {
        1_f64.copysign(x)
    }
}
