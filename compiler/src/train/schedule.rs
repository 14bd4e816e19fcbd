//! The one-cycle learning rate (Smith and Topin, 2019): a linear rise, then half a cosine down to zero.

/// Learning rate at `step` of `steps`.
pub(super) fn one_cycle(highest: f64, warm_up: f64, step: usize, steps: usize) -> f64 {
    let rise = warm_up * steps as f64;
    // The middle of the step, so that neither the first nor the last one is wasted at zero.
    let at = step as f64 + 0.5;
    if at < rise {
        return highest * at / rise;
    }
    let progress = (at - rise) / (steps as f64 - rise);
    highest * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_to_the_highest_and_falls_to_almost_zero() {
        let rates: Vec<f64> = (0..100)
            .map(|step| one_cycle(0.1, 0.25, step, 100))
            .collect();
        let peak = rates.iter().copied().fold(0.0, f64::max);
        assert!((0.099..=0.1).contains(&peak));
        assert!(rates[..25].windows(2).all(|pair| pair[0] < pair[1]));
        assert!(rates[25..].windows(2).all(|pair| pair[0] > pair[1]));
        assert!(rates[0] > 0.0 && rates[99] > 0.0 && rates[99] < 1e-4);
    }

    #[test]
    fn no_warm_up_starts_at_the_top() {
        assert!(one_cycle(1.0, 0.0, 0, 10) > 0.99);
    }
}
