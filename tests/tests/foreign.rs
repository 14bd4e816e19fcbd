//! Models that come and go as ONNX files, through the whole program: import, export, pack, run, inspect, attack, and hardening.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sinew_models::onnx::{ExportOptions, ImportOptions, export, import};
use sinew_models::{Archive, Network, Operator, reference};
use sinew_tests::network::zoo_network;
use sinew_tests::picture::npy_floats;
use sinew_tests::program::{Outcome, RECIPE, compile, recipe_with, sinew};

const INPUT: [usize; 3] = [1, 28, 28];

/// A network of the zoo as an ONNX file in `folder`.
fn onnx_file(folder: &Path, name: &str, sparsity: f64) -> (PathBuf, Network) {
    let network = zoo_network(name, INPUT, 0.25, sparsity);
    let path = folder.join(format!("{name}.onnx"));
    fs::write(&path, export(&network, &ExportOptions::default()).unwrap()).unwrap();
    (path, network)
}

/// The JSON that a command prints: `arguments`, then `file`, then `rest`.
fn json(arguments: &str, file: &Path, rest: &[&str]) -> Value {
    let mut command = sinew(arguments);
    command.arg(file).args(rest).arg("--json");
    Outcome::of(&mut command).json()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn an_onnx_file_is_a_model_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let (file, network) = onnx_file(folder.path(), "resnet8", 0.9);

    let inspected = json("inspect", &file, &[]);
    assert_eq!(inspected["sparsity"], network.sparsity());
    assert_eq!(inspected["labels"], serde_json::json!(network.labels()));

    let image: Vec<f32> = (0..28 * 28).map(|i| (i % 29) as f32 / 29.0).collect();
    let input = folder.path().join("image.npy");
    fs::write(&input, npy_floats(&[1, 1, 28, 28], &image)).unwrap();
    let ran = json("run", &file, &[text(&input)]);
    let logits = ran["results"][0]["logits"].as_array().unwrap();
    let expected = reference::evaluate(&network, &image, 1);
    assert_eq!(logits.len(), expected.len());
    for (logit, expected) in logits.iter().zip(&expected) {
        assert!(
            (logit.as_f64().unwrap() - f64::from(*expected)).abs() < 1e-3,
            "{ran}"
        );
    }

    let timed = json("bench", &file, &["--runs", "3"]);
    assert!(timed["latency_ms"]["min"].as_f64().unwrap() > 0.0);
    let attacked = json("attack", &file, &["--samples", "20", "--attack", "fgsm"]);
    assert_eq!(attacked["samples"], 20);
}

#[test]
fn import_explains_every_node_and_saves_the_network() {
    let folder = tempfile::tempdir().unwrap();
    let (file, network) = onnx_file(folder.path(), "mobilenetv2", 0.0);
    let saved = folder.path().join("net.safetensors");
    let report = json("import", &file, &["--explain", "--output", text(&saved)]);
    assert_eq!(report["nodes"], network.nodes().len());
    assert_eq!(report["classes"], network.classes());
    let lines = report["explanation"].as_array().unwrap();
    for node in network.nodes() {
        let named = format!("{} ({})", node.name, node.operator.name());
        let became = |line: &Value| line["became"].as_str().unwrap().contains(&named);
        assert!(lines.iter().any(became), "nothing became {named}");
    }
    let archive = Archive::from_bytes(&fs::read(&saved).unwrap()).unwrap();
    assert_eq!(
        archive.network,
        import(&file, &ImportOptions::default()).unwrap().network
    );

    let normalized = json("import", &file, &["--mean", "0.5", "--deviation", "0.25"]);
    assert_eq!(normalized["nodes"], network.nodes().len() + 1);
    let mut wrong = sinew("import --mean 0.5,0.5 --deviation 1,1");
    let outcome = Outcome::of(wrong.arg(&file));
    assert_eq!(outcome.code, Some(3));
    assert!(outcome.stderr.contains("2 means"), "{}", outcome.stderr);
}

#[test]
fn pack_keeps_a_sparse_model_and_prunes_where_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (sparse, network) = onnx_file(folder.path(), "small_cnn", 0.9);
    let packed = folder.path().join("a.sinew");
    let report = json("pack", &sparse, &["--output", text(&packed)]);
    assert_eq!(report["sparsity"], network.sparsity());
    assert_eq!(report["bytes"], fs::metadata(&packed).unwrap().len());

    let (dense, _) = onnx_file(folder.path(), "resnet8", 0.0);
    let report = json(
        "pack",
        &dense,
        &["--output", text(&packed), "--sparsity", "0.8"],
    );
    let sparsity = report["sparsity"].as_f64().unwrap();
    assert!((sparsity - 0.8).abs() < 1e-3, "{report}");
    assert_eq!(json("inspect", &packed, &[])["sparsity"], sparsity);

    let names = folder.path().join("names.txt");
    fs::write(
        &names,
        (0..10)
            .map(|class| format!("class {class}\n"))
            .collect::<String>(),
    )
    .unwrap();
    json(
        "pack",
        &dense,
        &["--output", text(&packed), "--labels", text(&names)],
    );
    assert_eq!(json("inspect", &packed, &[])["labels"][3], "class 3");
}

