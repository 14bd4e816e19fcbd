//! `sinew attack` as a user meets it: its figures, what it saves, and that it can be killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use sinew_tests::picture::test_images;
use sinew_tests::program::{Outcome, exported, finished_run, listing, sinew, without};

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

fn indices(value: &Value) -> Vec<usize> {
    let numbers = value.as_array().unwrap().iter();
    numbers.map(|n| n.as_u64().unwrap() as usize).collect()
}

fn attack(model: &Path, arguments: &str) -> Command {
    let mut command = sinew("attack --epsilon 0.03 --json");
    command.arg(model).args(arguments.split_whitespace());
    command
}

fn json(command: &mut Command) -> Value {
    Outcome::of(command).json()
}

#[test]
fn a_suite_says_which_attack_turned_which_image() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished_run(folder.path());
    let model = run.join("model.sinew");
    let surrogate = run.join("dense.safetensors");
    let report = json(
        attack(&model, "--suite quick --samples 150 --seed 3")
            .arg("--surrogate")
            .arg(&surrogate),
    );
    assert_eq!(
        (&report["norm"], &report["samples"], &report["seed"]),
        (&json!("linf"), &json!(150), &json!(3))
    );
    let mut left: Vec<usize> = (0..150).collect();
    let mut remove = |turned: Vec<usize>| {
        let before = left.len();
        left.retain(|index| !turned.contains(index));
        assert_eq!(before - left.len(), turned.len(), "an image is turned once");
        left.len() as f64 / 150.0
    };
    let clean = remove(indices(&report["misclassified"]));
    assert_eq!(number(&report["clean_accuracy"]), clean);
    let attacks = report["attacks"].as_array().unwrap();
    let names: Vec<&Value> = attacks.iter().map(|attack| &attack["name"]).collect();
    assert_eq!(
        names,
        [
            "apgd-ce(steps=20)",
            "apgd-t(steps=20,targets=3)",
            "transfer",
            "square(queries=200)"
        ]
    );
    for (number_, attack) in attacks.iter().enumerate() {
        let accuracy = remove(indices(&attack["turned"]));
        assert_eq!(number(&attack["robust_accuracy"]), accuracy);
        let interval = attack["robust_interval"].as_array().unwrap();
        assert!(number(&interval[0]) < accuracy && accuracy < number(&interval[1]));
        assert_eq!(attack["alone"], number_ == 0);
        assert!(number(&attack["queries"]) <= number(&attack["budget"]));
    }
    assert_eq!(
        number(&report["robust_accuracy"]),
        left.len() as f64 / 150.0
    );
    let checks = report["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 12);
    for check in checks {
        assert!(["passed", "warning"].contains(&check["status"].as_str().unwrap()));
        assert!(check["detail"].as_str().unwrap().len() > 20, "{check}");
    }
    let sweep = report["sweep"].as_array().unwrap();
    assert_eq!(number(&sweep[0]["robust_accuracy"]), 1.0);
    assert!(number(&sweep.last().unwrap()["epsilon"]) == 1.0);
}

/// The files of finished batches in a state folder.
fn batches(state: &Path) -> usize {
    let names = if state.exists() {
        listing(state)
    } else {
        Vec::new()
    };
    names.iter().filter(|name| name.ends_with(".batch")).count()
}

#[test]
fn killed_after_any_batch_an_attack_ends_in_the_same_figures_and_images() {
    let folder = tempfile::tempdir().unwrap();
    let model = finished_run(folder.path()).join("model.sinew");
    let arguments = "--suite quick --samples 500 --seed 1 --save-adversarial";
    let whole = folder.path().join("whole");
    let expected = json(attack(&model, arguments).arg(&whole));
    let (state, parts) = (folder.path().join("state"), folder.path().join("parts"));
    let again = || {
        let mut command = attack(&model, arguments);
        command.arg(&parts).arg("--state").arg(&state);
        command
    };
    let mut kills = 0;
    loop {
        let before = batches(&state);
        let mut run = again().stdout(Stdio::null()).spawn().unwrap();
        while batches(&state) <= before && run.try_wait().unwrap().is_none() {
            sleep(Duration::from_millis(1));
        }
        if run.try_wait().unwrap().is_some() {
            break;
        }
        run.kill().unwrap();
        run.wait().unwrap();
        kills += 1;
        if kills == 6 {
            break;
        }
    }
    assert!(kills > 2, "{kills}");
    let found = json(&mut again());
    assert_eq!(without(&found, "seconds"), without(&expected, "seconds"));
    for file in [
        "adversarial.npy",
        "clean.npy",
        "labels.npy",
        "examples.json",
    ] {
        let [a, b] = [&whole, &parts].map(|folder| fs::read(folder.join(file)).unwrap());
        assert!(a == b, "{file}");
    }
    assert!(!state.exists(), "a finished attack leaves no state");
}

