//! What the network itself gives away, without an attack.

use super::{Bench, Check, check};
use crate::attack::CrossEntropy;
use crate::classifier::{Classifier, ComputeError, Differentiable};
use crate::evaluate::runner::batches;

/// How often the same images are asked about.
const REPETITIONS: usize = 3;

/// Largest difference between equal questions, relative to the largest logit.
const VARIATION: f32 = 1e-4;

/// The same images give the same logits. Where they do not, one gradient says little, and expectation over the randomness is needed (Athalye,
/// Carlini and Wagner, 2018).
pub(super) fn varying(bench: &Bench<'_>, model: &dyn Classifier) -> Result<Check, ComputeError> {
    let (mut difference, mut largest) = (0.0f32, f32::MIN_POSITIVE);
    for batch in batches(&bench.images) {
        let images = bench.runner.data.batch(batch);
        let first = model.logits(&images)?;
        largest = first.iter().fold(largest, |max, z| max.max(z.abs()));
        for _ in 1..REPETITIONS {
            let again = model.logits(&images)?;
            let pairs = first.iter().zip(&again);
            difference = pairs.fold(difference, |max, (a, b)| max.max((a - b).abs()));
        }
    }
    let relative = difference / largest;
    let passed = relative <= VARIATION;
    let meaning = if passed {
        "the network is deterministic"
    } else {
        "the network is random, and attacks that take it for a function are too weak"
    };
    Ok(check(
        "varying-logits",
        passed,
        format!("logits of equal images differ by {relative:.1e} of the largest: {meaning}"),
    ))
}

/// The outputs are logits, not probabilities, whose gradients vanish where the network is sure.
pub(super) fn softmax(bench: &Bench<'_>, model: &dyn Classifier) -> Result<Check, ComputeError> {
    let mut probabilities = 0;
    for batch in batches(&bench.images) {
        let logits = model.logits(&bench.runner.data.batch(batch))?;
        let rows = logits.chunks(model.classes().max(1));
        probabilities += rows
            .filter(|row| {
                let sum: f32 = row.iter().sum();
                row.iter().all(|p| (0.0..=1.0).contains(p)) && (sum - 1.0).abs() < 1e-3
            })
            .count();
    }
    let passed = probabilities == 0 || probabilities < bench.images.len();
    let detail = if passed {
        "the outputs are logits".to_owned()
    } else {
        "all outputs are probabilities: attack the network in front of its softmax".to_owned()
    };
    Ok(check("softmax-output", passed, detail))
}

/// Cross-entropy has a gradient at every clean image.
pub(super) fn zero_gradients(
    bench: &Bench<'_>,
    model: &dyn Differentiable,
) -> Result<Check, ComputeError> {
    let mut zero = 0;
    for batch in batches(&bench.images) {
        let (images, labels) = (
            bench.runner.data.batch(batch),
            bench.runner.data.batch_labels(batch),
        );
        let gradient = model.gradient(&images, &CrossEntropy(&labels))?;
        let pixels = images.len() / batch.len();
        let maps = gradient.pixels.chunks(pixels);
        zero += maps
            .filter(|map| map.iter().all(|g| *g == 0.0) || map.iter().any(|g| !g.is_finite()))
            .count();
    }
    let passed = zero == 0;
    let meaning = if passed {
        "gradients show the way"
    } else {
        "there gradient attacks on cross-entropy cannot even begin"
    };
    Ok(check(
        "zero-gradients",
        passed,
        format!(
            "no usable gradient at {zero} of {} clean images: {meaning}",
            bench.images.len()
        ),
    ))
}
