//! What Square Attack adds to a window in L2: one half of it up, the other down, each strongest in its middle.

/// The perturbation η of the paper, of length 1, for a window of `side` × `side`.
pub(super) struct Pattern {
    pub(super) side: usize,
    values: Vec<f32>,
}

impl Pattern {
    /// The upper half positive, the lower one negative, of the same length each.
    pub(super) fn new(side: usize) -> Self {
        let upper = side / 2;
        let mut values = pyramid(upper, side);
        values.extend(pyramid(side - upper, side).iter().map(|value| -value));
        normalize(&mut values);
        let values = values.iter().map(|value| *value as f32).collect();
        Self { side, values }
    }

    /// One value; `lying` exchanges rows and columns.
    pub(super) fn at(&self, row: usize, column: usize, lying: bool) -> f32 {
        if lying {
            self.values[column * self.side + row]
        } else {
            self.values[row * self.side + column]
        }
    }
}

/// Squares around the middle, each by one pixel wider on all sides than the one before, stacked with the heights 1, 1/4, 1/9, …, until they
/// reach the end of the longer side. Of length 1.
fn pyramid(rows: usize, columns: usize) -> Vec<f64> {
    let (middle_row, middle_column) = (rows / 2, columns / 2);
    let squares = middle_row.max(middle_column) + 1;
    let height = |from: usize| -> f64 {
        let heights = (from + 1..=squares).map(|k| 1.0 / (k * k) as f64);
        heights.sum()
    };
    let value = |row: usize, column: usize| {
        height(row.abs_diff(middle_row).max(column.abs_diff(middle_column)))
    };
    let mut values: Vec<f64> = (0..rows)
        .flat_map(|row| (0..columns).map(move |column| value(row, column)))
        .collect();
    normalize(&mut values);
    values
}

fn normalize(values: &mut [f64]) {
    let length = values.iter().map(|x| x * x).sum::<f64>().sqrt();
    for value in values {
        *value /= length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pyramids_fall_from_the_middle_in_squares() {
        // 1 + 1/4 in the middle, 1/4 around it.
        let length = (1.25f64 * 1.25 + 8.0 * 0.0625).sqrt();
        let [middle, edge] = [1.25 / length, 0.25 / length];
        let mut expected = [edge; 9];
        expected[4] = middle;
        for (found, expected) in pyramid(3, 3).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn halves_are_opposite_and_of_one_length() {
        for side in 2..12 {
            let pattern = Pattern::new(side);
            let (upper, lower) = pattern.values.split_at(side / 2 * side);
            assert!(upper.iter().all(|value| *value > 0.0));
            assert!(lower.iter().all(|value| *value < 0.0));
            for half in [upper, lower] {
                let squares: f32 = half.iter().map(|value| value * value).sum();
                assert!((squares - 0.5).abs() < 1e-5, "{side}: {squares}");
            }
            assert_eq!(
                pattern.at(0, side - 1, true),
                pattern.at(side - 1, 0, false)
            );
        }
        assert_eq!(Pattern::new(1).values, [-1.0]);
    }
}
