//! Reference execution: what a network computes, in plain loops. The oracle of every other engine.
//!
//! Each element of a value is computed in f64 from the f32 elements of the values before it and rounded to f32 once. A
//! convolution adds input channels in order, and within a channel the rows and columns of the kernel; a linear layer adds its
//! features in order; both start from the bias. Non-goals: speed, and batch statistics: batch norms use the running ones.

use std::ops::Range;

use crate::network::{Network, Node, Parameter, ParameterId, ValueId};
use crate::operator::Operator;
use crate::window::Window;

/// Logits `[batch, class]` of images `[batch, channel, height, width]`.
///
/// # Panics
/// If `input` does not hold exactly `batch` images.
pub fn evaluate(network: &Network, input: &[f32], batch: usize) -> Vec<f32> {
    images(network, input, batch)
        .flat_map(|image| run(network, image).pop().expect("a network has nodes"))
        .collect()
}

/// All values of a network for images `[batch, channel, height, width]`, each `[batch, …]` with the axes of
/// [`Network::shape`]. Element `i` is value `i`: the input comes first, the logits last.
///
/// # Panics
/// If `input` does not hold exactly `batch` images.
pub fn evaluate_all(network: &Network, input: &[f32], batch: usize) -> Vec<Vec<f32>> {
    let mut all = vec![Vec::new(); network.nodes().len() + 1];
    for image in images(network, input, batch) {
        for (values, value) in all.iter_mut().zip(run(network, image)) {
            values.extend(value);
        }
    }
    all
}

fn images<'a>(
    network: &Network,
    input: &'a [f32],
    batch: usize,
) -> impl Iterator<Item = &'a [f32]> + use<'a> {
    let elements = network.shape(ValueId::INPUT).elements();
    assert_eq!(
        input.len(),
        batch * elements,
        "the input must hold {batch} images of {elements} values"
    );
    input.chunks_exact(elements)
}

/// All values for one image.
fn run(network: &Network, image: &[f32]) -> Vec<Vec<f32>> {
    let mut values = vec![image.to_vec()];
    for (index, node) in network.nodes().iter().enumerate() {
        let value = compute(network, node, &values, ValueId::of_node(index));
        values.push(value);
    }
    values
}

fn compute(network: &Network, node: &Node, values: &[Vec<f32>], result: ValueId) -> Vec<f32> {
    let inputs: Vec<Map> = node
        .inputs
        .iter()
        .map(|id| Map::new(network.shape(*id).as_map(), &values[id.0]))
        .collect();
    let input = inputs[0];
    let shape = network.shape(result).as_map();
    let parameter = |id: &ParameterId| network.parameter(*id);
    let per_channel = |id: &ParameterId, channel: usize| f64::from(parameter(id).values()[channel]);
    match &node.operator {
        Operator::Normalize { mean, deviation } => fill(shape, |[c, y, x]| {
            (input.at(c, y, x) - f64::from(mean[c])) / f64::from(deviation[c])
        }),
        Operator::Convolution {
            weight,
            bias,
            window,
            groups,
        } => {
            let bias = bias.as_ref().map(parameter);
            convolution(input, parameter(weight), bias, window, *groups, shape)
        }
        Operator::Linear { weight, bias } => {
            linear(input, parameter(weight), bias.as_ref().map(parameter))
        }
        Operator::BatchNorm {
            scale,
            shift,
            mean,
            variance,
            epsilon,
        } => fill(shape, |[c, y, x]| {
            let deviation = (per_channel(variance, c) + f64::from(*epsilon)).sqrt();
            let normalized = (input.at(c, y, x) - per_channel(mean, c)) / deviation;
            normalized * per_channel(scale, c) + per_channel(shift, c)
        }),
        Operator::Unary(function) => {
            let (lower, upper) = function.bounds().expect("the other functions follow");
            let clamp = |value: &f32| value.clamp(lower, upper);
            input.values.iter().map(clamp).collect()
        }
        Operator::MaxPool(window) => fill(shape, |[c, y, x]| {
            let taps = window_values(input, c, window, [y, x]);
            taps.fold(f64::NEG_INFINITY, f64::max)
        }),
        Operator::AveragePool(window) => fill(shape, |[c, y, x]| {
            mean(window_values(input, c, window, [y, x]))
        }),
        Operator::Binary(_) => fill(shape, |[c, y, x]| input.at(c, y, x) + inputs[1].at(c, y, x)),
        Operator::Reduce { .. } => fill(shape, |[c, ..]| {
            let [_, height, width] = input.shape;
            mean(rectangle(0..height, 0..width).map(|[y, x]| input.at(c, y, x)))
        }),
        Operator::Reshape { .. } => input.values.to_vec(),
        _ => panic!("follows"),
    }
}

