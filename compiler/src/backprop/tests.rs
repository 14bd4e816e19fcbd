//! Backpropagation against burn's, against differences of the reference, and against itself.

use proptest::prelude::*;
use rand::RngExt;
use rayon::ThreadPoolBuilder;
use sinew_models::{
    BinaryFunction, Function, Network, NetworkBuilder, Node, Operator, Role, ValueId, Window,
    ZooOptions, reference, zoo,
};

use super::*;
use crate::attack::CrossEntropy;
use crate::execute::{DeviceChoice, Executor};
use crate::prune::prune_by_magnitude;
use crate::seed::stream;
use crate::trainable::Responses;

/// Of the largest number of an array.
const TOLERANCE: f32 = 2e-4;

fn numbers(purpose: &str, count: usize, low: f32, high: f32) -> Vec<f32> {
    let mut random = stream(7, purpose, &[]);
    (0..count).map(|_| random.random_range(low..high)).collect()
}

/// No batch norm and no bias at its initial values.
fn shaken(mut network: Network) -> Network {
    for (number, parameter) in network.parameters_mut().iter_mut().enumerate() {
        let count = parameter.values().len();
        let purpose = format!("parameter {number}");
        match parameter.role() {
            Role::Weight | Role::Constant => {}
            Role::Bias | Role::Shift | Role::RunningMean => {
                parameter.set_values(numbers(&purpose, count, -0.5, 0.5));
            }
            Role::Scale | Role::RunningVariance => {
                parameter.set_values(numbers(&purpose, count, 0.5, 1.5));
            }
        }
    }
    network
}

fn zoo_network(name: &str, input_shape: [usize; 3], width: f64) -> Network {
    let options = ZooOptions {
        input_shape,
        labels: (0..10).map(|class| class.to_string()).collect(),
        width,
        mean: vec![0.3; input_shape[0]],
        deviation: vec![0.35; input_shape[0]],
        seed: 1,
    };
    shaken(zoo::build(name, &options).unwrap())
}

fn with_node(network: &Network, name: &str, operator: Operator, inputs: &[ValueId]) -> Network {
    let node = Node {
        name: name.to_owned(),
        operator,
        inputs: inputs.to_vec(),
    };
    let nodes = network.nodes().iter().cloned().chain([node]).collect();
    let parameters = network.parameters().to_vec();
    let shape = network.input_shape();
    Network::new("longer".to_owned(), shape, Vec::new(), nodes, parameters).unwrap()
}

/// With other activations in the place of clamps.
fn without_kinks(network: &Network) -> Network {
    let nodes = network.nodes().iter().cloned().map(|mut node| {
        if matches!(node.operator, Operator::Unary(_)) {
            node.operator = Operator::Unary(Function::Softplus);
        }
        node
    });
    let (shape, parameters) = (network.input_shape(), network.parameters().to_vec());
    Network::new(
        "smooth".to_owned(),
        shape,
        Vec::new(),
        nodes.collect(),
        parameters,
    )
    .unwrap()
}

/// The results of all functions of one element.
fn activations(network: &Network) -> Vec<ValueId> {
    let nodes = network.nodes().iter().enumerate();
    let nodes = nodes.filter(|(_, node)| matches!(node.operator, Operator::Unary(_)));
    nodes.map(|(index, _)| ValueId::of_node(index)).collect()
}

fn images(network: &Network, count: usize, purpose: &str) -> Vec<f32> {
    numbers(
        purpose,
        count * network.shape(ValueId::INPUT).elements(),
        0.0,
        1.0,
    )
}

/// The slopes of a linear loss at everything that it sees.
fn linear_loss(responses: &Responses) -> Responses {
    let slopes = |values: &[f32], purpose: String| numbers(&purpose, values.len(), -1.0, 1.0);
    let logits = responses.logits.iter().enumerate();
    let points = responses.points.iter().enumerate();
    Responses {
        logits: logits
            .map(|(batch, values)| slopes(values, format!("logits {batch}")))
            .collect(),
        points: points
            .map(|(batch, points)| {
                let points = points.iter().enumerate();
                points
                    .map(|(point, values)| slopes(values, format!("point {point} of {batch}")))
                    .collect()
            })
            .collect(),
    }
}

fn largest(numbers: &[f32]) -> f32 {
    numbers.iter().fold(0.0, |largest, x| largest.max(x.abs()))
}

/// Roundings, one upon the other, of sums whose terms cancel.
const ROUNDINGS: f32 = 64.0;

fn assert_close(what: &str, expected: &[f32], found: &[f32]) {
    assert_close_for(what, expected, found, 1.0);
}

