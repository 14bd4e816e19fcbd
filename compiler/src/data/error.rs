//! What can go wrong between a data set's files and memory.
//!
//! Non-goals: exit codes and colours, which belong to the command line.

use std::{io, path::PathBuf};

/// An error of the data module. Its message is one line that finishes "failed to …" and says what is wrong,
/// where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The operating system refused a file or a folder.
    #[error("{action} {}: {cause}", path.display())]
    Io {
        /// What was attempted: a verb, such as `open`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's answer.
        cause: io::Error,
    },

    /// A data set, a file or a folder is not where it was looked for.
    #[error("find {what}: {advice}")]
    NotFound {
        /// What was looked for, and where.
        what: String,
        /// What to do.
        advice: String,
    },

    /// A file's bytes break the rules of its format.
    #[error("read {} at byte {offset}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where the problem shows, in bytes from the start of the file, unpacked if it is gzipped.
        offset: u64,
        /// What is wrong, and what to do.
        problem: String,
    },

    /// A file is no picture that can be used, or something that is no picture lies where pictures do.
    #[error("read {}: {problem}", path.display())]
    Picture {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },

    /// Pictures differ in size or colours, and nobody said what to bring them to.
    #[error(
        "read images of one shape: {} is {first_shape:?}, {} is {other_shape:?} (channels, height, width); say height, \
         width, colour and resize in [image] of the recipe, or give --resize to attack a model",
        first.display(),
        other.display()
    )]
    Mixed {
        /// The first picture.
        first: PathBuf,
        /// Its shape, `[channel, height, width]`.
        first_shape: [usize; 3],
        /// The first that differs.
        other: PathBuf,
        /// Its shape.
        other_shape: [usize; 3],
    },

    /// A data set's images have another shape than was asked for, and they are no pictures that could be resized.
    #[error(
        "bring the images of {name} from {found:?} to {wanted:?} (channels, height, width): only folders of PNG and JPEG \
         files are resized"
    )]
    FixedShape {
        /// The data set's name.
        name: String,
        /// The shape its images have, `[channel, height, width]`.
        found: [usize; 3],
        /// The shape asked for.
        wanted: [usize; 3],
    },

    /// There is no memory for all images.
    #[error(
        "keep {images} images of {name} in memory, one byte for each of {shape:?}: there is not so much; make them smaller \
         or fewer"
    )]
    TooLarge {
        /// The data set's name.
        name: String,
        /// The number of its images.
        images: usize,
        /// Their shape, `[channel, height, width]`.
        shape: [usize; 3],
    },

    /// A file of images and its file of labels differ in length.
    #[error(
        "pair {} with {}: {image_count} images, but {label_count} labels; take both files from the same source",
        images.display(),
        labels.display()
    )]
    CountMismatch {
        /// The file of images.
        images: PathBuf,
        /// The file of labels.
        labels: PathBuf,
        /// The number of images.
        image_count: usize,
        /// The number of labels.
        label_count: usize,
    },

    /// The parts given to [`Dataset::new`](super::Dataset::new) do not fit together.
    #[error("assemble data set {name}: {problem}")]
    Inconsistent {
        /// The data set's name.
        name: String,
        /// What does not fit.
        problem: String,
    },

    /// A download was refused, broke off too often, or brought something else.
    #[error("download {url}: {problem}")]
    Download {
        /// The address.
        url: String,
        /// What happened, and what to do.
        problem: String,
    },

    /// Contents do not have the SHA-256 they should have.
    #[error(
        "verify {what}: SHA-256 of the contents is {found}, should be {expected}; damaged, get it again"
    )]
    Checksum {
        /// The file.
        what: String,
        /// The SHA-256 found, in hexadecimal digits.
        found: String,
        /// The SHA-256 it should have.
        expected: &'static str,
    },

    /// One side of a split would be empty.
    #[error(
        "split {images} images of {name}: a validation fraction of {fraction} leaves a side empty; \
         choose a fraction between 0 and 1 that gives each side an image"
    )]
    Split {
        /// The data set's name.
        name: String,
        /// The number of its images.
        images: usize,
        /// The fraction asked for.
        fraction: f64,
    },
}
