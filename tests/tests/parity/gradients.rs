//! burn's gradients against differences of the reference.
//!
//! A network of convolutions, batch norms, pools and clamps is affine between two points at which every clamp cuts off the same
//! elements and every maximum is taken by the same one: layer by layer, what goes into a clamp is affine there, so it is on the
//! same side in between. Between such points the difference of the logits is exact up to rounding, however far apart they are,
//! and the loss is differentiated in closed form. No other step is used, so no tolerance has to make up for kinks.

use sinew::attack::Differentiable;
use sinew::execute::{DeviceChoice, Executor};
use sinew_models::{Network, Node, Operator, ParameterId, ValueId, Window, reference, zoo};
use sinew_tests::network::{INPUT_SHAPES, numbers, random, zoo_network};

use super::largest;

const LABEL: usize = 3;

/// Error of a logit in units of the largest one: some roundings to f32.
const ROUNDING: f64 = 1.0 / (1 << 22) as f64;

/// Pixels that a step of a power of two leaves exact.
fn image(input_shape: [usize; 3]) -> Vec<f32> {
    let pixels = numbers(&mut random(5), input_shape.iter().product(), 0.0..1.0);
    pixels
        .iter()
        .map(|pixel| (256.0 * pixel).round() / 256.0)
        .collect()
}

/// Where the values of a network stand towards its kinks: the side of every clamp, the place of every maximum.
fn sides(network: &Network, values: &[Vec<f32>]) -> Vec<usize> {
    let side = |(index, node): (usize, &Node)| -> Vec<usize> {
        let (input, output) = (
            &values[node.inputs[0].0],
            &values[ValueId::of_node(index).0],
        );
        match &node.operator {
            Operator::Activation(activation) => {
                let (low, high) = activation.bounds();
                output
                    .iter()
                    .map(|value| usize::from(*value > low) + usize::from(*value >= high))
                    .collect()
            }
            Operator::MaxPool(window) => {
                assert_eq!(*window, Window::square(2, 2, 0), "not needed so far");
                let [_, _, width] = network.shape(node.inputs[0]).as_map();
                let [_, rows, columns] = network.shape(ValueId::of_node(index)).as_map();
                (0..output.len())
                    .map(|at| {
                        let (row, column) = (at / columns, at % columns);
                        let channel_start =
                            row / rows * (input.len() / (output.len() / rows / columns));
                        let corner = channel_start + 2 * (row % rows) * width + 2 * column;
                        let window = [corner, corner + 1, corner + width, corner + width + 1];
                        window
                            .into_iter()
                            .max_by(|a, b| input[*a].total_cmp(&input[*b]))
                            .unwrap()
                    })
                    .collect()
            }
            _ => Vec::new(),
        }
    };
    network.nodes().iter().enumerate().flat_map(side).collect()
}

/// A derivative of the loss, and how far rounding may have moved it.
struct Slope {
    value: f64,
    error: f64,
}

/// The slope of the loss at t = 0, where `at(t)` gives all values of the network with something moved by t. Taken over the
/// longest step of a power of two that meets no kink; `None` if they all do.
fn slope(network: &Network, at: impl Fn(f32) -> Vec<Vec<f32>>) -> Option<Slope> {
    let logits = |values: &[Vec<f32>]| -> Vec<f64> {
        values
            .last()
            .unwrap()
            .iter()
            .map(|logit| f64::from(*logit))
            .collect()
    };
    let here = logits(&at(0.0));
    let sum: f64 = here.iter().map(|logit| logit.exp()).sum();
    let largest = here
        .iter()
        .fold(0.0f64, |largest, logit| largest.max(logit.abs()));
    (3..13)
        .map(|halvings| 0.5f32.powi(halvings))
        .find_map(|step| {
            let (before, after) = (at(-step), at(step));
            let length = 2.0 * f64::from(step);
            let differences = logits(&after)
                .into_iter()
                .zip(logits(&before))
                .map(|(after, before)| (after - before) / length);
            let terms = differences
                .zip(&here)
                .enumerate()
                .map(|(class, (difference, logit))| {
                    let target = if class == LABEL { 1.0 } else { 0.0 };
                    (logit.exp() / sum - target) * difference
                });
            let slope = Slope {
                value: terms.sum(),
                error: ROUNDING * largest / f64::from(step),
            };
            (sides(network, &before) == sides(network, &after)).then_some(slope)
        })
}

