//! Statistics against the reference, finite differences and another engine; their files, whole and damaged.

use burn::tensor::Device;
use proptest::prelude::*;
use sinew_models::reference;
use sinew_models::{Role, ValueId};

use super::*;
use crate::backprop::Backprop;
use crate::execute::Executor;
use crate::prune::layer::Slots;
use crate::testing::two_layers;

const ALL: [Quantity; 8] = [
    Quantity::Activation,
    Quantity::Gradient,
    Quantity::Signed,
    Quantity::WeightGradient,
    Quantity::PreActivation,
    Quantity::Input,
    Quantity::MeanGradient,
    Quantity::Curvature,
];

const PIXELS: usize = 36;
const LABELS: [usize; 5] = [0, 1, 1, 0, 1];

/// Five images, and what stands in for their adversarial versions.
fn images() -> [Vec<f32>; 2] {
    let pixel = |index: usize| ((index * 37 + index * index * 11) % 101) as f32 / 100.0;
    let clean: Vec<f32> = (0..5 * PIXELS).map(pixel).collect();
    let moved = clean.iter().enumerate();
    let moved = moved.map(|(i, x)| (x + if i % 3 == 0 { 0.2 } else { -0.1 }).clamp(0.0, 1.0));
    let moved = moved.collect();
    [clean, moved]
}

/// With batch norms that change something.
fn network() -> Network {
    let mut network = two_layers();
    for parameter in network.parameters_mut() {
        let count = parameter.values().len();
        let values = |first: f32, step: f32| (0..count).map(|i| first + step * i as f32).collect();
        match parameter.role() {
            Role::Bias | Role::Shift => parameter.set_values(values(-0.2, 0.25)),
            Role::RunningMean => parameter.set_values(values(0.1, 0.1)),
            Role::RunningVariance => parameter.set_values(values(0.5, 0.3)),
            _ => {}
        }
    }
    network
}

fn measured(network: &Network, needs: &[Quantity], batches: &[usize]) -> Statistics {
    let [clean, attacked] = images();
    let engine = Backprop::new(network).unwrap();
    let mut statistics = Statistics::new(network, &Needs::of(needs));
    let mut first = 0;
    for count in batches {
        let of = |images: &[f32]| images[first * PIXELS..][..count * PIXELS].to_vec();
        let labels = &LABELS[first..][..*count];
        statistics
            .add(&engine, &of(&clean), &of(&attacked), labels)
            .unwrap();
        first += count;
    }
    statistics
}

fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1e-6f64, |m, e| m.max(e.abs()));
    for (found, expected) in found.iter().zip(expected) {
        let error = (found - expected).abs();
        assert!(error < 1e-4 * scale, "{what}: {found} is not {expected}");
    }
}

/// Σ over images and the elements of each slot of a function of clean and attacked element.
fn sums(slots: Slots, values: &[Vec<f32>; 2], of: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let mut sums = vec![0.0; slots.count];
    for (element, (a, b)) in values[0].iter().zip(&values[1]).enumerate() {
        sums[element / slots.run % slots.count] += of(f64::from(*a), f64::from(*b));
    }
    sums
}

#[test]
fn responses_and_inputs_are_those_of_the_reference() {
    let network = network();
    let statistics = measured(&network, &ALL, &[5]);
    let values = images().map(|images| reference::evaluate_all(&network, &images, 5));
    let at = |value: ValueId| [0, 1].map(|version: usize| values[version][value.0].clone());
    for (index, layer) in statistics.layers().iter().enumerate() {
        let units = |value, of: fn(f64, f64) -> f64| sums(layer.unit_slots, &at(value), of);
        let inputs = |of: fn(f64, f64) -> f64| sums(layer.input_slots, &at(layer.input), of);
        for (quantity, part, expected) in [
            (
                Quantity::Activation,
                Part::Clean,
                units(layer.response, |a, _| a.abs()),
            ),
            (
                Quantity::Activation,
                Part::Attacked,
                units(layer.response, |_, b| b.abs()),
            ),
            (
                Quantity::Activation,
                Part::Change,
                units(layer.response, |a, b| (b - a).abs()),
            ),
            (
                Quantity::PreActivation,
                Part::Change,
                units(layer.pre_activation, |a, b| (b - a).abs()),
            ),
            (Quantity::Input, Part::Clean, inputs(|a, _| a.abs())),
            (Quantity::Input, Part::Change, inputs(|a, b| (b - a).abs())),
            (Quantity::Input, Part::Squares, inputs(|a, _| a * a)),
        ] {
            let found = statistics.sum(index, quantity, part);
            assert!(expected.iter().any(|sum| *sum > 0.0));
            assert_close(found, &expected, &format!("{quantity:?} {part:?} {index}"));
        }
    }
}

