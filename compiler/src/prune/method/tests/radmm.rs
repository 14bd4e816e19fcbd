//! RADMM: what pulls at the weights, step by step.

use super::*;

/// Eight steps of pulling with an update before each, two for each ρ: 1, 10, 100, 1000.
fn pulling() -> Radmm {
    let settings = RadmmSettings {
        penalty: 1000.0,
        pull: 0.5,
        updates: 8,
    };
    Radmm::new(settings, HALF)
}

#[test]
fn weights_are_pulled_to_their_pruning_harder_with_every_update_and_quarter() {
    let mut bench = Bench::new(perceptron(&[(1, &[1.0, -2.0, 3.0, -4.0])]), 16);
    let method = &mut pulling();
    let mut pulls = Vec::new();
    for step in 0..4 {
        bench.prepare(method, step);
        assert!(!method.settled(&bench.moment(step)));
        let gradients = bench.learn(method, step, &[&[0.5; 4]]);
        // Biases have no pull.
        assert_eq!(gradients[1], [1.0]);
        pulls.push(gradients[0].iter().map(|g| g - 0.5).collect::<Vec<f32>>());
        assert_eq!(bench.effective(method), bench.parameters);
    }
    // Z = (0, 0, 3, −4) throughout. U = 0, then W − Z; and from the beginning with ten times the ρ.
    assert_close(&pulls[0], &[1.0, -2.0, 0.0, 0.0]);
    assert_close(&pulls[1], &[2.0, -4.0, 0.0, 0.0]);
    assert_close(&pulls[2], &[10.0, -20.0, 0.0, 0.0]);
    assert_close(&pulls[3], &[20.0, -40.0, 0.0, 0.0]);
}

#[test]
fn the_pull_is_the_derivative_of_the_term() {
    let mut bench = Bench::new(perceptron(&[(1, &[1.0, -2.0, 3.0, -4.0])]), 16);
    let method = &mut pulling();
    bench.prepare(method, 0);
    bench.prepare(method, 1);
    let (z, u) = ([0.0, 0.0, 3.0, -4.0], [1.0, -2.0, 0.0, 0.0]);
    bench.parameters[0] = vec![0.75, -1.0, 3.5, -4.0];
    let found = bench.learn(method, 1, &[&[0.0; 4]]);
    let term = |weights: &[f32]| -> f64 {
        let squares = weights.iter().zip(&z).zip(&u);
        0.5 * squares
            .map(|((w, z), u)| f64::from(w - z + u).powi(2))
            .sum::<f64>()
    };
    for index in 0..4 {
        let moved = |by: f32| {
            let mut weights = bench.parameters[0].clone();
            weights[index] += by;
            term(&weights)
        };
        let slope = (moved(0.125) - moved(-0.125)) / 0.25;
        assert!((f64::from(found[0][index]) - slope).abs() < 1e-5);
    }
}

#[test]
fn the_dual_can_bring_back_what_magnitude_alone_would_prune() {
    let mut bench = Bench::new(perceptron(&[(1, &[1.0, -2.0, 3.0, -4.0])]), 16);
    let method = &mut pulling();
    bench.prepare(method, 0);
    // W + U = W, so Z = (2.5, 0, 0, −4) and U = (0, −2, 2.25, 0).
    bench.parameters[0] = vec![2.5, -2.0, 2.25, -4.0];
    bench.prepare(method, 1);
    let pull = bench.learn(method, 1, &[&[0.0; 4]]);
    assert_close(&pull[0], &[0.0, -4.0, 4.5, 0.0]);
}

#[test]
fn then_the_smallest_are_removed_and_nothing_pulls() {
    let mut bench = Bench::new(perceptron(&[(1, &[1.0, -2.0, 3.0, -4.0])]), 16);
    let method = &mut pulling();
    for step in 0..8 {
        bench.prepare(method, step);
    }
    bench.parameters[0] = vec![1.0, -2.0, 0.5, -4.0];
    bench.prepare(method, 8);
    assert!(method.settled(&bench.moment(9)));
    assert_eq!(bench.parameters[0], [0.0, -2.0, 0.0, -4.0]);
    assert_eq!(bench.masks[0], Some(vec![false, true, false, true]));
    assert!(method.state().is_empty());
    let gradients = bench.learn(method, 8, &[&[0.5; 4]]);
    assert_eq!(gradients[0], [0.5; 4]);
}
