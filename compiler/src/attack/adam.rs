//! Adam (Kingma and Ba, 2015), for attacks that minimise or maximise over one image. Non-goals: training (`train`).

/// The paper's decay of the mean of gradients and of their squares.
const DECAY: [f64; 2] = [0.9, 0.999];

/// Keeps quotients finite; the paper's.
const TINY: f64 = 1e-8;

/// The state of one descent.
pub(super) struct Adam {
    rate: f64,
    steps: i32,
    means: Vec<f32>,
    squares: Vec<f32>,
}

impl Adam {
    /// A descent over `length` values at a learning rate.
    pub(super) fn new(rate: f64, length: usize) -> Self {
        Self {
            rate,
            steps: 0,
            means: vec![0.0; length],
            squares: vec![0.0; length],
        }
    }

    /// One step down `gradient`. What is not a finite number there counts as zero: it would stay in the averages for ever.
    pub(super) fn descend(&mut self, values: &mut [f32], gradient: &[f32]) {
        self.steps += 1;
        let [mean_share, square_share] = DECAY.map(|decay| 1.0 - decay.powi(self.steps));
        let averages = self.means.iter_mut().zip(&mut self.squares);
        for ((x, g), (mean, square)) in values.iter_mut().zip(gradient).zip(averages) {
            let g = if g.is_finite() { f64::from(*g) } else { 0.0 };
            *mean = (DECAY[0] * f64::from(*mean) + (1.0 - DECAY[0]) * g) as f32;
            *square = (DECAY[1] * f64::from(*square) + (1.0 - DECAY[1]) * g * g) as f32;
            let root = (f64::from(*square) / square_share).sqrt();
            *x -= (self.rate * f64::from(*mean) / mean_share / (root + TINY)) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_those_of_the_paper() {
        let mut adam = Adam::new(0.1, 3);
        let mut values = [1.0f32; 3];
        adam.descend(&mut values, &[2.0, -3.0, f32::NAN]);
        // The first step is the rate along the sign.
        for (x, expected) in values.iter().zip([0.9, 1.1, 1.0]) {
            assert!((x - expected).abs() < 1e-6, "{values:?}");
        }
        adam.descend(&mut values, &[-1.0, -3.0, 0.0]);
        // Mean (0.9·0.2 − 0.1)/0.19 = 0.42105, squares (0.999·0.004 + 0.001)/0.001999 = 2.49925.
        let expected = 0.9 - 0.1 * 0.42105 / 2.49925f32.sqrt();
        assert!((values[0] - expected).abs() < 1e-5, "{values:?}");
        assert!((values[1] - 1.2).abs() < 1e-6, "{values:?}");
        assert_eq!(values[2], 1.0);
    }
}
