//! The values along an axis become one. Where the axis is not the last, whole rows are joined, so that memory is read in order.

use crate::format::{Reduction, View};

/// Joins the values along the axis of a view.
#[derive(Clone, Copy, Debug)]
pub struct Reduce {
    pub reduction: Reduction,
    pub view: View,
}

impl Reduce {
    pub fn run(&self, input: &[f32], output: &mut [f32]) {
        let sum = |sum, value| sum + value;
        match self.reduction {
            Reduction::Sum => self.join(input, output, 0.0, sum),
            Reduction::Mean => {
                self.join(input, output, 0.0, sum);
                let count = self.view.axis as f32;
                output.iter_mut().for_each(|sum| *sum /= count);
            }
            Reduction::Maximum => self.join(input, output, f32::NEG_INFINITY, f32::max),
            Reduction::Minimum => self.join(input, output, f32::INFINITY, f32::min),
            Reduction::Product => self.join(input, output, 1.0, |product, value| product * value),
            Reduction::ArgMaximum => self.find_largest(input, output),
        }
    }

    fn join(&self, input: &[f32], output: &mut [f32], start: f32, join: impl Fn(f32, f32) -> f32) {
        let inner = self.view.inner as usize;
        for (values, results) in self.groups(input, output) {
            if let [result] = results {
                *result = values.iter().copied().fold(start, &join);
                continue;
            }
            results.fill(start);
            for row in values.chunks_exact(inner) {
                for (result, &value) in results.iter_mut().zip(row) {
                    *result = join(*result, value);
                }
            }
        }
    }

    /// The index of the first of the largest values, exact because the verifier bounds the axis.
    fn find_largest(&self, input: &[f32], output: &mut [f32]) {
        let inner = self.view.inner as usize;
        for (values, results) in self.groups(input, output) {
            results.fill(0.0);
            for (index, row) in values.chunks_exact(inner).enumerate() {
                for (position, (result, &value)) in results.iter_mut().zip(row).enumerate() {
                    if value > values[*result as usize * inner + position] {
                        *result = index as f32;
                    }
                }
            }
        }
    }

    /// The values `[axis, inner]` and the results `[inner]` for each of the outer positions.
    fn groups<'a>(
        &self,
        input: &'a [f32],
        output: &'a mut [f32],
    ) -> impl Iterator<Item = (&'a [f32], &'a mut [f32])> + use<'a> {
        let [axis, inner] = [self.view.axis, self.view.inner].map(|length| length as usize);
        input
            .chunks_exact(axis * inner)
            .zip(output.chunks_exact_mut(inner))
    }
}
