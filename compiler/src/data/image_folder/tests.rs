//! Layouts, order, division, and what is refused.

use super::*;
use image::{GrayImage, Luma, RgbImage};
use proptest::prelude::*;
use std::{collections::BTreeSet, fs};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Puts a grey picture of 3×2 pixels with this value at `path` in `folder`.
fn put(folder: &TempDir, path: &str, value: u8) {
    let path = folder.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let picture = GrayImage::from_pixel(2, 3, Luma([value]));
    picture
        .save_with_format(path, image::ImageFormat::Png)
        .unwrap();
}

fn load(folder: &TempDir) -> Result<(Dataset, Dataset), DataError> {
    ImageFolder::open(folder.path())?.load(None, &Progress::hidden())
}

fn error(folder: &TempDir) -> String {
    let message = load(folder).unwrap_err().to_string();
    message.replace(&folder.path().display().to_string(), "DIR")
}

/// The first pixel of each image.
fn values(data: &Dataset) -> Vec<u8> {
    (0..data.len()).map(|index| data.pixels(index)[0]).collect()
}

/// Two classes, `a` with three and `b` with two training images, one test image of `a`.
fn apart() -> TempDir {
    let folder = folder();
    for (path, value) in [
        ("train/b/2.png", 5),
        ("train/b/10.png", 4),
        ("train/a/z", 3),
        ("train/a/x.jpg", 1),
        ("train/a/y.png", 2),
        ("test/a/x", 6),
    ] {
        put(&folder, path, value);
    }
    folder
}

/// `a` and `b` with `count` pictures each, not divided.
fn together(count: u8) -> TempDir {
    let folder = folder();
    for number in 0..count {
        put(&folder, &format!("a/{number:03}.png"), number);
        put(&folder, &format!("b/{number:03}.png"), 100 + number);
    }
    folder
}

#[test]
fn classes_take_turns_and_names_give_the_order() {
    let (train, test) = load(&apart()).unwrap();
    assert_eq!(train.classes(), ["a", "b"]);
    assert_eq!(train.shape(), [1, 3, 2]);
    assert_eq!(values(&train), [1, 4, 2, 5, 3]);
    assert_eq!(train.labels(), [0, 1, 0, 1, 0]);
    assert_eq!((values(&test), test.labels()), (vec![6], &[0][..]));
}

#[test]
fn the_first_of_the_test_set_are_read_alone() {
    let folder = together(30);
    let (_, test) = load(&folder).unwrap();
    let opened = ImageFolder::open(folder.path()).unwrap();
    for count in [1, 5, 100] {
        let first = opened.load_test(count, None, &Progress::hidden());
        assert_eq!(first.unwrap(), test.first(count));
    }
    let labels = opened.labels();
    assert_eq!(labels[1], test.labels());
}

#[test]
fn a_folder_of_classes_is_divided_into_disjoint_complete_sets() {
    let (train, test) = load(&together(100)).unwrap();
    let (train_values, test_values) = (values(&train), values(&test));
    assert!((20..=60).contains(&test.len()), "{} of 200", test.len());
    let all: BTreeSet<u8> = train_values.iter().chain(&test_values).copied().collect();
    assert_eq!((all.len(), train.len() + test.len()), (200, 200));
    for data in [&train, &test] {
        for (value, label) in values(data).into_iter().zip(data.labels()) {
            assert_eq!(u16::from(value >= 100), *label);
        }
    }
}

/// Pinned: a test image must not become a training image by a new version.
#[test]
fn the_division_never_changes() {
    let (_, test) = load(&together(20)).unwrap();
    assert_eq!(values(&test), [6, 111, 8, 116, 17, 118]);
}

#[test]
fn more_pictures_move_none_of_the_others() {
    let [few, many] = [20, 60].map(|count| load(&together(count)).unwrap());
    let [few_train, few_test] = [values(&few.0), values(&few.1)];
    let (train, test) = (values(&many.0), values(&many.1));
    assert!(few_train.iter().all(|value| train.contains(value)));
    assert!(few_test.iter().all(|value| test.contains(value)));
}

#[test]
fn a_class_may_be_called_train_or_test() {
    let folder = folder();
    for number in 0..30 {
        put(&folder, &format!("bus/{number}"), 1);
        put(&folder, &format!("train/{number}"), 2);
    }
    assert_eq!(load(&folder).unwrap().0.classes(), ["bus", "train"]);
}

#[test]
fn hidden_files_litter_and_files_beside_the_classes_are_passed_over() {
    let folder = apart();
    for path in [
        "README.md",
        "train/labels.csv",
        "train/a/.DS_Store",
        "train/a/Thumbs.db",
        "test/a/desktop.ini",
    ] {
        fs::write(folder.path().join(path), "no picture").unwrap();
    }
    for path in ["train/.cache", "train/__MACOSX"] {
        fs::create_dir(folder.path().join(path)).unwrap();
    }
    let (train, test) = load(&folder).unwrap();
    assert_eq!(train.classes(), ["a", "b"]);
    assert_eq!(values(&train), [1, 4, 2, 5, 3]);
    assert_eq!(values(&test), [6]);
}

