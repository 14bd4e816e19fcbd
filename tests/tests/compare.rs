//! `sinew compare`: runs that share parents, interruptions, failures.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use sinew_tests::program::{Outcome, RECIPE, compile, contents, listing, recipe_with, sinew};

/// A comparison of the recipe `text`, which is written into `folder`, in `folder/comparison`.
fn compare(folder: &Path, text: &str, arguments: &str) -> Command {
    let recipe = folder.join("tiny.toml");
    fs::write(&recipe, text).unwrap();
    let mut command = sinew("compare --json --jobs 2 --output");
    command.arg(folder.join("comparison")).arg(recipe);
    command.args(arguments.split_whitespace());
    command
}

const SUITE: &str = "samples = 50\nsuite = { name = \"quick\", samples = 10 }";

const TWO_BY_TWO: &str = "--methods magnitude,hydra --seeds 2";

fn with_suite() -> String {
    recipe_with("samples = 50", SUITE)
}

/// The runs' folders, by name.
fn runs(folder: &Path) -> Vec<PathBuf> {
    let runs = folder.join("comparison/runs");
    let names = listing(&runs).into_iter();
    names
        .filter(|name| !name.ends_with(".toml"))
        .map(|name| runs.join(name))
        .collect()
}

fn rows(comparison: &Value) -> Vec<&Value> {
    let blocks = comparison["blocks"].as_array().unwrap();
    assert_eq!(blocks.len(), 1);
    blocks[0]["rows"].as_array().unwrap().iter().collect()
}

#[test]
fn figures_are_those_of_the_runs_and_a_killed_comparison_ends_in_the_same() {
    let whole = tempfile::tempdir().unwrap();
    let comparison = Outcome::of(&mut compare(whole.path(), &with_suite(), TWO_BY_TWO)).json();
    let saved = fs::read(whole.path().join("comparison/compare.json")).unwrap();
    let saved: Value = serde_json::from_slice(&saved).unwrap();
    assert_eq!(saved, comparison);

    let rows = rows(&comparison);
    let names: Vec<&str> = rows.iter().map(|r| r["method"].as_str().unwrap()).collect();
    assert_eq!(names, ["dense", "magnitude", "hydra"]);
    let mut seen = 0;
    for run in runs(whole.path()) {
        let record = fs::read(run.join("run.json")).unwrap();
        let record: Value = serde_json::from_slice(&record).unwrap();
        let name = run.file_name().unwrap().to_str().unwrap();
        let row = usize::from(name.contains("hydra")) + 1;
        let seed = usize::try_from(record["recipe"]["seed"].as_u64().unwrap()).unwrap();
        for (row, network) in [(row, "sparse"), (0, "dense")] {
            let (figures, of_run) = (&rows[row], &record[network]);
            let clean = &of_run["evaluation"]["clean_accuracy"];
            assert_eq!(figures["clean"]["values"][seed], *clean, "{name}");
            let suite = &of_run["suite"]["robust_accuracy"];
            assert_eq!(figures["suite"]["values"][seed], *suite, "{name}");
        }
        assert_eq!(record["sparse"]["suite"]["samples"], 10);
        seen += 1;
    }
    assert_eq!(seen, 4);
    let against = |row: usize| &rows[row]["against_reference"];
    assert!(against(0).is_null() && against(1).is_null());
    let values = |row: usize| rows[row]["suite"]["values"].as_array().unwrap();
    let difference = against(2)["difference"]["values"].as_array().unwrap();
    for ((found, hydra), magnitude) in difference.iter().zip(values(2)).zip(values(1)) {
        let expected = hydra.as_f64().unwrap() - magnitude.as_f64().unwrap();
        assert!((found.as_f64().unwrap() - expected).abs() < 1e-9);
    }

    let killed = tempfile::tempdir().unwrap();
    let mut command = compare(killed.path(), &with_suite(), TWO_BY_TWO);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = command.spawn().unwrap();
    let begun = killed.path().join("comparison/runs");
    wait_until(|| {
        begun.exists()
            && runs(killed.path())
                .iter()
                .any(|r| r.join("run.json").exists())
    });
    process.kill().unwrap();
    process.wait().unwrap();
    for run in runs(killed.path()) {
        // Its processes have gone with it, and left their folders.
        let lock = File::create(run.join(".lock")).unwrap();
        wait_until(|| lock.try_lock().is_ok());
    }
    let finished = runs(killed.path()).into_iter();
    let finished: Vec<PathBuf> = finished
        .map(|run| run.join("run.json"))
        .filter(|record| record.exists())
        .collect();
    assert!(!finished.is_empty() && finished.len() < 4, "{finished:?}");
    let written = |path: &PathBuf| fs::metadata(path).unwrap().modified().unwrap();
    let before: Vec<_> = finished.iter().map(written).collect();
    let resumed = Outcome::of(&mut compare(killed.path(), &with_suite(), TWO_BY_TWO)).json();
    assert_eq!(resumed, comparison);
    let after: Vec<_> = finished.iter().map(written).collect();
    assert_eq!(before, after, "finished runs are not repeated");
}

fn wait_until(mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(300), "too slow");
        sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_run_that_takes_over_its_parent_ends_in_the_model_of_one_that_does_not() {
    let folder = tempfile::tempdir().unwrap();
    Outcome::of(&mut compare(
        folder.path(),
        RECIPE,
        "--methods magnitude,lamp",
    ))
    .json();
    assert_eq!(listing(&folder.path().join("comparison/parents")).len(), 2);
    let alone = recipe_with(
        "method = { ranked = { criterion = \"anomaly-weight\" } }",
        "method = { ranked = { criterion = \"lamp\" } }",
    );
    Outcome::of(&mut compile(folder.path(), &alone)).json();
    let alone = contents(&folder.path().join("run"));
    let shared = runs(folder.path()).into_iter();
    let shared = shared.map(|run| contents(&run));
    let same = shared.filter(|run| run["model.sinew"] == alone["model.sinew"]);
    let same: Vec<_> = same.collect();
    assert_eq!(same.len(), 1);
    assert!(same[0]["sparse.safetensors"] == alone["sparse.safetensors"]);
}

#[test]
fn runs_that_fail_are_told_of_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere.toml");
    fs::write(
        &nowhere,
        recipe_with("data = \"embedded\"", "data = \"no/such\""),
    )
    .unwrap();
    let mut command = compare(folder.path(), RECIPE, "--methods magnitude");
    let outcome = Outcome::of(command.arg(&nowhere));
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("no/such"), "{}", outcome.stderr);
    let comparison: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(rows(&comparison).len(), 2);
    let failed = comparison["failed"].as_array().unwrap();
    let failed: Vec<&str> = failed.iter().map(|f| f["run"].as_str().unwrap()).collect();
    let expected = ["nowhere dense seed 0", "nowhere magnitude 0.9 seed 0"];
    assert_eq!(failed, expected);
}

#[test]
fn what_cannot_be_compared_is_refused_before_anything_is_done() {
    for (arguments, code, names) in [
        ("--methods magnitude,luck", 2, "luck"),
        (
            "--methods magnitude,magnitude",
            3,
            "magnitude 0.9 is there twice",
        ),
        ("--methods lamp --reference hydra", 2, "there are lamp"),
        ("--sparsities 0.5,1.5", 3, "prune.sparsity"),
        ("--seeds 0", 2, "--seeds"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let outcome = Outcome::of(&mut compare(folder.path(), RECIPE, arguments));
        assert_eq!(outcome.code, Some(code), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(names), "{}", outcome.stderr);
        assert_eq!(listing(folder.path()), ["tiny.toml"]);
    }
}
