//! Networks that were masked on purpose set off the right checks, and an honest one none.

use std::sync::atomic::{AtomicU64, Ordering};

use rand::RngExt;

use super::*;
use crate::attack::testing::{Linear, random_images};
use crate::attack::{Loss, Suite};
use crate::classifier::{Classifier, ComputeError, Gradient, slopes};
use crate::data::Dataset;
use crate::evaluate::{Protocol, Silent, Volatile, evaluate};
use crate::seed::stream;

/// A linear network, as it is or made to look robust.
struct Masked {
    network: Linear,
    mask: Mask,
    calls: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mask {
    /// Nothing.
    None,
    /// Every logit behind a sigmoid so steep that it is flat in `f32`.
    Saturated,
    /// Pixels rounded to five levels, which have no gradient.
    Quantised,
    /// Noise on the logits, new at every call.
    Random,
    /// Logits so large that cross-entropy drowns in them.
    Scaled,
    /// Probabilities instead of logits.
    Softmax,
}

impl Masked {
    fn new(mask: Mask) -> Self {
        Self {
            network: Linear::random(4, PIXELS, 3),
            mask,
            calls: AtomicU64::new(0),
        }
    }

    fn seen(&self, images: &[f32]) -> Vec<f32> {
        let level = |x: &f32| match self.mask {
            Mask::Quantised => (x * 4.0).round() / 4.0,
            _ => *x,
        };
        images.iter().map(level).collect()
    }

    /// One image's outputs and their derivatives by its logits, of which only the diagonal is used.
    fn outputs(&self, logits: &[f32]) -> Vec<f32> {
        match self.mask {
            Mask::None | Mask::Quantised => logits.to_vec(),
            Mask::Saturated => logits
                .iter()
                .map(|z| 1.0 / (1.0 + (-1e3 * z).exp()))
                .collect(),
            Mask::Scaled => logits.iter().map(|z| 1e4 * z).collect(),
            Mask::Softmax => {
                let sum: f32 = logits.iter().map(|z| z.exp()).sum();
                logits.iter().map(|z| z.exp() / sum).collect()
            }
            Mask::Random => {
                let call = self.calls.fetch_add(1, Ordering::Relaxed);
                let mut random = stream(call, "noisy logits", &[]);
                let noise = |z: &f32| z + random.random_range(-0.3..0.3f32);
                logits.iter().map(noise).collect()
            }
        }
    }

    /// ∂output/∂logit on the diagonal; what is beside it does not matter here.
    fn slope(&self, output: f32) -> f32 {
        match self.mask {
            Mask::None | Mask::Random => 1.0,
            Mask::Quantised => 0.0,
            Mask::Saturated => 1e3 * output * (1.0 - output),
            Mask::Scaled => 1e4,
            Mask::Softmax => output * (1.0 - output),
        }
    }
}

impl Classifier for Masked {
    fn input_shape(&self) -> [usize; 3] {
        self.network.input_shape()
    }

    fn classes(&self) -> usize {
        self.network.classes()
    }

