//! `sinew anomaly` as a user meets it: what is measured, what is saved, what a run has left, and what is refused.

use std::fs;
use std::path::Path;

use serde_json::Value;
use sinew_models::builder::NetworkBuilder;
use sinew_models::file::Archive;
use sinew_models::function::Function;
use sinew_models::network::ValueId;
use sinew_tests::program::{Outcome, contents, finished_run, sinew};

fn measured(model: &Path, options: &str) -> Value {
    let mut command = sinew("anomaly --json --samples 60 --epsilon 0.03 --steps 3");
    Outcome::of(command.args(options.split_whitespace()).arg(model)).json()
}

fn degrees(report: &Value) -> Vec<&Value> {
    let layers = report["layers"].as_array().unwrap().iter();
    layers
        .flat_map(|layer| layer["degrees"].as_array().unwrap())
        .collect()
}

#[test]
fn degrees_are_those_of_the_definition_whatever_form_the_model_has() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished_run(folder.path());
    let report = measured(&run.join("sparse.safetensors"), "");
    assert_eq!(
        (&report["samples"], &report["of"], &report["attack"]),
        (&60.into(), &"unit".into(), &"PGD-3".into())
    );
    for layer in report["layers"].as_array().unwrap() {
        let figures = |field: &str| -> Vec<f64> {
            let figures = layer[field].as_array().unwrap().iter();
            figures.map(|x| x.as_f64().unwrap()).collect()
        };
        let (clean, change) = (figures("clean"), figures("change"));
        let tau = 0.01 * clean.iter().sum::<f64>() / clean.len() as f64;
        let mut dead = 0;
        for ((clean, change), degree) in clean
            .iter()
            .zip(&change)
            .zip(layer["degrees"].as_array().unwrap())
        {
            match degree.as_f64() {
                Some(degree) => {
                    assert!((degree - change / (clean + tau)).abs() < 1e-9 * degree.max(1.0))
                }
                None => {
                    assert_eq!((*clean, *change), (0.0, 0.0));
                    dead += 1;
                }
            }
        }
        assert_eq!(layer["dead"], dead);
    }
    // The packed model's network is the same to rounding: batch norms are folded.
    let packed = measured(&run.join("model.sinew"), "");
    let both = degrees(&report).into_iter().zip(degrees(&packed));
    for (a, b) in both {
        let [a, b] = [a, b].map(|degree| degree.as_f64().unwrap_or(0.0));
        assert!((a - b).abs() < 0.05 * a.max(0.1), "{a} {b}");
    }
    // Another seed, another sample.
    let other = measured(&run.join("sparse.safetensors"), "--seed 1");
    assert_ne!(degrees(&report), degrees(&other));
    let weights = measured(&run.join("sparse.safetensors"), "--measure weight-gradient");
    let shape = weights["layers"][0]["shape"].as_array().unwrap().iter();
    let count: u64 = shape.map(|side| side.as_u64().unwrap()).product();
    assert_eq!(
        weights["layers"][0]["degrees"].as_array().unwrap().len() as u64,
        count
    );
}

#[test]
fn what_was_saved_is_printed_again_and_a_run_has_saved_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished_run(folder.path());
    let (model, table) = (run.join("model.sinew"), folder.path().join("t.safetensors"));
    let mut command = sinew("anomaly --json --samples 60 --measure gradient --output");
    let report = Outcome::of(command.arg(&table).arg(&model)).json();
    let mut again = sinew("anomaly --json --saved");
    let again = Outcome::of(again.arg(&table).arg(&model)).json();
    assert_eq!(again["layers"], report["layers"]);
    assert_eq!(again["measure"], "gradient");

    let before = contents(&run);
    let printed = |path: &Path| Outcome::of(sinew("anomaly --json").arg(path)).json();
    let parent = printed(&run);
    assert_eq!(
        parent["layers"],
        printed(&run.join("anomaly.safetensors"))["layers"]
    );
    // The recipe's seed, radius, steps and number of images.
    let mut measure = sinew("anomaly --json --samples 40 --epsilon 0.03 --steps 3");
    measure.arg(run.join("sparse.safetensors"));
    let product = printed(&run.join("sparse.anomaly.safetensors"));
    assert_eq!(
        product["measure"],
        Outcome::of(&mut measure).json()["measure"]
    );
    assert_ne!(product["layers"], parent["layers"]);
    assert!(before == contents(&run), "printing changes nothing");
}

#[test]
fn people_see_conditions_layers_and_the_most_and_least_anomalous_units() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished_run(folder.path());
    let mut command = sinew("anomaly --samples 60 --epsilon 0.03 --steps 3");
    let text = Outcome::of(command.arg(run.join("model.sinew"))).stdout;
    for part in [
        "PGD-3 in the L∞ ball of radius 0.03",
        "60 training images of fashion-mnist-subset, seed 0",
        "classifier",
        "most anomalous",
        "least anomalous",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    assert!(
        text.contains(['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']),
        "{text}"
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
}

/// Fails unless nothing but one line is printed, which has `part`, and the code is this.
fn refused(options: &str, model: &Path, code: i32, part: &str) {
    let mut command = sinew("anomaly");
    command.args(options.split_whitespace()).arg(model);
    let outcome = Outcome::of(&mut command);
    let known = (outcome.code, outcome.stdout.as_str()) == (Some(code), "");
    assert!(known && outcome.stderr.contains(part), "{outcome:?}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
}

#[test]
fn networks_without_units_or_gradients_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let write = |builder: NetworkBuilder, classes: usize| {
        let labels = (0..classes).map(|class| class.to_string()).collect();
        let archive = Archive::from(builder.finish(labels).unwrap());
        fs::write(&path, archive.to_bytes().unwrap()).unwrap();
    };
    let mut plain = NetworkBuilder::new("plain", [1, 28, 28], 1);
    plain.flatten("flatten", ValueId::INPUT);
    write(plain, 784);
    refused("", &path, 3, "no convolution and no linear layer");
    let mut signs = NetworkBuilder::new("signs", [1, 28, 28], 1);
    let flat = signs.flatten("flatten", ValueId::INPUT);
    let sign = signs.activation("steps", flat, Function::Sign);
    signs.linear("classifier", sign, 10);
    write(signs, 10);
    refused("", &path, 3, "node \"steps\" (sign) has none");
}

#[test]
fn tables_of_other_networks_and_conditions_that_change_nothing_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished_run(folder.path());
    let sparse = format!(
        "--saved {}",
        run.join("sparse.anomaly.safetensors").display()
    );
    refused(
        &sparse,
        &run.join("dense.safetensors"),
        3,
        "about another network",
    );
    refused("--measure signed", &run, 3, "no such degrees");
    refused("--epsilon 0.1", &run, 2, "--epsilon");
    refused("--output t", &run, 2, "--output");
    let network = format!("--saved {}", run.join("dense.safetensors").display());
    refused(
        &network,
        &run.join("dense.safetensors"),
        3,
        "no statistics inside",
    );
    let (damaged, table) = (
        folder.path().join("damaged"),
        run.join("anomaly.safetensors"),
    );
    let bytes = fs::read(table).unwrap();
    fs::write(&damaged, &bytes[..bytes.len() - 8]).unwrap();
    let saved = format!("--saved {}", damaged.display());
    refused(&saved, &run.join("dense.safetensors"), 3, "damaged");
    fs::remove_file(run.join("anomaly.safetensors")).unwrap();
    refused("", &run, 3, "anomaly.safetensors");
    refused(
        "--output /nowhere/t",
        &run.join("model.sinew"),
        4,
        "/nowhere/t",
    );
}
