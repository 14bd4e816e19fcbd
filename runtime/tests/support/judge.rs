//! Runs a network on every instruction set and compares each layer with the oracle, on the inputs that the runtime gave it: so
//! tolerances stay those of a single layer.

use sinew_runtime::format::Shape;
use sinew_runtime::{Isa, Model, Session};

use super::oracle::{self, Expected};
use super::{Network, Parts};

/// Every instruction set that this CPU has.
fn instruction_sets() -> Vec<Isa> {
    let fastest = Isa::detect();
    if fastest == Isa::Scalar {
        eprintln!("SKIPPED: this CPU has none of the instruction sets with kernels of their own");
        return vec![Isa::Scalar];
    }
    vec![Isa::Scalar, fastest]
}

/// Compares every layer with the oracle on random input.
pub fn check(network: &mut Network) {
    check_parts(network, &network.parts());
}

/// The same for a file that a test has changed.
pub fn check_parts(network: &mut Network, parts: &Parts) {
    let input_len = network.shapes[0].elements();
    let input: Vec<f32> = (0..input_len)
        .map(|_| network.random.signed_unit())
        .collect();
    // Neither the file nor the memory starts at a multiple of anything.
    let mut file = vec![0];
    file.extend(parts.file());
    let model = Model::parse(&file[1..]).unwrap();
    for isa in instruction_sets() {
        let mut memory = vec![0xFF; model.arena_bytes() + 1];
        let mut session = Session::with_isa(&model, &mut memory[1..], isa).unwrap();
        let mut tensors = vec![input.clone()];
        let mut output = vec![f32::NAN; model.output_len()];
        session
            .run_observed(&input, &mut output, &mut |index, values| {
                assert_eq!(index + 1, tensors.len());
                tensors.push(values.to_vec());
            })
            .unwrap();
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect();
        let (given, last): (Vec<u32>, Vec<u32>) =
            (bits(&output), bits(&tensors[parts.steps.len()]));
        assert_eq!(given, last);
        for (index, layer) in network.layers.iter().enumerate() {
            let shapes: Vec<Shape> = layer.inputs.iter().map(|&t| network.shapes[t]).collect();
            let inputs: Vec<&[f32]> = layer.inputs.iter().map(|&t| &tensors[t][..]).collect();
            let expected = oracle::layer(layer, &shapes, &inputs, network.shapes[index + 1]);
            let computed = &tensors[index + 1];
            assert_eq!(computed.len(), expected.len());
            for (at, (&value, expected)) in computed.iter().zip(expected).enumerate() {
                let operator = layer.operator;
                assert!(
                    is_close(value, expected),
                    "{isa:?}, step {index}, {operator:?}, value {at}: {value} for {expected:?}"
                );
            }
        }
    }
}

/// Whether a value is as close as it should be. What overflows `f32`, and what is not a number, must do so exactly.
fn is_close(value: f32, (expected, tolerance): Expected) -> bool {
    let nearest = expected as f32;
    if nearest.is_finite() {
        (f64::from(value) - expected).abs() <= tolerance
    } else {
        value == nearest || value.is_nan() && nearest.is_nan()
    }
}