#[test]
fn an_image_meets_the_same_attack_in_any_sample() {
    let folder = tempfile::tempdir().unwrap();
    let model = finished_run(folder.path()).join("model.sinew");
    let turned = |arguments: &str| {
        let arguments = format!("--attack pgd --steps 3 --no-checks {arguments}");
        let report = json(&mut attack(&model, &arguments));
        indices(&report["attacks"][0]["turned"])
    };
    let all = turned("--samples 1000");
    let few = turned("--samples 200");
    let expected: Vec<usize> = all.iter().copied().filter(|index| *index < 200).collect();
    assert_eq!(few, expected);
    let shuffled = turned("--samples 200 --shuffle");
    assert!(shuffled.iter().all(|index| all.contains(index)));
    assert!(shuffled.iter().any(|index| *index >= 200));
}

#[test]
fn saved_images_are_in_the_ball_and_turn_the_deployed_model() {
    let folder = tempfile::tempdir().unwrap();
    let model = finished_run(folder.path()).join("model.sinew");
    let saved = folder.path().join("saved");
    let arguments = "--attack pgd --samples 120 --no-checks --corruptions --save-adversarial";
    let report = json(attack(&model, arguments).arg(&saved));
    let turned = indices(&report["attacks"][0]["turned"]);
    assert!(!turned.is_empty());
    assert_eq!(report["corruptions"].as_array().unwrap().len(), 20);
    assert_eq!(report["checks"], json!([]));

    let examples: Value =
        serde_json::from_slice(&fs::read(saved.join("examples.json")).unwrap()).unwrap();
    let examples = examples.as_array().unwrap();
    let saved_indices: Vec<usize> = examples
        .iter()
        .map(|example| example["index"].as_u64().unwrap() as usize)
        .collect();
    assert_eq!(saved_indices, turned);
    let floats = |name: &str| -> Vec<f32> {
        let bytes = fs::read(saved.join(name)).unwrap();
        let data = &bytes[bytes.len() - turned.len() * 784 * 4..];
        let (values, _) = data.as_chunks();
        values
            .iter()
            .map(|value| f32::from_le_bytes(*value))
            .collect()
    };
    let (clean, adversarial) = (floats("clean.npy"), floats("adversarial.npy"));
    let (images, labels) = test_images(120);
    for (place, &index) in turned.iter().enumerate() {
        for pixel in 0..784 {
            let (before, after) = (clean[place * 784 + pixel], adversarial[place * 784 + pixel]);
            assert_eq!(before, f32::from(images[index][pixel]) / 255.0);
            assert!((0.0..=1.0).contains(&after));
            assert!((f64::from(before) - f64::from(after)).abs() <= f64::from(0.03f32));
        }
    }
    let mut run = sinew("run --json");
    let results = json(run.arg(&model).arg(saved.join("adversarial.npy")));
    let results = results["results"].as_array().unwrap();
    assert_eq!(results.len(), turned.len());
    for (place, (&index, result)) in turned.iter().zip(results).enumerate() {
        assert_ne!(result["class"], labels[index]);
        assert_eq!(examples[place]["decided"], result["label"]);
        let picture = saved.join(examples[place]["picture"].as_str().unwrap());
        assert!(fs::metadata(picture).unwrap().len() > 100);
    }
}

#[test]
fn the_card_and_the_table_say_what_the_figures_need() {
    let folder = tempfile::tempdir().unwrap();
    let model = finished_run(folder.path()).join("model.sinew");
    let print = |option: Option<&str>| {
        let mut command = sinew("attack --epsilon 0.03 --attack fgsm --samples 60 --seed 9");
        let outcome = Outcome::of(command.arg(&model).args(option));
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
        outcome.stdout
    };
    for text in [print(None), print(Some("--markdown"))] {
        for word in [
            "L∞ ball",
            "0.03",
            "60",
            "seed 9",
            "fgsm",
            "reaches-zero",
            "queries",
        ] {
            assert!(text.contains(word), "no {word} in {text}");
        }
        assert!(!text.contains('\x1b'));
    }
    assert!(print(Some("--markdown")).starts_with("## Robustness of "));
}

#[test]
fn l2_and_other_files_of_the_same_network() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished_run(folder.path());
    let exported = exported(&run.join("sparse.safetensors"));
    let report = |model: PathBuf| {
        let arguments = "--norm l2 --epsilon 0.5 --suite quick --samples 60 --no-checks";
        let mut command = sinew(&format!("attack --json {arguments}"));
        json(command.arg(model))
    };
    let packed = report(run.join("model.sinew"));
    assert_eq!(packed["norm"], "l2");
    assert!(number(&packed["robust_accuracy"]) < number(&packed["clean_accuracy"]));
    for model in [run.join("sparse.safetensors"), exported] {
        let other = report(model);
        let difference = number(&other["robust_accuracy"]) - number(&packed["robust_accuracy"]);
        // The arithmetic differs in the last bits, so an image at a boundary may fall to the other side.
        assert!(
            difference.abs() <= 1.0 / 60.0 + 1e-9,
            "{other} and {packed}"
        );
    }
}