fn convolution(
    input: Map,
    weight: &Parameter,
    bias: Option<&Parameter>,
    window: &Window,
    groups: usize,
    shape: [usize; 3],
) -> Vec<f32> {
    let [outputs, ..] = shape;
    let depth = input.shape[0] / groups;
    let [height, width] = window.kernel;
    let kernels = Map::new([outputs * depth, height, width], weight.values());
    fill(shape, |[output, y, x]| {
        let first = output / (outputs / groups) * depth;
        let mut sum = bias.map_or(0.0, |bias| f64::from(bias.values()[output]));
        for channel in 0..depth {
            for (kernel, [y, x]) in window_positions(input, window, [y, x]) {
                sum += kernels.at(output * depth + channel, kernel[0], kernel[1])
                    * input.at(first + channel, y, x);
            }
        }
        sum
    })
}

fn linear(input: Map, weight: &Parameter, bias: Option<&Parameter>) -> Vec<f32> {
    let rows = weight.values().chunks_exact(input.values.len());
    rows.enumerate()
        .map(|(output, row)| {
            let start = bias.map_or(0.0, |bias| f64::from(bias.values()[output]));
            let products = row.iter().zip(input.values);
            let products = products.map(|(w, x)| f64::from(*w) * f64::from(*x));
            products.fold(start, |sum, product| sum + product) as f32
        })
        .collect()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

/// One value of one image, as a map.
#[derive(Clone, Copy)]
struct Map<'a> {
    shape: [usize; 3],
    values: &'a [f32],
}

impl<'a> Map<'a> {
    fn new(shape: [usize; 3], values: &'a [f32]) -> Self {
        Self { shape, values }
    }

    fn at(&self, channel: usize, y: usize, x: usize) -> f64 {
        let [_, height, width] = self.shape;
        f64::from(self.values[(channel * height + y) * width + x])
    }
}

/// A map of `shape` from a function of `[channel, y, x]`, rounded to f32.
fn fill(shape: [usize; 3], element: impl Fn([usize; 3]) -> f64) -> Vec<f32> {
    let [channels, height, width] = shape;
    (0..channels)
        .flat_map(|c| rectangle(0..height, 0..width).map(move |[y, x]| [c, y, x]))
        .map(|position| element(position) as f32)
        .collect()
}

/// All `[row, column]`, row by row.
fn rectangle(rows: Range<usize>, columns: Range<usize>) -> impl Iterator<Item = [usize; 2]> {
    rows.flat_map(move |row| columns.clone().map(move |column| [row, column]))
}

/// The elements of the input's `channel` under the window of output position `at`, without the padding.
fn window_values<'a>(
    input: Map<'a>,
    channel: usize,
    window: &Window,
    at: [usize; 2],
) -> impl Iterator<Item = f64> + use<'a> {
    window_positions(input, window, at).map(move |(_, [y, x])| input.at(channel, y, x))
}

