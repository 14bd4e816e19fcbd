//! What a user can get wrong ends in one line that names it, the documented exit code, and nothing half-written.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sinew_tests::picture::{npy, npy_floats, png, test_images, write_idx};
use sinew_tests::program::{
    Outcome, RECIPE, compile, contents, finished_run, limited, listing, recipe_with, sinew,
};

/// The exit codes of `sinew --help`.
const USAGE: i32 = 2;
const INPUT: i32 = 3;
const OUTPUT: i32 = 4;
const DEVICE: i32 = 5;

/// Fails unless `command` prints nothing but one line that begins as all errors do and names all of `names`, and exits with `code`.
fn assert_fails(command: &mut Command, code: i32, names: &[&str]) {
    let outcome = Outcome::of(command);
    let report = format!("{command:?}\n{outcome:?}");
    assert_eq!(outcome.code, Some(code), "{report}");
    assert_eq!(outcome.stdout, "", "{report}");
    assert!(outcome.stderr.starts_with("sinew: failed to "), "{report}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{report}");
    for name in names {
        assert!(outcome.stderr.contains(name), "no {name}: {report}");
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// `sinew` with arguments that are separated by blanks.
fn called_with(arguments: &str) -> Command {
    let mut command = sinew();
    command.args(arguments.split_whitespace());
    command
}

#[test]
fn arguments_out_of_range_are_usage_errors() {
    for (arguments, name) in [
        ("", "Usage"),
        ("attack", "<MODEL>"),
        ("attack model --epsilon -1", "not in [0, 1]"),
        ("attack model --epsilon 2", "not in [0, 1]"),
        ("attack model --epsilon nan", "not in [0, 1]"),
        ("attack model --epsilon ten", "not a number"),
        ("attack model --steps 0", "--steps"),
        ("attack model --restarts 0", "--restarts"),
        ("attack model --samples 0", "--samples"),
        ("attack model --attack bim", "fgsm"),
        ("attack model --device cuda", "gpu:N"),
        ("bench model --runs 0", "--runs"),
        ("bench model --threads 2", "--threads"),
        ("compile recipe --threads 0", "--threads"),
        ("compile recipe --seed -1", "-1"),
        ("data fetch mnist", "fashion-mnist"),
        ("run model", "<INPUTS>"),
    ] {
        let outcome = Outcome::of(&mut called_with(arguments));
        assert_eq!(outcome.code, Some(USAGE), "{arguments}: {outcome:?}");
        assert_eq!(outcome.stdout, "", "{arguments}");
        assert!(outcome.stderr.contains(name), "{arguments}: {outcome:?}");
        assert!(
            !outcome.stderr.contains("panicked"),
            "{arguments}: {outcome:?}"
        );
    }
}

#[test]
fn a_recipe_that_cannot_be_used_is_refused_before_anything_is_written() {
    for (old, new, names) in [
        ("version = 1", "version = 2", ["version", "not 2"]),
        ("epsilon = 0.03", "epsilon = -1.0", ["epsilon", "-1"]),
        ("epsilon = 0.03", "epsilon = 2.0", ["epsilon", "2"]),
        ("epsilon = 0.03", "epsilon = nan", ["epsilon", "NaN"]),
        (
            "sparsity = 0.9",
            "sparsity = 1.0",
            ["prune.sparsity", "1 is not in [0, 1)"],
        ),
        (
            "sparsity = 0.9",
            "sparsitty = 0.9",
            ["line 23", "sparsitty"],
        ),
        ("samples = 40", "", ["line 20", "samples"]),
        ("width = 0.25", "width = \"wide\"", ["line 6", "wide"]),
        ("width = 0.25", "width = 0.0", ["width", "0 is not"]),
        (
            "network = \"small_cnn\"",
            "network = \"big_cnn\"",
            ["big_cnn", "small_cnn"],
        ),
        (
            "criterion = \"anomaly-weight\"",
            "criterion = \"luck\"",
            ["line 21", "luck"],
        ),
        (
            "density_floor = 0.02",
            "density_floor = 0.2",
            ["density_floor", "0.2"],
        ),
        (
            "train_images = 320",
            "train_images = 0",
            ["train_images", "at least 1"],
        ),
        (
            "train_images = 320",
            "train_images = 1",
            ["1 images", "0.1"],
        ),
        (
            "validation_fraction = 0.1",
            "validation_fraction = 1.0",
            ["validation_fraction", "1"],
        ),
        ("warm_up = 0.25", "warm_up = 1.0", ["train.warm_up", "1"]),
        (
            "data = \"embedded\"",
            "data = \"/nowhere\"",
            ["data", "/nowhere"],
        ),
        ("version = 1", "version = = 1", ["line 1", "recipe.toml"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let text = recipe_with(old, new);
        assert_fails(&mut compile(folder.path(), &text), INPUT, &names);
        assert_eq!(listing(folder.path()), ["recipe.toml"], "{new}");
    }
}

#[test]
fn a_recipe_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::write(file("binary"), [0xFF; 99]).unwrap();
    fs::write(file("empty"), "").unwrap();
    fs::create_dir(file("folder")).unwrap();
    for name in ["missing", "binary", "empty", "folder"] {
        let mut command = sinew();
        command.current_dir(&folder).args(["compile", name]);
        assert_fails(&mut command, INPUT, &["recipe", name]);
    }
    assert!(!file("runs").exists());
}

/// Damages a file of an IDX folder.
type Damage = fn(Vec<u8>) -> Vec<u8>;

#[test]
fn damaged_data_are_named_and_nothing_is_written() {
    let cases: [(&str, Damage, &str); 8] = [
        (
            "train-images-idx3-ubyte",
            |bytes| bytes[..999].to_vec(),
            "truncated",
        ),
        (
            "t10k-images-idx3-ubyte",
            |bytes| bytes[..10].to_vec(),
            "truncated",
        ),
        ("train-images-idx3-ubyte", |_| Vec::new(), "truncated"),
        (
            "train-labels-idx1-ubyte",
            |bytes| [b"\x89PNG", &bytes[4..]].concat(),
            "magic number",
        ),
        // One label fewer, in the header as in the file.
        (
            "t10k-labels-idx1-ubyte",
            |bytes| [&bytes[..7], &[29], &bytes[8..37]].concat(),
            "29 labels",
        ),
        (
            "t10k-labels-idx1-ubyte",
            |bytes| [&bytes[..8], &[99; 30]].concat(),
            "label 99",
        ),
        (
            "train-images-idx3-ubyte",
            |bytes| [&bytes[..4], &[0xFF; 12], &bytes[16..]].concat(),
            "sizes",
        ),
        (
            "train-labels-idx1-ubyte",
            |bytes| [bytes, vec![0]].concat(),
            "more follows",
        ),
    ];
    for (file, damage, problem) in cases {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        write_idx(&data, 30);
        fs::write(data.join(file), damage(fs::read(data.join(file)).unwrap())).unwrap();
        let mut info = sinew();
        assert_fails(
            info.args(["data", "info", "--data"]).arg(&data),
            INPUT,
            &[file, problem],
        );
        let mut run = compile(folder.path(), RECIPE);
        assert_fails(run.arg("--data").arg(&data), INPUT, &[file, problem]);
        assert!(!folder.path().join("run").exists());
    }
}

#[test]
fn missing_data_are_named_with_the_way_to_get_them() {
    let folder = tempfile::tempdir().unwrap();
    let incomplete = folder.path().join("incomplete");
    fs::create_dir(&incomplete).unwrap();
    write_idx(&incomplete, 30);
    fs::remove_file(incomplete.join("t10k-labels-idx1-ubyte")).unwrap();
    for (data, names) in [
        (
            path(&incomplete),
            ["t10k-labels-idx1-ubyte", "IDX folder needs"],
        ),
        (path(folder.path()), [path(folder.path()), "IDX files"]),
        ("/nowhere", ["/nowhere", "No such file"]),
        ("/dev/null", ["/dev/null", "Not a directory"]),
    ] {
        assert_fails(
            sinew().args(["data", "info", "--data", data]),
            INPUT,
            &names,
        );
    }
    // A name whose files are not there: the folders are looked for below the home.
    for (data, advice) in [
        ("cifar-10", "cifar-10-binary.tar.gz"),
        ("fashion-mnist", "sinew data fetch fashion-mnist"),
    ] {
        let mut command = sinew();
        command
            .env("HOME", folder.path())
            .env_remove("XDG_CACHE_HOME");
        if data == "fashion-mnist" && Path::new("/usr/share/datasets/fashion-mnist").exists() {
            continue;
        }
        assert_fails(
            command.args(["data", "info", "--data", data]),
            INPUT,
            &[data, advice],
        );
    }
}

#[test]
fn a_file_that_is_no_model_is_named_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished_run(folder.path());
    let read = |name: &str| fs::read(run.join(name)).unwrap();
    let (packed, checkpoint) = (read("model.sinew"), read("dense.safetensors"));
    let mut flipped = packed.clone();
    flipped[packed.len() / 2] ^= 1;
    let (images, _) = test_images(1);
    let picture = folder.path().join("picture.png");
    fs::write(&picture, png(&images[0])).unwrap();
    let cases = [
        ("empty.sinew", Vec::new(), "not a Sinew file"),
        ("picture.sinew", png(&images[0]), "not a Sinew file"),
        ("recipe.sinew", RECIPE.into(), "not a Sinew file"),
        (
            "header.sinew",
            packed[..100].to_vec(),
            "ends inside its header",
        ),
        ("half.sinew", packed[..packed.len() / 2].to_vec(), "shorter"),
        ("longer.sinew", [&packed[..], &[0]].concat(), "longer"),
        ("flipped.sinew", flipped, "checksum"),
        (
            "text.sinew",
            [b"\x89SNW\n\x1A\n", &packed[8..]].concat(),
            "text mode",
        ),
        (
            "half.safetensors",
            checkpoint[..checkpoint.len() / 2].to_vec(),
            "bytes of tensors",
        ),
        ("header.safetensors", checkpoint[..500].to_vec(), "header"),
        (
            "other.safetensors",
            b"\x02\0\0\0\0\0\0\0{}".to_vec(),
            "no network",
        ),
    ];
    for (name, bytes, problem) in cases {
        let model = folder.path().join(name);
        fs::write(&model, bytes).unwrap();
        for command in ["inspect", "bench", "attack"] {
            assert_fails(sinew().arg(command).arg(&model), INPUT, &[name, problem]);
        }
        assert_fails(
            sinew().arg("run").args([&model, &picture]),
            INPUT,
            &[name, problem],
        );
    }
    for (model, problem) in [
        (folder.path(), "directory"),
        (Path::new("/nowhere.sinew"), "No such file"),
    ] {
        assert_fails(
            sinew().arg("inspect").arg(model),
            INPUT,
            &[path(model), problem],
        );
    }
}

#[test]
fn a_picture_that_does_not_fit_the_model_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let model = finished_run(folder.path()).join("model.sinew");
    let (images, _) = test_images(1);
    let (picture, pixels) = (png(&images[0]), vec![0.5; 784]);
    let array = npy_floats(&[1, 1, 28, 28], &pixels);
    let fortran = String::from_utf8_lossy(&array[..128]).replace("False", "True ");
    let mut infinite = pixels.clone();
    infinite[5] = f32::INFINITY;
    let cases = [
        ("empty.png", Vec::new(), "unexpected end"),
        ("half.png", picture[..picture.len() / 2].to_vec(), ""),
        ("text.png", RECIPE.into(), "signature"),
        ("picture.npy", picture, ""),
        ("empty.npy", Vec::new(), ""),
        ("half.npy", array[..array.len() / 2].to_vec(), "too short"),
        (
            "huge.npy",
            npy_floats(&[1 << 40, 1, 28, 28], &pixels),
            "too short",
        ),
        ("flat.npy", npy_floats(&[1, 784], &pixels), "[1, 784]"),
        (
            "colour.npy",
            npy_floats(&[1, 3, 28, 28], &[0.5; 3 * 784]),
            "[1, 3, 28, 28]",
        ),
        (
            "double.npy",
            npy("<f8", &[1, 1, 28, 28], &[0; 8 * 784]),
            "float32",
        ),
        (
            "fortran.npy",
            [
                &array[..8],
                &fortran.as_bytes()[fortran.len() - 120..],
                &array[128..],
            ]
            .concat(),
            "C order",
        ),
        (
            "infinite.npy",
            npy_floats(&[1, 1, 28, 28], &infinite),
            "value 5 is inf",
        ),
    ];
    for (name, bytes, problem) in cases {
        let input = folder.path().join(name);
        fs::write(&input, bytes).unwrap();
        assert_fails(
            sinew().arg("run").args([&model, &input]),
            INPUT,
            &[name, problem],
        );
    }
    for (input, problem) in [
        (folder.path(), "directory"),
        (Path::new("/nowhere.png"), "No such file"),
    ] {
        assert_fails(
            sinew().arg("run").arg(&model).arg(input),
            INPUT,
            &[path(input), problem],
        );
    }
}

#[test]
fn data_of_another_shape_than_the_model_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = finished_run(folder.path()).join("model.sinew");
    for batch in [
        "data_batch_1",
        "data_batch_2",
        "data_batch_3",
        "data_batch_4",
        "data_batch_5",
        "test_batch",
    ] {
        fs::write(folder.path().join(format!("{batch}.bin")), [1; 3073]).unwrap();
    }
    let mut command = sinew();
    command
        .arg("attack")
        .arg(model)
        .arg("--data")
        .arg(folder.path());
    assert_fails(&mut command, INPUT, &["[1, 28, 28]", "[3, 32, 32]"]);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "precious").unwrap();
    let recipe = folder.path().join("recipe.toml");
    fs::write(&recipe, RECIPE).unwrap();
    for place in [&file, &file.join("below")] {
        let mut compile = sinew();
        compile
            .arg("compile")
            .arg(&recipe)
            .arg("--output")
            .arg(place);
        assert_fails(&mut compile, OUTPUT, &[path(place)]);
        let mut demo = sinew();
        demo.args(["demo", "--quick", "--json", "--output"]);
        assert_fails(demo.arg(place), OUTPUT, &[path(place)]);
        let mut fetch = sinew();
        fetch.args([
            "data",
            "fetch",
            "fashion-mnist",
            "--mirror",
            "http://127.0.0.1:1",
            "--output",
        ]);
        assert_fails(fetch.arg(place), OUTPUT, &[path(place)]);
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
    let mut command = called_with("data info");
    let output = command
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
    let output = called_with("data info")
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn a_gpu_that_the_build_does_not_have_is_a_device_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = compile(folder.path(), RECIPE);
    assert_fails(
        run.args(["--device", "gpu"]),
        DEVICE,
        &["--features gpu", "--device cpu"],
    );
    assert!(!folder.path().join("run").exists());
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
        &[path(&run), "another run"],
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
        &[path(&run), "another recipe"],
    );
    assert!(contents(&run) == before);
}

