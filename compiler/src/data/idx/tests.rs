//! One named test for every way an IDX file or folder can be wrong, and mutations of good ones.

use super::*;
use crate::data::contents::tests::gzip;
use proptest::prelude::*;
use std::fs;
use tempfile::TempDir;

fn images(count: u32) -> Array<3> {
    let values = (0..count * 6).map(|value| value as u8).collect();
    let shape = [count, 2, 3];
    Array { shape, values }
}

fn labels(labels: &[u8]) -> Array<1> {
    let shape = [labels.len() as u32];
    let values = labels.to_vec();
    Array { shape, values }
}

fn decode<const RANK: usize>(bytes: &[u8]) -> Result<Array<RANK>, DataError> {
    Array::decode(Contents::of_bytes(bytes, Path::new("file"))?)
}

fn refusal(bytes: &[u8]) -> String {
    decode::<3>(bytes).unwrap_err().to_string()
}

/// A folder of four files: three training images, some of them gzipped, and `test_labels.len()` test images.
fn folder(test_labels: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name, bytes| fs::write(folder.path().join(name), bytes).unwrap();
    write("train-images-idx3-ubyte", images(3).encode());
    write(
        "train-labels-idx1-ubyte.gz",
        gzip(&labels(&[2, 0, 1]).encode()),
    );
    let count = test_labels.len() as u32;
    write("t10k-images-idx3-ubyte.gz", gzip(&images(count).encode()));
    write("t10k-labels-idx1-ubyte", labels(test_labels).encode());
    folder
}

#[test]
fn the_bytes_are_those_of_the_format() {
    let expected = [0, 0, 8, 1, 0, 0, 0, 2, 7, 9];
    assert_eq!(labels(&[7, 9]).encode(), expected);
    assert_eq!(decode(&expected).unwrap(), labels(&[7, 9]));
}

#[test]
fn what_is_written_is_read_back_gzipped_or_not() {
    let bytes = images(4).encode();
    assert_eq!(decode(&bytes).unwrap(), images(4));
    assert_eq!(decode(&gzip(&bytes)).unwrap(), images(4));
}

#[test]
fn a_truncated_header_is_refused() {
    let bytes = images(1).encode();
    for length in 0..16 {
        let expected = format!("read file at byte {length}: truncated within the header");
        assert!(refusal(&bytes[..length]).starts_with(&expected));
    }
}

#[test]
fn another_magic_number_is_refused() {
    let mut bytes = images(1).encode();
    bytes[3] = 1;
    assert!(refusal(&bytes).contains("at byte 0: the magic number is 0x00000801, but"));
}

#[test]
fn sizes_of_zero_are_refused() {
    let mut bytes = images(1).encode();
    bytes[7] = 0;
    assert!(refusal(&bytes).contains("nothing in it: the sizes are [0, 2, 3]"));
}

#[test]
fn sizes_beyond_the_file_are_refused_before_anything_is_allocated() {
    let mut bytes = images(1).encode();
    bytes[4..16].fill(0xff);
    assert!(refusal(&bytes).contains("but at most 6 bytes can follow"));
    assert!(refusal(&gzip(&bytes)).contains("bytes can follow"));
    let mut bytes = images(2).encode();
    bytes.pop();
    assert!(refusal(&bytes).contains("but at most 11 bytes can follow"));
}

#[test]
fn truncated_values_are_refused() {
    let mut bytes = images(2).encode();
    bytes.pop();
    assert!(refusal(&gzip(&bytes)).contains("at byte 27: truncated: 12 bytes promised, 11 there"));
}

#[test]
fn trailing_bytes_are_refused() {
    let mut bytes = images(2).encode();
    bytes.push(0);
    for bytes in [gzip(&bytes), bytes] {
        assert!(refusal(&bytes).contains("at byte 28: more follows the 12 bytes"));
    }
}

#[test]
fn a_folder_gives_training_and_test_set() {
    let folder = folder(&[1, 2]);
    let (train, test) = load(folder.path()).unwrap();
    assert_eq!(train.shape(), [1, 2, 3]);
    assert_eq!(train.labels(), [2, 0, 1]);
    assert_eq!(train.classes(), ["0", "1", "2"]);
    assert_eq!(test.labels(), [1, 2]);
    assert_eq!(test.pixels(1), [6, 7, 8, 9, 10, 11]);
    let name = folder.path().file_name().unwrap();
    assert_eq!(test.name(), name.to_string_lossy());
}

#[test]
fn a_missing_file_is_named() {
    let folder = folder(&[1, 2]);
    fs::remove_file(folder.path().join("t10k-labels-idx1-ubyte")).unwrap();
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(
        error.starts_with("find t10k-labels-idx1-ubyte or "),
        "{error}"
    );
}

#[test]
fn images_and_labels_that_differ_in_number_are_refused() {
    let folder = folder(&[1, 2]);
    let path = folder.path().join("t10k-labels-idx1-ubyte");
    fs::write(path, labels(&[1]).encode()).unwrap();
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("2 images, but 1 labels"), "{error}");
}

#[test]
fn a_test_label_without_class_is_located() {
    let error = load(folder(&[1, 3]).path()).unwrap_err().to_string();
    assert!(
        error.contains("t10k-labels-idx1-ubyte at byte 9: label 3, but"),
        "{error}"
    );
}

#[test]
fn test_images_of_another_shape_are_refused() {
    let folder = folder(&[1]);
    let shape = [1, 3, 2];
    let values = vec![0; 6];
    let path = folder.path().join("t10k-images-idx3-ubyte.gz");
    fs::write(path, Array { shape, values }.encode()).unwrap();
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("t10k-images-idx3-ubyte.gz at byte 8: "),
        "{error}"
    );
    assert!(
        error.contains("images of 3×2, but those for training are 2×3"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn mutated_files_are_read_whole_or_refused(
        packed: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        length: prop::sample::Index,
    ) {
        let mut bytes = images(3).encode();
        if packed {
            bytes = gzip(&bytes);
        }
        for (index, value) in changes {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        bytes.truncate(1 + length.index(2 * bytes.len()));
        if let Ok(array) = decode::<3>(&bytes) {
            let product: u32 = array.shape.iter().product();
            prop_assert_eq!(product as usize, array.values.len());
        }
    }
}
