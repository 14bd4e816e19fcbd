//! What chance can do: tests on pairs, of seeds and of images.

use std::f64::consts::{FRAC_PI_2, LN_2};

/// 95 % confidence interval of the mean of normal numbers of unknown spread, by Student's t with `numbers.len() − 1` degrees of freedom. Of
/// differences between pairs it is the paired t-test: the difference is significant at 5 % where 0 lies outside. None of fewer than two, and
/// none if all are equal: that counts of images happen to agree does not say that nothing varies.
pub fn student_interval(numbers: &[f64]) -> Option<[f64; 2]> {
    let deviation = deviation(numbers)?;
    if numbers.iter().all(|number| *number == numbers[0]) {
        return None;
    }
    let half = quantile(numbers.len() - 1) * deviation / (numbers.len() as f64).sqrt();
    let mean = mean(numbers);
    Some([mean - half, mean + half])
}

/// The arithmetic mean.
pub(super) fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// The sample standard deviation, with n − 1 below; none of fewer than two.
pub(super) fn deviation(numbers: &[f64]) -> Option<f64> {
    if numbers.len() < 2 {
        return None;
    }
    let mean = mean(numbers);
    let squares: f64 = numbers.iter().map(|x| (x - mean).powi(2)).sum();
    Some((squares / (numbers.len() - 1) as f64).sqrt())
}

/// McNemar's exact test (two-sided): how likely is it that pairs which differ fall at least as unevenly, `better` one way and `worse` the
/// other, if both ways are equally likely? P = min(1, 2 · P(X ≤ min(better, worse))), X binomial of `better + worse` trials at ½.
pub fn mcnemar(better: usize, worse: usize) -> f64 {
    let pairs = better + worse;
    // ln of n over k / 2ⁿ, from k to k + 1: a plain 2⁻ⁿ would vanish.
    let mut ln_term = -(pairs as f64) * LN_2;
    let mut tail = 0.0;
    for k in 0..=better.min(worse) {
        tail += ln_term.exp();
        ln_term += ((pairs - k) as f64 / (k + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

/// The t that leaves 2.5 % on either side, by bisection over θ = arctan(t / √ν).
fn quantile(freedom: usize) -> f64 {
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if central(middle, freedom) < 0.95 {
            low = middle;
        } else {
            high = middle;
        }
    }
    (freedom as f64).sqrt() * low.tan()
}

/// P(|T| ≤ √ν · tan θ) for Student's T with ν degrees of freedom: the finite series of Abramowitz and Stegun, 26.7.3 and 26.7.4.
fn central(theta: f64, freedom: usize) -> f64 {
    let (sin, cos) = theta.sin_cos();
    let even = freedom.is_multiple_of(2);
    // 1 + ½·cos² + (1·3)/(2·4)·cos⁴ + …, or cos + ⅔·cos³ + (2·4)/(3·5)·cos⁵ + …, up to the power ν − 2.
    let mut term = if even { 1.0 } else { cos };
    let mut sum = 0.0;
    let mut power = freedom % 2;
    while power + 2 <= freedom {
        sum += term;
        power += 2;
        term *= cos * cos * (power - 1) as f64 / power as f64;
    }
    if even {
        sin * sum
    } else {
        (theta + sin * sum) / FRAC_PI_2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_table() {
        for (freedom, expected) in [
            (1, 12.706_204_736),
            (2, 4.302_652_730),
            (3, 3.182_446_305),
            (4, 2.776_445_105),
            (5, 2.570_581_836),
            (9, 2.262_157_163),
            (10, 2.228_138_852),
            (30, 2.042_272_456),
            (99, 1.984_216_952),
        ] {
            let found = quantile(freedom);
            assert!((found - expected).abs() < 1e-8, "{freedom}: {found}");
        }
    }

    #[test]
    fn intervals_are_those_worked_out_by_hand() {
        // Mean 2, deviation 1, three numbers: 2 ± 4.302653 / √3.
        let [low, high] = student_interval(&[1.0, 2.0, 3.0]).unwrap();
        assert!((low + 0.484_138).abs() < 1e-6 && (high - 4.484_138).abs() < 1e-6);
        assert_eq!(student_interval(&[0.1, 0.1, 0.1]), None);
        assert_eq!(student_interval(&[1.0]), None);
        assert_eq!(deviation(&[1.0, 3.0]), Some(2.0_f64.sqrt()));
    }

    #[test]
    fn pairs_that_differ_are_judged_as_by_hand() {
        // 2 · (1 + 10) / 2¹⁰.
        assert!((mcnemar(1, 9) - 22.0 / 1024.0).abs() < 1e-12);
        assert_eq!(mcnemar(9, 1), mcnemar(1, 9));
        // 2 · (C(6, 0) + C(6, 1) + C(6, 2)) / 2⁶.
        assert!((mcnemar(4, 2) - 44.0 / 64.0).abs() < 1e-12);
        assert_eq!(mcnemar(0, 0), 1.0);
        assert_eq!(mcnemar(5, 5), 1.0);
        assert!((mcnemar(0, 6) - 0.03125).abs() < 1e-12);
    }

    #[test]
    fn many_pairs_do_not_vanish() {
        // The normal approximation with its correction: z = (|2900 − 3100| − 1) / √6000 = 2.5691, P = 0.010196.
        assert!(
            (mcnemar(2900, 3100) - 0.010_196).abs() < 2e-5,
            "{}",
            mcnemar(2900, 3100)
        );
    }
}
