//! Reference execution, burn, the packed file on the runtime and the twin that is read back from the file give the same logits.

use sinew::classifier::Classifier;
use sinew::execute::{DeviceChoice, Executor};
use sinew::pack::{Manifest, pack, unpack};
use sinew_models::{reference, zoo};
use sinew_runtime::format::{Encoding, Operator};
use sinew_runtime::{Isa, Model};
use sinew_tests::network::{INPUT_SHAPES, numbers, random, zoo_network};

use super::{IMAGES, largest, largest_difference, run};

/// Of the largest logit. Only rounding differs, in up to fifty layers that add up in other orders; ReLU6 networks feel it most.
const TOLERANCE: f32 = 3e-5;

/// Narrow where the reference would take long.
fn width(name: &str) -> f64 {
    match name {
        "small_cnn" | "resnet8" => 1.0,
        _ => 0.25,
    }
}

/// Fails unless batch norms are folded, and convolutions and linear layers are stored in the form that their density asks for.
fn assert_form(model: &Model<'_>, sparse: bool) {
    let expected = if sparse {
        Encoding::Sparse
    } else {
        Encoding::Dense
    };
    let mut affine = 0;
    for step in model.steps() {
        match step.operator() {
            Operator::Convolution { encoding, .. } | Operator::Linear { encoding, .. } => {
                assert_eq!(encoding, expected)
            }
            Operator::Affine { .. } => affine += 1,
            _ => {}
        }
    }
    assert_eq!(affine, 1, "only the normalisation of the input is left");
}

fn assert_engines_agree(input_shape: [usize; 3], sparsity: f64) {
    let device = DeviceChoice::Cpu.open().unwrap();
    let count = IMAGES * input_shape.iter().product::<usize>();
    for name in zoo::NAMES {
        let network = zoo_network(name, input_shape, width(name), sparsity);
        let images = numbers(&mut random(4), count, 0.0..1.0);
        let expected = reference::evaluate(&network, &images, IMAGES);
        let (first, second) = expected.split_at(network.classes());
        // A network that does not see its input would agree with anything.
        assert!(
            largest_difference(first, second) > 0.01 * largest(&expected),
            "{name} is numb: {expected:?}"
        );

        let file = pack(&network, &Manifest::new(&network, None)).unwrap();
        let model = Model::parse(&file).unwrap();
        assert_form(&model, sparsity > 0.0);
        let twin = unpack(&file).unwrap();
        assert_eq!(twin.sparsity(), network.sparsity());
        for (engine, logits) in [
            (
                "burn",
                Executor::new(&network, &device).logits(&images).unwrap(),
            ),
            ("the scalar runtime", run(&model, &images, Isa::Scalar)),
            ("the fastest runtime", run(&model, &images, Isa::detect())),
            ("the twin", reference::evaluate(&twin, &images, IMAGES)),
        ] {
            let difference = largest_difference(&expected, &logits) / largest(&expected);
            assert!(
                difference <= TOLERANCE,
                "{engine} runs {name} with an error of {difference:e}"
            );
        }
    }
}

#[test]
fn engines_agree_on_dense_networks_for_grey_images() {
    assert_engines_agree(INPUT_SHAPES[0], 0.0);
}

#[test]
fn engines_agree_on_dense_networks_for_colour_images() {
    assert_engines_agree(INPUT_SHAPES[1], 0.0);
}

#[test]
fn engines_agree_on_sparse_networks_for_grey_images() {
    assert_engines_agree(INPUT_SHAPES[0], 0.9);
}

#[test]
fn engines_agree_on_sparse_networks_for_colour_images() {
    assert_engines_agree(INPUT_SHAPES[1], 0.9);
}