/// Fails unless no number is farther off than rounding explains, where those it was computed from are of size `scale`.
fn assert_close_for(what: &str, expected: &[f32], found: &[f32], scale: f32) {
    assert_eq!(expected.len(), found.len(), "{what}");
    let largest = largest(expected);
    let tolerance = (TOLERANCE * largest).max(ROUNDINGS * f32::EPSILON * scale);
    for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
        assert!(
            (expected - found).abs() <= tolerance,
            "{what}, element {index}: {expected} expected, {found} found, the largest is {largest}"
        );
    }
}

/// Fails unless all that training can ask for is what burn says.
fn assert_parity(network: &Network, sizes: &[usize], points: &[ValueId]) {
    let batches: Vec<Vec<f32>> = sizes
        .iter()
        .enumerate()
        .map(|(number, size)| images(network, *size, &format!("batch {number}")))
        .collect();
    let batches: Vec<&[f32]> = batches.iter().map(Vec::as_slice).collect();
    let device = DeviceChoice::Cpu.open().unwrap();
    let burn = Executor::new(network, &device);
    let engine = Backprop::new(network).unwrap();
    for normalization in [Normalization::Running, Normalization::Batch] {
        let request = Request {
            batches: &batches,
            normalization,
            points,
            parameters: Wanted::All,
        };
        let (mut burn_saw, mut saw) = (Responses::default(), Responses::default());
        let expected = burn.backward(&request, &mut |responses| {
            burn_saw = responses.clone();
            linear_loss(responses)
        });
        let expected = expected.unwrap();
        let found = engine.backward(&request, &mut |responses| {
            saw = responses.clone();
            linear_loss(responses)
        });
        let found = found.unwrap();
        let all = |numbers: &[Vec<f32>]| numbers.concat();
        assert_close("logits", &all(&burn_saw.logits), &all(&saw.logits));
        for (batch, (expected, found)) in burn_saw.points.iter().zip(&saw.points).enumerate() {
            for (point, (expected, found)) in expected.iter().zip(found).enumerate() {
                assert_close(&format!("point {point} of batch {batch}"), expected, found);
            }
        }
        let scale = largest(&expected.parameters.concat());
        let gradients = expected.parameters.iter().zip(&found.parameters);
        assert_eq!(expected.parameters.len(), found.parameters.len());
        for (parameter, (expected, found)) in network.parameters().iter().zip(gradients) {
            let what = format!("{} {normalization:?}", parameter.name());
            // A slope that is zero, as that of a shift before another batch norm, is a sum of others that cancel.
            assert_close_for(&what, expected, found, scale);
        }
        assert_eq!(expected.points.len(), found.points.len());
        for (batch, (expected, found)) in expected.points.iter().zip(&found.points).enumerate() {
            assert_eq!(expected.len(), found.len());
            for (point, (expected, found)) in expected.iter().zip(found).enumerate() {
                let what = format!("slopes at point {point} of batch {batch}, {normalization:?}");
                assert_close(&what, expected, found);
            }
        }
        assert_eq!(expected.statistics.len(), found.statistics.len());
        for (expected, found) in expected.statistics.iter().zip(&found.statistics) {
            assert_eq!(expected.len(), found.len());
            for ((id, expected), (own, found)) in expected.iter().zip(found) {
                assert_eq!(id, own);
                assert_close(network.parameter(*id).name(), expected, found);
            }
        }
    }
    let labels: Vec<usize> = (0..sizes[0])
        .map(|image| image % network.classes())
        .collect();
    let loss = CrossEntropy(&labels);
    let expected = burn.gradient(batches[0], &loss).unwrap();
    let found = engine.gradient(batches[0], &loss).unwrap();
    assert_close("logits", &expected.logits, &found.logits);
    assert_close("losses", &expected.losses, &found.losses);
    assert_close("pixels", &expected.pixels, &found.pixels);
    assert_eq!(engine.logits(batches[0]).unwrap(), found.logits);
    let reference = reference::evaluate(network, batches[0], sizes[0]);
    assert_close("logits of the reference", &reference, &found.logits);
}

#[test]
fn everything_is_what_burn_says_for_the_zoo() {
    for (name, width) in [
        ("small_cnn", 0.25),
        ("resnet8", 0.25),
        ("resnet18", 0.0625),
        ("vgg16", 0.0625),
        ("mobilenetv2", 0.125),
    ] {
        let network = zoo_network(name, [3, 13, 11], width);
        // Deep as it is, and with two kinks to each activation, rounding would decide on which side of them some elements lie.
        let network = match name {
            "mobilenetv2" => without_kinks(&network),
            _ => network,
        };
        assert_parity(&network, &[19, 5], &activations(&network));
    }
}

