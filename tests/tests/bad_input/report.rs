//! Reports on folders that hold no finished run of these images, and on damaged ones.

use std::fs;

use sinew_models::file::Archive;
use sinew_tests::picture::write_idx;
use sinew_tests::program::{Outcome, finished_run, listing, sinew};

use super::{INPUT, OUTPUT, USAGE, assert_fails, text};

#[test]
fn a_folder_that_holds_no_finished_run_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let report = || {
        let mut command = sinew("report --json --output");
        command.arg(&page);
        command
    };
    let usage = Outcome::of(&mut report());
    assert_eq!(usage.code, Some(USAGE));
    assert!(usage.stderr.contains("RUN"), "{}", usage.stderr);
    for place in [folder.path().join("nowhere"), folder.path().to_owned()] {
        assert_fails(report().arg(&place), INPUT, &[text(&place), "recipe.toml"]);
    }

    let run = finished_run(folder.path());
    // The same images, but not these.
    let images = folder.path().join("images");
    fs::create_dir(&images).unwrap();
    write_idx(&images, 30);
    let names = [text(&run), "--data"];
    assert_fails(report().arg(&run).arg("--data").arg(&images), INPUT, &names);
    let nowhere = folder.path().join("nowhere");
    let names = [text(&nowhere)];
    assert_fails(
        report().arg(&run).arg("--data").arg(&nowhere),
        INPUT,
        &names,
    );

    let files = [
        "run.json",
        "dense.safetensors",
        "anomaly.safetensors",
        "sparse.safetensors",
        "sparse.anomaly.safetensors",
        "dense.sinew",
        "model.sinew",
    ];
    for name in files {
        let path = run.join(name);
        let contents = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_fails(report().arg(&run), INPUT, &[text(&path), "not finished"]);
        for damaged in [&contents[..contents.len() / 2], b"", b"\xff\xfe", b"[]"] {
            fs::write(&path, damaged).unwrap();
            assert_fails(report().arg(&run), INPUT, &[]);
        }
        fs::write(&path, contents).unwrap();
    }
    // Whole files that say what is not so.
    let sparse = run.join("sparse.safetensors");
    let mut archive = Archive::from_bytes(&fs::read(&sparse).unwrap()).unwrap();
    let units = archive.metadata.get_mut("sinew.removed-units").unwrap();
    *units = "[3]".to_owned();
    let swapped = fs::read(run.join("sparse.anomaly.safetensors")).unwrap();
    for (name, damaged, word) in [
        ("sparse.safetensors", archive.to_bytes().unwrap(), "map"),
        ("anomaly.safetensors", swapped, "another network"),
    ] {
        let path = run.join(name);
        let contents = fs::read(&path).unwrap();
        fs::write(&path, damaged).unwrap();
        assert_fails(report().arg(&run), INPUT, &[text(&path), word]);
        fs::write(&path, contents).unwrap();
    }
    assert!(!page.exists() && !listing(&run).contains(&"curve.json".to_owned()));

    // Another version's figures, first in the same form, then in another.
    let record = fs::read_to_string(run.join("run.json")).unwrap();
    let later = record.replacen("\"version\": \"0.1.0\"", "\"version\": \"9.8.7\"", 1);
    assert_ne!(later, record);
    fs::write(
        run.join("run.json"),
        later.replace("robust_accuracy", "strength"),
    )
    .unwrap();
    assert_fails(report().arg(&run), INPUT, &["run.json", "9.8.7"]);
    let impossible = record.replacen("\"steps\": 3", "\"steps\": 0", 1);
    assert_ne!(impossible, record);
    fs::write(run.join("run.json"), impossible).unwrap();
    assert_fails(report().arg(&run), INPUT, &["run.json", "prune.steps"]);
    fs::write(run.join("run.json"), later).unwrap();
    Outcome::of(report().arg(&run)).json();

    let below = page.join("below.html");
    let mut command = sinew("report --json --output");
    assert_fails(command.arg(&below).arg(&run), OUTPUT, &[text(&below)]);
}
