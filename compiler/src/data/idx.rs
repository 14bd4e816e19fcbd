//! IDX files, the format of MNIST and its descendants: reading, writing, and the usual folder of four.
//!
//! An IDX file is a magic number `00 00 08 rank` (08: unsigned bytes), `rank` sizes as big-endian 32-bit integers,
//! and the values, last dimension fastest. Images have rank 3 (magic 0x803), labels rank 1 (0x801).
//!
//! Non-goals: the format's other types of value, which no common data set of images uses; colour.

use super::{DataError, Dataset, contents::Contents, contents::hexadecimal, fashion_mnist};
use sha2::{Digest, Sha256};
use std::{
    array,
    path::{Path, PathBuf},
};

/// An array of unsigned bytes with `RANK` dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array<const RANK: usize> {
    /// The sizes: `[count]` for labels, `[count, height, width]` for images.
    pub shape: [u32; RANK],
    /// The values, last dimension fastest; as many as the product of the sizes.
    pub values: Vec<u8>,
}

impl<const RANK: usize> Array<RANK> {
    const MAGIC: u32 = 0x0800 | RANK as u32;
    const HEADER_LENGTH: u64 = 4 + 4 * RANK as u64;

    /// Reads the file at `path`, gzipped or not.
    ///
    /// # Errors
    /// [`DataError::Io`] if the file cannot be opened; [`DataError::Malformed`] if it is not an IDX file of
    /// unsigned bytes with this rank, holds nothing, or is shorter or longer than its header says.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        Self::decode(Contents::open(path)?)
    }

    /// As [`read`](Self::read), from contents that are open.
    pub(super) fn decode(mut contents: Contents<'_>) -> Result<Self, DataError> {
        let header = contents.read(Self::HEADER_LENGTH)?;
        let end = header.len() as u64;
        if end != Self::HEADER_LENGTH {
            return Err(contents.malformed(end, "truncated within the header; get the file again"));
        }
        let (words, _) = header.as_chunks::<4>();
        let word = |index: usize| u32::from_be_bytes(words[index]);
        let magic = word(0);
        if magic != Self::MAGIC {
            let problem = format!(
                "the magic number is {magic:#010x}, but IDX files of unsigned bytes with rank {RANK} have {:#010x}; \
                 check that this is the right file",
                Self::MAGIC
            );
            return Err(contents.malformed(0, problem));
        }
        let shape: [u32; RANK] = array::from_fn(|axis| word(1 + axis));
        if shape.contains(&0) {
            return Err(contents.malformed(4, format!("nothing in it: the sizes are {shape:?}")));
        }
        let promised = shape
            .iter()
            .try_fold(1_u64, |product, &size| product.checked_mul(size.into()))
            .filter(|&promised| promised <= contents.remaining());
        let Some(promised) = promised else {
            let problem = format!(
                "sizes {shape:?}, but at most {} bytes can follow; truncated or damaged, get the file again",
                contents.remaining()
            );
            return Err(contents.malformed(4, problem));
        };
        let values = contents.read(promised + 1)?;
        let found = values.len() as u64;
        if found != promised {
            let end = Self::HEADER_LENGTH + found.min(promised);
            let problem = if found < promised {
                format!("truncated: {promised} bytes promised, {found} there; get the file again")
            } else {
                format!("more follows the {promised} bytes promised; get the file again")
            };
            return Err(contents.malformed(end, problem));
        }
        Ok(Self { shape, values })
    }

    /// The contents of an IDX file that holds this array, not gzipped.
    pub fn encode(&self) -> Vec<u8> {
        [self.header(), self.values.clone()].concat()
    }

    /// The SHA-256 of [`encode`](Self::encode), in hexadecimal digits.
    pub(super) fn sha256(&self) -> String {
        hexadecimal(
            Sha256::new()
                .chain_update(self.header())
                .chain_update(&self.values),
        )
    }

    fn header(&self) -> Vec<u8> {
        let words = [Self::MAGIC].into_iter().chain(self.shape);
        words.flat_map(u32::to_be_bytes).collect()
    }
}

