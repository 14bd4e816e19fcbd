//! Demands counted by hand.

use super::*;
use crate::format::{Bounds, Window};

const IMAGE: Shape = Shape {
    channels: 4,
    height: 5,
    width: 7,
};

#[test]
fn convolution_counts_groups_strides_and_padding() {
    let operator = Operator::Convolution {
        encoding: Encoding::Dense,
        bounds: Bounds::NONE,
        window: Window {
            kernel: [3, 2],
            stride: [2, 1],
            padding: [1, 0, 1, 1],
            dilation: [1, 1],
        },
        groups: 2,
    };
    let output = Shape {
        channels: 6,
        height: 3,
        width: 7,
    };
    let demand = Demand::of(&operator, &[IMAGE], output).unwrap();
    assert_eq!((demand.rows, demand.columns, demand.positions), (6, 12, 21));
    assert_eq!(demand.macs_dense(), 6 * 12 * 21);
    assert_eq!(demand.macs_effective(10), 210);
    // Two channels × two vertical phases × 4 rows × pitch 8, slack, and the columns' offsets.
    assert_eq!(demand.scratch_bytes, 4 * (2 * 2 * 4 * 8 + 16 + 12));
}

#[test]
fn pools_and_sums_have_no_matrix() {
    let demand = Demand::of(
        &Operator::Affine {
            bounds: Bounds::RELU,
        },
        &[IMAGE],
        IMAGE,
    )
    .unwrap();
    assert_eq!((demand.macs_dense(), demand.work), (0, 140));
}
