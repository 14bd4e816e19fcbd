//! `resnet18`: four stages of two basic blocks each (He et al., 2016), in the form for CIFAR: the network of most work on
//! adversarial pruning.

use super::{ZooOptions, residual};
use crate::network::Network;
use crate::shape::ShapeError;

pub(super) fn build(options: &ZooOptions) -> Result<Network, ShapeError> {
    residual::build("resnet18", options, &[64, 128, 256, 512], 2)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{CIFAR, FASHION_MNIST, parameter_count};

    #[test]
    fn parameter_counts_at_width_one() {
        // Convolution weights and, as two per output channel, batch norms:
        //   stem     64·3·9 + 128 = 1,856
        //   stage 0  4·64·64·9 + 4·128 = 147,968
        //   stage 1  128·64·9 + 3·128·128·9 + 4·256 = 517,120, shortcut 128·64 + 256 = 8,448
        //   stage 2  256·128·9 + 3·256·256·9 + 4·512 = 2,066,432, shortcut 256·128 + 512 = 33,280
        //   stage 3  512·256·9 + 3·512·512·9 + 4·1024 = 8,261,632, shortcut 512·256 + 1024 = 132,096
        // Linear: 512·10 + 10 = 5,130. The sum is the figure usually quoted, 11.17 M.
        let stages = 147_968 + 517_120 + 8_448 + 2_066_432 + 33_280 + 8_261_632 + 132_096;
        let expected = 1_856 + stages + 5_130;
        assert_eq!(parameter_count("resnet18", CIFAR), expected);
        // One input channel instead of three.
        assert_eq!(
            parameter_count("resnet18", FASHION_MNIST),
            expected - 64 * 2 * 9
        );
    }
}
