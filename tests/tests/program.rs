//! The whole program as a user meets it: every command on real files, its JSON, and that the same run gives the same result.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use sinew_runtime::{Model, Session};
use sinew_tests::picture::{npy_floats, png, test_images, values};
use sinew_tests::program::{Outcome, RECIPE, compile, contents, finished_run, sinew, without};

/// Fails unless `object` has all of `fields`.
fn assert_fields(object: &Value, fields: &[&str]) {
    for field in fields {
        assert!(!object[field].is_null(), "no {field} in {object}");
    }
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

/// A command on a file.
fn on(command: &str, file: &Path) -> Command {
    let mut process = sinew(command);
    process.arg(file).arg("--json");
    process
}

fn json(command: &mut Command) -> Value {
    Outcome::of(command).json()
}

fn demo(folder: &Path, seed: u64) -> Value {
    let mut command = sinew("demo --quick --json");
    command.current_dir(folder);
    json(command.arg("--seed").arg(seed.to_string()))
}

#[test]
fn the_demo_repeats_itself_and_its_figures_are_those_of_its_files() {
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let [first, again, other] = folders.each_ref().map(|folder| folder.path());
    let report = demo(first, 0);
    assert_fields(&report, &["epsilon", "seed", "dense", "sparse"]);
    for side in [&report["dense"], &report["sparse"]] {
        assert_fields(side, &["clean_accuracy", "parameters", "bytes"]);
        assert_fields(side, &["latency_ms", "artifact"]);
        assert_fields(&side["robust_accuracy"], &["fgsm", "pgd20"]);
    }

    let timeless = without(&report, "latency_ms");
    assert_eq!(timeless, without(&demo(again, 0), "latency_ms"));
    assert_ne!(
        without(&timeless, "seed"),
        without(&without(&demo(other, 1), "latency_ms"), "seed")
    );

    // A finished run is only read again.
    let written = || {
        let file = |name| fs::metadata(first.join("sinew-demo").join(name)).unwrap();
        ["dense.safetensors", "sparse.safetensors"].map(|name| file(name).modified().unwrap())
    };
    let before = written();
    assert_eq!(timeless, without(&demo(first, 0), "latency_ms"));
    assert_eq!(before, written());

    let sparse = &report["sparse"];
    let artifact = first.join(sparse["artifact"].as_str().unwrap());
    assert_eq!(sparse["bytes"], fs::metadata(&artifact).unwrap().len());
    assert!((number(&sparse["sparsity"]) - 0.9).abs() < 1e-4);
    let inspected = json(&mut on("inspect", &artifact));
    assert_eq!(inspected["sparsity"], sparse["sparsity"]);
    assert_eq!(inspected["nonzero_parameters"], sparse["parameters"]);
    let attacked = json(on("attack", &artifact).args(["--samples", "100", "--attack", "fgsm"]));
    assert_eq!(attacked["clean_accuracy"], sparse["clean_accuracy"]);
    assert_eq!(classified(&artifact), number(&sparse["clean_accuracy"]));
}

/// Fraction of the first 100 test images that `sinew run` classifies.
fn classified(model: &Path) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let (images, labels) = test_images(100);
    let pixels: Vec<f32> = images.iter().flat_map(values).collect();
    let input = folder.path().join("images.npy");
    fs::write(&input, npy_floats(&[100, 1, 28, 28], &pixels)).unwrap();
    let report = json(on("run", model).arg(input));
    let results = report["results"].as_array().unwrap();
    assert_eq!(results.len(), labels.len());
    let right = results
        .iter()
        .zip(labels)
        .filter(|(result, label)| result["class"] == *label);
    right.count() as f64 / 100.0
}

#[test]
fn without_a_terminal_the_demo_prints_text_and_no_progress() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = Outcome::of(sinew("demo --quick").current_dir(&folder));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    assert!(
        !outcome.stdout.contains(['\x1b', '\r']),
        "{}",
        outcome.stdout
    );
    for row in [
        "accuracy, clean",
        "accuracy, pgd20 at ε = 0.1",
        "parameters",
        "size on disk",
        "latency",
    ] {
        assert!(
            outcome.stdout.contains(row),
            "no {row} in {}",
            outcome.stdout
        );
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [one, two] = [("1", &folders[0]), ("2", &folders[1])].map(|(threads, folder)| {
        let record = json(compile(folder.path(), RECIPE).args(["--threads", threads]));
        (
            without(&record, "seconds"),
            contents(&folder.path().join("run")),
        )
    });
    assert_eq!(one.0, two.0);
    for file in ["model.sinew", "sparse.safetensors", "anomaly.safetensors"] {
        assert_eq!(one.1[file], two.1[file], "{file}");
    }
}

