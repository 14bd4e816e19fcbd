//! `vgg16`: thirteen 3×3 convolutions in five stages, a max pool after each (Simonyan and Zisserman, "Very Deep Convolutional
//! Networks", 2015, configuration D), with batch norm and a single linear layer, as is usual for CIFAR.
//!
//! Works on every size: a map of odd size is padded below and to the right before it is halved, so that no row is dropped.

use super::ZooOptions;
use crate::builder::NetworkBuilder;
use crate::function::Function;
use crate::network::{Network, ValueId};
use crate::shape::ShapeError;
use crate::window::Window;

/// Output channels at width 1 and number of convolutions of each stage.
const STAGES: [(usize, usize); 5] = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)];

pub(super) fn build(options: &ZooOptions) -> Result<Network, ShapeError> {
    let (mut builder, mut x) = options.start("vgg16");
    for (stage, (channels, convolutions)) in STAGES.into_iter().enumerate() {
        for index in 0..convolutions {
            let name = format!("stage{stage}.conv{index}");
            let window = Window::square(3, 1, 1);
            x = builder.convolution_batch_norm(&name, x, options.channels(channels), window, 1);
            x = builder.activation(&format!("{name}.relu"), x, Function::RELU);
        }
        x = halve(&mut builder, &format!("stage{stage}.pool"), x);
    }
    x = builder.flatten("flatten", x);
    builder.linear("classifier", x, options.labels.len());
    builder.finish(options.labels.clone())
}

/// Max pool to half the size, rounded up.
fn halve(builder: &mut NetworkBuilder, name: &str, input: ValueId) -> ValueId {
    let [_, height, width] = builder.shape(input).as_map();
    let window = Window {
        padding: [0, 0, height % 2, width % 2],
        ..Window::square(2, 2, 0)
    };
    builder.max_pool(name, input, window)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{CIFAR, FASHION_MNIST, options, parameter_count};
    use super::build;
    use crate::operator::Operator;

    #[test]
    fn parameter_counts_at_width_one() {
        // Convolution weights, and batch norms as two per output channel of 4,224:
        let convolutions = 9
            * (64 * 3
                + 64 * 64
                + 128 * 64
                + 128 * 128
                + 256 * 128
                + 2 * 256 * 256
                + 512 * 256
                + 5 * 512 * 512);
        assert_eq!(convolutions, 14_710_464);
        // Linear: 512·10 + 10 = 5,130.
        let expected = convolutions + 2 * 4_224 + 5_130;
        assert_eq!(parameter_count("vgg16", CIFAR), expected);
        // One input channel instead of three; both inputs end in a 512×1×1 map.
        assert_eq!(
            parameter_count("vgg16", FASHION_MNIST),
            expected - 64 * 2 * 9
        );
    }

    #[test]
    fn pools_halve_and_round_up() {
        let network = build(&options(FASHION_MNIST, 0.25)).unwrap();
        let heights: Vec<usize> = network
            .nodes()
            .iter()
            .filter(|node| matches!(node.operator, Operator::MaxPool(_)))
            .map(|node| network.shape(node.inputs[0]).as_map()[1])
            .collect();
        assert_eq!(heights, [28, 14, 7, 4, 2]);
    }
}
