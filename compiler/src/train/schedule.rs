//! What changes along a run: the learning rate, and the radius that examples are crafted for.
//!
//! Both are functions of the step, so nothing of them is stored. A step counts by its middle, so that neither the first nor the last one is
//! wasted at zero. Non-goals: the density of what is pruned along the way (`prune`).

use serde::{Deserialize, Serialize};

/// The learning rate along a run, as a recipe spells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum LearningRate {
    /// A linear rise, then half a cosine down to zero. Without a rise it is the cosine schedule (Loshchilov and Hutter, 2017), with one the
    /// one-cycle (Smith and Topin, 2019).
    Cosine {
        /// Where it is highest.
        highest: f64,
        /// Fraction of the steps over which it rises.
        #[serde(default)]
        warm_up: f64,
    },
    /// The same for long stretches, multiplied by `factor` between them.
    Step {
        /// In the first stretch.
        highest: f64,
        /// Fractions of the steps after which it falls, in ascending order.
        at: Vec<f64>,
        /// What is left of it each time.
        factor: f64,
    },
    /// The same for all steps.
    Constant {
        /// At every step.
        rate: f64,
    },
}

impl LearningRate {
    /// At `step` of `steps`.
    pub fn at(&self, step: usize, steps: usize) -> f64 {
        match self {
            Self::Cosine { highest, warm_up } => one_cycle(*highest, *warm_up, step, steps),
            Self::Step {
                highest,
                at,
                factor,
            } => {
                let middle = step as f64 + 0.5;
                let falls = at.iter().filter(|at| *at * steps as f64 <= middle);
                highest * factor.powi(falls.count() as i32)
            }
            Self::Constant { rate } => *rate,
        }
    }

    /// The first setting that cannot be used, as "key: problem".
    pub fn problem(&self) -> Option<String> {
        let rate = |key: &str, rate: f64| {
            let usable = rate.is_finite() && rate > 0.0;
            (!usable).then(|| format!("{key}: {rate} is not above 0"))
        };
        match self {
            Self::Cosine { highest, warm_up } => {
                rate("highest", *highest).or_else(|| warm_up_problem(*warm_up))
            }
            Self::Step {
                highest,
                at,
                factor,
            } => rate("highest", *highest)
                .or_else(|| fractions_problem(at))
                .or_else(|| {
                    let usable = *factor > 0.0 && *factor < 1.0;
                    (!usable).then(|| format!("factor: {factor} is not between 0 and 1"))
                }),
            Self::Constant { rate: constant } => rate("rate", *constant),
        }
    }
}

/// The radius to craft training examples for at `step` of `steps`: it grows in a line from 0 to `epsilon` over the fraction `warm_up` of the
/// steps. What is measured is always the whole ε.
pub fn epsilon(epsilon: f32, warm_up: f64, step: usize, steps: usize) -> f32 {
    let middle = step as f64 + 0.5;
    // Without a warm-up the quotient is infinite.
    let share = (middle / (warm_up * steps as f64)).min(1.0);
    (f64::from(epsilon) * share) as f32
}

/// A warm-up's problem, if it does not end.
pub fn warm_up_problem(warm_up: f64) -> Option<String> {
    (!(0.0..1.0).contains(&warm_up)).then(|| format!("warm_up: {warm_up} is not in [0, 1)"))
}

fn fractions_problem(at: &[f64]) -> Option<String> {
    let outside = at.iter().find(|at| !(**at > 0.0 && **at < 1.0));
    if let Some(at) = outside {
        return Some(format!("at: {at} is not between 0 and 1"));
    }
    let disorder = at.windows(2).find(|pair| pair[0] >= pair[1])?;
    Some(format!("at: {} comes before {}", disorder[0], disorder[1]))
}

