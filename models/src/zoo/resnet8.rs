//! `resnet8`: the image classifier of MLPerf Tiny (Banbury et al., 2021), three stages of one basic block each.
//!
//! Unlike the benchmark's model, the 1×1 shortcut convolutions have a batch norm, as all others have, and padding is the same
//! on all sides.

use super::{ZooOptions, residual};
use crate::network::Network;
use crate::shape::ShapeError;

pub(super) fn build(options: &ZooOptions) -> Result<Network, ShapeError> {
    residual::build("resnet8", options, &[16, 32, 64], 1)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{CIFAR, FASHION_MNIST, options, parameter_count};
    use super::build;

    #[test]
    fn parameter_counts_at_width_one() {
        // Convolution weights and, as two per output channel, batch norms:
        //   stem     16·3·9 + 32 = 464
        //   stage 0  2·16·16·9 + 2·32 = 4,672
        //   stage 1  32·16·9 + 32·32·9 + 2·64 = 13,952, shortcut 32·16 + 64 = 576
        //   stage 2  64·32·9 + 64·64·9 + 2·128 = 55,552, shortcut 64·32 + 128 = 2,176
        // Linear: 64·10 + 10 = 650.
        let expected = 464 + 4_672 + 13_952 + 576 + 55_552 + 2_176 + 650;
        assert_eq!(parameter_count("resnet8", CIFAR), expected);
        // One input channel instead of three.
        assert_eq!(
            parameter_count("resnet8", FASHION_MNIST),
            expected - 16 * 2 * 9
        );
    }

    #[test]
    fn the_last_map_has_a_quarter_of_the_size() {
        for (input_shape, size) in [(FASHION_MNIST, 7), (CIFAR, 8)] {
            let network = build(&options(input_shape, 1.0)).unwrap();
            let nodes = network.nodes();
            let pool = nodes.iter().find(|node| node.name == "pool").unwrap();
            assert_eq!(network.shape(pool.inputs[0]).0, [64, size, size]);
        }
    }
}
