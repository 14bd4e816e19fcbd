//! Pruning by a criterion: once, and step by step.

use super::super::ranked::lower_the_removed;
use super::*;
use crate::prune::{Magnitude, PruningSchedule};

fn by_magnitude(schedule: PruningSchedule) -> Ranked {
    let settings = RankedSettings {
        criterion: Criterion::Magnitude(Magnitude {}),
        schedule,
    };
    Ranked::new(settings, HALF, 0)
}

#[test]
fn one_shot_is_over_before_the_first_step() {
    let mut bench = Bench::new(perceptron(&[(1, &[1.0, -4.0]), (2, &[-3.0, 2.0])]), 4);
    let method = &mut by_magnitude(PruningSchedule::OneShot);
    bench.prepare(method, 0);
    assert!(method.settled(&bench.moment(1)));
    assert_eq!(bench.parameters[0], [0.0, -4.0]);
    assert_eq!(bench.parameters[2], [-3.0, 0.0]);
    // Later weights may be what they like.
    bench.parameters[0][1] = 0.1;
    bench.prepare(method, 1);
    assert_eq!(bench.parameters[0], [0.0, 0.1]);
}

#[test]
fn gradual_ranks_anew_what_is_left() {
    let mut bench = Bench::new(perceptron(&[(1, &[1.0, -2.0, 3.0, -4.0])]), 8);
    let method = &mut by_magnitude(PruningSchedule::Gradual { end: 0.5, times: 2 });
    bench.prepare(method, 0);
    // 0.5·(1 − ½³) = 0.4375: two of four stay already with 2.25 rounded, so only the values decide later.
    assert_eq!(bench.parameters[0], [0.0, 0.0, 3.0, -4.0]);
    assert!(!method.settled(&bench.moment(1)));
    bench.prepare(method, 1);
    assert!(!method.settled(&bench.moment(2)));
    bench.prepare(method, 2);
    assert!(method.settled(&bench.moment(3)));
    assert_eq!(bench.parameters[0], [0.0, 0.0, 3.0, -4.0]);
}

#[test]
fn what_is_removed_stays_so_whatever_its_score() {
    let mut network = perceptron(&[(1, &[1.0, 2.0, 3.0, 4.0])]);
    network.parameters_mut()[0].set_mask(vec![true, false, true, false]);
    let mut scores = vec![vec![-5.0, 9.0, 1.0, -5.0]];
    lower_the_removed(&network, &mut scores);
    assert_eq!(scores, [[-5.0, -11.0, 1.0, -11.0]]);
}