#[test]
fn gradients_of_responses_are_those_of_each_images_loss() {
    let network = network();
    let statistics = measured(&network, &ALL, &[5]);
    let [clean, attacked] = images();
    let burn = Executor::new(&network, &Device::flex());
    let batch = Batch {
        engine: &burn,
        images: [&clean, &attacked],
        labels: &LABELS,
    };
    let points = statistics.layers().iter().map(|l| l.response).collect();
    let seen = batch.see(points).unwrap();
    for (index, layer) in statistics.layers().iter().enumerate() {
        let own = [0, 1].map(|version| seen.gradient(version, layer.response).to_vec());
        let expected = sums(layer.unit_slots, &own, |g, h| (h - g).abs());
        assert!(expected.iter().any(|sum| *sum > 0.0));
        let found = statistics.sum(index, Quantity::Gradient, Part::Change);
        assert_close(found, &expected, &format!("layer {index}"));
    }
}

/// Σ L over the images, in f64 from the reference's logits.
fn loss(network: &Network, images: &[f32], labels: &[usize]) -> f64 {
    let logits = reference::evaluate(network, images, labels.len());
    let of = |(logits, label): (&[f32], &usize)| {
        let sum: f64 = logits.iter().map(|z| f64::from(*z).exp()).sum();
        sum.ln() - f64::from(logits[*label])
    };
    logits.chunks(2).zip(labels).map(of).sum()
}

#[test]
fn mean_gradients_are_slopes_of_the_loss() {
    let network = network();
    let statistics = measured(&network, &[Quantity::MeanGradient], &[2, 3]);
    let [clean, attacked] = images();
    for (index, layer) in statistics.layers().iter().enumerate() {
        for (part, images) in [(Part::Clean, &clean), (Part::Attacked, &attacked)] {
            for weight in [0, layer.weights() / 2, layer.weights() - 1] {
                let moved = |step: f32| {
                    let mut moved = network.clone();
                    let parameter = &mut moved.parameters_mut()[layer.weight.0];
                    let mut values = parameter.values().to_vec();
                    values[weight] += step;
                    parameter.set_values(values);
                    loss(&moved, images, &LABELS)
                };
                let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
                let found = statistics.sum(index, Quantity::MeanGradient, part)[weight];
                let error = (found - slope).abs();
                assert!(
                    error < 2e-2 * slope.abs().max(0.1),
                    "{found} is not {slope}"
                );
            }
        }
    }
}

#[test]
fn gradients_of_weights_are_taken_image_by_image() {
    let network = network();
    let needs = [Quantity::MeanGradient, Quantity::WeightGradient];
    let all = measured(&network, &needs, &[5]);
    let [clean, attacked] = images();
    let engine = Backprop::new(&network).unwrap();
    let mut singles = Vec::new();
    for image in 0..5 {
        let mut single = Statistics::new(&network, &Needs::of(&needs));
        let [clean, attacked] = [&clean, &attacked].map(|i| &i[image * PIXELS..][..PIXELS]);
        single
            .add(&engine, clean, attacked, &LABELS[image..=image])
            .unwrap();
        singles.push(single);
    }
    for index in 0..2 {
        let mean =
            |single: &Statistics, part| single.sum(index, Quantity::MeanGradient, part).to_vec();
        let mut clean = vec![0.0; all.layers()[index].weights()];
        let mut change = clean.clone();
        for single in &singles {
            let [g, h] = [Part::Clean, Part::Attacked].map(|part| mean(single, part));
            for weight in 0..clean.len() {
                clean[weight] += g[weight].abs();
                change[weight] += (h[weight] - g[weight]).abs();
            }
        }
        let sum = |part| all.sum(index, Quantity::WeightGradient, part);
        assert_close(sum(Part::Clean), &clean, "clean");
        assert_close(sum(Part::Change), &change, "change");
        // Images do not cancel: the sum of norms is above the norm of the sum.
        let total: f64 = mean(&all, Part::Clean).iter().map(|g| g.abs()).sum();
        assert!(sum(Part::Clean).iter().sum::<f64>() > 1.1 * total);
    }
}

