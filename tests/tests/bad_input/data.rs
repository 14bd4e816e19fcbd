//! Data sets.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use sinew_tests::picture::{png_of_width, write_idx, write_image_folder};
use sinew_tests::program::{Outcome, RECIPE, compile, finished_run, sinew};

use super::{INPUT, assert_fails, text};

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
        assert_fails(
            sinew("data info --data").arg(&data),
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
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    for (data, names) in [
        (
            text(&incomplete),
            ["t10k-labels-idx1-ubyte", "IDX folder needs"],
        ),
        (text(&empty), [text(&empty), "IDX files"]),
        (text(folder.path()), [text(folder.path()), "class empty"]),
        ("/nowhere", ["/nowhere", "No such file"]),
        ("/dev/null", ["/dev/null", "Not a directory"]),
    ] {
        assert_fails(sinew("data info --data").arg(data), INPUT, &names);
    }
    let mut command = sinew("data info --data cifar-10");
    command.env("SINEW_DATA", folder.path());
    let names = [text(folder.path()), "cifar-10-binary.tar.gz"];
    assert_fails(&mut command, INPUT, &names);
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
    let mut command = sinew("attack");
    command.arg(model).arg("--data").arg(folder.path());
    assert_fails(&mut command, INPUT, &["[1, 28, 28]", "[3, 32, 32]"]);
}

/// What happens to a folder with pictures of 28×28 in folders of classes `0` to `9`.
type Fault = fn(&Path);

#[test]
fn a_folder_of_pictures_with_something_wrong_is_named_and_nothing_is_written() {
    let cases: [(Fault, [&str; 2]); 6] = [
        (
            |data| fs::write(data.join("3/new.png"), "text").unwrap(),
            ["3/new.png", "neither a PNG nor a JPEG"],
        ),
        (
            |data| {
                let whole = png_of_width(28, &[7; 784]);
                fs::write(data.join("3/new.png"), &whole[..whole.len() / 2]).unwrap();
            },
            ["3/new.png", "get the file again"],
        ),
        (
            |data| fs::create_dir(data.join("empty")).unwrap(),
            ["class empty", "add pictures"],
        ),
        (
            |data| fs::create_dir(data.join("3/inner")).unwrap(),
            ["3/inner", "a folder inside"],
        ),
        (
            |data| {
                for class in 1..10 {
                    fs::remove_dir_all(data.join(class.to_string())).unwrap();
                }
            },
            ["it has 1", "2 to 65536"],
        ),
        (
            |data| symlink("loop", data.join("3/loop")).unwrap(),
            ["3/loop", "symbolic links"],
        ),
    ];
    for (fault, names) in cases {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        write_image_folder(&data, 60);
        fault(&data);
        let mut info = sinew("data info --data");
        assert_fails(info.arg(&data), INPUT, &names);
        let mut run = compile(folder.path(), RECIPE);
        assert_fails(run.arg("--data").arg(&data), INPUT, &names);
        assert!(!folder.path().join("run").exists());
    }
}

#[test]
fn pictures_of_different_sizes_need_somebody_to_say_what_becomes_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let model = finished_run(folder.path()).join("model.sinew");
    let data = folder.path().join("data");
    write_image_folder(&data, 60);
    let attack = |options: &[&str]| {
        let mut command = sinew("attack --samples 9 --attack fgsm --json");
        command.arg(&model).arg("--data").arg(&data).args(options);
        command
    };
    Outcome::of(&mut attack(&[])).json();
    for class in 0..10 {
        let picture = png_of_width(20, &[7; 600]);
        fs::write(data.join(format!("{class}/zzz.png")), picture).unwrap();
    }
    let names = [
        "[1, 28, 28]",
        "zzz.png is [1, 30, 20]",
        "[image]",
        "--resize",
    ];
    let mut run = compile(folder.path(), RECIPE);
    assert_fails(run.arg("--data").arg(&data), INPUT, &names);
    for class in 0..10 {
        let class = data.join(class.to_string());
        for file in fs::read_dir(&class).unwrap() {
            let path = file.unwrap().path();
            fs::write(path, png_of_width(20, &[7; 600])).unwrap();
        }
    }
    assert_fails(&mut attack(&[]), INPUT, &["[1, 28, 28]", "[1, 30, 20]"]);
    for resize in ["stretch", "crop", "pad"] {
        let report = Outcome::of(&mut attack(&["--resize", resize])).json();
        assert_eq!(report["samples"], 9);
    }
}
