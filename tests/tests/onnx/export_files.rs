//! Exported networks with inputs and expected results as files, for `tests/parity/check_export.py` and the engines it asks.

use std::env;
use std::fs;
use std::path::Path;

use sinew_models::onnx::{ExportOptions, export};
use sinew_models::{Network, ValueId, reference, zoo};
use sinew_tests::network::{INPUT_SHAPES, numbers, random, zoo_network};
use sinew_tests::picture::npy_floats;
use sinew_tests::random_network::{every_operator, random_network};

/// Images in each file.
const BATCH: usize = 3;

/// Random networks among the files.
const RANDOM_NETWORKS: u64 = 300;

/// Writes `name.onnx`, and in numpy's format `name.input.npy` and `name.output.npy`, which is the reference's result.
fn write(folder: &Path, name: &str, network: &Network, sparse_initializers: bool) {
    let options = ExportOptions {
        sparse_initializers,
        ..ExportOptions::default()
    };
    let model = export(network, &options).unwrap();
    let shape = |value: ValueId| [&[BATCH], network.shape(value).0.as_slice()].concat();
    let input_shape = shape(ValueId::INPUT);
    let images = numbers(&mut random(3), input_shape.iter().product(), 0.0..1.0);
    let result = reference::evaluate(network, &images, BATCH);
    let files = [
        ("onnx", model),
        ("input.npy", npy_floats(&input_shape, &images)),
        ("output.npy", npy_floats(&shape(network.output()), &result)),
    ];
    for (ending, contents) in files {
        fs::write(folder.join(format!("{name}.{ending}")), contents).unwrap();
    }
}

/// Fills the folder in the environment variable `EXPORT_FOLDER`, which must be there.
#[test]
#[ignore = "writes files for other programs; tests/parity/check_export.py runs it"]
fn write_exported_networks() {
    let folder = env::var("EXPORT_FOLDER").expect("EXPORT_FOLDER says where to write");
    let folder = Path::new(&folder);
    for (name, network) in every_operator() {
        let name: String = name.chars().map(file_name_character).collect();
        write(folder, &format!("operator-{name}"), &network, false);
    }
    for seed in 0..RANDOM_NETWORKS {
        write(
            folder,
            &format!("random-{seed}"),
            &random_network(seed),
            false,
        );
    }
    for name in zoo::NAMES {
        for input_shape in INPUT_SHAPES {
            let [channels, ..] = input_shape;
            for (kind, sparsity, sparse) in [
                ("dense", 0.0, false),
                ("pruned", 0.9, false),
                ("pruned-sparse", 0.9, true),
            ] {
                let network = zoo_network(name, input_shape, 0.5, sparsity);
                write(
                    folder,
                    &format!("zoo-{name}-{channels}-{kind}"),
                    &network,
                    sparse,
                );
            }
        }
    }
}

fn file_name_character(character: char) -> char {
    match character {
        ' ' | '-' | '.' => character,
        _ if character.is_ascii_alphanumeric() => character,
        _ => '_',
    }
}