/// Else than in other tests, most weights are zero.
#[test]
fn pruned_networks_are_burn_s_too_and_slopes_of_what_was_pruned_may_be_left_out() {
    for (name, sparsity) in [("small_cnn", 0.8), ("resnet8", 0.97), ("vgg16", 0.9)] {
        let mut network = zoo_network(name, [3, 13, 11], 0.25);
        prune_by_magnitude(&mut network, sparsity).unwrap();
        assert_parity(&network, &[19, 5], &activations(&network));
        let engine = Backprop::new(&network).unwrap();
        assert!(engine.sparse.iter().any(|groups| !groups.is_empty()));
        let images = images(&network, 19, "images");
        let [all, kept] = [Wanted::All, Wanted::Kept].map(|parameters| {
            let request = Request {
                batches: &[&images],
                normalization: Normalization::Batch,
                points: &[],
                parameters,
            };
            engine.backward(&request, &mut linear_loss).unwrap()
        });
        assert_eq!(all.statistics, kept.statistics);
        let scale = largest(&all.parameters.concat());
        let gradients = all.parameters.into_iter().zip(&kept.parameters);
        let mut left_out = 0;
        for (parameter, (mut all, kept)) in network.parameters().iter().zip(gradients) {
            for ((all, kept), value) in all.iter_mut().zip(kept).zip(parameter.values()) {
                if *value == 0.0 && *kept == 0.0 {
                    left_out += usize::from(*all != 0.0);
                    *all = 0.0;
                }
            }
            assert_close_for(parameter.name(), &all, kept, scale);
        }
        assert!(left_out > 0);
    }
}

#[test]
fn points_may_be_images_sums_and_what_lies_before_a_clamp() {
    let network = zoo_network("resnet8", [1, 9, 9], 0.25);
    let all: Vec<ValueId> = (0..=network.nodes().len()).map(ValueId).collect();
    assert_parity(&network, &[9], &all);
}

/// All operators, none with a kink: a depthwise and a grouped convolution, strides, padding that is not the same all around, two
/// branches that are added, subtracted and multiplied, pools, and every function that is smooth.
fn smooth() -> Network {
    let mut builder = NetworkBuilder::new("smooth", [2, 7, 6], 3);
    let x = builder.normalize("normalize", ValueId::INPUT, &[0.4, 0.6], &[0.3, 0.5]);
    let window = Window {
        padding: [2, 0, 1, 1],
        dilation: [2, 1],
        ..Window::square(3, 1, 0)
    };
    let x = builder.convolution_batch_norm("grouped", x, 4, window, 2);
    let x = builder.activation("softplus", x, Function::Softplus);
    let x = builder.convolution("depthwise", x, 8, Window::square(2, 1, 0), 4);
    let left = builder.activation("tanh", x, Function::Tanh);
    let right = builder.convolution("pointwise", left, 8, Window::square(1, 1, 0), 1);
    let right = builder.activation("curve", right, Function::Sigmoid);
    let right = builder.batch_norm("norm", right);
    let x = builder.add("add", left, right);
    let x = builder.average_pool("average", x, Window::square(3, 2, 1));
    let x = builder.convolution("strided", x, 6, Window::square(2, 2, 1), 1);
    let scale = Function::Affine {
        scale: 0.5,
        shift: 0.25,
    };
    let scaled = builder.activation("affine", x, scale);
    let network = builder.finish(Vec::new()).unwrap();
    let gate = Operator::Unary(Function::Sigmoid);
    let network = with_node(&network, "sigmoid", gate, &[x]);
    let multiply = Operator::Binary(BinaryFunction::Multiply);
    let network = with_node(&network, "multiply", multiply, &[x, network.output()]);
    let subtract = Operator::Binary(BinaryFunction::Subtract);
    let network = with_node(&network, "subtract", subtract, &[network.output(), scaled]);
    let shape = vec![network.shape(network.output()).elements()];
    shaken(with_node(
        &network,
        "flatten",
        Operator::Reshape { shape },
        &[network.output()],
    ))
}

#[test]
fn a_network_of_all_smooth_operators_is_burn_s() {
    let network = smooth();
    assert_parity(&network, &[9, 4], &[ValueId(3), ValueId(6)]);
}

