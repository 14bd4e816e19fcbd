//! Every way to compute a network computes the same: forwards, backwards, and while it is trained under a mask.

mod engines;
mod gradients;
mod pruned;

/// The largest absolute value.
fn largest(values: &[f32]) -> f32 {
    values
        .iter()
        .fold(0.0, |largest, value| largest.max(value.abs()))
}
