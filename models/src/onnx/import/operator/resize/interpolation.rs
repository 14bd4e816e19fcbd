//! Weights of linear and cubic interpolation along one axis.
//!
//! Beyond its ends an axis goes on with its first and last element, or with nothing. When an image is made smaller, the filter may be
//! stretched over all elements that one of the result stands for, so that none is passed over (antialiasing).

/// How elements around a position are weighed.
pub(super) struct Interpolation {
    pub filter: Filter,
    /// Whether the filter is stretched when the axis becomes shorter.
    pub antialias: bool,
    /// Whether elements beyond the ends have no weight.
    pub exclude_outside: bool,
}

/// The weight of an element by its distance.
#[derive(Clone, Copy)]
pub(super) enum Filter {
    /// Falls to zero at distance 1.
    Linear,
    /// Cubic convolution with the coefficient `a` (Keys, 1981); zero from distance 2 on.
    Cubic(f64),
}

impl Filter {
    fn support(self) -> f64 {
        match self {
            Self::Linear => 1.0,
            Self::Cubic(_) => 2.0,
        }
    }

    fn weight(self, distance: f64) -> f64 {
        let x = distance.abs();
        match self {
            Self::Linear => (1.0 - x).max(0.0),
            Self::Cubic(a) if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
            Self::Cubic(a) if x < 2.0 => a * (((x - 5.0) * x + 8.0) * x - 4.0),
            Self::Cubic(_) => 0.0,
        }
    }
}

impl Interpolation {
    /// Rows of weights of the `length` elements of an axis, one row for each position; `scale` is the ratio of the lengths.
    pub fn matrix(&self, scale: f32, length: usize, positions: &[f32]) -> Vec<f32> {
        let squeeze = match self.antialias {
            true => f64::from(scale).min(1.0),
            false => 1.0,
        };
        let reach = self.filter.support() / squeeze;
        let last = length as i64 - 1;
        let mut matrix = Vec::with_capacity(positions.len() * length);
        for position in positions {
            let position = f64::from(*position);
            let near = (position - reach).floor() as i64..=(position + reach).ceil() as i64;
            let counts = |index: &i64| !self.exclude_outside || (0..=last).contains(index);
            let mut row = vec![0.0; length];
            let mut sum = 0.0;
            for index in near.filter(counts) {
                let weight = self.filter.weight((index as f64 - position) * squeeze);
                row[index.clamp(0, last) as usize] += weight;
                sum += weight;
            }
            matrix.extend(row.iter().map(|weight| (weight / sum) as f32));
        }
        matrix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(
        filter: Filter,
        antialias: bool,
        exclude_outside: bool,
        scale: f32,
        position: f32,
    ) -> Vec<f32> {
        let interpolation = Interpolation {
            filter,
            antialias,
            exclude_outside,
        };
        interpolation.matrix(scale, 4, &[position])
    }

    #[test]
    fn linear_weights_fall_with_the_distance() {
        let at = |position| row(Filter::Linear, false, false, 1.0, position);
        assert_eq!(at(1.0), [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(at(1.25), [0.0, 0.75, 0.25, 0.0]);
        assert_eq!(at(-0.5), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(at(3.5), [0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn cubic_weights_at_the_middle_are_those_of_keys() {
        // With a = −1/2: −1/16, 9/16, 9/16, −1/16.
        let filter = Filter::Cubic(-0.5);
        assert_eq!(
            row(filter, false, false, 1.0, 1.5),
            [-0.0625, 0.5625, 0.5625, -0.0625]
        );
        // At the edge one tap lies outside: it falls on the first element, or the others share its weight.
        assert_eq!(
            row(filter, false, false, 1.0, 0.5),
            [0.5, 0.5625, -0.0625, 0.0]
        );
        let shared = [9.0 / 17.0, 9.0 / 17.0, -1.0 / 17.0, 0.0];
        assert_eq!(row(filter, false, true, 1.0, 0.5), shared);
    }

    #[test]
    fn antialiasing_looks_at_all_elements_that_one_stands_for() {
        // At half the length the triangle reaches two elements to each side: distances 1.5, 0.5, 0.5, 1.5.
        let at = row(Filter::Linear, true, false, 0.5, 1.5);
        assert_eq!(at, [0.125, 0.375, 0.375, 0.125]);
        assert_eq!(
            row(Filter::Linear, true, false, 2.0, 1.25),
            [0.0, 0.75, 0.25, 0.0]
        );
    }
}
