//! Damaged files by the hundred thousand: whatever the damage, the verifier answers, and what it lets
//! through also runs. Seeded, so that a failure can be repeated.

mod support;

use std::collections::BTreeMap;

use sinew_runtime::format::{BinaryFunction, Bounds, Encoding, Operator, Window};
use sinew_runtime::{Model, Session};
use support::random::Random;
use support::sample::{flat_sample, view};
use support::{Network, reseal};

const MUTATIONS: usize = 100_000;

/// Small files, so that damage hits every field often: between them, every operator and encoding.
fn samples() -> [Vec<u8>; 3] {
    [
        layers(Encoding::Dense),
        layers(Encoding::Sparse),
        flat_sample().parts().file(),
    ]
}

/// The operators that depend on shapes, and a sum.
fn layers(encoding: Encoding) -> Vec<u8> {
    let bounds = Bounds::RELU6;
    let window = |padding, dilation| Window {
        kernel: [2, 2],
        stride: [1, 2],
        padding: [padding; 4],
        dilation: [dilation, 1],
    };
    let mut network = Network::new([2, 3, 4], 7);
    let convolution = Operator::Convolution {
        encoding,
        bounds,
        window: window(1, 2),
        groups: 2,
    };
    let map = network.add(convolution, &[0], 4, 0.5);
    let scaled = network.add(Operator::Affine { bounds }, &[map], 0, 0.0);
    let add = Operator::Binary {
        function: BinaryFunction::Add,
        view: view(4, 1, 9),
        reversed: false,
        bounds,
    };
    let sum = network.add(add, &[scaled, map], 0, 0.0);
    let largest = Operator::MaxPool {
        window: window(0, 1),
    };
    let largest = network.add(largest, &[sum], 0, 0.0);
    let mean = Operator::AveragePool {
        window: window(1, 1),
    };
    let mean = network.add(mean, &[largest], 0, 0.0);
    network.add(Operator::Linear { encoding, bounds }, &[mean], 3, 0.5);
    network.parts().file()
}

/// Does one to three kinds of damage to a file.
fn mutate(file: &mut Vec<u8>, random: &mut Random) {
    const VALUES: [u8; 6] = [0, 1, 2, 0x7F, 0x80, 0xFF];
    for _ in 0..=random.below(3) {
        if file.is_empty() {
            return;
        }
        let at = random.below(file.len());
        let length = random.below(file.len() - at).min(64);
        match random.below(10) {
            0..4 => file[at] ^= 1 << random.below(8),
            4 => file[at] = VALUES[random.below(VALUES.len())],
            5 => file[at] = file[at].wrapping_add(1),
            6 => file.truncate(at),
            7 => file[at..at + length].fill(0xFF),
            8 => {
                let to = random.below(file.len() - length + 1);
                file.copy_within(at..at + length, to);
            }
            _ => {
                let copy = file[at..at + length].to_vec();
                file.splice(at..at, copy);
            }
        }
    }
}

#[test]
fn whatever_parses_also_runs() {
    let samples = samples();
    let mut random = Random::new(8);
    let mut refused = BTreeMap::new();
    let mut run = 0;
    for _ in 0..MUTATIONS {
        let mut file = samples[random.below(samples.len())].clone();
        mutate(&mut file, &mut random);
        if random.below(2) == 0 {
            reseal(&mut file);
        }
        match Model::parse(&file) {
            Err(error) => {
                assert!(error.offset <= file.len() as u64, "{error}");
                *refused.entry(error.kind.to_string()).or_insert(0) += 1;
            }
            Ok(model) => {
                let mut memory = vec![0; model.arena_bytes()];
                let input = vec![1.0; model.input_len()];
                let mut output = vec![0.0; model.output_len()];
                let mut session = Session::new(&model, &mut memory).unwrap();
                session.run(&input, &mut output).unwrap();
                run += 1;
            }
        }
    }
    // The damage reaches deep enough to mean something.
    println!("{run} ran; refused: {refused:#?}");
    assert!(run > MUTATIONS / 40, "only {run} files ran");
    assert!(refused.len() > 40, "only {} kinds of error", refused.len());
}
