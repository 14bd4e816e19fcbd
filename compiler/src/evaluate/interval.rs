//! Confidence intervals of accuracies.

/// The quantile of the normal distribution that leaves 2.5 % on either side.
const Z: f64 = 1.959_963_984_540_054;

/// 95 % confidence interval of a fraction: `successes` of `trials` (Wilson, 1927). Unlike p ± 1.96·√(p(1 − p)/n) it is right near 0 and 1 too.
pub fn wilson(successes: usize, trials: usize) -> [f64; 2] {
    if trials == 0 {
        return [0.0, 1.0];
    }
    let n = trials as f64;
    let p = successes as f64 / n;
    let centre = p + Z * Z / (2.0 * n);
    let width = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    [
        ((centre - width) / scale).max(0.0),
        ((centre + width) / scale).min(1.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_formula() {
        // Worked by hand: p = 0.7, n = 1000.
        let [low, high] = wilson(700, 1000);
        assert!(
            (low - 0.67087).abs() < 1e-5 && (high - 0.72759).abs() < 1e-5,
            "{low} {high}"
        );
        assert_eq!(wilson(0, 10)[0], 0.0);
        assert!((wilson(0, 10)[1] - 0.27753).abs() < 1e-5);
        assert!((wilson(10, 10)[1] - 1.0).abs() < 1e-12);
        assert_eq!(wilson(0, 0), [0.0, 1.0]);
    }
}
