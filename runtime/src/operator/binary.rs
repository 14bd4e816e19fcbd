//! Element-wise functions of two tensors, the second of which may be repeated along an axis: per channel, per row, or a single number.

use crate::format::{BinaryFunction, Bounds, View};
use crate::math;

/// Applies a function to each value of the first tensor and its partner in the second, and clamps.
#[derive(Clone, Copy, Debug)]
pub struct Binary {
    pub function: BinaryFunction,
    pub view: View,
    pub reversed: bool,
    pub bounds: Bounds,
}

impl Binary {
    pub fn run(&self, input: &[f32], second: &[f32], output: &mut [f32]) {
        let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
        match self.function {
            BinaryFunction::Add => self.in_order(input, second, output, |x, y| x + y),
            BinaryFunction::Subtract => self.in_order(input, second, output, |x, y| x - y),
            BinaryFunction::Multiply => self.in_order(input, second, output, |x, y| x * y),
            BinaryFunction::Divide => self.in_order(input, second, output, |x, y| x / y),
            BinaryFunction::Minimum => self.in_order(input, second, output, f32::min),
            BinaryFunction::Maximum => self.in_order(input, second, output, f32::max),
            BinaryFunction::Power => self.in_order(input, second, output, |x, y| {
                math::power(x.into(), y.into()) as f32
            }),
            BinaryFunction::Greater => {
                self.in_order(input, second, output, |x, y| truth(x > y));
            }
            BinaryFunction::Equal => {
                self.in_order(input, second, output, |x, y| truth(x == y));
            }
        }
    }

    fn in_order(
        &self,
        input: &[f32],
        second: &[f32],
        output: &mut [f32],
        function: impl Fn(f32, f32) -> f32,
    ) {
        if self.reversed {
            self.apply(input, second, output, |x, y| function(y, x));
        } else {
            self.apply(input, second, output, function);
        }
    }

    fn apply(
        &self,
        input: &[f32],
        second: &[f32],
        output: &mut [f32],
        function: impl Fn(f32, f32) -> f32,
    ) {
        let [axis, inner] = [self.view.axis, self.view.inner].map(|length| length as usize);
        let groups = input
            .chunks_exact(axis * inner)
            .zip(output.chunks_exact_mut(axis * inner));
        for ((values, results), partners) in groups.zip(second.chunks_exact(inner)) {
            if let &[partner] = partners {
                for (result, &value) in results.iter_mut().zip(values) {
                    *result = self.bounds.clamp(function(value, partner));
                }
                continue;
            }
            let rows = values.chunks_exact(inner);
            for (row, results) in rows.zip(results.chunks_exact_mut(inner)) {
                for ((result, &value), &partner) in results.iter_mut().zip(row).zip(partners) {
                    *result = self.bounds.clamp(function(value, partner));
                }
            }
        }
    }
}
