//! Networks of the zoo as training and pruning might leave them: no batch norm at its initial values, weights pruned.

use std::ops::Range;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sinew_models::{Network, Role, ZooOptions, zoo};

/// The two inputs that every network of the zoo takes.
pub const INPUT_SHAPES: [[usize; 3]; 2] = [[1, 28, 28], [3, 32, 32]];

/// Random numbers that are the same in every run.
pub fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// `count` numbers drawn evenly from `range`.
pub fn numbers(random: &mut impl Rng, count: usize, range: Range<f32>) -> Vec<f32> {
    (0..count)
        .map(|_| random.random_range(range.clone()))
        .collect()
}

/// The network called `name` with ten classes, random biases and batch norms, and of every layer's weights about the fraction
/// `sparsity` pruned at random, but never all of a unit's. The weights that stay grow, so that the signal stays as strong as it was.
///
/// # Panics
/// If the zoo has no such network.
pub fn zoo_network(name: &str, input_shape: [usize; 3], width: f64, sparsity: f64) -> Network {
    let options = ZooOptions {
        input_shape,
        labels: (0..10).map(|class| format!("class {class}")).collect(),
        width,
        mean: vec![0.3; input_shape[0]],
        deviation: vec![0.35; input_shape[0]],
        seed: 1,
    };
    let mut network = zoo::build(name, &options).expect("the zoo knows it");
    let mut random = random(2);
    for parameter in network.parameters_mut() {
        let count = parameter.values().len();
        match parameter.role() {
            Role::Weight if sparsity > 0.0 => {
                let gain = (1.0 - sparsity).sqrt().recip() as f32;
                let values = parameter.values().iter().map(|value| gain * value);
                parameter.set_values(values.collect());
                let mut mask: Vec<bool> =
                    (0..count).map(|_| !random.random_bool(sparsity)).collect();
                for unit in mask.chunks_exact_mut(count / parameter.shape()[0]) {
                    if unit.iter().all(|kept| !kept) {
                        unit[random.random_range(0..unit.len())] = true;
                    }
                }
                parameter.set_mask(mask);
            }
            Role::Weight | Role::Constant => {}
            Role::Bias | Role::Shift | Role::RunningMean => {
                parameter.set_values(numbers(&mut random, count, -0.5..0.5));
            }
            Role::Scale | Role::RunningVariance => {
                parameter.set_values(numbers(&mut random, count, 0.5..1.5));
            }
        }
    }
    network
}
