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
