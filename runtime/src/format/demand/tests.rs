//! Demands counted by hand.

use std::vec::Vec;

use super::*;
use crate::format::{Bounds, Function, View};

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
    let staged = 2 * 2 * 4 * 8 + 16;
    assert_eq!(demand.scratch_bytes, 4 * (staged + 12));
    assert_eq!(demand.work, 6 * 12 * 21 + 2 * staged);
}

#[test]
fn dilated_taps_of_one_phase_share_a_plane() {
    let operator = |dilation| Operator::Convolution {
        encoding: Encoding::Dense,
        bounds: Bounds::NONE,
        window: Window {
            kernel: [3, 3],
            stride: [2, 2],
            padding: [2, 2, 2, 2],
            dilation,
        },
        groups: 1,
    };
    let scratch = |dilation, height, width| {
        let output = Shape {
            channels: 1,
            height,
            width,
        };
        Demand::of(&operator(dilation), &[IMAGE], output).map(|demand| demand.scratch_bytes)
    };
    // Vertically two phases as without dilation; horizontally one, shifted by up to two values.
    assert_eq!(
        scratch([1, 2], 4, 4),
        Ok(4 * (4 * 2 * (4 + 1) * (4 + 2) + 16 + 36))
    );
    assert_eq!(scratch([1, 2], 4, 5), Err(ErrorKind::OutputShape));
}

/// Few taps far apart, on many images of one value: little is computed, but all the padding is staged.
#[test]
fn staging_is_work() {
    let channels = 1 << 20;
    let shape = Shape {
        channels,
        height: 1,
        width: 1,
    };
    let operator = Operator::Convolution {
        encoding: Encoding::Dense,
        bounds: Bounds::NONE,
        window: Window {
            kernel: [2, 2],
            stride: [1, 1],
            padding: [1024, 1024, 1024, 1024],
            dilation: [2048, 2048],
        },
        groups: channels,
    };
    assert_eq!(
        Demand::of(&operator, &[shape], shape),
        Err(ErrorKind::WorkLimit)
    );
}

/// The work of an operator on vectors of these lengths, the last of which is the output. None of them may be another.
fn work(operator: Operator, lengths: &[u32]) -> u64 {
    let demand = |lengths: &[u32]| {
        let vector = |&channels: &u32| Shape {
            channels,
            height: 1,
            width: 1,
        };
        let shapes: Vec<Shape> = lengths.iter().map(vector).collect();
        let (output, inputs) = shapes.split_last().unwrap();
        Demand::of(&operator, inputs, *output)
    };
    for other in 0..lengths.len() {
        let mut lengths = lengths.to_vec();
        lengths[other] += 1;
        assert!(demand(&lengths).is_err(), "{operator:?}, {lengths:?}");
    }
    let demand = demand(lengths).unwrap();
    let without_matrix = Demand {
        work: demand.work,
        products: demand.products,
        ..Demand::default()
    };
    assert_eq!(demand, without_matrix);
    demand.work
}

#[test]
fn steps_without_a_matrix_count_their_values() {
    let bounds = Bounds::RELU;
    let view = View {
        outer: 2,
        axis: 3,
        inner: 5,
    };
    let unary = |function| Operator::Unary { function, bounds };
    let binary = |function| Operator::Binary {
        function,
        view,
        reversed: false,
        bounds,
    };
    assert_eq!(work(Operator::Affine { bounds }, &[30, 30]), 30);
    assert_eq!(work(unary(Function::Abs), &[30, 30]), 30);
    assert_eq!(work(unary(Function::Tanh), &[30, 30]), 64 * 30);
    assert_eq!(work(binary(BinaryFunction::Add), &[30, 10, 30]), 30);
    assert_eq!(work(binary(BinaryFunction::Power), &[30, 10, 30]), 64 * 30);
    let second_axis = 1;
    assert_eq!(
        work(Operator::Concat { view, second_axis }, &[30, 10, 40]),
        40
    );
    let (count, fill) = (2, 0.0);
    assert_eq!(work(Operator::Gather { view, count, fill }, &[30, 20]), 20);
    let reduction = Reduction::Mean;
    assert_eq!(work(Operator::Reduce { reduction, view }, &[30, 10]), 30);
    assert_eq!(work(Operator::Softmax { view }, &[30, 30]), 64 * 30);
    let constant = Demand::of(&Operator::Constant, &[], IMAGE).unwrap();
    assert_eq!(constant.work, IMAGE.elements());
    let swap = Operator::Swap {
        outer: 1,
        rows: 3,
        columns: 5,
        inner: 2,
    };
    assert_eq!(work(swap, &[30, 30]), 30);
}

#[test]
fn matrix_products_count_without_a_matrix() {
    let product = Operator::MatMul {
        batch: 2,
        rows: 3,
        depth: 5,
        columns: 7,
    };
    assert_eq!(work(product, &[30, 35, 42]), 2 * 3 * 5 * 7);
    assert_eq!(work(product, &[15, 70, 42]), 2 * 3 * 5 * 7);
    let shape = |channels| Shape {
        channels,
        height: 1,
        width: 1,
    };
    let demand = Demand::of(&product, &[shape(30), shape(70)], shape(42)).unwrap();
    assert_eq!((demand.macs_dense(), demand.macs_effective(0)), (210, 210));
}
