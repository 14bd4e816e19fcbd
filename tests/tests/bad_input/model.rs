//! Model files, and the pictures that are given to them.

use std::fs;
use std::path::Path;

use sinew_tests::picture::{npy, npy_floats, png, test_images};
use sinew_tests::program::{RECIPE, finished_run, sinew};

use super::{INPUT, assert_fails, text};

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
            assert_fails(sinew(command).arg(&model), INPUT, &[name, problem]);
        }
        assert_fails(
            sinew("run").args([&model, &picture]),
            INPUT,
            &[name, problem],
        );
    }
    for (model, problem) in [
        (folder.path(), "directory"),
        (Path::new("/nowhere.sinew"), "No such file"),
    ] {
        assert_fails(sinew("inspect").arg(model), INPUT, &[text(model), problem]);
    }
}

#[test]
fn a_picture_that_does_not_fit_the_model_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let model = finished_run(folder.path()).join("model.sinew");
    let (images, _) = test_images(1);
    let (picture, pixels) = (png(&images[0]), vec![0.5; 784]);
    let array = npy_floats(&[1, 1, 28, 28], &pixels);
    let mut infinite = pixels.clone();
    infinite[5] = f32::INFINITY;
    let cases = [
        ("empty.png", Vec::new(), "neither a PNG nor a JPEG"),
        ("half.png", picture[..picture.len() / 2].to_vec(), ""),
        ("text.png", RECIPE.into(), "neither a PNG nor a JPEG"),
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
            npy("<f8", "C", &[1, 1, 28, 28], &[0; 8 * 784]),
            "float32",
        ),
        (
            "fortran.npy",
            npy("<f4", "Fortran", &[1, 1, 28, 28], &[0; 4 * 784]),
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
        assert_fails(sinew("run").args([&model, &input]), INPUT, &[name, problem]);
    }
    for (input, problem) in [
        (folder.path(), "directory"),
        (Path::new("/nowhere.png"), "No such file"),
    ] {
        assert_fails(
            sinew("run").arg(&model).arg(input),
            INPUT,
            &[text(input), problem],
        );
    }
}
