//! Convolutions and their transposes, against values worked out by hand.

use proptest::prelude::*;

use crate::network::Role;
use crate::onnx::import::testing::{
    Model, floats, int_attribute, ints_attribute, string_attribute,
};
use crate::operator::Operator;

/// One channel of one axis, convolved with `[1, 10]`.
fn pair(auto_pad: &str) -> Vec<f32> {
    let weight = floats("w", &[1, 1, 2], &[1.0, 10.0]);
    let attributes = vec![string_attribute("auto_pad", auto_pad)];
    Model::of_node(11, &[1, 1, 4], "Conv", &[weight], attributes).run(&[1.0, 2.0, 3.0, 4.0])
}

#[test]
fn odd_padding_is_longer_at_the_end_or_at_the_beginning() {
    assert_eq!(pair("SAME_UPPER"), [21.0, 32.0, 43.0, 4.0]);
    assert_eq!(pair("SAME_LOWER"), [10.0, 21.0, 32.0, 43.0]);
    assert_eq!(pair("VALID"), [21.0, 32.0, 43.0]);
}

#[test]
fn padding_that_keeps_the_size_follows_stride_and_dilation() {
    let weight = floats("w", &[1, 1, 3], &[1.0, 10.0, 100.0]);
    let attributes = vec![
        string_attribute("auto_pad", "SAME_UPPER"),
        ints_attribute("strides", &[2]),
        ints_attribute("dilations", &[2]),
    ];
    let model = Model::of_node(11, &[1, 1, 5], "Conv", &[weight], attributes);
    // Three windows that span 5 positions, two apart, need 9: two zeros at each end.
    let expected = [10.0 + 300.0, 1.0 + 30.0 + 500.0, 3.0 + 50.0];
    assert_eq!(model.run(&[1.0, 2.0, 3.0, 4.0, 5.0]), expected);
}

#[test]
fn pads_begin_with_the_beginnings_of_all_axes() {
    let weight = floats("w", &[1, 1, 1, 1], &[1.0]);
    let attributes = vec![ints_attribute("pads", &[1, 2, 0, 0])];
    let model = Model::of_node(11, &[1, 1, 1, 1], "Conv", &[weight], attributes);
    assert_eq!(model.output_shape(), [1, 1, 2, 3]);
    assert_eq!(model.run(&[7.0]), [0.0, 0.0, 0.0, 0.0, 0.0, 7.0]);
}

#[test]
fn groups_do_not_see_each_other() {
    let weight = floats("w", &[2, 1, 1], &[2.0, 3.0]);
    let bias = floats("b", &[2], &[0.5, 0.25]);
    let attributes = vec![int_attribute("group", 2)];
    let model = Model::of_node(11, &[1, 2, 2], "Conv", &[weight, bias], attributes);
    assert_eq!(model.run(&[1.0, 2.0, 10.0, 20.0]), [2.5, 4.5, 30.25, 60.25]);
}

#[test]
fn weights_keep_their_name_and_may_be_pruned() {
    for operator in ["Conv", "ConvTranspose"] {
        let weight = floats("conv1.weight", &[1, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0]);
        let network = Model::of_node(11, &[1, 1, 3, 3], operator, &[weight], vec![]).network();
        let weights = network
            .nodes()
            .iter()
            .filter_map(|node| node.operator.weight());
        let weights: Vec<_> = weights.map(|id| network.parameter(id)).collect();
        assert_eq!(weights.len(), 1);
        assert_eq!(weights[0].name(), "conv1.weight");
        assert_eq!(weights[0].role(), Role::Weight);
    }
}

#[test]
fn a_convolution_of_maps_is_one_node() {
    let weight = floats("w", &[2, 3, 1, 1], &[0.5; 6]);
    let import = Model::of_node(11, &[1, 3, 4, 4], "Conv", &[weight], vec![]).import();
    let network = import.unwrap().network;
    assert!(matches!(
        network.nodes(),
        [node] if matches!(node.operator, Operator::Convolution { .. })
    ));
}

#[test]
fn what_is_not_a_convolution_is_refused() {
    let refusal = |shape: &[i64], weight: &[i64], attributes| {
        let count = weight.iter().product::<i64>() as usize;
        let weight = floats("w", weight, &vec![1.0; count]);
        Model::of_node(11, shape, "Conv", &[weight], attributes).refusal()
    };
    let volume = refusal(&[1, 1, 2, 2, 2], &[1, 1, 1, 1, 1], vec![]);
    assert!(volume.contains("one or two spatial axes"), "{volume}");
    let rank = refusal(&[1, 1, 2, 2], &[1, 1, 1], vec![]);
    assert!(
        rank.contains("weights have 3 axes, the input has 4"),
        "{rank}"
    );
    let kernel = vec![ints_attribute("kernel_shape", &[3])];
    let kernel = refusal(&[1, 1, 4], &[1, 1, 2], kernel);
    assert!(
        kernel.contains("kernel_shape is not that of the weights"),
        "{kernel}"
    );
    let pads = refusal(
        &[1, 1, 4],
        &[1, 1, 2],
        vec![ints_attribute("pads", &[-1, 0])],
    );
    assert!(pads.contains("pads has -1"), "{pads}");
    let strides = refusal(
        &[1, 1, 4],
        &[1, 1, 2],
        vec![ints_attribute("strides", &[0])],
    );
    assert!(strides.contains("strides has 0"), "{strides}");
    let empty = refusal(&[1, 1, 4], &[1, 0, 2], vec![]);
    assert!(empty.contains("with elements"), "{empty}");
    let groups = refusal(&[1, 1, 4], &[1, 1, 2], vec![int_attribute("group", 0)]);
    assert!(groups.contains("group is 0"), "{groups}");
    let mode = refusal(
        &[1, 1, 4],
        &[1, 1, 2],
        vec![string_attribute("auto_pad", "SOME")],
    );
    assert!(mode.contains("auto_pad \"SOME\""), "{mode}");
}

