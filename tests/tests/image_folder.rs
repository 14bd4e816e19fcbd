//! Pictures of many sizes in folders, from drawing them to classifying one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sinew_tests::program::{Outcome, compile, contents, example, listing, recipe_with, sinew};

/// Pictures of each class, and those of them that are for training.
const PICTURES: usize = 24;
const FOR_TRAINING: usize = 16;

/// Draws coloured shapes and sorts them into `train` and `test` in `folder`.
fn draw(folder: &Path) -> PathBuf {
    let drawn = folder.join("drawn");
    let mut command = example("coloured_shapes");
    let outcome = Outcome::of(command.arg(&drawn).arg(PICTURES.to_string()));
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let data = folder.join("shapes");
    for class in listing(&drawn) {
        let names = listing(&drawn.join(&class));
        assert_eq!(names.len(), PICTURES);
        for (index, name) in names.iter().enumerate() {
            let part = if index < FOR_TRAINING {
                "train"
            } else {
                "test"
            };
            let target = data.join(part).join(&class);
            fs::create_dir_all(&target).unwrap();
            fs::rename(drawn.join(&class).join(name), target.join(name)).unwrap();
        }
    }
    data
}

fn recipe(data: &Path) -> String {
    let image = "[image]\nheight = 20\nwidth = 16\ncolour = \"rgb\"\nresize = \"crop\"\n\n[train]";
    recipe_with("train_images = 320", "")
        .replace("[train]", image)
        .replace(
            "data = \"embedded\"",
            &format!("data = {:?}", data.to_str().unwrap()),
        )
}

fn json(command: &mut Command) -> Value {
    Outcome::of(command).json()
}

#[test]
fn pictures_are_prepared_in_the_same_way_for_training_attacking_and_running() {
    let folder = tempfile::tempdir().unwrap();
    let data = draw(folder.path());
    let info = json(sinew("data info --json --data").arg(&data));
    assert_eq!(info["shape"], Value::Null);
    assert_eq!(info["classes"].as_array().unwrap().len(), 8);
    assert_eq!(
        (&info["train_images"], &info["test_images"]),
        (
            &json!(8 * FOR_TRAINING),
            &json!(8 * (PICTURES - FOR_TRAINING))
        )
    );

    let recipe = recipe(&data);
    let record = json(&mut compile(folder.path(), &recipe));
    let run = folder.path().join("run");
    let model = run.join("model.sinew");
    let inspected = json(sinew("inspect --json").arg(&model));
    assert_eq!(inspected["labels"], info["classes"]);
    for (network, file) in [("sparse", "model.sinew"), ("sparse", "sparse.safetensors")] {
        let expected = &record[network]["evaluation"];
        let mut attack = sinew("attack --json --attack fgsm --samples 50 --epsilon 0.03");
        let report = json(attack.arg(run.join(file)).arg("--data").arg(&data));
        assert_eq!(
            report["clean_accuracy"], expected["clean_accuracy"],
            "{file}"
        );
        assert_eq!(report["samples"], expected["samples"], "{file}");
    }

    // The order of the test images does not matter for how many are classified: all of them are judged.
    let all = "--samples 1000 --attack fgsm --epsilon 0";
    let mut attack = sinew(&format!("attack --json {all}"));
    let judged = json(attack.arg(&model).arg("--data").arg(&data));
    let mut right = 0;
    let mut command = sinew("run --json");
    command.arg(&model);
    for class in listing(&data.join("test")) {
        let class = data.join("test").join(class);
        command.args(listing(&class).iter().map(|name| class.join(name)));
    }
    let report = json(&mut command);
    let results = report["results"].as_array().unwrap();
    for result in results {
        let path = Path::new(result["input"].as_str().unwrap());
        let class = path.parent().unwrap().file_name().unwrap();
        right += usize::from(result["label"].as_str() == class.to_str());
    }
    assert_eq!(judged["samples"], results.len());
    let accuracy = right as f64 / results.len() as f64;
    assert_eq!(judged["clean_accuracy"], accuracy);

    // It is the recipe that says how, unless somebody else does.
    let logits = |options: &[&str]| {
        let picture = data.join("test/warm-cross/00016.png");
        let mut command = sinew("run --json");
        let report = json(command.arg(&model).arg(picture).args(options));
        report["results"][0]["logits"].clone()
    };
    assert_eq!(logits(&["--resize", "crop"]), logits(&[]));
    assert_ne!(logits(&["--resize", "pad"]), logits(&[]));

    // Another picture makes another data set.
    let before = contents(&run);
    let first = data.join("train/cool-circle/00000.png");
    fs::copy(data.join("train/cool-circle/00002.png"), first).unwrap();
    let outcome = Outcome::of(&mut compile(folder.path(), &recipe));
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(outcome.stderr.contains("of other data"), "{outcome:?}");
    assert_eq!(contents(&run), before);
}
