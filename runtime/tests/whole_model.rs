//! Convolutions, pools and whole models against the oracle. The operators that have a view of their own are in `operators.rs`.

mod support;

use sinew_runtime::format::{BinaryFunction, Bounds, Encoding, Operator, View, Window};
use sinew_runtime::{Isa, Model, RunError, Session};
use support::Network;
use support::judge::{check, check_parts};

fn window(kernel: [u16; 2], stride: [u16; 2], padding: [u16; 4]) -> Window {
    Window {
        kernel,
        stride,
        padding,
        dilation: [1, 1],
    }
}

fn dilated(window: Window, dilation: [u16; 2]) -> Window {
    Window { dilation, ..window }
}

/// The same layer with dense and with sparse weights.
fn check_convolution(input: [u32; 3], window: Window, groups: u32, channels: u32) {
    for (encoding, density) in [
        (Encoding::Dense, 1.0),
        (Encoding::Sparse, 0.3),
        (Encoding::Sparse, 0.0),
    ] {
        let mut network = Network::new(input, 1);
        let operator = Operator::Convolution {
            encoding,
            bounds: Bounds::RELU6,
            window,
            groups,
        };
        network.add(operator, &[0], channels, density);
        check(&mut network);
    }
}

#[test]
fn convolutions_of_every_stride_and_kernel() {
    for kernel in [1, 3, 5, 7] {
        for stride in [1, 2, 3] {
            let padding = kernel / 2;
            let window = window([kernel; 2], [stride; 2], [padding; 4]);
            check_convolution([3, 13, 14], window, 1, 6);
        }
    }
}

#[test]
fn convolutions_with_asymmetric_windows() {
    for window in [
        window([3, 5], [1, 1], [2, 0, 0, 4]),
        window([1, 7], [2, 1], [0, 3, 0, 2]),
        window([4, 2], [3, 2], [1, 1, 3, 0]),
        window([2, 2], [5, 3], [0, 0, 0, 0]),
    ] {
        check_convolution([3, 9, 11], window, 1, 5);
    }
}

#[test]
fn dilated_convolutions_of_every_stride() {
    for dilation in [2, 3, 4] {
        for stride in [1, 2, 3, 4] {
            let window = window([3, 2], [stride; 2], [dilation, 1, 2 * dilation, 0]);
            check_convolution([3, 13, 14], dilated(window, [dilation; 2]), 1, 5);
        }
    }
    // Taps further apart than the image is large, and groups.
    let window = window([2, 3], [1, 2], [9, 6, 9, 6]);
    check_convolution([4, 5, 8], dilated(window, [9, 5]), 2, 4);
}

#[test]
fn grouped_and_depthwise_convolutions() {
    let window = window([3, 3], [1, 1], [1, 1, 1, 1]);
    check_convolution([6, 8, 8], window, 2, 10);
    check_convolution([6, 8, 8], window, 3, 6);
    check_convolution([6, 8, 8], window, 6, 6);
    check_convolution([6, 8, 8], window, 6, 12);
}

#[test]
fn convolutions_on_single_pixels() {
    check_convolution([9, 1, 1], window([1, 1], [1, 1], [0; 4]), 1, 7);
    check_convolution([9, 1, 1], window([3, 3], [2, 2], [1; 4]), 1, 7);
    check_convolution([4, 3, 3], window([3, 3], [1, 1], [0; 4]), 1, 7);
}

#[test]
fn pools_of_every_kind() {
    for window in [
        window([2, 2], [2, 2], [0; 4]),
        window([3, 3], [2, 2], [1; 4]),
        window([3, 2], [1, 3], [2, 0, 1, 1]),
        window([7, 9], [1, 1], [0; 4]),
        dilated(window([2, 3], [1, 2], [1, 2, 1, 0]), [2, 3]),
        dilated(window([3, 2], [2, 1], [5, 0, 4, 3]), [3, 8]),
        // Taps that jump over the image, where each window still has one inside.
        dilated(window([2, 1], [9, 1], [9, 0, 2, 0]), [10, 1]),
    ] {
        for operator in [
            Operator::MaxPool { window },
            Operator::AveragePool { window },
        ] {
            let mut network = Network::new([3, 7, 9], 2);
            network.add(operator, &[0], 0, 0.0);
            check(&mut network);
        }
    }
}

