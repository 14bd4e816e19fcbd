//! Flying Bird: which connections are dropped, and which grow.

use super::*;

/// Of 16 steps 8 explore; connections move before the fourth only.
const TWO_UPDATES: FlyingBirdSettings = FlyingBirdSettings {
    drop: 0.5,
    explore: 0.5,
    updates: 2,
};

const WEIGHTS: [f32; 8] = [1.0, -2.0, 3.0, -4.0, 5.0, -6.0, 7.0, -8.0];

#[test]
fn the_smallest_are_dropped_and_as_many_grow_at_zero_where_the_gradient_is_largest() {
    let mut bench = Bench::new(perceptron(&[(2, &WEIGHTS)]), 16);
    let method = &mut FlyingBird::new(TWO_UPDATES, HALF);
    bench.prepare(method, 0);
    assert_eq!(
        bench.parameters[0],
        [0.0, 0.0, 0.0, 0.0, 5.0, -6.0, 7.0, -8.0]
    );
    assert!(method.settled(&bench.moment(1)));
    for step in 0..4 {
        bench.prepare(method, step);
        let gradient = [0.1, -0.9, 0.8, 0.2, 9.0, 0.0, 0.0, 0.0];
        let before = bench.masks.clone();
        let gradients = bench.learn(method, step, &[&gradient]);
        assert_eq!(gradients[0], gradient);
        assert_eq!(bench.masks, before);
    }
    // A quarter of the run is half of the exploration: p = 0.5·½, so one of four goes. Its own gradient does not bring it back.
    bench.prepare(method, 4);
    assert_eq!(
        bench.masks[0],
        Some(vec![false, true, false, false, false, true, true, true])
    );
    assert_eq!(
        bench.parameters[0],
        [0.0, 0.0, 0.0, 0.0, 0.0, -6.0, 7.0, -8.0]
    );
    // What has grown learns.
    bench.parameters[0][1] = 0.5;
    for step in 4..16 {
        bench.learn(method, step, &[&[5.0; 8]]);
        bench.prepare(method, step + 1);
    }
    assert_eq!(
        bench.parameters[0],
        [0.0, 0.5, 0.0, 0.0, 0.0, -6.0, 7.0, -8.0]
    );
}

#[test]
fn the_budget_stays_and_less_moves_with_every_update() {
    let weights: Vec<f32> = (1..=400)
        .map(|i| (i * 7919 % 1009) as f32 / 500.0 - 1.0)
        .collect();
    let (first, second) = weights.split_at(100);
    let target = Target {
        density_floor: 0.2,
        ..HALF
    };
    let mut bench = Bench::new(perceptron(&[(10, first), (30, second)]), 100);
    let settings = FlyingBirdSettings {
        drop: 0.5,
        explore: 0.8,
        updates: 8,
    };
    let method = &mut FlyingBird::new(settings, target);
    let mut moved = Vec::new();
    for step in 0..100 {
        let before = bench.masks.clone();
        bench.prepare(method, step);
        let mut kept = 0;
        let mut grown = 0;
        for id in prunable(&bench.network) {
            let mask = bench.masks[id.0].as_ref().unwrap();
            let values = &bench.parameters[id.0];
            kept += mask.iter().filter(|keep| **keep).count();
            assert!(mask.iter().zip(values).all(|(keep, w)| *keep || *w == 0.0));
            if let Some(before) = &before[id.0] {
                let new = mask.iter().zip(before).zip(values);
                let new = new.filter(|((now, before), _)| **now && !**before);
                grown += new.inspect(|(_, w)| assert_eq!(**w, 0.0)).count();
            }
        }
        assert_eq!(kept, 200, "step {step}");
        if grown > 0 {
            moved.push((step, grown));
        }
        let gradient = |count: usize, at: usize| -> Vec<f32> {
            (0..count)
                .map(|i| ((i * 31 + at * 17) % 101) as f32 - 50.0)
                .collect()
        };
        let gradients = [gradient(100, step), gradient(300, step + 1)];
        bench.learn(method, step, &[&gradients[0], &gradients[1]]);
        // Training moves every weight that is kept.
        for id in prunable(&bench.network) {
            let mask = bench.masks[id.0].clone().unwrap();
            for (index, keep) in mask.iter().enumerate() {
                let step = 0.001 * ((index + step) % 13) as f32 + 0.001;
                bench.parameters[id.0][index] += if *keep { step } else { 0.0 };
            }
        }
    }
    // 200·0.5·(1 + cos(π·t/80))/4 at t = 10, 20, …; rounded.
    let expected: Vec<(usize, usize)> = (1..8)
        .map(|t| {
            let drop = 0.25 * (1.0 + (std::f64::consts::PI * t as f64 / 8.0).cos());
            (10 * t, 200 - (200.0 * (1.0 - drop)).round() as usize)
        })
        .collect();
    assert_eq!(moved, expected);
}
