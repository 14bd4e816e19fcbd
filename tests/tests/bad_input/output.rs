//! Places to write to, and folders of earlier runs.

use std::fs::{self, File};
use std::process::Stdio;

use sinew::prune::{Measure, Needs, Provenance, Statistics};
use sinew_models::Network;
use sinew_models::file::Archive;
use sinew_models::zoo::{self, ZooOptions};
use sinew_tests::program::{RECIPE, compile, contents, finished_run, limited, listing, sinew};

use super::{INPUT, OUTPUT, assert_fails, text};

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "precious").unwrap();
    let recipe = folder.path().join("recipe.toml");
    fs::write(&recipe, RECIPE).unwrap();
    for place in [&file, &file.join("below")] {
        let mut compile = sinew("compile --json");
        compile.arg(&recipe).arg("--output").arg(place);
        assert_fails(&mut compile, OUTPUT, &[text(place)]);
        for command in [
            "demo --quick --json --output",
            "data fetch fashion-mnist --output",
        ] {
            assert_fails(sinew(command).arg(place), OUTPUT, &[text(place)]);
        }
    }
    assert_eq!(fs::read(file).unwrap(), b"precious");
}

#[test]
fn a_full_disk_leaves_what_was_there_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let compile = compile(folder.path(), RECIPE);
    // Not even the recipe fits; then only the recipe does.
    assert_fails(&mut limited(&compile, 0), OUTPUT, &["recipe.toml"]);
    assert_eq!(listing(&run), [".lock"]);
    assert_fails(&mut limited(&compile, 64), OUTPUT, &["dense.checkpoint"]);
    assert_eq!(listing(&run), [".lock", "recipe.toml"]);
    // A finished run is packed again, which fails.
    finished_run(folder.path());
    let finished = contents(&run);
    assert_fails(&mut limited(&compile, 64), OUTPUT, &["dense.sinew"]);
    assert!(contents(&run) == finished);
}

#[test]
fn a_full_standard_output_is_an_error_and_a_closed_one_is_none() {
    let output = sinew("data info")
        .stdout(File::create("/dev/full").unwrap())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(OUTPUT));
    assert!(
        message.starts_with("sinew: failed to write to standard output: "),
        "{message}"
    );
    assert_eq!(message.lines().count(), 1, "{message}");

    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = sinew("data info")
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn a_folder_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished_run(folder.path());
    let lock = File::open(run.join(".lock")).unwrap();
    lock.lock().unwrap();
    let before = contents(&run);
    assert_fails(
        &mut compile(folder.path(), RECIPE),
        OUTPUT,
        &[text(&run), "another process"],
    );
    assert!(contents(&run) == before);
}

#[test]
fn a_folder_of_another_recipe_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished_run(folder.path());
    let before = contents(&run);
    let mut other = compile(folder.path(), RECIPE);
    assert_fails(
        other.args(["--seed", "1"]),
        INPUT,
        &[text(&run), "another recipe"],
    );
    assert!(contents(&run) == before);
}

#[test]
fn a_damaged_state_file_is_named_and_can_be_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished_run(folder.path());
    let finished = contents(&run);
    let whole = |name: &str| finished[name].clone();
    let half = |name: &str| finished[name][..finished[name].len() / 2].to_vec();
    // Whole files, but of other runs: a network for other images, and figures of another attack and radius.
    let foreign_network = network_for_colours();
    let evaluation = String::from_utf8(whole("model.evaluation.json")).unwrap();
    let radius = "\"epsilon\": 0.0";
    assert!(evaluation.contains(radius) && evaluation.contains("\"fgsm\""));
    let foreign_attack = evaluation.replace("\"fgsm\"", "\"deepfool\"").into_bytes();
    let foreign_radius = evaluation.replace(radius, "\"epsilon\": 0.5").into_bytes();
    let foreign_statistics = statistics_for_colours();
    // The file, the result of a later stage without which it is read, and what it becomes.
    for (name, later, damaged) in [
        ("dense.safetensors", None, half("dense.safetensors")),
        ("dense.safetensors", None, whole("dense.sinew")),
        (
            "dense.checkpoint",
            Some("dense.safetensors"),
            half("dense.safetensors"),
        ),
        (
            "dense.checkpoint",
            Some("dense.safetensors"),
            whole("dense.safetensors"),
        ),
        ("sparse.safetensors", None, half("sparse.safetensors")),
        (
            "anomaly.safetensors",
            Some("sparse.safetensors"),
            half("anomaly.safetensors"),
        ),
        (
            "anomaly.safetensors",
            Some("sparse.safetensors"),
            foreign_statistics,
        ),
        ("model.evaluation.json", None, b"{}".to_vec()),
        ("model.evaluation.json", None, foreign_attack),
        ("model.evaluation.json", None, foreign_radius),
        ("dense.safetensors", None, foreign_network.clone()),
        ("sparse.safetensors", None, foreign_network),
    ] {
        if let Some(later) = later {
            fs::remove_file(run.join(later)).unwrap();
        }
        let file = run.join(name);
        fs::write(&file, damaged).unwrap();
        let names = [text(&file), "delete"];
        assert_fails(&mut compile(folder.path(), RECIPE), INPUT, &names);
        fs::remove_file(file).unwrap();
        finished_run(folder.path());
        assert!(
            contents(&run)["model.sinew"] == whole("model.sinew"),
            "{name}"
        );
    }
}

/// A finished training result whose images have three channels.
fn network_for_colours() -> Vec<u8> {
    let mut archive = Archive::from(colours());
    let history = ("sinew.history".to_owned(), "[]".to_owned());
    archive.metadata.extend([history]);
    archive.to_bytes().unwrap()
}

/// Statistics of such a network.
fn statistics_for_colours() -> Vec<u8> {
    let provenance = Provenance {
        attack: "pgd5".to_owned(),
        epsilon: 0.1,
        seed: 0,
        network: String::new(),
    };
    let needs = Needs::of_measure(Measure::Activation);
    Statistics::new(&colours(), &needs).to_bytes(&provenance)
}

fn colours() -> Network {
    let options = ZooOptions {
        input_shape: [3, 32, 32],
        labels: (0..10).map(|class| class.to_string()).collect(),
        width: 0.25,
        mean: vec![0.5; 3],
        deviation: vec![0.25; 3],
        seed: 0,
    };
    zoo::build("small_cnn", &options).unwrap()
}
