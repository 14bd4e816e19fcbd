//! Real images inside the binary, so that everything works without a download: a subset of Fashion-MNIST.
//!
//! For each class the first 1,000 training and the first 100 test images, in the order of the original files: enough
//! for a demonstration and for tests. Published numbers need the full set. How the files were cut, and their
//! licence: `compiler/data/fashion-mnist-subset/README.md`.

use super::{
    DataError, Dataset,
    contents::Contents,
    fashion_mnist,
    idx::{self, Array},
};
use std::path::Path;

/// Images of each class in the training set.
pub const TRAIN_PER_CLASS: usize = 1000;

/// Images of each class in the test set.
pub const TEST_PER_CLASS: usize = 100;

const NAME: &str = "fashion-mnist-subset";

/// A gzipped IDX file within the binary.
struct EmbeddedFile {
    name: &'static str,
    bytes: &'static [u8],
    /// SHA-256 of the unpacked contents, in hexadecimal digits.
    sha256: &'static str,
}

macro_rules! embedded_file {
    ($name:literal, $sha256:literal) => {
        EmbeddedFile {
            name: concat!("fashion-mnist-subset/", $name),
            bytes: include_bytes!(concat!("../../data/fashion-mnist-subset/", $name)),
            sha256: $sha256,
        }
    };
}

static TRAIN_IMAGES: EmbeddedFile = embedded_file!(
    "train-images-idx3-ubyte.gz",
    "d33512cfdc636a0d8972818e6659995be209a88891df7fa2109d7895922c8985"
);
static TRAIN_LABELS: EmbeddedFile = embedded_file!(
    "train-labels-idx1-ubyte.gz",
    "620cb8e3b9348037c5ff9a07b02d773ab165330e072dfd19e0d21c59f8042dcf"
);
static TEST_IMAGES: EmbeddedFile = embedded_file!(
    "t10k-images-idx3-ubyte.gz",
    "7cee33c3c6414b1b86c25e665a6c4f41584269de3b7cc9768b1d351922845eef"
);
static TEST_LABELS: EmbeddedFile = embedded_file!(
    "t10k-labels-idx1-ubyte.gz",
    "3128d790775889812b73c4f13923559c8b9e281d112c6ea7862acf60a206a909"
);

/// Training set (10,000 images) and test set (1,000 images), both `[1, 28, 28]` and balanced.
///
/// # Errors
/// [`DataError::Checksum`] or [`DataError::Malformed`] if the binary is damaged.
pub fn load() -> Result<(Dataset, Dataset), DataError> {
    Ok((
        read(&TRAIN_IMAGES, &TRAIN_LABELS)?,
        read(&TEST_IMAGES, &TEST_LABELS)?,
    ))
}

fn read(images: &EmbeddedFile, labels: &EmbeddedFile) -> Result<Dataset, DataError> {
    let images = images.unpack::<3>()?;
    let labels = labels.unpack::<1>()?;
    let classes = fashion_mnist::CLASSES.map(String::from).into();
    idx::dataset(NAME, classes, images, labels.values)
}

impl EmbeddedFile {
    fn unpack<const RANK: usize>(&self) -> Result<Array<RANK>, DataError> {
        let contents = Contents::of_bytes(self.bytes, Path::new(self.name))?;
        let array = Array::decode(contents)?;
        let found = array.sha256();
        if found == self.sha256 {
            Ok(array)
        } else {
            Err(DataError::Checksum {
                what: format!("the embedded {}", self.name),
                found,
                expected: self.sha256,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sets_load_and_are_balanced() {
        let (train, test) = load().unwrap();
        for (data, per_class) in [(&train, TRAIN_PER_CLASS), (&test, TEST_PER_CLASS)] {
            assert_eq!(data.shape(), [1, 28, 28]);
            assert_eq!(data.len(), 10 * per_class);
            for class in 0..10 {
                let count = data.labels().iter().filter(|&&l| l == class).count();
                assert_eq!(count, per_class);
            }
        }
        // The beginning of the original files, where no class is full yet.
        assert_eq!(train.labels()[..8], [9, 0, 0, 3, 0, 2, 7, 2]);
        assert_eq!(test.labels()[..8], [9, 2, 1, 1, 6, 1, 4, 6]);
        assert_eq!(train.classes()[9], "Ankle boot");
    }

    #[test]
    fn damage_is_noticed() {
        let damaged = EmbeddedFile {
            sha256: "another",
            ..TEST_LABELS
        };
        let error = damaged.unpack::<1>().unwrap_err().to_string();
        assert!(error.starts_with("verify the embedded fashion-mnist-subset/t10k-labels"));
    }

    #[test]
    fn the_files_are_small() {
        let files = [&TRAIN_IMAGES, &TRAIN_LABELS, &TEST_IMAGES, &TEST_LABELS];
        let size: usize = files.iter().map(|file| file.bytes.len()).sum();
        assert!(size < 6_000_000, "{size} bytes");
    }
}
