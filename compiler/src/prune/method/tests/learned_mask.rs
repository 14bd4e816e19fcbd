//! The learnable anomaly mask: scores, the pressure of anomaly, and the freeze.

use super::*;
use crate::classifier::ComputeError;
use crate::execute::DeviceChoice;
use crate::gradients::trainable;
use crate::prune::{Magnitude, Measure};

/// Of eight steps density falls over four, and the mask is frozen before the seventh.
fn learned(anomaly: f64) -> LearnedMask {
    let settings = LearnedMaskSettings {
        start: Criterion::Magnitude(Magnitude {}),
        score_rate: 0.1,
        anomaly,
        measure: Measure::Activation,
        anneal: 0.5,
        freeze: 0.75,
    };
    LearnedMask::new(settings, HALF, 0)
}

#[test]
fn scores_decide_at_a_density_that_falls_and_weights_outside_wait() {
    let weights = [1.0, -2.0, 3.0, -4.0];
    let mut bench = Bench::new(perceptron(&[(1, &weights)]), 8);
    let method = &mut learned(0.0);
    bench.prepare(method, 0);
    // |w| over its mean of 2.5; 0.5·(1 − 0.75³) of the weights are masked: one of four.
    assert_close(&method.state()["score/0"], &[0.4, 0.8, 1.2, 1.6]);
    assert_eq!(bench.effective(method)[0], [0.0, -2.0, 3.0, -4.0]);
    let gradients = bench.learn(method, 0, &[&[1.0; 4]]);
    // ∂L/∂m = w·g, for the masked weight too; which itself is not pulled, while the bias is.
    assert_close(&method.state()["score/0"], &[0.3, 1.0, 0.9, 2.0]);
    assert_eq!(gradients[0], [0.0, 1.0, 1.0, 1.0]);
    assert_eq!(gradients[1], [1.0]);

    // 0.5·(1 − 0.5³): two.
    bench.prepare(method, 1);
    assert_eq!(bench.effective(method)[0], [0.0, -2.0, 0.0, -4.0]);
    bench.learn(method, 1, &[&[1.0; 4]]);
    // The velocity is 1.9 times the slope.
    let expected = [0.3 - 0.19, 1.0 + 0.38, 0.9 - 0.57, 2.0 + 0.76];
    assert_close(&method.state()["score/0"], &expected);

    // A weight comes back with the value that it had.
    bench.prepare(method, 2);
    bench.learn(method, 2, &[&[-10.0, -10.0, 0.0, 0.0]]);
    bench.prepare(method, 3);
    assert_eq!(bench.effective(method)[0], [1.0, 0.0, 0.0, -4.0]);
    assert_eq!(bench.parameters[0], weights);
    assert!(!method.settled(&bench.moment(4)));

    for step in 4..7 {
        bench.prepare(method, step);
    }
    assert!(method.settled(&bench.moment(7)));
    assert_eq!(bench.parameters[0], [1.0, 0.0, 0.0, -4.0]);
    assert_eq!(bench.masks[0], Some(vec![true, false, false, true]));
    assert!(method.state().is_empty());
    assert_eq!(bench.learn(method, 7, &[&[1.0; 4]])[0], [1.0; 4]);
}

#[test]
fn anomalous_units_are_pressed_as_long_as_density_falls() {
    // a = x + 1, b = (a₀ + a₁ + 1, a₀ − a₁ + 1).
    let layers: [(usize, &[f32]); 2] = [(2, &[1.0, 0.0, 0.0, 1.0]), (2, &[1.0, 1.0, 1.0, -1.0])];
    let mut bench = Bench::new(perceptron(&layers), 8);
    let method = &mut learned(0.5);
    let mut estimates = Vec::new();
    for step in 0..8 {
        let mut observe = |network: &Network, needs: &Needs| -> Result<Statistics, ComputeError> {
            let engine = trainable(network, DeviceChoice::Cpu).unwrap();
            let mut statistics = Statistics::new(network, needs);
            statistics.add(&*engine, &[0.5, 0.25], &[0.75, 0.25], &[0])?;
            if !needs.is_empty() {
                estimates.push(step);
            }
            Ok(statistics)
        };
        bench.prepare_observed(method, step, &mut observe);
        if step > 0 {
            continue;
        }
        bench.learn(method, step, &[&[0.0; 4], &[0.0; 4]]);
        // Of the first layer's units only the first moves: its degree is twice the mean, and it has two weights. The scores were
        // (2, 0, 0, 2), and fall by 0.1·0.5 of the pressure.
        let state = method.state();
        assert_close(&state["pressure/0"], &[1.0, 1.0, 0.0, 0.0]);
        assert_close(&state["score/0"], &[1.95, -0.05, 0.0, 2.0]);
        // 0.25/(3.75 + τ) and 0.25/(1.25 + τ), where τ = 0.01·2.5.
        let degrees = [0.25 / 3.775, 0.25 / 1.275];
        let mean = 0.5 * (degrees[0] + degrees[1]);
        let [first, second] = degrees.map(|degree| degree / mean / 2.0);
        assert_close(&state["pressure/1"], &[first, first, second, second]);
        let [first, second] = [first, second].map(|pressure| 1.0 - 0.05 * pressure);
        assert_close(&state["score/1"], &[first, first, second, second]);
    }
    assert_eq!(estimates, [0, 1, 2, 3]);
    assert!(method.settled(&bench.moment(8)));
}