/// The linear loss of a request, summed in 64 bits.
fn loss(engine: &Backprop<'_>, request: &Request<'_>) -> f64 {
    let mut loss = 0.0;
    let mut sum = |responses: &Responses| {
        let slopes = linear_loss(responses);
        let all = |of: &Responses| [of.logits.concat(), of.points.concat().concat()].concat();
        let pairs = all(responses).into_iter().zip(all(&slopes));
        loss = pairs
            .map(|(y, slope)| f64::from(y) * f64::from(slope))
            .sum();
        slopes
    };
    engine.backward(request, &mut sum).unwrap();
    loss
}

#[test]
fn slopes_of_parameters_are_differences_of_the_loss() {
    const STEP: f32 = 1.0 / 32.0;
    let network = smooth();
    let batches = [images(&network, 5, "one"), images(&network, 3, "two")];
    let batches = batches.each_ref().map(Vec::as_slice);
    for normalization in [Normalization::Running, Normalization::Batch] {
        let request = Request {
            batches: &batches,
            normalization,
            points: &[ValueId(3)],
            parameters: Wanted::All,
        };
        let mut engine = Backprop::new(&network).unwrap();
        let found = engine.backward(&request, &mut linear_loss).unwrap();
        let mut values: Vec<Vec<f32>> = engine.parameters.clone();
        for (number, parameter) in network.parameters().iter().enumerate() {
            if !parameter.role().is_trainable() {
                assert!(found.parameters[number].is_empty());
                continue;
            }
            let mut differences = Vec::new();
            for index in 0..values[number].len() {
                let own = values[number][index];
                // Four points, so that the error is of fourth order in the step.
                let mut at = |steps: f32| {
                    values[number][index] = own + steps * STEP;
                    engine.set_parameters(&values).unwrap();
                    loss(&engine, &request)
                };
                let [near, far] = [1.0, 2.0].map(|steps| at(steps) - at(-steps));
                differences.push(((8.0 * near - far) / (12.0 * f64::from(STEP))) as f32);
                values[number][index] = own;
            }
            assert_close(parameter.name(), &differences, &found.parameters[number]);
        }
    }
}

#[test]
fn every_function_is_burn_s() {
    let mut builder = NetworkBuilder::new("functions", [3, 5, 5], 3);
    let mut x = ValueId::INPUT;
    let functions = [
        Function::RELU,
        Function::Clip {
            low: Some(-0.5),
            high: Some(0.75),
        },
        Function::Clip {
            low: None,
            high: Some(0.25),
        },
        Function::LeakyRelu { slope: 0.125 },
        Function::Elu { alpha: 0.5 },
        Function::Sigmoid,
        Function::Tanh,
        Function::Softplus,
        Function::Affine {
            scale: -2.0,
            shift: 0.5,
        },
    ];
    for (number, function) in functions.into_iter().enumerate() {
        x = builder.convolution(&format!("conv{number}"), x, 3, Window::square(1, 1, 0), 1);
        x = builder.activation(&format!("one{number}"), x, function);
        // Behind another function it is a step of its own.
        let shift = Function::Affine {
            scale: 1.5,
            shift: 0.1875,
        };
        x = builder.activation(&format!("shift{number}"), x, shift);
        x = builder.activation(&format!("two{number}"), x, function);
    }
    let x = builder.global_average_pool("pool", x);
    builder.flatten("flatten", x);
    let network = shaken(builder.finish(Vec::new()).unwrap());
    assert_parity(&network, &[4], &activations(&network));
}

/// Networks of one convolution, batch norm, ReLU6, a pool and a linear layer.
fn networks() -> impl Strategy<Value = Network> {
    let pair = |end: usize| [1..end, 1..end];
    let window = (
        pair(4),
        pair(4),
        pair(3),
        [0usize..3, 0usize..3, 0usize..3, 0usize..3],
    );
    let channels = (1usize..4, 1usize..3, 1usize..4);
    (window, [3usize..10, 3usize..10], channels, 0usize..3).prop_filter_map(
        "no window fits",
        |((kernel, stride, dilation, padding), [height, width], (groups, depth, units), pool)| {
            let window = Window {
                kernel,
                stride,
                padding,
                dilation,
            };
            window.output_size([height, width])?;
            let mut builder = NetworkBuilder::new("random", [groups * depth, height, width], 9);
            let x = ValueId::INPUT;
            let x = builder.convolution_batch_norm("conv", x, groups * units, window, groups);
            let x = builder.activation("relu6", x, Function::RELU6);
            let x = match pool {
                0 => builder.max_pool("pool", x, Window::square(2, 1, 1)),
                1 => builder.average_pool("pool", x, Window::square(2, 2, 1)),
                _ => builder.global_average_pool("pool", x),
            };
            let x = builder.flatten("flatten", x);
            builder.linear("classifier", x, 3);
            Some(shaken(builder.finish(Vec::new()).ok()?))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn convolutions_with_any_window_are_burn_s(network in networks(), images in 1usize..20) {
        assert_parity(&network, &[images], &[ValueId::INPUT, ValueId(1)]);
    }
}

#[test]
fn nothing_depends_on_the_number_of_threads() {
    let network = zoo_network("resnet8", [1, 13, 11], 0.25);
    let batches = [images(&network, 37, "one"), images(&network, 9, "two")];
    let batches = batches.each_ref().map(Vec::as_slice);
    let points = activations(&network);
    let labels: Vec<usize> = (0..37).map(|image| image % 10).collect();
    let [one, three] = [1, 3].map(|threads| {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let engine = Backprop::new(&network).unwrap();
            let of = |normalization| {
                let request = Request {
                    batches: &batches,
                    normalization,
                    points: &points,
                    parameters: Wanted::All,
                };
                engine.backward(&request, &mut linear_loss).unwrap()
            };
            let backward = [Normalization::Running, Normalization::Batch].map(of);
            let gradient = engine.gradient(batches[0], &CrossEntropy(&labels)).unwrap();
            (backward, gradient.logits, gradient.pixels)
        })
    });
    assert!(one == three);
}

