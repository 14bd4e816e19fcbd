//! Every operator alone, and random networks of all of them: reference, burn, the packed file on the runtime and the twin that is read
//! back from it agree, and burn's gradients are those of the reference.

use sinew::attack::CrossEntropy;
use sinew::classifier::{Classifier, Differentiable};
use sinew::execute::{DeviceChoice, Executor};
use sinew::pack::{Manifest, PackError, pack, unpack};
use sinew_models::{Function, Network, Operator, ValueId, reference};
use sinew_runtime::{Isa, Model};
use sinew_tests::network::{numbers, random};
use sinew_tests::random_network::{every_operator, random_network};

use super::{IMAGES, largest, largest_difference, run};

/// Of the largest logit, at least 1. The networks are small, but functions such as powers make rounding errors larger.
const TOLERANCE: f32 = 1e-4;

fn networks() -> impl Iterator<Item = (String, Network)> {
    let random = (0..300).map(|seed| (format!("random network {seed}"), random_network(seed)));
    every_operator().into_iter().chain(random)
}

fn images(network: &Network) -> Vec<f32> {
    let elements = network.shape(ValueId::INPUT).elements();
    numbers(&mut random(6), IMAGES * elements, 0.0..1.0)
}

/// Why a network cannot be packed, where it is right that it cannot.
fn refusal(network: &Network) -> Option<String> {
    match pack(network, &Manifest::new(network, None)) {
        Ok(_) => None,
        Err(PackError::Node { problem, .. }) => Some(problem),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn engines_agree_on_every_operator() {
    let device = DeviceChoice::Cpu.open().unwrap();
    let mut packed = 0;
    let mut refused = Vec::new();
    for (name, network) in networks() {
        let images = images(&network);
        let expected = reference::evaluate(&network, &images, IMAGES);
        let scale = largest(&expected).max(1.0);
        let check = |engine: &str, logits: &[f32]| {
            let difference = largest_difference(&expected, logits) / scale;
            assert!(
                difference <= TOLERANCE,
                "{engine} runs {name} with an error of {difference:e}"
            );
        };
        let executor = Executor::new(&network, &device);
        check("burn", &executor.logits(&images).unwrap());
        if let Some(problem) = refusal(&network) {
            refused.push(format!("{name}: {problem}"));
            continue;
        }
        packed += 1;
        let file = pack(&network, &Manifest::new(&network, None)).unwrap();
        let model = Model::parse(&file).unwrap();
        check("the scalar runtime", &run(&model, &images, Isa::Scalar));
        check("the fastest runtime", &run(&model, &images, Isa::detect()));
        let twin = unpack(&file).unwrap();
        check("the twin", &reference::evaluate(&twin, &images, IMAGES));
    }
    let wrong: Vec<&String> = refused
        .iter()
        .filter(|refusal| !refusal.ends_with("the runtime has no \"where\""))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(
        packed > refused.len(),
        "{packed} packed, {} refused",
        refused.len()
    );
}

/// Cross-entropy of the reference's logits, in f64.
fn loss(network: &Network, image: &[f32], label: usize) -> f64 {
    let logits: Vec<f64> = reference::evaluate(network, image, 1)
        .into_iter()
        .map(f64::from)
        .collect();
    let largest = logits.iter().copied().fold(f64::MIN, f64::max);
    let sum: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    sum.ln() + largest - logits[label]
}

fn is_smooth(network: &Network) -> bool {
    network.nodes().iter().all(|node| {
        node.operator.has_gradient() && node.operator != Operator::Unary(Function::Round)
    })
}

/// Central differences with two steps, and one to each side: where they disagree a kink lies between, and nothing can be said.
#[test]
fn burn_differentiates_every_operator() {
    const STEP: f32 = 1.0 / 512.0;
    let device = DeviceChoice::Cpu.open().unwrap();
    let (mut compared, mut skipped) = (0, 0);
    for (name, network) in networks().filter(|(_, network)| is_smooth(network)) {
        let elements = network.shape(ValueId::INPUT).elements();
        let image = &images(&network)[..elements];
        let executor = Executor::new(&network, &device);
        let gradient = executor
            .gradient(image, &CrossEntropy(&[0]))
            .unwrap()
            .pixels;
        assert!(gradient.iter().all(|g| g.is_finite()), "{name}");
        let slope = |pixel: usize, [from, to]: [f32; 2]| {
            let at = |shift: f32| {
                let mut moved = image.to_vec();
                moved[pixel] += shift;
                (loss(&network, &moved, 0), f64::from(moved[pixel]))
            };
            let ((above, high), (below, low)) = (at(to), at(from));
            (above - below) / (high - low)
        };
        let scale = f64::from(largest(&gradient)).max(1e-2);
        for (pixel, found) in gradient.iter().enumerate().take(40) {
            let [coarse, fine] = [STEP, STEP / 2.0].map(|step| slope(pixel, [-step, step]));
            let [left, right] = [[-STEP, 0.0], [0.0, STEP]].map(|ends| slope(pixel, ends));
            if (coarse - fine).abs() > 2e-3 * scale || (left - right).abs() > 1.5e-2 * scale {
                skipped += 1;
                continue;
            }
            compared += 1;
            let error = (fine - f64::from(*found)).abs() / scale;
            let at = image[pixel];
            assert!(
                error < 1e-2,
                "{name}, pixel {pixel} at {at}: {found} is not {fine}, {left} and {right}"
            );
        }
    }
    assert!(
        compared > 10 * skipped,
        "{compared} compared, {skipped} skipped"
    );
}
