//! Every way to compute a network computes the same: forwards, backwards, and while it is trained under a mask.

mod engines;
mod gradients;
mod operators;
mod pruned;
mod pullback;

use sinew_runtime::{Isa, Model, Session};

const IMAGES: usize = 2;

/// The largest absolute value.
fn largest(values: &[f32]) -> f32 {
    values
        .iter()
        .fold(0.0, |largest, value| largest.max(value.abs()))
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

/// Logits of a packed model.
fn run(model: &Model<'_>, images: &[f32], isa: Isa) -> Vec<f32> {
    let mut memory = vec![0; model.arena_bytes()];
    let mut session = Session::with_isa(model, &mut memory, isa).unwrap();
    let mut logits = vec![f32::NAN; IMAGES * model.output_len()];
    let outputs = logits.chunks_exact_mut(model.output_len());
    for (image, output) in images.chunks_exact(model.input_len()).zip(outputs) {
        session.run(image, output).unwrap();
    }
    logits
}