#[test]
fn buffers_of_earlier_calls_leave_no_trace() {
    let network = zoo_network("resnet8", [1, 13, 11], 0.25);
    let all: Vec<ValueId> = (0..=network.nodes().len()).map(ValueId).collect();
    let request = |batches, points, parameters| Request {
        batches,
        normalization: Normalization::Batch,
        points,
        parameters,
    };
    let [large, small] = [40, 3].map(|count| images(&network, count, "images"));
    let used = Backprop::new(&network).unwrap();
    for (batches, points, parameters) in [
        (&[large.as_slice(), &small][..], &all[..], Wanted::All),
        (&[small.as_slice()], &[], Wanted::None),
        (&[small.as_slice(), &large], &all[3..5], Wanted::All),
        (&[large.as_slice()], &[], Wanted::All),
    ] {
        let request = request(batches, points, parameters);
        let fresh = Backprop::new(&network).unwrap();
        let [fresh, used] =
            [&fresh, &used].map(|engine| engine.backward(&request, &mut linear_loss).unwrap());
        assert!(fresh == used);
        assert_eq!(used.parameters.is_empty(), parameters == Wanted::None);
    }
}

#[test]
fn slopes_at_points_may_be_left_out() {
    let network = zoo_network("small_cnn", [1, 9, 9], 0.25);
    let images = images(&network, 5, "images");
    let request = Request {
        batches: &[&images],
        normalization: Normalization::Running,
        points: &[ValueId(3)],
        parameters: Wanted::None,
    };
    let engine = Backprop::new(&network).unwrap();
    let [without, zero] = [true, false].map(|is_left_out| {
        let mut loss = |responses: &Responses| {
            let mut slopes = linear_loss(responses);
            if is_left_out {
                slopes.points.clear();
            } else {
                slopes.points[0][0].fill(0.0);
            }
            slopes
        };
        engine.backward(&request, &mut loss).unwrap().points
    });
    assert_eq!(without, zero);
    assert!(without[0][0].iter().any(|slope| *slope != 0.0));
}

#[test]
fn an_operator_without_gradient_is_refused_by_name() {
    let mut builder = NetworkBuilder::new("wave", [1, 4, 4], 0);
    let x = builder.activation("bend", ValueId::INPUT, Function::Sin);
    let x = builder.flatten("flatten", x);
    builder.linear("classifier", x, 2);
    let network = builder.finish(Vec::new()).unwrap();
    let error = Backprop::new(&network).unwrap_err();
    assert_eq!(
        error.to_string(),
        "pull slopes back through node \"bend\": sin has no gradient here"
    );
}

#[test]
fn batches_and_parameters_of_another_length_are_refused() {
    let network = zoo_network("small_cnn", [1, 9, 9], 0.25);
    let mut engine = Backprop::new(&network).unwrap();
    for batch in [&[][..], &[0.5; 80]] {
        let request = Request {
            batches: &[batch],
            normalization: Normalization::Batch,
            points: &[],
            parameters: Wanted::All,
        };
        let error = engine.backward(&request, &mut linear_loss).unwrap_err();
        assert!(error.to_string().contains("an image has 81"), "{error}");
    }
    let error = engine.set_parameters(&[vec![1.0]]).unwrap_err();
    assert!(error.to_string().contains("other lengths"), "{error}");
}
