//! ONNX files against what others say of them: ONNX Runtime, and the ONNX project's own cases; and what goes out comes back.

mod backend;
mod engine;
mod export;
mod export_files;
mod round_trip;
mod wheel_models;

/// The largest difference, as a fraction of the largest value of `one`; infinite where something is not a number.
fn difference(one: &[f32], two: &[f32]) -> f32 {
    assert_eq!(one.len(), two.len());
    let differences = one.iter().zip(two).map(|(one, two)| (one - two).abs());
    let largest_difference = differences.fold(0.0, |largest, difference| {
        let difference = if difference.is_nan() {
            f32::INFINITY
        } else {
            difference
        };
        difference.max(largest)
    });
    let largest = one
        .iter()
        .fold(f32::MIN_POSITIVE, |largest, value| value.abs().max(largest));
    largest_difference / largest
}

/// Fails unless `actual` is `expected` up to `tolerance` of the largest value.
fn assert_agree(what: &str, expected: &[f32], actual: &[f32], tolerance: f32) {
    let error = difference(expected, actual);
    assert!(
        error <= tolerance,
        "{what} is off by {error:e} of the largest value"
    );
}

/// Fails unless the logits of the first half of the images are others than those of the second: a network that does not see its input
/// would agree with anything.
fn assert_sees(what: &str, logits: &[f32]) {
    let (first, second) = logits.split_at(logits.len() / 2);
    let spread = difference(first, second);
    assert!(spread > 0.01, "{what} does not see its images: {spread:e}");
}