#[test]
fn a_foreign_network_is_hardened_pruned_packed_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let (file, parent) = onnx_file(folder.path(), "small_cnn", 0.0);
    let recipe = recipe_with(
        "network = \"small_cnn\"",
        &format!("network = {:?}", text(&file)),
    )
    .replace("width = 0.25\n", "");
    let record = Outcome::of(&mut compile(folder.path(), &recipe)).json();
    assert_eq!(record["sparse"]["sparsity"].as_f64().unwrap().round(), 1.0);
    let run = folder.path().join("run");
    let network = Archive::from_bytes(&fs::read(run.join("dense.safetensors")).unwrap())
        .unwrap()
        .network;
    assert_eq!(network.nodes().len(), parent.nodes().len());
    let weights = |network: &Network| network.parameters()[0].values().to_vec();
    assert_ne!(weights(&network), weights(&parent), "nothing was trained");

    // Another file under the same name is another run.
    let changed = zoo_network("resnet8", INPUT, 0.25, 0.0);
    fs::write(&file, export(&changed, &ExportOptions::default()).unwrap()).unwrap();
    let outcome = Outcome::of(&mut compile(folder.path(), &recipe));
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);

    let product = run.join("model.sinew");
    let exported = folder.path().join("out.onnx");
    let evaluation = run.join("model.evaluation.json");
    let options = [
        "--output",
        text(&exported),
        "--evaluation",
        text(&evaluation),
    ];
    let report = json("export", &product, &options);
    let inspected = json("inspect", &product, &[]);
    assert_eq!(report["sparsity"], inspected["sparsity"]);
    let bytes = fs::read(&exported).unwrap();
    for key in [
        "sinew.threat_model",
        "sinew.robust_accuracy",
        "sinew.recipe",
    ] {
        assert!(
            bytes
                .windows(key.len())
                .any(|window| window == key.as_bytes()),
            "{key}"
        );
    }
    json("export", &product, &options);
    assert_eq!(
        bytes,
        fs::read(&exported).unwrap(),
        "the same export, other bytes"
    );
    assert_eq!(
        json("inspect", &exported, &[])["sparsity"],
        inspected["sparsity"]
    );
}

#[test]
fn what_cannot_be_trained_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (file, network) = onnx_file(folder.path(), "small_cnn", 0.0);
    let with_file = |recipe: &str| {
        let network = format!("network = {:?}", text(&file));
        recipe.replace("network = \"small_cnn\"", &network)
    };
    for (recipe, reason) in [
        (with_file(RECIPE), "width: only networks of the zoo"),
        (
            with_file(RECIPE)
                .replace(
                    "width = 0.25
",
                    "",
                )
                .replace(
                    "[train]",
                    "[input]
mean = [0.5, 0.5]
deviation = [1.0, 1.0]

[train]",
                ),
            "2 means",
        ),
        (
            RECIPE.replace(
                "[train]",
                "[input]\nmean = [0.5]\ndeviation = [1.0]\n\n[train]",
            ),
            "input: networks of the zoo",
        ),
    ] {
        let outcome = Outcome::of(&mut compile(folder.path(), &recipe));
        assert_eq!(outcome.code, Some(3));
        assert!(outcome.stderr.contains(reason), "{}", outcome.stderr);
    }

    let mut nodes = network.nodes().to_vec();
    let mut last = nodes[nodes.len() - 1].clone();
    last.name = "steps".to_owned();
    last.operator = Operator::Unary(sinew_models::Function::Sign);
    last.inputs = vec![network.output()];
    nodes.push(last);
    let parameters = network.parameters().to_vec();
    let stepped = Network::new("net".to_owned(), INPUT, Vec::new(), nodes, parameters).unwrap();
    fs::write(&file, export(&stepped, &ExportOptions::default()).unwrap()).unwrap();
    let recipe = with_file(RECIPE).replace("width = 0.25\n", "");
    let outcome = Outcome::of(&mut compile(folder.path(), &recipe));
    assert_eq!(outcome.code, Some(3));
    let reason = "node \"steps\" (sign) has no gradient";
    assert!(outcome.stderr.contains(reason), "{}", outcome.stderr);
}