/// Fails unless `enough` slopes are known to a hundredth of the largest gradient, and all of them are the gradients.
fn assert_slopes(what: &str, slopes: &[Option<Slope>], gradients: &[f32], enough: usize) {
    let largest = f64::from(largest(gradients));
    let pairs = slopes.iter().zip(gradients);
    let known: Vec<(&Slope, f64)> = pairs
        .filter_map(|(slope, gradient)| Some((slope.as_ref()?, f64::from(*gradient))))
        .filter(|(slope, _)| slope.error < 0.01 * largest)
        .collect();
    println!(
        "{what}: {} of {} slopes, worst {:e}, {:e}",
        known.len(),
        slopes.len(),
        known
            .iter()
            .map(|(s, g)| (s.value - g).abs() / s.error)
            .fold(0.0, f64::max),
        known
            .iter()
            .map(|(s, g)| (s.value - g).abs() / largest)
            .fold(0.0, f64::max)
    );
    assert!(
        known.len() >= enough,
        "{what}: only {} of {} slopes are known",
        known.len(),
        slopes.len()
    );
    for (Slope { value, error }, gradient) in known {
        assert!(
            (value - gradient).abs() <= error + 1e-6 * largest,
            "{what}: slope {value} ± {error}, gradient {gradient}"
        );
    }
}

#[test]
fn the_gradient_of_an_image_is_the_slope_of_the_loss() {
    let device = DeviceChoice::Cpu.open().unwrap();
    for name in zoo::NAMES {
        let network = zoo_network(name, INPUT_SHAPES[0], 0.0625, 0.0);
        let image = image(INPUT_SHAPES[0]);
        let executor = Executor::new(&network, &device);
        let gradient = executor.gradient(&image, &[LABEL]).unwrap();
        let pixels = (0..image.len()).step_by(37);
        let (slopes, gradients): (Vec<_>, Vec<_>) = pixels
            .map(|pixel| {
                let moved = |step| {
                    let mut image = image.clone();
                    image[pixel] += step;
                    reference::evaluate_all(&network, &image, 1)
                };
                (slope(&network, moved), gradient.pixels[pixel])
            })
            .unzip();
        assert_slopes(name, &slopes, &gradients, 8);

        let logits = reference::evaluate(&network, &image, 1);
        let sum: f64 = logits.iter().map(|logit| f64::from(*logit).exp()).sum();
        let loss = sum.ln() - f64::from(logits[LABEL]);
        assert!(
            (f64::from(gradient.losses[0]) - loss).abs() <= 1e-5 * loss,
            "{name}"
        );
    }
}

/// Moving a shift or a bias moves every element of its channel, so its slope is the sum of their gradients.
#[test]
fn the_gradients_of_activations_are_slopes_of_the_loss() {
    let network = zoo_network("small_cnn", INPUT_SHAPES[0], 0.25, 0.0);
    let image = image(INPUT_SHAPES[0]);
    let device = DeviceChoice::Cpu.open().unwrap();
    let executor = Executor::new(&network, &device);
    for (index, node) in network.nodes().iter().enumerate() {
        let moved = match node.operator {
            Operator::BatchNorm { shift, .. } => shift,
            Operator::Linear {
                bias: Some(bias), ..
            } => bias,
            _ => continue,
        };
        let channels = network.parameter(moved).values().len();
        let gradients = &executor
            .activation_gradients(&image, &[LABEL], &[ValueId::of_node(index)])
            .unwrap()[0];
        let sums: Vec<f32> = gradients
            .chunks_exact(gradients.len() / channels)
            .map(|channel| channel.iter().sum())
            .collect();
        let slopes: Vec<_> = (0..channels)
            .map(|channel| {
                slope(&network, |step| {
                    reference::evaluate_all(&with_moved(&network, moved, channel, step), &image, 1)
                })
            })
            .collect();
        assert_slopes(&node.name, &slopes, &sums, 5);
    }
}

fn with_moved(network: &Network, id: ParameterId, index: usize, step: f32) -> Network {
    let mut network = network.clone();
    let parameter = &mut network.parameters_mut()[id.0];
    let mut values = parameter.values().to_vec();
    values[index] += step;
    parameter.set_values(values);
    network
}

/// At the input, where both kinds exist; and across a ReLU, which passes a gradient or stops it.
#[test]
fn the_gradients_of_activations_fit_the_image_s_and_each_other() {
    let network = zoo_network("small_cnn", INPUT_SHAPES[0], 0.25, 0.0);
    let image = image(INPUT_SHAPES[0]);
    let device = DeviceChoice::Cpu.open().unwrap();
    let executor = Executor::new(&network, &device);
    let pixels = executor.gradient(&image, &[LABEL]).unwrap().pixels;
    for (index, node) in network.nodes().iter().enumerate() {
        if !matches!(node.operator, Operator::Activation(_)) {
            continue;
        }
        let points = [ValueId::INPUT, node.inputs[0], ValueId::of_node(index)];
        let [at_input, before, after] = executor
            .activation_gradients(&image, &[LABEL], &points)
            .unwrap()
            .try_into()
            .unwrap();
        assert_eq!(at_input, pixels);
        let output = &executor.activations(&image, &points[2..]).unwrap()[0];
        let passed = after
            .iter()
            .zip(output)
            .map(|(gradient, output)| if *output > 0.0 { *gradient } else { 0.0 });
        assert!(passed.eq(before), "{}", node.name);
    }
}
