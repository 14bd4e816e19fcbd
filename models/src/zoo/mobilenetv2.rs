//! `mobilenetv2`: inverted residuals with depthwise convolutions (Sandler et al., "MobileNetV2: Inverted Residuals and Linear
//! Bottlenecks", 2018, table 2).
//!
//! For small images the stem and the second stage have stride 1 instead of 2. Works on every size.

use super::ZooOptions;
use crate::builder::NetworkBuilder;
use crate::function::Function;
use crate::network::{Network, ValueId};
use crate::shape::ShapeError;
use crate::window::Window;

/// Output channels of the first convolution at width 1.
const STEM: usize = 32;
/// Expansion factor, output channels at width 1, number of blocks, and stride of the first block of each stage.
const STAGES: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 1),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];
/// Output channels of the last convolution, which does not get narrower below width 1 (section 5 of the paper).
const HEAD: usize = 1280;

pub(super) fn build(options: &ZooOptions) -> Result<Network, ShapeError> {
    let (mut builder, mut x) = options.start("mobilenetv2");
    let channels = options.channels(STEM);
    x = builder.convolution_batch_norm("stem", x, channels, Window::square(3, 1, 1), 1);
    x = builder.activation("stem.relu6", x, Function::RELU6);
    for (stage, (expansion, channels, blocks, stride)) in STAGES.into_iter().enumerate() {
        for block in 0..blocks {
            let block = Block {
                name: format!("stage{stage}.block{block}"),
                expansion,
                channels: options.channels(channels),
                stride: if block == 0 { stride } else { 1 },
            };
            x = block.append(&mut builder, x);
        }
    }
    let channels = options.channels(HEAD).max(HEAD);
    x = builder.convolution_batch_norm("head", x, channels, Window::square(1, 1, 0), 1);
    x = builder.activation("head.relu6", x, Function::RELU6);
    x = builder.global_average_pool("pool", x);
    x = builder.flatten("flatten", x);
    builder.linear("classifier", x, options.labels.len());
    builder.finish(options.labels.clone())
}

/// An inverted residual: 1×1 convolution to `expansion` times the channels, 3×3 depthwise convolution, 1×1 convolution
/// without activation, and a shortcut around all where the shape stays.
struct Block {
    name: String,
    expansion: usize,
    channels: usize,
    stride: usize,
}

impl Block {
    fn append(&self, builder: &mut NetworkBuilder, input: ValueId) -> ValueId {
        let part = |part: &str| format!("{}.{part}", self.name);
        let pointwise = Window::square(1, 1, 0);
        let [input_channels, ..] = builder.shape(input).as_map();
        let expanded = input_channels * self.expansion;
        let mut x = input;
        if self.expansion > 1 {
            x = builder.convolution_batch_norm(&part("expand"), x, expanded, pointwise, 1);
            x = builder.activation(&part("expand.relu6"), x, Function::RELU6);
        }
        let window = Window::square(3, self.stride, 1);
        x = builder.convolution_batch_norm(&part("depthwise"), x, expanded, window, expanded);
        x = builder.activation(&part("depthwise.relu6"), x, Function::RELU6);
        x = builder.convolution_batch_norm(&part("project"), x, self.channels, pointwise, 1);
        if builder.shape(input) == builder.shape(x) {
            x = builder.add(&part("add"), input, x);
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{CIFAR, FASHION_MNIST, options, parameter_count};
    use super::build;
    use crate::function::BinaryFunction;
    use crate::operator::Operator;

    #[test]
    fn parameter_counts_at_width_one() {
        // A block from i to o channels with e·i expanded ones has i·e·i (none for e = 1) + 9·e·i + e·i·o weights, and batch
        // norms of 2·e·i (none for e = 1) + 2·e·i + 2·o:
        //   stem     32·3·9 + 64 = 928
        //   stage 0  32 → 16: 896
        //   stage 1  16 → 24: 5,136; 24 → 24: 8,832
        //   stage 2  24 → 32: 10,000; 2 × 32 → 32: 29,696
        //   stage 3  32 → 64: 21,056; 3 × 64 → 64: 162,816
        //   stage 4  64 → 96: 66,624; 2 × 96 → 96: 236,544
        //   stage 5  96 → 160: 155,264; 2 × 160 → 160: 640,000
        //   stage 6  160 → 320: 473,920
        //   head     320·1280 + 2560 = 412,160
        // Linear: 1280·10 + 10 = 12,810.
        let stages = [
            896, 5_136, 8_832, 10_000, 29_696, 21_056, 162_816, 66_624, 236_544, 155_264, 640_000,
            473_920,
        ];
        let expected = 928 + stages.into_iter().sum::<usize>() + 412_160 + 12_810;
        assert_eq!(parameter_count("mobilenetv2", CIFAR), expected);
        // One input channel instead of three.
        assert_eq!(
            parameter_count("mobilenetv2", FASHION_MNIST),
            expected - 32 * 2 * 9
        );
    }

    #[test]
    fn ten_of_seventeen_blocks_have_a_shortcut() {
        let network = build(&options(CIFAR, 1.0)).unwrap();
        let count = |wanted: fn(&Operator) -> bool| {
            let operators = network.nodes().iter().map(|node| &node.operator);
            operators.filter(|operator| wanted(operator)).count()
        };
        assert_eq!(
            count(|operator| *operator == Operator::Binary(BinaryFunction::Add)),
            10
        );
        let depthwise = |operator: &Operator| matches!(operator, Operator::Convolution { groups, .. } if *groups > 1);
        assert_eq!(count(depthwise), 17);
    }

    #[test]
    fn the_last_convolution_stays_wide() {
        let network = build(&options(CIFAR, 0.25)).unwrap();
        let head = network
            .parameters()
            .iter()
            .find(|p| p.name() == "head.weight");
        assert_eq!(head.unwrap().shape(), [1280, 80, 1, 1]);
    }
}
