//! `small_cnn`: three convolutions and two linear layers, the network of the demo.
//!
//! Small enough to train adversarially in minutes on two cores. Strides take the place of pooling. Works on every size.

use super::ZooOptions;
use crate::function::Function;
use crate::network::Network;
use crate::shape::ShapeError;
use crate::window::Window;

/// Output channels at width 1 and stride of each convolution.
const CONVOLUTIONS: [(usize, usize); 3] = [(32, 1), (64, 2), (64, 2)];
/// Features of the hidden linear layer at width 1.
const HIDDEN: usize = 128;

pub(super) fn build(options: &ZooOptions) -> Result<Network, ShapeError> {
    let (mut builder, mut x) = options.start("small_cnn");
    for (index, (channels, stride)) in CONVOLUTIONS.into_iter().enumerate() {
        let name = format!("conv{index}");
        let window = Window::square(3, stride, 1);
        x = builder.convolution_batch_norm(&name, x, options.channels(channels), window, 1);
        x = builder.activation(&format!("{name}.relu"), x, Function::RELU);
    }
    x = builder.flatten("flatten", x);
    x = builder.linear("hidden", x, options.channels(HIDDEN));
    x = builder.activation("hidden.relu", x, Function::RELU);
    builder.linear("classifier", x, options.labels.len());
    builder.finish(options.labels.clone())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{CIFAR, FASHION_MNIST, parameter_count};

    #[test]
    fn parameter_counts_at_width_one() {
        // Convolutions with batch norm: 32·1·9 + 64, 64·32·9 + 128, 64·64·9 + 128; their last map is 64×7×7.
        // Linear: 3136·128 + 128, 128·10 + 10.
        let expected = 352 + 18_560 + 36_992 + 401_536 + 1_290;
        assert_eq!(parameter_count("small_cnn", FASHION_MNIST), expected);
        // Three input channels instead of one: 32·3·9 + 64. A last map of 64×8×8: 4096·128 + 128.
        let expected = 928 + 18_560 + 36_992 + 524_416 + 1_290;
        assert_eq!(parameter_count("small_cnn", CIFAR), expected);
    }
}