#[test]
fn settings_bring_all_to_one_shape() {
    let folder = apart();
    RgbImage::new(9, 5)
        .save(folder.path().join("train/b/2.png"))
        .unwrap();
    let settings = ImageSettings::for_shape([3, 4, 4], Resize::Pad).unwrap();
    let opened = ImageFolder::open(folder.path()).unwrap();
    let (train, test) = opened.load(Some(&settings), &Progress::hidden()).unwrap();
    assert_eq!((train.shape(), test.shape()), ([3, 4, 4], [3, 4, 4]));
    assert_eq!((train.len(), test.len()), (5, 1));
}

#[test]
fn without_settings_the_first_two_that_differ_are_named() {
    let folder = apart();
    RgbImage::new(2, 3)
        .save(folder.path().join("train/b/2.png"))
        .unwrap();
    RgbImage::new(9, 5)
        .save(folder.path().join("train/a/z.png"))
        .unwrap();
    assert_eq!(
        error(&folder),
        "read images of one shape: DIR/train/a/x.jpg is [1, 3, 2], DIR/train/b/2.png is [3, 3, 2] (channels, height, \
         width); say height, width, colour and resize in [image] of the recipe, or give --resize to attack a model"
    );
    let opened = ImageFolder::open(folder.path()).unwrap();
    let shapes = opened.shapes(&Progress::hidden()).unwrap();
    let shapes: Vec<_> = shapes.into_iter().map(|(shape, _)| shape).collect();
    assert_eq!(shapes, [[1, 3, 2], [3, 3, 2], [3, 5, 9]]);
}

#[test]
fn a_damaged_picture_is_named_the_first_one_in_order() {
    let folder = apart();
    for path in ["train/a/z", "train/b/10.png", "test/a/x"] {
        fs::write(folder.path().join(path), "no picture").unwrap();
    }
    let expected = "read DIR/train/b/10.png: neither a PNG nor a JPEG file; convert or remove it";
    assert_eq!(error(&folder), expected);
}

/// What is changed in [`apart`], and the error it brings.
type Fault = (fn(&Path), &'static str);

#[test]
fn what_does_not_make_a_data_set_is_refused() {
    let faults: [Fault; 8] = [
        (
            |folder| fs::remove_dir_all(folder.join("train/a")).unwrap(),
            "find folders of classes in DIR/train: it has 1, there must be 2 to 65536",
        ),
        (
            |folder| fs::create_dir(folder.join("train/empty")).unwrap(),
            "find a training image of class empty in DIR: add pictures",
        ),
        (
            |folder| fs::remove_file(folder.join("test/a/x")).unwrap(),
            "find a test image in DIR: add pictures",
        ),
        (
            |folder| fs::create_dir(folder.join("test/c")).unwrap(),
            "find DIR/train/c: it is a class in DIR/test: train on it too",
        ),
        (
            |folder| fs::remove_dir_all(folder.join("test")).unwrap(),
            "find folders of classes in DIR/test: DIR/train has them: give both",
        ),
        (
            |folder| fs::remove_dir_all(folder.join("train")).unwrap(),
            "find folders of classes in DIR/train: DIR/test has them: give both",
        ),
        (
            |folder| fs::create_dir(folder.join("train/a/inner")).unwrap(),
            "read DIR/train/a/inner: a folder inside of a class's folder; put",
        ),
        (
            |folder| fs::create_dir(folder.join("train/new\nline")).unwrap(),
            "read DIR/train/new\nline: its name is a class's, but not text; rename it",
        ),
    ];
    for (fault, expected) in faults {
        let folder = apart();
        fault(folder.path());
        let error = error(&folder);
        assert!(error.starts_with(expected), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_their_loops_refused() {
    use std::os::unix::fs::symlink;
    let folder = apart();
    symlink("x.jpg", folder.path().join("train/a/xx")).unwrap();
    assert_eq!(values(&load(&folder).unwrap().0), [1, 4, 1, 5, 2, 3]);
    symlink("a", folder.path().join("train/c")).unwrap();
    assert_eq!(load(&folder).unwrap().0.classes(), ["a", "b", "c"]);
    symlink("loop", folder.path().join("train/b/loop")).unwrap();
    assert!(error(&folder).starts_with("open DIR/train/b/loop: "));
    fs::remove_file(folder.path().join("train/b/loop")).unwrap();
    symlink("..", folder.path().join("train/b/up")).unwrap();
    assert!(error(&folder).starts_with("read DIR/train/b/up: a folder inside"));
    fs::remove_file(folder.path().join("train/b/up")).unwrap();
    symlink("/dev/zero", folder.path().join("train/b/endless")).unwrap();
    assert_eq!(
        error(&folder),
        "read DIR/train/b/endless: not a file; remove it"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn turns_keep_every_class_in_order_and_as_even_as_can_be(counts in prop::collection::vec(0..9_usize, 1..6)) {
        let by_class: Vec<Vec<PathBuf>> = counts
            .iter()
            .map(|count| (0..*count).map(|rank| rank.to_string().into()).collect())
            .collect();
        let pictures = take_turns(by_class.clone());
        for (class, paths) in by_class.iter().enumerate() {
            let of_class = pictures.iter().filter(|picture| usize::from(picture.label) == class);
            prop_assert!(of_class.map(|picture| &picture.path).eq(paths));
        }
        for first in 0..=pictures.len() {
            let seen = |class: usize| pictures[..first].iter().filter(|p| usize::from(p.label) == class).count();
            let most = (0..counts.len()).map(seen).max().unwrap_or(0);
            for (class, count) in counts.iter().enumerate() {
                prop_assert!(seen(class) == *count || seen(class) + 1 >= most);
            }
        }
    }
}
