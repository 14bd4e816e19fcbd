//! Element-wise functions of one tensor: activation functions, and the arithmetic around them.

use crate::format::{Bounds, Function};
use crate::math;

/// Applies a function to each value, and clamps.
#[derive(Clone, Copy, Debug)]
pub struct Unary {
    pub function: Function,
    pub bounds: Bounds,
}

impl Unary {
    pub fn run(&self, input: &[f32], output: &mut [f32]) {
        match self.function {
            Function::Affine { scale, shift } => self.each(input, output, |x| x * scale + shift),
            Function::LeakyRelu { slope } => {
                self.each(input, output, |x| if x < 0.0 { slope * x } else { x });
            }
            Function::Elu { alpha } => self.each(input, output, |x| {
                if x < 0.0 {
                    (f64::from(alpha) * math::exp_m1(x.into())) as f32
                } else {
                    x
                }
            }),
            Function::Sigmoid => self.each_wide(input, output, math::sigmoid),
            Function::Tanh => self.each_wide(input, output, math::tanh),
            Function::Softplus => self.each_wide(input, output, math::softplus),
            Function::Erf => self.each_wide(input, output, math::erf),
            Function::Exp => self.each_wide(input, output, math::exp),
            Function::Log => self.each_wide(input, output, math::ln),
            Function::Abs => self.each(input, output, f32::abs),
            Function::Sign => self.each(input, output, sign),
            Function::Floor => self.each(input, output, math::floor),
            Function::Round => self.each(input, output, math::round_half_even),
            Function::Power { exponent } => {
                self.each_wide(input, output, |x| math::power(x, exponent.into()));
            }
            Function::Sin => self.each(input, output, |x| math::sin(x) as f32),
            Function::Cos => self.each(input, output, |x| math::cos(x) as f32),
        }
    }

    fn each(&self, input: &[f32], output: &mut [f32], function: impl Fn(f32) -> f32) {
        for (result, &value) in output.iter_mut().zip(input) {
            *result = self.bounds.clamp(function(value));
        }
    }

    fn each_wide(&self, input: &[f32], output: &mut [f32], function: impl Fn(f64) -> f64) {
        self.each(input, output, |value| function(value.into()) as f32);
    }
}

/// −1, 0 or 1. Zeros keep their sign.
fn sign(value: f32) -> f32 {
    if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        value
    }
}