/// The one-cycle learning rate at `step` of `steps`.
pub(super) fn one_cycle(highest: f64, warm_up: f64, step: usize, steps: usize) -> f64 {
    let rise = warm_up * steps as f64;
    let middle = step as f64 + 0.5;
    if middle < rise {
        return highest * middle / rise;
    }
    let progress = (middle - rise) / (steps as f64 - rise);
    highest * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(schedule: &LearningRate, steps: usize) -> Vec<f64> {
        assert_eq!(schedule.problem(), None);
        (0..steps).map(|step| schedule.at(step, steps)).collect()
    }

    #[test]
    fn one_cycle_rises_to_the_highest_and_falls_to_almost_zero() {
        let schedule = LearningRate::Cosine {
            highest: 0.1,
            warm_up: 0.25,
        };
        let rates = rates(&schedule, 100);
        let peak = rates.iter().copied().fold(0.0, f64::max);
        assert!((0.099..=0.1).contains(&peak));
        assert!(rates[..25].windows(2).all(|pair| pair[0] < pair[1]));
        assert!(rates[25..].windows(2).all(|pair| pair[0] > pair[1]));
        assert!(rates[0] > 0.0 && rates[99] > 0.0 && rates[99] < 1e-4);
        assert_eq!(rates[10], 0.1 * 10.5 / 25.0);
    }

    #[test]
    fn a_cosine_without_a_rise_starts_at_the_top() {
        let schedule: LearningRate = read("schedule = { cosine = { highest = 2.0 } }").unwrap();
        // 1 + cos of π·⅙, π·½ and π·⅚.
        let root = 3f64.sqrt() / 2.0;
        let expected = [1.0 + root, 1.0, 1.0 - root];
        for (rate, expected) in rates(&schedule, 3).into_iter().zip(expected) {
            assert!((rate - expected).abs() < 1e-12, "{rate}, not {expected}");
        }
    }

    #[test]
    fn steps_fall_where_they_are_told_to() {
        let text = "schedule = { step = { highest = 8.0, at = [0.5, 0.75], factor = 0.25 } }";
        let schedule = read(text).unwrap();
        let expected = [8.0, 8.0, 8.0, 8.0, 2.0, 2.0, 0.5, 0.5];
        assert_eq!(rates(&schedule, 8), expected);
        assert_eq!(rates(&schedule, 4), [8.0, 8.0, 2.0, 0.5]);
        let constant = LearningRate::Constant { rate: 0.5 };
        assert_eq!(rates(&constant, 2), [0.5, 0.5]);
    }

    #[test]
    fn the_radius_grows_to_its_whole_and_stays() {
        let radii: Vec<f32> = (0..8).map(|step| epsilon(0.5, 0.5, step, 8)).collect();
        let expected = [0.0625, 0.1875, 0.3125, 0.4375, 0.5, 0.5, 0.5, 0.5];
        assert_eq!(radii, expected);
        assert_eq!(epsilon(0.1, 0.0, 0, 8), 0.1);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let cosine = |highest, warm_up| LearningRate::Cosine { highest, warm_up };
        let step = |at: &[f64], factor| LearningRate::Step {
            highest: 0.1,
            at: at.to_vec(),
            factor,
        };
        for (schedule, problem) in [
            (cosine(0.0, 0.0), "highest: 0 is not above 0"),
            (cosine(f64::INFINITY, 0.0), "highest: inf is not above 0"),
            (cosine(0.1, 1.0), "warm_up: 1 is not in [0, 1)"),
            (step(&[0.5, 1.0], 0.1), "at: 1 is not between 0 and 1"),
            (step(&[0.5, 0.25], 0.1), "at: 0.5 comes before 0.25"),
            (step(&[0.5], 1.0), "factor: 1 is not between 0 and 1"),
            (
                LearningRate::Constant { rate: -1.0 },
                "rate: -1 is not above 0",
            ),
        ] {
            assert_eq!(schedule.problem().unwrap(), problem);
        }
        assert!(read("schedule = { constant = { rate = 0.1, warm_up = 0.1 } }").is_err());
    }

    fn read(text: &str) -> Result<LearningRate, toml::de::Error> {
        #[derive(Deserialize)]
        struct Recipe {
            schedule: LearningRate,
        }
        toml::from_str::<Recipe>(text).map(|recipe| recipe.schedule)
    }
}