/// The four files of a folder, each gzipped (`.gz`) or not: images and labels for training, then for testing.
pub(super) const FILES: [[&str; 2]; 2] = [
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
    ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
];

/// Training and test set of a folder with the usual four files.
///
/// IDX files carry no names. Fashion-MNIST is recognised by its training labels; any other set is named after its
/// folder, and its classes are the numbers up to the largest training label.
pub(super) fn load(folder: &Path) -> Result<(Dataset, Dataset), DataError> {
    let [train, test] = FILES.map(|names| Part::read(folder, names));
    let (train, test) = (train?, test?);
    if test.images.shape[1..] != train.images.shape[1..] {
        let [[_, height, width], [_, train_height, train_width]] =
            [test.images.shape, train.images.shape];
        return Err(DataError::Malformed {
            path: test.images_path,
            offset: 8,
            problem: format!(
                "images of {height}×{width}, but those for training are {train_height}×{train_width}; \
                 take all four files from the same source"
            ),
        });
    }
    let (name, classes): (_, Vec<String>) =
        if train.labels.sha256() == fashion_mnist::TRAIN_LABELS.sha256 {
            let classes = fashion_mnist::CLASSES.map(String::from);
            (fashion_mnist::NAME.into(), classes.into())
        } else {
            let largest = train.labels.values.iter().max().copied().unwrap_or(0);
            let name = folder.file_name().unwrap_or(folder.as_os_str());
            (
                name.to_string_lossy(),
                (0..=largest).map(|class| class.to_string()).collect(),
            )
        };
    Ok((
        train.into_dataset(&name, &classes)?,
        test.into_dataset(&name, &classes)?,
    ))
}

/// A file of images and its file of labels.
struct Part {
    images_path: PathBuf,
    labels_path: PathBuf,
    images: Array<3>,
    labels: Array<1>,
}

impl Part {
    fn read(folder: &Path, [images, labels]: [&str; 2]) -> Result<Self, DataError> {
        let images_path = locate(folder, images)?;
        let labels_path = locate(folder, labels)?;
        let images = Array::<3>::read(&images_path)?;
        let labels = Array::<1>::read(&labels_path)?;
        if images.shape[0] != labels.shape[0] {
            return Err(DataError::CountMismatch {
                images: images_path,
                labels: labels_path,
                image_count: images.shape[0] as usize,
                label_count: labels.shape[0] as usize,
            });
        }
        Ok(Self {
            images_path,
            labels_path,
            images,
            labels,
        })
    }

    fn into_dataset(self, name: &str, classes: &[String]) -> Result<Dataset, DataError> {
        let labels = self.labels.values;
        let unknown = labels.iter().position(|&l| usize::from(l) >= classes.len());
        if let Some(index) = unknown {
            return Err(DataError::Malformed {
                path: self.labels_path,
                offset: Array::<1>::HEADER_LENGTH + index as u64,
                problem: format!(
                    "label {}, but there are only {} classes; take all four files from the same source",
                    labels[index],
                    classes.len()
                ),
            });
        }
        dataset(name, classes.to_vec(), self.images, labels)
    }
}

/// The data set of grey `images` and their `labels`.
pub(super) fn dataset(
    name: &str,
    classes: Vec<String>,
    images: Array<3>,
    labels: Vec<u8>,
) -> Result<Dataset, DataError> {
    let [_, height, width] = images.shape.map(|size| size as usize);
    let labels = labels.into_iter().map(u16::from).collect();
    Dataset::new(name, classes, [1, height, width], images.values, labels)
}

fn locate(folder: &Path, name: &str) -> Result<PathBuf, DataError> {
    [folder.join(name), folder.join(format!("{name}.gz"))]
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| DataError::NotFound {
            what: format!("{name} or {name}.gz in {}", folder.display()),
            advice: format!("an IDX folder needs all of {}", FILES.concat().join(", ")),
        })
}

#[cfg(test)]
mod tests;
