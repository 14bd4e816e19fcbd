//! When weights are removed along a run: all at once, or step by step.

use serde::{Deserialize, Serialize};

use super::Moment;

/// When weights are removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum PruningSchedule {
    /// Before the first step.
    #[default]
    OneShot,
    /// Along a cubic (Zhu and Gupta, 2017), with new scores each time.
    Gradual {
        /// Fraction of the run at whose end the target is reached.
        #[serde(default = "usual_end")]
        end: f64,
        /// How often weights are removed.
        #[serde(default = "usual_times")]
        times: usize,
    },
}

fn usual_end() -> f64 {
    0.6
}

fn usual_times() -> usize {
    10
}

impl PruningSchedule {
    /// The sparsity to prune to before the step that comes, if it is time.
    pub fn due(&self, moment: &Moment, target: f64) -> Option<f64> {
        match *self {
            Self::OneShot => (moment.step == 0).then_some(target),
            Self::Gradual { end, times } => {
                let done = rounds_before(moment, end, times);
                let now = rounds(moment, end, times);
                (now > done).then(|| cubic(target, now as f64 / times as f64))
            }
        }
    }

    /// Whether the target is reached for good.
    pub fn finished(&self, moment: &Moment) -> bool {
        match *self {
            Self::OneShot => true,
            Self::Gradual { end, times } => rounds_before(moment, end, times) == times,
        }
    }

    /// The first setting that cannot be used, as "key: problem".
    pub(super) fn problem(&self) -> Option<String> {
        match *self {
            Self::Gradual { end, .. } if !(end > 0.0 && end < 1.0) => {
                Some(format!("gradual.end: {end} is not between 0 and 1"))
            }
            Self::Gradual { times: 0, .. } => Some("gradual.times: must be at least 1".to_owned()),
            _ => None,
        }
    }
}

/// Rounds of `times` that are over once the step that comes is. They are spread evenly up to `end`; where there are more of them than steps,
/// some fall together.
fn rounds(moment: &Moment, end: f64, times: usize) -> usize {
    if moment.has_reached(end) {
        return times;
    }
    let begun = (moment.fraction() / end * times as f64) as usize;
    times.min(begun + 1)
}

/// Rounds that were over before the step that comes.
fn rounds_before(moment: &Moment, end: f64, times: usize) -> usize {
    let before = moment.before();
    before.map_or(0, |before| rounds(&before, end, times))
}

/// Sparsity at a fraction of the way, which begins dense: s·(1 − (1 − t)³).
pub(super) fn cubic(target: f64, way: f64) -> f64 {
    target * (1.0 - (1.0 - way.min(1.0)).powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pruned(schedule: PruningSchedule, steps: usize) -> Vec<(usize, f64)> {
        let moment = |step| Moment {
            step,
            steps,
            epoch: 0,
            learning_rate: 0.1,
        };
        let rounds: Vec<(usize, f64)> = (0..steps)
            .filter_map(|step| Some((step, schedule.due(&moment(step), 0.9)?)))
            .collect();
        let last = rounds.last().unwrap().0;
        assert!(!schedule.finished(&moment(last)) || schedule == PruningSchedule::OneShot);
        assert!(schedule.finished(&moment(last + 1)));
        rounds
    }

    #[test]
    fn one_shot_is_before_the_first_step() {
        assert_eq!(pruned(PruningSchedule::OneShot, 7), [(0, 0.9)]);
    }

    #[test]
    fn gradual_follows_the_cubic_and_ends_at_the_target() {
        let found = pruned(PruningSchedule::Gradual { end: 0.5, times: 5 }, 100);
        let steps: Vec<usize> = found.iter().map(|(step, _)| *step).collect();
        assert_eq!(steps, [0, 10, 20, 30, 40]);
        // 0.9·(1 − 0.8³) = 0.4392, …, 0.9.
        assert!((found[0].1 - 0.4392).abs() < 1e-12);
        assert_eq!(found[4].1, 0.9);
        assert!(found.windows(2).all(|pair| pair[0].1 < pair[1].1));
    }

    #[test]
    fn more_rounds_than_steps_still_end() {
        let found = pruned(PruningSchedule::Gradual { end: 0.9, times: 5 }, 6);
        assert_eq!(found.last().unwrap().1, 0.9);
        let found = pruned(
            PruningSchedule::Gradual {
                end: 0.9,
                times: 100,
            },
            4,
        );
        let steps: Vec<usize> = found.iter().map(|(step, _)| *step).collect();
        assert_eq!(steps, [0, 1, 2, 3]);
        // 28 of 100 rounds fall before the second step: 0.25/0.9 of them are over.
        assert!((found[1].1 - 0.9 * (1.0 - 0.72f64.powi(3))).abs() < 1e-12);
        assert_eq!(found[3].1, 0.9);
    }
}