#[test]
fn computed_weights_are_refused() {
    let model = Model::new(11)
        .input("x", &[1, 1, 3])
        .node("Relu", &["x"], &["w"], vec![])
        .node("Conv", &["x", "w"], &["y"], vec![])
        .output("y");
    assert!(model.refusal().contains("must be constants"));
}

#[test]
fn a_wanted_output_shape_decides_the_padding() {
    let run = |wanted: i64, mode: &str| {
        let weight = floats("w", &[1, 1, 3], &[1.0, 10.0, 100.0]);
        let attributes = vec![
            ints_attribute("output_shape", &[wanted]),
            string_attribute("auto_pad", mode),
        ];
        Model::of_node(11, &[1, 1, 2], "ConvTranspose", &[weight], attributes).run(&[1.0, 2.0])
    };
    // Everything the kernel reaches: 1, 12, 120, 200.
    assert_eq!(run(4, "NOTSET"), [1.0, 12.0, 120.0, 200.0]);
    assert_eq!(run(3, "NOTSET"), [12.0, 120.0, 200.0]);
    assert_eq!(run(3, "SAME_UPPER"), [1.0, 12.0, 120.0]);
    assert_eq!(run(5, "NOTSET"), [1.0, 12.0, 120.0, 200.0, 0.0]);
}

#[test]
fn output_shapes_without_an_agreed_meaning_are_refused() {
    let refusal = |opset, wanted: i64| {
        let weight = floats("w", &[1, 1, 3], &[1.0, 10.0, 100.0]);
        let attributes = vec![ints_attribute("output_shape", &[wanted])];
        Model::of_node(opset, &[1, 1, 2], "ConvTranspose", &[weight], attributes).refusal()
    };
    assert!(refusal(11, 6).contains("the kernel reaches 4"));
    assert!(refusal(10, 3).contains("no agreed meaning"));
    let attributes = vec![
        string_attribute("auto_pad", "SAME_UPPER"),
        ints_attribute("strides", &[2]),
    ];
    let weight = floats("w", &[1, 1, 1], &[1.0]);
    let short = Model::of_node(11, &[1, 1, 2], "ConvTranspose", &[weight], attributes);
    assert!(short.refusal().contains("the kernel reaches 3"));
}

/// The definition: every element adds its multiple of the kernel to the output, from which the padding is cut.
struct Scatter {
    channels: [usize; 2],
    groups: usize,
    length: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    pads: [usize; 2],
    extra: usize,
}

impl Scatter {
    fn outputs(&self) -> Option<usize> {
        let full = (self.length - 1) * self.stride + (self.kernel - 1) * self.dilation + 1;
        (full + self.extra)
            .checked_sub(self.pads[0] + self.pads[1])
            .filter(|length| *length > 0)
    }

    fn run(&self, x: &[f32], weight: &[f32]) -> Vec<f32> {
        let [inputs, outputs] = self.channels;
        let length = self.outputs().unwrap();
        let mut y = vec![0.0; self.groups * outputs * length];
        for channel in 0..inputs {
            let group = channel / (inputs / self.groups);
            for output in 0..outputs {
                for position in 0..self.length {
                    for tap in 0..self.kernel {
                        let target = position * self.stride + tap * self.dilation;
                        let Some(target) = target.checked_sub(self.pads[0]).filter(|t| *t < length)
                        else {
                            continue;
                        };
                        y[(group * outputs + output) * length + target] += x
                            [channel * self.length + position]
                            * weight[(channel * outputs + output) * self.kernel + tap];
                    }
                }
            }
        }
        y
    }
}

proptest! {
    #[test]
    fn transposed_convolutions_scatter_their_input(
        groups in 1usize..3,
        inputs in 1usize..3,
        outputs in 1usize..3,
        length in 1usize..5,
        kernel in 1usize..4,
        stride in 1usize..4,
        dilation in 1usize..3,
        pads: [u8; 2],
        extra in 0usize..2,
        seed in 0u32..100,
    ) {
        let scatter = Scatter {
            channels: [groups * inputs, outputs],
            groups,
            length,
            kernel,
            stride,
            dilation,
            pads: pads.map(|pad| usize::from(pad % 4)),
            extra,
        };
        prop_assume!(scatter.outputs().is_some());
        let numbers = |count: usize| -> Vec<f32> {
            (0..count as u32).map(|i| ((i * 7 + seed) % 11) as f32 - 5.0).collect()
        };
        let (x, weight) = (numbers(groups * inputs * length), numbers(groups * inputs * outputs * kernel));
        let dims = [groups * inputs, outputs, kernel].map(|axis| axis as i64);
        let [before, after] = scatter.pads.map(|pad| pad as i64);
        let attributes = vec![
            int_attribute("group", groups as i64),
            ints_attribute("strides", &[stride as i64]),
            ints_attribute("dilations", &[dilation as i64]),
            ints_attribute("pads", &[before, after]),
            ints_attribute("output_padding", &[extra as i64]),
        ];
        let shape = [1, dims[0], length as i64];
        let weights = floats("w", &dims, &weight);
        let model = Model::of_node(11, &shape, "ConvTranspose", &[weights], attributes);
        prop_assert_eq!(model.run(&x), scatter.run(&x, &weight));
    }
}
