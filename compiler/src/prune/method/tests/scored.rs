//! HYDRA and HARP: scores that are learnt while weights stand still.

use super::*;
use crate::testing::two_layers;

/// Scores are learnt for half of the run.
const SETTINGS: HydraSettings = HydraSettings {
    score_rate: 0.1,
    learn: 0.5,
};

#[test]
fn hydra_learns_scores_by_the_straight_through_slopes() {
    let weights = [1.0, -2.0, 3.0, -4.0];
    let mut bench = Bench::new(perceptron(&[(1, &weights)]), 8);
    let method = &mut Hydra::new(SETTINGS, HALF);
    bench.prepare(method, 0);
    // √(6/4)·w/4.
    let start: Vec<f32> = weights.iter().map(|w| w * 1.5f32.sqrt() / 4.0).collect();
    assert_close(&method.state()["score/0"], &start);
    assert_eq!(bench.effective(method)[0], [0.0, 0.0, 3.0, -4.0]);
    let gradients = bench.learn(method, 0, &[&[1.0; 4]]);
    assert!(
        gradients.iter().all(Vec::is_empty),
        "weight and bias stand still"
    );
    // ∂L/∂m = w·g, and its sign is turned where the score is negative.
    let slopes = [1.0, 2.0, 3.0, 4.0];
    let after = |before: &[f32], scale: f32| -> Vec<f32> {
        let pairs = before.iter().zip(&slopes);
        pairs.map(|(s, slope)| s - scale * slope).collect()
    };
    let first = after(&start, 0.1);
    assert_close(&method.state()["score/0"], &first);

    // |s| = (0.21, 0.81, 0.62, 1.62).
    bench.prepare(method, 1);
    assert_eq!(bench.effective(method)[0], [0.0, -2.0, 0.0, -4.0]);
    bench.learn(method, 1, &[&[0.0; 4]]);
    // A quarter of the way the rate is at (1 + cos π/4)/2; the velocity has 0.9 of the first slope.
    let rate = 0.05 * (1.0 + 0.5f32.sqrt());
    assert_close(&method.state()["score/0"], &after(&first, 0.9 * rate));

    for step in 2..5 {
        bench.prepare(method, step);
        assert_eq!(method.settled(&bench.moment(step + 1)), step == 4);
    }
    assert_eq!(bench.parameters[0], [0.0, -2.0, 0.0, -4.0]);
    assert_eq!(bench.masks[0], Some(vec![false, true, false, true]));
    assert_eq!(bench.learn(method, 4, &[&[1.0; 4]])[0], [1.0; 4]);
}

#[test]
fn batch_norms_go_on_learning_while_weights_stand_still() {
    let mut bench = Bench::new(two_layers(), 8);
    let harp = Harp::new(HarpSettings::default(), HALF);
    let hydra = Hydra::new(SETTINGS, HALF);
    for mut method in [Box::new(harp) as Box<dyn Sparsifier>, Box::new(hydra)] {
        bench.prepare(&mut *method, 0);
        let gradients = bench.learn(&mut *method, 0, &[]);
        for (parameter, gradient) in bench.network.parameters().iter().zip(gradients) {
            let frozen = matches!(parameter.role(), Role::Weight | Role::Bias);
            assert_eq!(gradient.is_empty(), frozen, "{}", parameter.name());
        }
    }
}

fn harp(penalty: f64) -> Harp {
    let settings = HarpSettings {
        score_rate: 0.1,
        penalty,
        learn: 0.5,
    };
    Harp::new(settings, HALF)
}

/// σ.
fn logistic(r: f32) -> f32 {
    1.0 / (1.0 + (-r).exp())
}

#[test]
fn harp_starts_at_the_target_and_densities_follow_the_sum_of_their_masks_slopes() {
    let weights = [1.0, 2.0, 3.0, 4.0];
    let mut bench = Bench::new(perceptron(&[(2, &weights), (2, &weights)]), 16);
    let method = &mut harp(0.0);
    bench.prepare(method, 0);
    assert_eq!(bench.effective(method)[0], [0.0, 0.0, 3.0, 4.0]);
    assert_eq!(bench.effective(method)[2], [0.0, 0.0, 3.0, 4.0]);
    // k = σ(r)·(1 − 0.1·k) + 0.1·k for k = 0.5.
    let rates = method.state()["rates"].clone();
    assert_close(
        &rates
            .iter()
            .map(|r| logistic(*r) * 0.95 + 0.05)
            .collect::<Vec<_>>(),
        &[0.5; 2],
    );
    bench.learn(method, 0, &[&[-1.0, 0.0, 0.0, 0.5], &[0.0; 4]]);
    // The sum of w·g is −1 + 2 in the first layer, and none in the second; ∂k/∂r = 0.95·σ(1 − σ).
    let slope = 0.95 * logistic(rates[0]) * (1.0 - logistic(rates[0]));
    assert_close(
        &method.state()["rates"],
        &[rates[0] - 0.1 * slope, rates[1]],
    );
}

#[test]
fn harps_penalty_grows_with_the_epochs_and_acts_only_above_the_budget() {
    let weights = [1.0, 2.0, 3.0, 4.0];
    let mut bench = Bench::new(perceptron(&[(2, &weights), (2, &weights)]), 16);
    // −1: denser, 1: sparser.
    for (direction, gamma) in [(-1.0, 0.02), (1.0, 0.0)] {
        let method = &mut harp(0.01);
        bench.prepare(method, 0);
        bench.learn(method, 0, &[&[direction * 20.0; 4], &[0.0; 4]]);
        bench.prepare(method, 4);
        let before = method.state();
        bench.learn(method, 4, &[&[0.0; 4], &[0.0; 4]]);
        // The second epoch: 2·γ₀, times n_l/(k·Σ n) = 1 and ∂k/∂r.
        let after = method.state();
        let expected: Vec<f32> = (0..2)
            .map(|layer| {
                let at = logistic(before["rates"][layer]);
                0.9 * before["rate velocities"][layer] + gamma * 0.95 * at * (1.0 - at)
            })
            .collect();
        let found = &after["rate velocities"];
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-7, "{found} is not {expected}");
        }
    }
}

#[test]
fn harp_meets_the_budget_exactly_with_the_densities_it_has_learnt() {
    let numbers = |count: usize, step: usize| -> Vec<f32> {
        (0..count)
            .map(|i| ((i * step) % 211) as f32 / 100.0 - 1.0)
            .collect()
    };
    let (first, second) = (numbers(7 * 11, 37), numbers(13 * 7, 53));
    let mut bench = Bench::new(perceptron(&[(7, &first), (13, &second)]), 16);
    let target = Target {
        sparsity: 0.8,
        ..HALF
    };
    let method = &mut Harp::new(
        HarpSettings {
            score_rate: 0.05,
            penalty: 0.01,
            learn: 0.5,
        },
        target,
    );
    for step in 0..16 {
        bench.prepare(method, step);
        // Every mask of the first layer that opens lowers the loss.
        let helpful: Vec<f32> = first.iter().map(|w| -w.signum()).collect();
        bench.learn(method, step, &[&helpful, &[0.0; 91]]);
    }
    let kept = [0, 2].map(|id| {
        let mask = bench.masks[id].as_ref().unwrap();
        mask.iter().filter(|keep| **keep).count()
    });
    // A fifth of 168.
    assert_eq!(kept[0] + kept[1], 34);
    assert!(
        kept[0] as f32 / 77.0 > 1.5 * kept[1] as f32 / 91.0,
        "{kept:?}"
    );
}
