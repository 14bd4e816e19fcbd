//! Data sets.

use std::fs;

use sinew_tests::picture::write_idx;
use sinew_tests::program::{RECIPE, compile, finished_run, sinew};

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
    for (data, names) in [
        (
            text(&incomplete),
            ["t10k-labels-idx1-ubyte", "IDX folder needs"],
        ),
        (text(folder.path()), [text(folder.path()), "IDX files"]),
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
