//! burn's gradients against differences of the reference.
//!
//! A network of convolutions, batch norms, pools and clamps is affine between two points at which every clamp cuts off the same
//! elements and every maximum is taken by the same one: layer by layer, what goes into a clamp is affine there, so it is on the
//! same side in between. Between such points the difference of the logits is exact up to rounding, however far apart they are,
//! and the loss is differentiated in closed form. No other step is used, so no tolerance has to make up for kinks.

use sinew::attack::CrossEntropy;
use sinew::classifier::{Differentiable, slopes};
use sinew::execute::{DeviceChoice, Executor};
use sinew::trainable::{Normalization, Request, Responses, Trainable, Wanted};
use sinew_models::{Network, Node, Operator, ParameterId, ValueId, Window, reference, zoo};
use sinew_tests::network::{INPUT_SHAPES, numbers, random, zoo_network};

use super::largest;

const LABEL: usize = 3;

/// Error of a difference of logits in units of the largest one: some roundings to f32.
const ROUNDING: f64 = 1.0 / (1 << 21) as f64;

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
        let (input, result) = (node.inputs[0], ValueId::of_node(index));
        match &node.operator {
            Operator::Unary(function) => {
                let (low, high) = function.bounds().expect("the zoo has no other functions");
                let side = |value: &f32| usize::from(*value > low) + usize::from(*value >= high);
                values[result.0].iter().map(side).collect()
            }
            Operator::MaxPool(window) => {
                let shape = network.shape(input).as_map();
                let [channels, rows, columns] = network.shape(result).as_map();
                let outputs = (0..channels * rows * columns)
                    .map(|at| [at / columns / rows, at / columns % rows, at % columns]);
                outputs
                    .map(|output| place_of_maximum(&values[input.0], shape, window, output))
                    .collect()
            }
            _ => Vec::new(),
        }
    };
    network.nodes().iter().enumerate().flat_map(side).collect()
}

/// The index in `input` of the largest element under the window of an output, for windows that are padded at the far ends only.
fn place_of_maximum(
    input: &[f32],
    [_, height, width]: [usize; 3],
    window: &Window,
    [channel, row, column]: [usize; 3],
) -> usize {
    assert_eq!(window.padding[..2], [0, 0], "not needed so far");
    let [top, left] = [row * window.stride[0], column * window.stride[1]];
    let rows = top..height.min(top + window.kernel[0]);
    let columns = left..width.min(left + window.kernel[1]);
    rows.flat_map(|y| {
        columns
            .clone()
            .map(move |x| (channel * height + y) * width + x)
    })
    .max_by(|a, b| input[*a].total_cmp(&input[*b]))
    .expect("every window touches the image")
}

/// The cross-entropy of logits and its gradient.
fn cross_entropy(logits: &[f32]) -> (f64, Vec<f64>) {
    let logits: Vec<f64> = logits.iter().copied().map(f64::from).collect();
    let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
    let mut gradient: Vec<f64> = logits.iter().map(|logit| logit.exp() / sum).collect();
    gradient[LABEL] -= 1.0;
    (sum.ln() - logits[LABEL], gradient)
}

/// A derivative of the loss, and how far rounding may have moved it.
struct Slope {
    value: f64,
    error: f64,
}

/// The slope of the loss at t = 0, where `at(t)` gives all values of the network with something moved by t. Taken over the
/// longest step of a power of two that meets no kink; `None` if they all do.
fn slope(network: &Network, at: impl Fn(f32) -> Vec<Vec<f32>>) -> Option<Slope> {
    let output = network.output().0;
    let logits = &at(0.0)[output];
    let (_, gradient) = cross_entropy(logits);
    let mut steps = (6..18).map(|halvings| 0.5f32.powi(halvings));
    steps.find_map(|step| {
        let (before, after) = (at(-step), at(step));
        if sides(network, &before) != sides(network, &after) {
            return None;
        }
        let moves = after[output].iter().zip(&before[output]);
        let moves = moves.map(|(after, before)| f64::from(*after) - f64::from(*before));
        let rise: f64 = moves
            .zip(&gradient)
            .map(|(moved, slope)| moved * slope)
            .sum();
        let step = f64::from(step);
        Some(Slope {
            value: rise / (2.0 * step),
            error: ROUNDING * f64::from(largest(logits)) / step,
        })
    })
}

/// Fails unless all slopes are the gradients, and at least five are known well.
fn assert_slopes(what: &str, slopes: &[Option<Slope>], gradients: &[f32]) {
    let largest = f64::from(largest(gradients));
    let mut known_well = 0;
    for (slope, gradient) in slopes.iter().zip(gradients) {
        let Some(Slope { value, error }) = slope else {
            continue;
        };
        let error = error + 1e-6 * largest;
        assert!(
            (value - f64::from(*gradient)).abs() <= error,
            "{what}: slope {value} ± {error}, gradient {gradient}"
        );
        known_well += usize::from(error < 0.02 * largest);
    }
    assert!(known_well >= 5, "{what}: {known_well} of {}", slopes.len());
}

#[test]
fn the_gradient_of_an_image_is_the_slope_of_the_loss() {
    let device = DeviceChoice::Cpu.open().unwrap();
    for name in zoo::NAMES {
        let network = zoo_network(name, INPUT_SHAPES[0], 0.0625, 0.0);
        let image = image(INPUT_SHAPES[0]);
        let executor = Executor::new(&network, &device);
        let gradient = executor.gradient(&image, &CrossEntropy(&[LABEL])).unwrap();
        let pixels = (0..image.len()).step_by(61);
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
        assert_slopes(name, &slopes, &gradients);

        let (loss, _) = cross_entropy(&reference::evaluate(&network, &image, 1));
        assert!(
            (f64::from(gradient.losses[0]) - loss).abs() <= 1e-5 * loss,
            "{name}"
        );
    }
}

/// The values at `points`, and the gradients of the image's loss there.
fn response_gradients(
    executor: &Executor<'_>,
    image: &[f32],
    points: &[ValueId],
) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
    let request = Request {
        batches: &[image],
        normalization: Normalization::Running,
        points,
        parameters: Wanted::None,
    };
    let mut values = Vec::new();
    let backward = executor.backward(&request, &mut |responses| {
        values.clone_from(&responses.points[0]);
        let logits = &responses.logits[0];
        let (_, slopes) = slopes(&CrossEntropy(&[LABEL]), logits, logits.len(), 0);
        Responses {
            logits: vec![slopes],
            points: Vec::new(),
        }
    });
    (values, backward.unwrap().points.remove(0))
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
        let (_, gradients) = response_gradients(&executor, &image, &[ValueId::of_node(index)]);
        let gradients = &gradients[0];
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
        assert_slopes(&node.name, &slopes, &sums);
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
    let pixels = executor
        .gradient(&image, &CrossEntropy(&[LABEL]))
        .unwrap()
        .pixels;
    for (index, node) in network.nodes().iter().enumerate() {
        if !matches!(node.operator, Operator::Unary(_)) {
            continue;
        }
        let points = [ValueId::INPUT, node.inputs[0], ValueId::of_node(index)];
        let (values, gradients) = response_gradients(&executor, &image, &points);
        let [at_input, before, after] = gradients.try_into().unwrap();
        assert_eq!(at_input, pixels);
        let passed = after
            .iter()
            .zip(&values[2])
            .map(|(gradient, output)| if *output > 0.0 { *gradient } else { 0.0 });
        assert!(passed.eq(before), "{}", node.name);
    }
}