#[test]
fn a_damaged_state_file_is_named_and_can_be_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished_run(folder.path());
    let finished = contents(&run);
    let half = |name: &str| finished[name][..finished[name].len() / 2].to_vec();
    let cases: [(&str, &[&str], Vec<u8>); 8] = [
        ("dense.safetensors", &[], half("dense.safetensors")),
        ("dense.safetensors", &[], finished["dense.sinew"].clone()),
        (
            "dense.checkpoint",
            &["dense.safetensors"],
            half("dense.safetensors"),
        ),
        (
            "dense.checkpoint",
            &["dense.safetensors"],
            finished["dense.safetensors"].clone(),
        ),
        ("sparse.safetensors", &[], half("sparse.safetensors")),
        (
            "anomaly.json",
            &["sparse.safetensors"],
            half("anomaly.json"),
        ),
        (
            "anomaly.json",
            &["sparse.safetensors"],
            br#"{"measure": "activation", "layers": []}"#.to_vec(),
        ),
        ("model.evaluation.json", &[], b"{}".to_vec()),
    ];
    for (name, later, damaged) in cases {
        for later in later {
            fs::remove_file(run.join(later)).unwrap();
        }
        fs::write(run.join(name), damaged).unwrap();
        let file: PathBuf = run.join(name);
        assert_fails(
            &mut compile(folder.path(), RECIPE),
            INPUT,
            &[path(&file), "delete"],
        );
        fs::remove_file(file).unwrap();
        finished_run(folder.path());
        let repaired = contents(&run);
        assert!(repaired["model.sinew"] == finished["model.sinew"], "{name}");
    }
}
