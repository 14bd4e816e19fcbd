//! Tests of tensors in other files.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

fn entries(pairs: &[(&str, &str)]) -> Vec<StringStringEntryProto> {
    let entry = |(key, value): &(&str, &str)| StringStringEntryProto {
        key: (*key).to_owned(),
        value: (*value).to_owned(),
        ..StringStringEntryProto::default()
    };
    pairs.iter().map(entry).collect()
}

/// A folder "model" with a file of ten bytes beside a file that is not the model's.
fn folders() -> (TempDir, PathBuf) {
    let root = TempDir::new().unwrap();
    let folder = root.path().join("model");
    fs::create_dir(&folder).unwrap();
    fs::create_dir(folder.join("inner")).unwrap();
    fs::write(folder.join("weights"), (0..10).collect::<Vec<u8>>()).unwrap();
    fs::write(root.path().join("secret"), "secret").unwrap();
    (root, folder)
}

fn problem(location: &str, more: &[(&str, &str)]) -> String {
    let (_root, folder) = folders();
    let entries = entries(&[&[("location", location)], more].concat());
    read(Some(&folder), &entries, 100).unwrap_err()
}

#[test]
fn a_part_of_a_file_is_read() {
    let (_root, folder) = folders();
    let part = entries(&[("location", "weights"), ("offset", "2"), ("length", "3")]);
    assert_eq!(read(Some(&folder), &part, 3).unwrap(), [2, 3, 4]);
    let rest = entries(&[("location", "weights"), ("offset", "8")]);
    assert_eq!(read(Some(&folder), &rest, 3).unwrap(), [8, 9]);
}

#[test]
fn nothing_outside_the_folder_is_read() {
    assert!(problem("../secret", &[]).contains("not in the model's folder"));
    assert!(problem("inner/../../secret", &[]).contains("not in the model's folder"));
    let (root, _) = folders();
    let absolute = root.path().join("secret");
    assert!(problem(absolute.to_str().unwrap(), &[]).contains("not in the model's folder"));
    assert!(problem("", &[]).contains("not a regular file"));
}

#[cfg(unix)]
#[test]
fn a_link_may_not_lead_outside() {
    use std::os::unix::fs::symlink;
    let (root, folder) = folders();
    symlink(root.path().join("secret"), folder.join("link")).unwrap();
    symlink(folder.join("weights"), folder.join("inner/link")).unwrap();
    let outside = read(Some(&folder), &entries(&[("location", "link")]), 100);
    assert!(outside.unwrap_err().contains("not in the model's folder"));
    let inside = read(Some(&folder), &entries(&[("location", "inner/link")]), 100);
    assert_eq!(inside.unwrap().len(), 10);
}

#[test]
fn what_is_no_file_or_too_short_is_an_error() {
    assert!(problem("inner", &[]).contains("not a regular file"));
    assert!(problem("missing", &[]).starts_with("\"missing\": "));
    let far = [("offset", "8"), ("length", "3")];
    assert!(problem("weights", &far).contains("which has 10"));
    let huge = [("offset", "18446744073709551615"), ("length", "2")];
    assert!(problem("weights", &huge).contains("which has 10"));
    assert!(problem("weights", &[("offset", "-1")]).contains("is no number"));
}

#[test]
fn no_more_is_read_than_the_shape_allows() {
    let (_root, folder) = folders();
    let error = read(Some(&folder), &entries(&[("location", "weights")]), 9).unwrap_err();
    assert!(error.contains("takes 10 bytes"), "{error}");
}

#[test]
fn without_a_folder_nothing_is_read() {
    let error = read(None, &entries(&[("location", "weights")]), 100).unwrap_err();
    assert!(error.contains("from its folder"), "{error}");
    assert!(read(None, &[], 100).unwrap_err().contains("not named"));
}
