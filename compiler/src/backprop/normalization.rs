//! Batch norm (Ioffe and Szegedy, 2015) in both modes, and the gradients through the batch's own statistics.
//!
//! With `x̂ = (x − μ)/√(σ² + ε)` and `y = γ·x̂ + β`, slopes `g` of `y` make `γ/√(σ² + ε)·(g − mean(g) − x̂·mean(g·x̂))` of those of `x` where μ and σ²
//! are the batch's; where they are fixed, both means fall away. Non-goals: where the parts of a batch meet (`pass`).

use sinew_models::ParameterId;

use super::lanes::{product, sum};

/// A batch norm.
#[derive(Debug)]
pub(super) struct BatchNorm {
    /// Its number among all of the network.
    pub(super) number: usize,
    pub(super) scale: ParameterId,
    pub(super) shift: ParameterId,
    pub(super) mean: ParameterId,
    pub(super) variance: ParameterId,
    pub(super) epsilon: f32,
}

/// What a channel is normalised with.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Statistics {
    pub(super) mean: f32,
    pub(super) variance: f32,
    /// `1/√(σ² + ε)`.
    pub(super) inverse: f32,
    /// Means of the slopes, and of their products with normalised elements; zero where the statistics are fixed.
    pub(super) slopes: [f32; 2],
}

/// Number of elements, their mean, and the sum of their squared distances from it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn of(elements: &[f32]) -> Self {
        let count = elements.len() as f64;
        let mean = sum(elements, |x| x) / count;
        // Near the mean, rounding it costs nothing.
        let centre = mean as f32;
        let squares = sum(elements, |x| (x - centre) * (x - centre));
        let error = mean - f64::from(centre);
        Self {
            count,
            mean,
            squares: squares - count * error * error,
        }
    }

    /// Those of both together (Chan et al., "Algorithms for Computing the Sample Variance", 1983).
    fn with(self, other: Self) -> Self {
        let count = self.count + other.count;
        let distance = other.mean - self.mean;
        let share = other.count / count;
        Self {
            count,
            mean: self.mean + share * distance,
            squares: self.squares + other.squares + share * self.count * distance * distance,
        }
    }
}

impl BatchNorm {
    /// The statistics that do not depend on the batch.
    pub(super) fn running(&self, parameters: &[Vec<f32>]) -> Vec<Statistics> {
        let pairs = parameters[self.mean.0]
            .iter()
            .zip(&parameters[self.variance.0]);
        pairs
            .map(|(mean, variance)| self.statistics(f64::from(*mean), f64::from(*variance)))
            .collect()
    }

    /// Those of a batch, from its parts' moments in order.
    pub(super) fn batch(&self, parts: &[Vec<Moments>]) -> Vec<Statistics> {
        let channel = |channel: usize| {
            let moments = parts.iter().map(|part| part[channel]);
            let all = moments.reduce(Moments::with).expect("a batch has parts");
            self.statistics(all.mean, (all.squares / all.count).max(0.0))
        };
        (0..parts[0].len()).map(channel).collect()
    }

    fn statistics(&self, mean: f64, variance: f64) -> Statistics {
        Statistics {
            mean: mean as f32,
            variance: variance as f32,
            inverse: (1.0 / (variance + f64::from(self.epsilon)).sqrt()) as f32,
            slopes: [0.0; 2],
        }
    }

    /// The moments of each channel of a part.
    pub(super) fn measure(&self, input: &[f32], channels: usize) -> Vec<Moments> {
        let rows = input.chunks_exact(input.len() / channels);
        rows.map(Moments::of).collect()
    }

    pub(super) fn forward(
        &self,
        input: &[f32],
        output: &mut [f32],
        parameters: &[Vec<f32>],
        statistics: &[Statistics],
        (low, high): (f32, f32),
    ) {
        let length = input.len() / statistics.len();
        let (scales, shifts) = (&parameters[self.scale.0], &parameters[self.shift.0]);
        let channels = statistics.iter().zip(scales.iter().zip(shifts));
        let rows = input
            .chunks_exact(length)
            .zip(output.chunks_exact_mut(length));
        for ((input, output), (statistics, (scale, shift))) in rows.zip(channels) {
            let (mean, factor) = (statistics.mean, scale * statistics.inverse);
            for (y, x) in output.iter_mut().zip(input) {
                *y = ((x - mean) * factor + shift).clamp(low, high);
            }
        }
    }

    /// For each channel of a part the sum of the slopes of the output, and of their products with normalised elements: the slopes of
    /// shift and scale.
    pub(super) fn sums(
        &self,
        input: &[f32],
        slopes: &[f32],
        statistics: &[Statistics],
    ) -> Vec<[f64; 2]> {
        let length = input.len() / statistics.len();
        let rows = input.chunks_exact(length).zip(slopes.chunks_exact(length));
        let channels = rows.zip(statistics);
        channels
            .map(|((input, slopes), statistics)| {
                let mean = statistics.mean;
                let products = product(slopes, input, |x| x - mean);
                [
                    sum(slopes, |slope| slope),
                    products * f64::from(statistics.inverse),
                ]
            })
            .collect()
    }

    /// Writes the slopes of the input to `targets`, or adds them.
    pub(super) fn pull_input(
        &self,
        input: &[f32],
        slopes: &[f32],
        targets: &mut [f32],
        add: bool,
        parameters: &[Vec<f32>],
        statistics: &[Statistics],
    ) {
        let length = input.len() / statistics.len();
        let channels = statistics.iter().zip(&parameters[self.scale.0]);
        let rows = input.chunks_exact(length).zip(slopes.chunks_exact(length));
        let rows = rows.zip(targets.chunks_exact_mut(length));
        for (((input, slopes), targets), (statistics, scale)) in rows.zip(channels) {
            let Statistics {
                mean,
                inverse,
                slopes: [level, trend],
                ..
            } = *statistics;
            let (factor, trend) = (scale * inverse, trend * inverse);
            let pairs = targets.iter_mut().zip(slopes.iter().zip(input));
            if [level, trend] == [0.0; 2] {
                if add {
                    pairs.for_each(|(target, (slope, _))| *target += factor * slope);
                } else {
                    pairs.for_each(|(target, (slope, _))| *target = factor * slope);
                }
                continue;
            }
            let pull = |slope: f32, x: f32| factor * (slope - level - (x - mean) * trend);
            if add {
                pairs.for_each(|(target, (slope, x))| *target += pull(*slope, *x));
            } else {
                pairs.for_each(|(target, (slope, x))| *target = pull(*slope, *x));
            }
        }
    }
}