#[test]
fn correlations_are_outputs_times_inputs_at_adversarial_images() {
    let network = network();
    let statistics = measured(&network, &[Quantity::Curvature], &[5]);
    let values = reference::evaluate_all(&network, &images()[1], 5);
    let [convolution, linear] = statistics.layers() else {
        panic!("two layers");
    };
    let correlations = |layer| statistics.sum(layer, Quantity::Curvature, Part::Correlation);

    let (a, z) = (&values[linear.input.0], &values[linear.output.0]);
    let (inputs, units) = (linear.inputs(), linear.units());
    let mut expected = vec![0.0; linear.weights()];
    for image in 0..5 {
        for (weight, sum) in expected.iter_mut().enumerate() {
            let (unit, input) = (weight / inputs, weight % inputs);
            *sum += f64::from(z[image * units + unit]) * f64::from(a[image * inputs + input]);
        }
    }
    assert_close(correlations(1), &expected, "linear");

    // A 3×3 kernel with padding 1 on maps of 6×6.
    let (a, z) = (&values[convolution.input.0], &values[convolution.output.0]);
    let mut expected = vec![0.0; convolution.weights()];
    for (weight, sum) in expected.iter_mut().enumerate() {
        let (unit, row, column) = (weight / 9, weight / 3 % 3, weight % 3);
        for (image, y, x) in (0..5 * 36).map(|i| (i / 36, i / 6 % 6, i % 6)) {
            let (v, w) = (y + row, x + column);
            if (1..=6).contains(&v) && (1..=6).contains(&w) {
                let z = z[image * 3 * 36 + unit * 36 + y * 6 + x];
                *sum += f64::from(z) * f64::from(a[image * 36 + (v - 1) * 6 + w - 1]);
            }
        }
    }
    assert_close(correlations(0), &expected, "convolution");

    // The squared gradient of the logits, softmax − one-hot, at the one position they have.
    let probability = |image: usize| {
        let logits = &values[linear.output.0][image * 2..][..2];
        1.0 / (1.0 + f64::from(logits[0] - logits[1]).exp())
    };
    let square = |image: usize| (probability(image) - LABELS[image] as f64).powi(2);
    let expected = [(0..5).map(square).sum::<f64>(); 2];
    let squares = statistics.sum(1, Quantity::Curvature, Part::Squares);
    assert_close(squares, &expected, "squares");
}

#[test]
fn it_does_not_matter_how_images_are_cut_into_batches() {
    let network = network();
    let whole = measured(&network, &ALL, &[5]);
    let pieces = measured(&network, &ALL, &[1, 3, 1]);
    assert_eq!((whole.images(), pieces.images()), (5, 5));
    for layer in 0..2 {
        for (quantity, part, _) in parts(whole.needs()) {
            let what = format!("{quantity:?} {part:?}");
            assert_close(
                pieces.sum(layer, quantity, part),
                whole.sum(layer, quantity, part),
                &what,
            );
        }
    }
}

#[test]
fn an_attack_that_does_nothing_changes_nothing() {
    let network = network();
    let engine = Backprop::new(&network).unwrap();
    let [clean, _] = images();
    let mut statistics = Statistics::new(&network, &Needs::of(&ALL));
    statistics.add(&engine, &clean, &clean, &LABELS).unwrap();
    for measure in [
        Measure::Activation,
        Measure::Gradient,
        Measure::Signed,
        Measure::WeightGradient,
    ] {
        for layer in 0..2 {
            let ratios = statistics.mean_ratios(measure, layer);
            for degree in statistics.degrees(measure, layer).iter().chain(&ratios) {
                assert!([None, Some(0.0)].contains(degree), "{degree:?}");
            }
        }
        assert_eq!(statistics.table(measure).layers.len(), 2);
    }
}

