//! CIFAR-10 in its binary version: a folder of batches.
//!
//! A batch is up to 10,000 records of 3073 bytes: a label, then 32×32 red, 32×32 green and 32×32 blue values, row by
//! row. Krizhevsky: *Learning Multiple Layers of Features from Tiny Images*, 2009.
//!
//! Non-goals: the version for Python (pickles), CIFAR-100.

use super::{DataError, Dataset, contents::Contents};
use std::path::Path;

pub(super) const NAME: &str = "cifar-10";

/// The folder that the published archive unpacks to.
pub(super) const ARCHIVE_FOLDER: &str = "cifar-10-batches-bin";

/// The published archive. Only HTTPS, which this build does not speak.
pub(super) const ARCHIVE_ADDRESS: &str = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz";

pub(super) const TRAIN_FILES: [&str; 5] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
];
pub(super) const TEST_FILE: &str = "test_batch.bin";

/// The classes' names, one a line, in the order of the labels.
const CLASSES_FILE: &str = "batches.meta.txt";
const MAX_CLASSES_LENGTH: u64 = 4096;

/// The classes where there is no such file.
const CLASSES: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];

const SHAPE: [usize; 3] = [3, 32, 32];
const RECORD_LENGTH: usize = 1 + SHAPE[0] * SHAPE[1] * SHAPE[2];
const MAX_RECORDS: usize = 10_000;

/// Training and test set of a folder with the five training batches and the test batch, in file order.
pub(super) fn load(folder: &Path) -> Result<(Dataset, Dataset), DataError> {
    let classes = read_classes(folder)?;
    let read = |files: &[&str]| {
        let mut pixels = Vec::new();
        let mut labels = Vec::new();
        for file in files {
            read_batch(&folder.join(file), &mut pixels, &mut labels)?;
        }
        Dataset::new(NAME, classes.clone(), SHAPE, pixels, labels)
    };
    Ok((read(&TRAIN_FILES)?, read(&[TEST_FILE])?))
}

fn read_classes(folder: &Path) -> Result<Vec<String>, DataError> {
    let path = folder.join(CLASSES_FILE);
    if !path.is_file() {
        return Ok(CLASSES.map(String::from).into());
    }
    let mut contents = Contents::open(&path)?;
    let bytes = contents.read(MAX_CLASSES_LENGTH)?;
    let text = String::from_utf8_lossy(&bytes);
    let names = text.lines().map(str::trim).filter(|name| !name.is_empty());
    let names: Vec<String> = names.map(String::from).collect();
    if names.len() != CLASSES.len() {
        let problem = format!(
            "{} names, but CIFAR-10 has {} classes; get the file again or remove it",
            names.len(),
            CLASSES.len()
        );
        return Err(contents.malformed(0, problem));
    }
    Ok(names)
}

fn read_batch(path: &Path, pixels: &mut Vec<u8>, labels: &mut Vec<u16>) -> Result<(), DataError> {
    if !path.is_file() {
        return Err(DataError::NotFound {
            what: path.display().to_string(),
            advice: format!(
                "CIFAR-10 needs all of {}, {TEST_FILE}",
                TRAIN_FILES.join(", ")
            ),
        });
    }
    let mut contents = Contents::open(path)?;
    let bytes = contents.read((MAX_RECORDS * RECORD_LENGTH + 1) as u64)?;
    let (records, rest) = bytes.as_chunks::<RECORD_LENGTH>();
    let end = (bytes.len() - rest.len()) as u64;
    let problem = match (records.len(), rest.len()) {
        (MAX_RECORDS, 1..) => format!("more than {MAX_RECORDS} records"),
        (_, 1..) => format!(
            "truncated: {} bytes of a record of {RECORD_LENGTH}",
            rest.len()
        ),
        (0, 0) => String::from("empty"),
        _ => String::new(),
    };
    if !problem.is_empty() {
        return Err(contents.malformed(end, format!("{problem}; get the file again")));
    }
    labels.reserve_exact(records.len());
    pixels.reserve_exact(records.len() * (RECORD_LENGTH - 1));
    for (index, [label, image @ ..]) in records.iter().enumerate() {
        if usize::from(*label) >= CLASSES.len() {
            let problem = format!(
                "label {label}, but there are only {} classes; check that this is CIFAR-10 in its binary version",
                CLASSES.len()
            );
            return Err(contents.malformed((index * RECORD_LENGTH) as u64, problem));
        }
        labels.push(u16::from(*label));
        pixels.extend_from_slice(image);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;
    use tempfile::TempDir;

    /// A folder of batches with `records` records each; image `i` of a batch has label `i` and value `i`.
    fn folder(records: usize) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let batch: Vec<u8> = (0..records)
            .flat_map(|i| [i as u8; RECORD_LENGTH])
            .collect();
        for file in TRAIN_FILES.iter().chain([&TEST_FILE]) {
            fs::write(folder.path().join(file), &batch).unwrap();
        }
        folder
    }

    fn error(folder: &TempDir) -> String {
        load(folder.path()).unwrap_err().to_string()
    }

    #[test]
    fn batches_are_read_in_order() {
        let folder = folder(2);
        let last = [[9; RECORD_LENGTH], [0; RECORD_LENGTH]].concat();
        fs::write(folder.path().join("data_batch_5.bin"), last).unwrap();
        let (train, test) = load(folder.path()).unwrap();
        assert_eq!(train.labels(), [0, 1, 0, 1, 0, 1, 0, 1, 9, 0]);
        assert_eq!(train.pixels(8), [9; 3072]);
        assert_eq!(test.labels(), [0, 1]);
        assert_eq!(test.shape(), [3, 32, 32]);
        assert_eq!(test.classes()[9], "truck");
    }

    #[test]
    fn class_names_come_from_the_folder_if_there() {
        let folder = folder(1);
        let path = folder.path().join(CLASSES_FILE);
        fs::write(&path, "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n").unwrap();
        assert_eq!(load(folder.path()).unwrap().0.classes()[1], "b");
        fs::write(&path, "a\nb\n").unwrap();
        assert!(error(&folder).contains("batches.meta.txt at byte 0: 2 names"));
    }

    #[test]
    fn a_missing_batch_is_named() {
        let folder = folder(1);
        fs::remove_file(folder.path().join("data_batch_4.bin")).unwrap();
        assert!(error(&folder).contains("data_batch_4.bin: CIFAR-10 needs all of"));
    }

    #[test]
    fn an_incomplete_empty_or_overlong_batch_is_refused() {
        let folder = folder(2);
        let path = folder.path().join(TEST_FILE);
        fs::write(&path, [0; RECORD_LENGTH + 5]).unwrap();
        assert!(error(&folder).contains("test_batch.bin at byte 3073: truncated: 5 bytes"));
        fs::write(&path, []).unwrap();
        assert!(error(&folder).contains("at byte 0: empty"));
        fs::write(&path, vec![0; MAX_RECORDS * RECORD_LENGTH + 1]).unwrap();
        assert!(error(&folder).contains("at byte 30730000: more than 10000 records"));
    }

    #[test]
    fn an_unknown_label_is_located() {
        let folder = folder(11);
        assert!(error(&folder).contains("data_batch_1.bin at byte 30730: label 10"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(0_u8..12, 0..4 * RECORD_LENGTH)) {
            let folder = folder(1);
            fs::write(folder.path().join(TEST_FILE), &bytes).unwrap();
            if let Ok((_, test)) = load(folder.path()) {
                prop_assert_eq!(test.len() * RECORD_LENGTH, bytes.len());
            }
        }
    }
}