/// Normalisation, a residual block, pooling and a classifier.
fn residual(encoding: Encoding) -> Network {
    let mut network = Network::new([3, 12, 12], 3);
    let convolution = |bounds| Operator::Convolution {
        encoding,
        bounds,
        window: window([3, 3], [1, 1], [1; 4]),
        groups: 1,
    };
    let normalised = network.add(
        Operator::Affine {
            bounds: Bounds::NONE,
        },
        &[0],
        0,
        0.0,
    );
    let stem = network.add(convolution(Bounds::RELU), &[normalised], 8, 0.5);
    let first = network.add(convolution(Bounds::RELU), &[stem], 8, 0.2);
    let second = network.add(convolution(Bounds::NONE), &[first], 8, 0.2);
    let add = Operator::Binary {
        function: BinaryFunction::Add,
        view: View {
            outer: 1,
            axis: 1,
            inner: 8 * 12 * 12,
        },
        reversed: false,
        bounds: Bounds::RELU,
    };
    let sum = network.add(add, &[second, stem], 0, 0.0);
    let pool = Operator::AveragePool {
        window: window([4, 4], [4, 4], [0; 4]),
    };
    let pooled = network.add(pool, &[sum], 0, 0.0);
    let linear = Operator::Linear {
        encoding,
        bounds: Bounds::NONE,
    };
    network.add(linear, &[pooled], 10, 0.3);
    network
}

#[test]
fn a_residual_network() {
    check(&mut residual(Encoding::Dense));
    check(&mut residual(Encoding::Sparse));
}

#[test]
fn tensors_that_share_the_arena() {
    let mut network = residual(Encoding::Sparse);
    let mut parts = network.parts();
    // Maps of 8 × 12 × 12 in three places; the block's input stays until it has been added.
    parts.place(&[0, 1152, 0, 1152, 2304, 1152, 0, 72]);
    check_parts(&mut network, &parts);
}

#[test]
fn steps_describe_themselves() {
    let file = residual(Encoding::Sparse).parts().file();
    let model = Model::parse(&file).unwrap();
    assert_eq!(model.input_shape(), [3, 12, 12]);
    assert_eq!(model.output_shape(), [10, 1, 1]);
    assert_eq!(model.manifest(), b"a manifest");
    let steps: Vec<_> = model.steps().collect();
    assert_eq!(
        steps.iter().map(|step| step.macs_dense()).sum::<u64>(),
        model.macs_dense()
    );
    assert_eq!(
        steps.iter().map(|step| step.macs_effective()).sum::<u64>(),
        model.macs_effective()
    );
    assert_eq!(steps[4].inputs(), [4, 2]);
    assert!(steps[4].input_shapes().eq([[8, 12, 12]; 2]));
    assert!(steps[1].input_shapes().eq([[3, 12, 12]]));
    assert_eq!(steps[1].output_shape(), [8, 12, 12]);
    assert_eq!(steps[1].matrix_shape(), [8, 27]);
    assert_eq!(
        steps[1].kernel_name(Isa::Scalar),
        "sparse-convolution/scalar"
    );
    let density = steps[1].density().unwrap();
    assert_eq!(density, steps[1].stored_weights() as f64 / 216.0);
    assert_eq!((steps[0].density(), steps[0].weight_bytes()), (None, 24));
}

#[test]
fn wrong_lengths_are_errors() {
    let file = residual(Encoding::Dense).parts().file();
    let model = Model::parse(&file).unwrap();
    let needed = model.arena_bytes();
    let mut memory = vec![0; needed];
    let short = Session::new(&model, &mut memory[1..]).err();
    let given = needed - 1;
    assert_eq!(short, Some(RunError::ArenaTooSmall { needed, given }));

    let mut session = Session::new(&model, &mut memory).unwrap();
    let (needed, given) = (432, 431);
    assert_eq!(
        session.run(&[0.0; 431], &mut [0.0; 10]),
        Err(RunError::InputLength { needed, given })
    );
    let (needed, given) = (10, 11);
    assert_eq!(
        session.run(&[0.0; 432], &mut [0.0; 11]),
        Err(RunError::OutputLength { needed, given })
    );
}