#[test]
fn nothing_is_computed_that_nobody_wants() {
    let network = network();
    let nothing = measured(&network, &[], &[5]);
    assert_eq!(nothing, Statistics::new(&network, &Needs::default()));
    let some = measured(&network, &[Quantity::Input], &[5]);
    assert_eq!(some.sums[0].len(), 3);
}

#[test]
fn a_network_that_computes_no_numbers_is_an_error_that_names_the_layer() {
    let mut network = network();
    let weights = &mut network.parameters_mut()[0];
    weights.set_values(vec![f32::NAN; weights.values().len()]);
    let engine = Backprop::new(&network).unwrap();
    let [clean, attacked] = images();
    let mut statistics = Statistics::new(&network, &Needs::of_measure(Measure::Activation));
    let error = statistics
        .add(&engine, &clean, &attacked, &LABELS)
        .unwrap_err();
    assert!(error.to_string().contains("\"conv\""), "{error}");
}

fn provenance() -> Provenance {
    Provenance {
        attack: "pgd5".to_owned(),
        epsilon: 0.1,
        seed: 3,
        network: "abc".to_owned(),
    }
}

#[test]
fn files_hold_every_bit() {
    let network = network();
    let statistics = measured(&network, &ALL, &[5]);
    let bytes = statistics.to_bytes(&provenance());
    assert_eq!(bytes, statistics.to_bytes(&provenance()));
    let found = Statistics::from_bytes(&bytes, &network).unwrap();
    assert_eq!(found, (statistics, provenance()));
}

#[test]
fn files_about_something_else_are_refused() {
    let statistics = measured(&network(), &[Quantity::Activation], &[5]);
    let bytes = statistics.to_bytes(&provenance());
    let error = |bytes: &[u8], network: &Network| {
        Statistics::from_bytes(bytes, network)
            .unwrap_err()
            .to_string()
    };
    let mut builder = sinew_models::builder::NetworkBuilder::new("other", [1, 6, 6], 0);
    let flat = builder.flatten("flatten", ValueId::INPUT);
    builder.linear("linear", flat, 3);
    let other = builder.finish(Vec::new()).unwrap();
    let message = error(&bytes, &other);
    assert!(
        message.contains("linear.activation.clean") && message.contains("[3]"),
        "{message}"
    );
    assert!(error(b"{}", &other).contains("header"));
    let archive = sinew_models::file::Archive::from(network())
        .to_bytes()
        .unwrap();
    assert!(error(&archive, &network()).contains("sinew.statistics"));
    let replaced = |from: &str, to: &str| {
        let text = bytes
            .windows(from.len())
            .position(|w| w == from.as_bytes())
            .unwrap();
        let mut bytes = bytes.clone();
        bytes[text..][..to.len()].copy_from_slice(to.as_bytes());
        error(&bytes, &network())
    };
    assert!(replaced("conv.activation.clean", "cons.activation.clean").contains("it is missing"));
    assert!(replaced("\\\"version\\\":1", "\\\"version\\\":9").contains("version 9"));
    let mut negative = bytes.clone();
    *negative.last_mut().unwrap() |= 0x80;
    assert!(error(&negative, &network()).contains("is -"));
}

proptest! {
    #[test]
    fn damaged_files_are_errors_and_no_panics(position in 0usize..4000, byte: u8, length in 0usize..4000) {
        let network = two_layers();
        let needs = Needs::of(&[Quantity::Activation, Quantity::Input]);
        let whole = Statistics::new(&network, &needs).to_bytes(&provenance());
        let mut damaged = whole.clone();
        let position = position % whole.len();
        damaged[position] ^= byte;
        let read = Statistics::from_bytes(&damaged, &network);
        prop_assert!(read.is_err() || damaged == whole || position > 8);
        prop_assert!(Statistics::from_bytes(&whole[..length.min(whole.len() - 1)], &network).is_err());
    }
}
