//! `e^x` divided by its sum along an axis. The largest value is subtracted first, which changes nothing but that no power overflows.

use crate::format::View;
use crate::math;

/// Positions behind the axis that are computed together, so that memory is read in order with little to remember.
const BLOCK: usize = 32;

/// Makes the values along the axis of a view positive with a sum of 1.
#[derive(Clone, Copy, Debug)]
pub struct Softmax {
    pub view: View,
}

impl Softmax {
    pub fn run(&self, input: &[f32], output: &mut [f32]) {
        let [axis, inner] = [self.view.axis, self.view.inner].map(|length| length as usize);
        let groups = input.chunks_exact(axis * inner);
        for (values, results) in groups.zip(output.chunks_exact_mut(axis * inner)) {
            for start in (0..inner).step_by(BLOCK) {
                let block = start..inner.min(start + BLOCK);
                let mut largest = [f32::NEG_INFINITY; BLOCK];
                for row in values.chunks_exact(inner) {
                    for (largest, &value) in largest.iter_mut().zip(&row[block.clone()]) {
                        *largest = largest.max(value);
                    }
                }
                let mut sums = [0.0; BLOCK];
                let rows = values.chunks_exact(inner);
                for (row, results) in rows.zip(results.chunks_exact_mut(inner)) {
                    let pairs = row[block.clone()].iter().zip(&mut results[block.clone()]);
                    for ((&value, result), (sum, &largest)) in
                        pairs.zip(sums.iter_mut().zip(&largest))
                    {
                        let power = math::exp(f64::from(value) - f64::from(largest));
                        *result = power as f32;
                        *sum += power;
                    }
                }
                for results in results.chunks_exact_mut(inner) {
                    for (result, &sum) in results[block.clone()].iter_mut().zip(&sums) {
                        *result = (f64::from(*result) / sum) as f32;
                    }
                }
            }
        }
    }
}
