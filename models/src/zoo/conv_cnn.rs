//! `conv_cnn`: four convolutions and a linear classifier; nearly all weights are those of convolutions.
//!
//! `small_cnn` has most of its weights in one linear layer; this one is for pruning convolutions on two cores. Strides take the place of
//! pooling until the end. Works on every size.

use super::ZooOptions;
use crate::function::Function;
use crate::network::Network;
use crate::shape::ShapeError;
use crate::window::Window;

/// Output channels at width 1 and stride of each convolution.
const CONVOLUTIONS: [(usize, usize); 4] = [(32, 1), (64, 2), (128, 2), (160, 1)];

pub(super) fn build(options: &ZooOptions) -> Result<Network, ShapeError> {
    let (mut builder, mut x) = options.start("conv_cnn");
    for (index, (channels, stride)) in CONVOLUTIONS.into_iter().enumerate() {
        let name = format!("conv{index}");
        let window = Window::square(3, stride, 1);
        x = builder.convolution_batch_norm(&name, x, options.channels(channels), window, 1);
        x = builder.activation(&format!("{name}.relu"), x, Function::RELU);
    }
    x = builder.global_average_pool("pool", x);
    x = builder.flatten("flatten", x);
    builder.linear("classifier", x, options.labels.len());
    builder.finish(options.labels.clone())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{CIFAR, FASHION_MNIST, options, parameter_count};
    use super::build;

    #[test]
    fn parameter_counts_at_width_one() {
        // Convolutions with batch norm: 32·1·9 + 64, 64·32·9 + 128, 128·64·9 + 256, 160·128·9 + 320. Linear: 160·10 + 10.
        let expected = 352 + 18_560 + 73_984 + 184_640 + 1_610;
        assert_eq!(parameter_count("conv_cnn", FASHION_MNIST), expected);
        // Three input channels instead of one.
        assert_eq!(parameter_count("conv_cnn", CIFAR), expected + 32 * 2 * 9);
    }

    #[test]
    fn the_last_map_has_a_quarter_of_the_size() {
        for (input_shape, size) in [(FASHION_MNIST, 7), (CIFAR, 8)] {
            let network = build(&options(input_shape, 1.0)).unwrap();
            let nodes = network.nodes();
            let pool = nodes.iter().find(|node| node.name == "pool").unwrap();
            assert_eq!(network.shape(pool.inputs[0]).0, [160, size, size]);
        }
    }
}
