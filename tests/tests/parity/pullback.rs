//! Slopes that are pulled back on the runtime's kernels are burn's.

use rayon::ThreadPoolBuilder;
use sinew::attack::CrossEntropy;
use sinew::classifier::{Classifier, Differentiable, Gradient};
use sinew::execute::{DeviceChoice, Executor};
use sinew::pack::{Manifest, pack, unpack};
use sinew::pullback::Program;
use sinew_models::{Function, Network, NetworkBuilder, ValueId, zoo};
use sinew_tests::network::{INPUT_SHAPES, numbers, random, zoo_network};
use sinew_tests::random_network::{every_operator, random_network};

use super::{largest, largest_difference};

/// More than any part of a batch.
const IMAGES: usize = 19;

/// Of the largest number.
const TOLERANCE: f32 = 1e-4;

fn images(network: &Network) -> Vec<f32> {
    let elements = network.shape(ValueId::INPUT).elements();
    numbers(&mut random(8), IMAGES * elements, 0.0..1.0)
}

fn labels(network: &Network) -> Vec<usize> {
    (0..IMAGES).map(|image| image % network.classes()).collect()
}

fn gradient(network: &Network, program: &Program) -> Gradient {
    let loss = CrossEntropy(&labels(network));
    program
        .pullback()
        .gradient(&images(network), &loss)
        .unwrap()
}

/// Fails unless the program computes what burn does, with the slopes of at most `kinks` images set aside. Returns the largest slope.
fn assert_parity(name: &str, network: &Network, program: &Program, kinks: usize) -> f32 {
    let device = DeviceChoice::Cpu.open().unwrap();
    let (images, labels) = (images(network), labels(network));
    let expected = Executor::new(network, &device)
        .gradient(&images, &CrossEntropy(&labels))
        .unwrap();
    let found = gradient(network, program);
    let error = |expected: &[f32], found: &[f32]| {
        largest_difference(expected, found) / largest(expected).max(f32::MIN_POSITIVE)
    };
    for (what, expected, found) in [
        ("logits", &expected.logits, &found.logits),
        ("losses", &expected.losses, &found.losses),
    ] {
        let error = error(expected, found);
        assert!(error <= TOLERANCE, "{what} of {name}: {error:e}");
    }
    let elements = images.len() / IMAGES;
    let pairs = expected
        .pixels
        .chunks(elements)
        .zip(found.pixels.chunks(elements));
    let errors: Vec<f32> = pairs
        .map(|(expected, found)| error(expected, found))
        .collect();
    let wrong = errors
        .iter()
        .filter(|error| error.is_nan() || **error > TOLERANCE);
    assert!(wrong.count() <= kinks, "slopes of {name}: {errors:?}");
    let logits = program.pullback().logits(&images).unwrap();
    assert_eq!(logits, found.logits, "{name}");
    largest(&expected.pixels)
}

/// Images that may lie so close to a kink that rounding decides on which side: `mobilenetv2` is deep, and ReLU6 has two. Folding its batch
/// norms alone moves burn's own slopes as often.
fn kinks(name: &str) -> usize {
    if name == "mobilenetv2" { 2 } else { 0 }
}

/// Narrow where burn would take long, or where more units would bring more kinks.
fn width(name: &str, sparsity: f64) -> f64 {
    match name {
        "small_cnn" => 1.0,
        "mobilenetv2" if sparsity == 0.0 => 0.0625,
        _ => 0.25,
    }
}

fn assert_parity_of_the_zoo(input_shape: [usize; 3], sparsity: f64) {
    for name in zoo::NAMES {
        let network = zoo_network(name, input_shape, width(name, sparsity), sparsity);
        let slope = assert_parity(
            name,
            &network,
            &Program::new(&network).unwrap(),
            kinks(name),
        );
        assert!(slope > 1e-3, "{name} is numb");
        let twin = unpack(&pack(&network, &Manifest::new(&network, None)).unwrap()).unwrap();
        assert_parity(
            &format!("{name}, unpacked"),
            &twin,
            &Program::new(&twin).unwrap(),
            kinks(name),
        );
    }
}

#[test]
fn slopes_of_dense_networks_for_grey_images_are_burn_s() {
    assert_parity_of_the_zoo(INPUT_SHAPES[0], 0.0);
}

#[test]
fn slopes_of_sparse_networks_for_colour_images_are_burn_s() {
    assert_parity_of_the_zoo(INPUT_SHAPES[1], 0.9);
}

#[test]
fn what_is_not_refused_is_right() {
    let random = (0..300).map(|seed| (format!("random network {seed}"), random_network(seed)));
    let (mut taken, mut refused) = (0, 0);
    for (name, network) in every_operator().into_iter().chain(random) {
        match Program::new(&network) {
            Ok(program) => {
                taken += 1;
                assert_parity(&name, &network, &program, 0);
            }
            Err(error) => {
                refused += 1;
                assert!(
                    error.problem.ends_with("has no pullback here"),
                    "{name}: {error}"
                );
            }
        }
    }
    println!("{taken} taken, {refused} refused");
    assert!(taken > 50, "{taken} taken, {refused} refused");
}

#[test]
fn an_operator_without_pullback_is_refused_by_name() {
    let mut builder = NetworkBuilder::new("smooth", [1, 4, 4], 0);
    let x = builder.activation("bend", ValueId::INPUT, Function::Tanh);
    let x = builder.flatten("flatten", x);
    builder.linear("classifier", x, 2);
    let error = Program::new(&builder.finish(Vec::new()).unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "pull slopes back through node \"bend\": tanh has no pullback here"
    );
}

#[test]
fn an_image_s_slopes_depend_neither_on_its_batch_nor_on_the_number_of_threads() {
    for sparsity in [0.0, 0.9] {
        let network = zoo_network("resnet8", INPUT_SHAPES[0], 0.5, sparsity);
        let program = Program::new(&network).unwrap();
        let (images, labels) = (images(&network), labels(&network));
        let pools = [1, 3].map(|threads| {
            ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap()
        });
        let [one, three] = pools.map(|pool| pool.install(|| gradient(&network, &program)));
        assert_eq!(one.pixels, three.pixels);
        assert_eq!(one.logits, three.logits);
        let alone = images
            .chunks(784)
            .zip(labels.chunks(1))
            .flat_map(|(image, label)| {
                let gradient = program.pullback().gradient(image, &CrossEntropy(label));
                gradient.unwrap().pixels
            });
        assert!(alone.eq(one.pixels));
    }
}