/// The positions `[y, x]` in the kernel and, for each, in the input that the window of output position `at` covers, without
/// the padding.
fn window_positions(
    input: Map,
    window: &Window,
    at: [usize; 2],
) -> impl Iterator<Item = ([usize; 2], [usize; 2])> + use<> {
    let [_, height, width] = input.shape;
    let [top, left, ..] = window.padding;
    let [start_y, start_x] = [at[0] * window.stride[0], at[1] * window.stride[1]];
    // Kernel positions that lie on the map; `start` and padding count from the padded map's corner.
    let inside = |start: usize, before: usize, size: usize, kernel: usize| {
        before.saturating_sub(start)..(before + size).saturating_sub(start).min(kernel)
    };
    let rows = inside(start_y, top, height, window.kernel[0]);
    let columns = inside(start_x, left, width, window.kernel[1]);
    rectangle(rows, columns).map(move |[y, x]| ([y, x], [start_y + y - top, start_x + x - left]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::Function;
    use crate::network::Role;

    /// Runs one operator on one image. Its parameters are numbered in the order given.
    fn apply(
        operator: Operator,
        input_shape: [usize; 3],
        parameters: Vec<(Role, Vec<usize>, Vec<f32>)>,
        image: &[f32],
    ) -> Vec<f32> {
        let node = Node {
            name: "node".to_owned(),
            inputs: vec![ValueId::INPUT; operator.arity().unwrap_or(1)],
            operator,
        };
        let parameters = parameters
            .into_iter()
            .map(|(role, shape, values)| Parameter::new(format!("{role:?}"), role, shape, values))
            .collect();
        let name = "one".to_owned();
        let network = Network::new(name, input_shape, Vec::new(), vec![node], parameters).unwrap();
        evaluate(&network, image, 1)
    }

    fn convolve(
        window: Window,
        groups: usize,
        input_shape: [usize; 3],
        weight: (Vec<usize>, Vec<f32>),
        image: &[f32],
    ) -> Vec<f32> {
        let operator = Operator::Convolution {
            weight: ParameterId(0),
            bias: None,
            window,
            groups,
        };
        let parameters = vec![(Role::Weight, weight.0, weight.1)];
        apply(operator, input_shape, parameters, image)
    }

    /// 1, 2, …, `count`.
    fn counted(count: u8) -> Vec<f32> {
        (1..=count).map(f32::from).collect()
    }

    #[test]
    fn normalize_works_by_channel() {
        let operator = Operator::Normalize {
            mean: vec![1.0, 2.0],
            deviation: vec![2.0, 0.5],
        };
        let result = apply(operator, [2, 1, 2], Vec::new(), &[1.0, 3.0, 2.0, 3.0]);
        assert_eq!(result, [0.0, 1.0, 0.0, 2.0]);
    }

    #[test]
    fn convolution_is_a_cross_correlation_over_all_channels() {
        // [1 2; 3 4] on the first channel, the element at the lower right of the second, bias 100.
        let operator = Operator::Convolution {
            weight: ParameterId(0),
            bias: Some(ParameterId(1)),
            window: Window::square(2, 1, 0),
            groups: 1,
        };
        let weight = vec![1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, 1.0];
        let parameters = vec![
            (Role::Weight, vec![1, 2, 2, 2], weight),
            (Role::Bias, vec![1], vec![100.0]),
        ];
        let result = apply(operator, [2, 2, 3], parameters, &counted(12));
        // 1·1 + 2·2 + 3·4 + 4·5 + 11 + 100 and 1·2 + 2·3 + 3·5 + 4·6 + 12 + 100.
        assert_eq!(result, [148.0, 159.0]);
    }

    #[test]
    fn convolution_strides_and_pads_on_each_side_by_itself() {
        // Rows −1 and 1 (the first in the padding at the top), columns 0, 2 and 4 (partly in the padding at the right).
        let window = Window {
            kernel: [2, 2],
            stride: [2, 2],
            padding: [1, 0, 0, 2],
        };
        let weight = (vec![1, 1, 2, 2], vec![1.0, 10.0, 100.0, 1000.0]);
        let result = convolve(window, 1, [1, 3, 4], weight, &counted(12));
        assert_eq!(
            result,
            [2100.0, 4300.0, 0.0, 10_965.0, 13_187.0, 0.0],
            "the third column lies wholly in the padding"
        );
    }

    #[test]
    fn groups_do_not_see_each_other() {
        // Four channels of one element in two groups; each output adds its group's two channels with weights of its own.
        let weight = (vec![2, 2, 1, 1], vec![1.0, 10.0, 100.0, 1000.0]);
        let result = convolve(Window::square(1, 1, 0), 2, [4, 1, 1], weight, &counted(4));
        assert_eq!(result, [21.0, 4300.0]);
    }

    #[test]
    fn depthwise_convolution_may_have_several_outputs_per_channel() {
        let weight = (vec![4, 1, 1, 1], vec![1.0, 2.0, 3.0, 4.0]);
        let result = convolve(Window::square(1, 1, 0), 2, [2, 1, 1], weight, &[5.0, 7.0]);
        assert_eq!(result, [5.0, 10.0, 21.0, 28.0]);
    }

    #[test]
    fn sums_are_kept_in_f64() {
        // In f32 the 1 would vanish beside 10⁸.
        let weight = (vec![1, 3, 1, 1], vec![1.0; 3]);
        let image = [1e8, 1.0, -1e8];
        let result = convolve(Window::square(1, 1, 0), 1, [3, 1, 1], weight, &image);
        assert_eq!(result, [1.0]);
    }

    #[test]
    fn linear_multiplies_rows_and_adds_the_bias() {
        let flatten = Node {
            name: "flatten".to_owned(),
            operator: Operator::Flatten,
            inputs: vec![ValueId::INPUT],
        };
        let linear = Node {
            name: "linear".to_owned(),
            operator: Operator::Linear {
                weight: ParameterId(0),
                bias: Some(ParameterId(1)),
            },
            inputs: vec![ValueId(1)],
        };
        let weight = vec![1.0, 2.0, 3.0, 4.0];
        let network = Network::new(
            "two".to_owned(),
            [1, 1, 2],
            Vec::new(),
            vec![flatten, linear],
            vec![
                Parameter::new("w".to_owned(), Role::Weight, vec![2, 2], weight),
                Parameter::new("b".to_owned(), Role::Bias, vec![2], vec![0.5, -0.5]),
            ],
        )
        .unwrap();
        // Two images at once: their logits follow each other.
        let images = [1.0, 1.0, 10.0, 1.0];
        let logits = [3.5, 6.5, 12.5, 33.5];
        assert_eq!(evaluate(&network, &images, 2), logits);
        let values = evaluate_all(&network, &images, 2);
        assert_eq!(values, [&images, &images, &logits]);
        assert_eq!(evaluate(&network, &[], 0), [0.0; 0]);
    }

    #[test]
    fn batch_norm_uses_running_statistics() {
        let operator = Operator::BatchNorm {
            scale: ParameterId(0),
            shift: ParameterId(1),
            mean: ParameterId(2),
            variance: ParameterId(3),
            epsilon: 1.0,
        };
        let parameters = vec![
            (Role::Scale, vec![2], vec![1.0, 2.0]),
            (Role::Shift, vec![2], vec![0.0, 10.0]),
            (Role::RunningMean, vec![2], vec![1.0, 3.0]),
            (Role::RunningVariance, vec![2], vec![3.0, 0.0]),
        ];
        // (x − 1)/√4, and (x − 3)/√1·2 + 10.
        let result = apply(operator, [2, 1, 1], parameters, &[5.0, 4.0]);
        assert_eq!(result, [2.0, 12.0]);
    }

    #[test]
    fn activations_clamp() {
        let image = [-1.0, 0.0, 3.0, 7.0];
        let relu = Operator::Unary(Function::RELU);
        let result = apply(relu, [1, 2, 2], Vec::new(), &image);
        assert_eq!(result, [0.0, 0.0, 3.0, 7.0]);
        let relu6 = Operator::Unary(Function::RELU6);
        let result = apply(relu6, [1, 2, 2], Vec::new(), &image);
        assert_eq!(result, [0.0, 0.0, 3.0, 6.0]);
    }

    #[test]
    fn max_pool_leaves_the_padding_out() {
        let image: Vec<f32> = counted(9).into_iter().map(|v| -v).collect();
        let pool = Operator::MaxPool(Window {
            padding: [0, 0, 1, 1],
            ..Window::square(2, 2, 0)
        });
        let result = apply(pool, [1, 3, 3], Vec::new(), &image);
        assert_eq!(result, [-1.0, -3.0, -7.0, -9.0]);
    }

    #[test]
    fn average_pool_divides_by_the_elements_on_the_map() {
        // Windows at the corners cover 4 elements, at the sides 6, in the middle 9.
        let pool = Operator::AveragePool(Window::square(3, 1, 1));
        let result = apply(pool, [1, 3, 3], Vec::new(), &counted(9));
        assert_eq!(result, [3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0]);
    }

    #[test]
    fn global_average_pool_takes_each_channel_whole() {
        let result = apply(
            Operator::GlobalAveragePool,
            [2, 2, 2],
            Vec::new(),
            &counted(8),
        );
        assert_eq!(result, [2.5, 6.5]);
    }

    #[test]
    fn add_and_flatten_keep_the_order() {
        let result = apply(Operator::Add, [2, 1, 2], Vec::new(), &counted(4));
        assert_eq!(result, [2.0, 4.0, 6.0, 8.0]);
        let result = apply(Operator::Flatten, [2, 1, 2], Vec::new(), &counted(4));
        assert_eq!(result, counted(4));
    }

    #[test]
    #[should_panic(expected = "the input must hold 2 images of 4 values")]
    fn an_input_of_the_wrong_length_panics() {
        let node = Node {
            name: "flatten".to_owned(),
            operator: Operator::Flatten,
            inputs: vec![ValueId::INPUT],
        };
        let name = "one".to_owned();
        let network = Network::new(name, [1, 2, 2], Vec::new(), vec![node], Vec::new()).unwrap();
        evaluate(&network, &[0.0; 7], 2);
    }
}