    fn logits(&self, images: &[f32]) -> Result<Vec<f32>, ComputeError> {
        let logits = self.network.logits(&self.seen(images))?;
        let rows = logits.chunks(self.classes());
        Ok(rows.flat_map(|row| self.outputs(row)).collect())
    }
}

impl Differentiable for Masked {
    fn gradient(&self, images: &[f32], loss: &dyn Loss) -> Result<Gradient, ComputeError> {
        let outputs = self.logits(images)?;
        let (losses, slopes) = slopes(loss, &outputs, self.classes(), 0);
        let inner = slopes.iter().zip(&outputs);
        let inner: Vec<f32> = inner.map(|(slope, z)| slope * self.slope(*z)).collect();
        let pixel = |slopes: &[f32], pixel: usize| -> f32 {
            let terms = slopes.iter().zip(&self.network.weights);
            terms.map(|(slope, row)| slope * row[pixel]).sum()
        };
        let rows = inner.chunks(self.classes());
        let pixels = rows
            .flat_map(|slopes| (0..PIXELS).map(move |p| pixel(slopes, p)))
            .collect();
        Ok(Gradient {
            logits: outputs,
            losses,
            pixels,
        })
    }
}

const PIXELS: usize = 36;
const COUNT: usize = 60;

/// Random images with the labels that the network without a mask gives them.
fn data() -> Dataset {
    let bytes: Vec<u8> = random_images(COUNT, PIXELS, 8)
        .iter()
        .map(|x| (x * 255.0).round() as u8)
        .collect();
    let images: Vec<f32> = bytes.iter().map(|byte| f32::from(*byte) / 255.0).collect();
    let labels = Masked::new(Mask::None).network.labels(&images);
    let labels = labels.into_iter().map(|label| label as u16).collect();
    let classes = (0..4).map(|class| class.to_string()).collect();
    Dataset::new("random", classes, [1, 6, 6], bytes, labels).unwrap()
}

/// The names of the checks that warn about a network behind `mask`, after a suite of attacks.
fn warnings(mask: Mask, surrogate: bool) -> Vec<String> {
    let (data, model) = (data(), Masked::new(mask));
    let honest = Masked::new(Mask::None);
    let surrogate = surrogate.then_some(&honest as &dyn Differentiable);
    let threat = ThreatModel::linf(0.1);
    let at = Circumstances {
        threat,
        classes: 4,
        surrogate,
    };
    let attacks = Suite::Quick.attacks(threat, 4, surrogate.is_some());
    let protocol = Protocol {
        threat,
        attacks: attacks.iter().map(|a| a.attack(&at).unwrap()).collect(),
        alone: false,
        seed: 5,
    };
    let indices: Vec<usize> = (0..COUNT).collect();
    let samples = Samples {
        data: &data,
        indices: &indices,
    };
    let victim = Victim::Gradients(&model);
    let found = evaluate(victim, samples, &protocol, &mut Volatile, &Silent).unwrap();
    let evaluation = &found.evaluation;
    let journal = &mut Volatile;
    let checks = check_evaluation(victim, samples, evaluation, surrogate, journal, &Silent);
    let checks = checks.unwrap();
    let expected = 11 + usize::from(surrogate.is_some());
    assert_eq!(checks.checks.len(), expected, "{checks:#?}");
    checks
        .checks
        .into_iter()
        .filter(|check| check.status == Status::Warning)
        .map(|check| check.name)
        .collect()
}

fn assert_warns(mask: Mask, expected: &[&str]) {
    // With a surrogate, examples that transfer leave little to Square.
    let found = [warnings(mask, true), warnings(mask, false)].concat();
    for name in expected {
        assert!(found.iter().any(|f| f == name), "{mask:?}: {found:?}");
    }
}

#[test]
fn an_honest_network_passes_all_checks() {
    assert_eq!(warnings(Mask::None, false), [""; 0]);
    assert_eq!(warnings(Mask::None, true), [""; 0]);
}

#[test]
fn a_saturated_sigmoid_is_found_out() {
    assert_warns(
        Mask::Saturated,
        &[
            "zero-gradients",
            "black-box-not-stronger",
            "transfer-not-stronger",
            "square-drop",
        ],
    );
}

#[test]
fn a_quantised_input_is_found_out() {
    assert_warns(
        Mask::Quantised,
        &[
            "zero-gradients",
            "reaches-zero",
            "black-box-not-stronger",
            "transfer-not-stronger",
            "square-drop",
        ],
    );
}

#[test]
fn a_random_layer_is_found_out() {
    assert_warns(Mask::Random, &["varying-logits", "clean-at-epsilon-zero"]);
}

#[test]
fn oversized_logits_are_found_out() {
    assert_warns(Mask::Scaled, &["zero-gradients", "reaches-zero"]);
}

#[test]
fn probabilities_in_place_of_logits_are_found_out() {
    assert_warns(Mask::Softmax, &["softmax-output"]);
}