#[test]
fn inspect_and_bench_describe_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let model = finished_run(folder.path()).join("model.sinew");
    let inspected = json(&mut on("inspect", &model));
    let fields = ["format", "sparsity", "parameters", "arena_bytes"];
    assert_fields(&inspected, &fields);
    let layers = inspected["layers"].as_array().unwrap();
    for layer in layers {
        assert_fields(layer, &["name", "operator", "shape", "kernel"]);
        let weighted = layer["name"] != "normalize";
        for field in ["density", "bits_per_weight"] {
            assert_eq!(layer[field].is_number(), weighted, "{field} of {layer}");
        }
    }
    assert_eq!(inspected["bytes"], fs::metadata(&model).unwrap().len());

    let bench = json(on("bench", &model).args(["--runs", "20", "--threads", "1"]));
    assert_fields(&bench, &["load_ms", "peak_rss_bytes", "isa"]);
    assert_eq!(bench["file_bytes"], inspected["bytes"]);
    let [min, median, p99] =
        ["min", "median", "p99"].map(|name| number(&bench["latency_ms"][name]));
    assert!(0.0 < min && min <= median && median <= p99);
    assert!(number(&bench["macs_effective"]) < number(&bench["macs_dense"]));
    let named = |layers: &Value| -> Vec<(Value, Value)> {
        let layers = layers.as_array().unwrap().iter();
        layers
            .map(|layer| (layer["name"].clone(), layer["kernel"].clone()))
            .collect()
    };
    assert_eq!(named(&bench["layers"]), named(&inspected["layers"]));
    for layer in bench["layers"].as_array().unwrap() {
        assert!(number(&layer["min_ms"]) >= 0.0);
    }
}

#[test]
fn run_gives_the_runtimes_logits_for_pictures_and_arrays() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished_run(folder.path());
    let (images, _) = test_images(3);
    let picture = folder.path().join("first.png");
    fs::write(&picture, png(&images[0])).unwrap();
    let array = folder.path().join("all.npy");
    let pixels: Vec<f32> = images.iter().flat_map(values).collect();
    fs::write(&array, npy_floats(&[3, 1, 28, 28], &pixels)).unwrap();

    let file = fs::read(run.join("model.sinew")).unwrap();
    let model = Model::parse(&file).unwrap();
    let mut memory = vec![0; model.arena_bytes()];
    let inputs = [(&picture, 0), (&array, 0), (&array, 1), (&array, 2)];
    let report = json(on("run", &run.join("model.sinew")).args([&picture, &array]));
    let results = report["results"].as_array().unwrap();
    assert_eq!(results.len(), inputs.len());
    let labels = &json(&mut on("inspect", &run.join("model.sinew")))["labels"];
    for (result, (input, index)) in results.iter().zip(inputs) {
        let mut expected = [0.0; 10];
        let mut session = Session::new(&model, &mut memory).unwrap();
        session.run(&values(&images[index]), &mut expected).unwrap();
        let logits = result["logits"].as_array().unwrap().iter();
        assert!(logits.map(|logit| number(logit) as f32).eq(expected));
        let class = (0..10)
            .max_by(|a, b| expected[*a].total_cmp(&expected[*b]))
            .unwrap();
        assert_eq!(
            (&result["input"], &result["index"]),
            (&json!(input), &json!(index))
        );
        assert_eq!(
            (&result["class"], &result["label"]),
            (&json!(class), &labels[class])
        );
    }
}

#[test]
fn attack_judges_packed_models_and_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished_run(folder.path());
    for name in ["model.sinew", "dense.safetensors"] {
        let attack = |options: &[&str]| {
            let mut command = on("attack", &run.join(name));
            json(
                command
                    .args([
                        "--samples",
                        "60",
                        "--seed",
                        "7",
                        "--attack",
                        "fgsm",
                        "--attack",
                        "pgd",
                    ])
                    .args(options),
            )
        };
        let report = attack(&[]);
        assert_eq!(
            (&report["norm"], &report["samples"], &report["seed"]),
            (&json!("linf"), &json!(60), &json!(7))
        );
        assert!((number(&report["epsilon"]) - 0.1).abs() < 1e-6);
        assert!(report["checks"].is_array());
        let attacks = report["attacks"].as_array().unwrap();
        assert_eq!(attacks.len(), 2);
        let weakest = attacks
            .iter()
            .map(|a| number(&a["robust_accuracy"]))
            .fold(1.0, f64::min);
        assert!(number(&report["robust_accuracy"]) <= weakest);
        assert!(weakest < number(&report["clean_accuracy"]), "{report}");
        for attack in attacks {
            assert_fields(attack, &["name", "alone", "queries", "seconds"]);
        }
        assert_eq!(
            without(&report, "seconds"),
            without(&attack(&[]), "seconds")
        );

        // Nothing can be gained inside a ball that is one point.
        let harmless = attack(&["--epsilon", "0"]);
        assert_eq!(harmless["clean_accuracy"], report["clean_accuracy"]);
        assert_eq!(harmless["robust_accuracy"], report["clean_accuracy"]);
    }
}

#[test]
fn data_info_tells_what_the_embedded_data_hold() {
    let info = json(&mut sinew("data info --json"));
    assert_eq!(info["shape"], json!([1, 28, 28]));
    assert_eq!(
        (&info["train_images"], &info["test_images"]),
        (&json!(10_000), &json!(1_000))
    );
    assert_eq!(info["classes"].as_array().unwrap().len(), 10);
    assert_ne!(info["train_sha256"], info["test_sha256"]);
}
