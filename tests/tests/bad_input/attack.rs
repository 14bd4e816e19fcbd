//! Attacks that cannot begin, or cannot go on.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use sinew_models::ValueId;
use sinew_models::builder::NetworkBuilder;
use sinew_models::file::Archive;
use sinew_tests::program::{Outcome, contents, finished_run, listing, sinew};

use super::{INPUT, OUTPUT, assert_fails, text};

/// A checkpoint of one linear layer.
fn write_network(path: &Path, input_shape: [usize; 3], classes: usize) {
    let mut builder = NetworkBuilder::new("linear", input_shape, 1);
    let flat = builder.flatten("flatten", ValueId::INPUT);
    builder.linear("classifier", flat, classes);
    let labels = (0..classes).map(|class| class.to_string()).collect();
    let archive = Archive::from(builder.finish(labels).unwrap());
    fs::write(path, archive.to_bytes().unwrap()).unwrap();
}

#[test]
fn models_that_do_not_take_the_images_or_do_not_know_the_classes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for (shape, classes, names) in [
        ([1, 1, 10], 10, ["[1, 1, 10]", "[1, 28, 28]"]),
        ([3, 28, 28], 10, ["[3, 28, 28]", "[1, 28, 28]"]),
        ([1, 28, 28], 11, ["of 11 classes", "of 10"]),
        ([1, 28, 28], 9, ["of 9 classes", "of 10"]),
    ] {
        write_network(&path, shape, classes);
        assert_fails(sinew("attack").arg(&path), INPUT, &names);
        assert_fails(sinew("anomaly").arg(&path), INPUT, &names);
        // So is a surrogate.
        let fits = folder.path().join("fits.safetensors");
        write_network(&fits, [1, 28, 28], 10);
        let mut attack = sinew("attack");
        attack.arg(&fits).arg("--surrogate").arg(&path);
        assert_fails(&mut attack, INPUT, &names);
    }
}

#[test]
fn attacks_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    write_network(&path, [1, 28, 28], 10);
    for (arguments, names) in [
        ("attack --attack transfer", ["transfer", "--surrogate"]),
        (
            "attack --attack carlini-wagner",
            ["carlini-wagner", "--norm l2"],
        ),
    ] {
        assert_fails(sinew(arguments).arg(&path), INPUT, &names);
    }
}

fn attack(model: &Path, state: &Path) -> Command {
    let mut command = sinew("attack --suite quick --samples 400 --epsilon 0.03 --no-checks --json");
    command.arg(model).arg("--state").arg(state);
    command
}

#[test]
fn a_damaged_or_foreign_state_is_named_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let model = finished_run(folder.path()).join("model.sinew");
    let state = folder.path().join("state");
    let mut run = attack(&model, &state)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let batch = loop {
        assert!(run.try_wait().unwrap().is_none(), "it was too fast");
        let names = if state.exists() {
            listing(&state)
        } else {
            Vec::new()
        };
        match names.into_iter().find(|name| name.ends_with(".batch")) {
            Some(name) => break state.join(name),
            None => sleep(Duration::from_millis(1)),
        }
    };
    run.kill().unwrap();
    run.wait().unwrap();

    let whole = fs::read(&batch).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&batch, damaged).unwrap();
    let before = contents(&state);
    let names = [text(&batch), "damaged", "delete"];
    assert_fails(&mut attack(&model, &state), INPUT, &names);
    assert_fails(
        attack(&model, &state).args(["--seed", "5"]),
        INPUT,
        &[text(&state), "another evaluation"],
    );
    assert!(contents(&state) == before);
    fs::write(&batch, whole).unwrap();
    Outcome::of(&mut attack(&model, &state)).json();
}

#[test]
fn what_cannot_be_written_is_an_output_error() {
    let folder = tempfile::tempdir().unwrap();
    let model = finished_run(folder.path()).join("model.sinew");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let inside = file.join("folder");
    assert_fails(&mut attack(&model, &inside), OUTPUT, &[text(&inside)]);
    let mut save = sinew("attack --attack fgsm --samples 20 --no-checks");
    save.arg(&model).arg("--save-adversarial").arg(&inside);
    assert_fails(&mut save, OUTPUT, &[text(&inside)]);
}
