//! A journal in a folder: one safetensors file for each finished batch.
//!
//! A file holds the turned images and their numbers, what was counted as text, and a hash of everything, so that a damaged one is found out.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use sha2::{Digest, Sha256};

use super::{BatchRecord, Journal, JournalError};
use crate::atomic_file;
use crate::lock;

/// Finished batches as files in a folder that belongs to one evaluation.
#[derive(Debug)]
pub struct FolderJournal {
    folder: PathBuf,
    /// Held as long as the journal lives.
    _lock: File,
}

/// The file that says what the folder is about.
const IDENTITY: &str = "evaluation.json";
/// What the batches' files are called.
const SUFFIX: &str = ".batch";

impl FolderJournal {
    /// Opens `folder`, which is made if it is not there, for the evaluation that `identity` describes: everything that decides its result.
    ///
    /// # Errors
    /// If the folder belongs to another evaluation, or another process is using it, or it cannot be written to.
    pub fn open(folder: &Path, identity: &str) -> Result<Self, JournalError> {
        let lock = lock::take(folder)?;
        let path = folder.join(IDENTITY);
        match fs::read(&path) {
            Ok(found) if found == identity.as_bytes() => {}
            Ok(_) => return Err(JournalError::Other(folder.to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                atomic_file::write(&path, identity.as_bytes())?;
            }
            Err(error) => return Err(state(&path, error.to_string())),
        }
        Ok(Self {
            folder: folder.to_owned(),
            _lock: lock,
        })
    }

    /// Removes the journal, when the evaluation has come to its end; nothing but its own files.
    ///
    /// # Errors
    /// As the file system says.
    pub fn remove(self) -> std::io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(SUFFIX) || name == IDENTITY || name == lock::FILE {
                fs::remove_file(entry.path())?;
            }
        }
        match fs::remove_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => Ok(()),
            result => result,
        }
    }

    fn path(&self, key: &str, number: usize) -> PathBuf {
        self.folder.join(format!("{key}-{number:05}{SUFFIX}"))
    }
}

fn state(path: &Path, problem: impl Into<String>) -> JournalError {
    JournalError::State {
        path: path.to_owned(),
        problem: problem.into(),
    }
}

impl Journal for FolderJournal {
    fn recall(
        &mut self,
        key: &str,
        number: usize,
        indices: &[usize],
    ) -> Result<Option<BatchRecord>, JournalError> {
        let path = self.path(key, number);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(state(&path, error.to_string())),
        };
        match decode(&bytes, indices) {
            Some(record) => Ok(Some(record)),
            None => Err(state(&path, "it is damaged, or about other images")),
        }
    }

    fn keep(
        &mut self,
        key: &str,
        number: usize,
        indices: &[usize],
        record: &BatchRecord,
    ) -> Result<(), JournalError> {
        let bytes = encode(indices, record);
        Ok(atomic_file::write(&self.path(key, number), &bytes)?)
    }
}

/// Names in a batch's file.
const TURNED: &str = "turned";
const IMAGES: &str = "images";
const ATTACKED: &str = "attacked";
const QUERIES: &str = "queries";
const SECONDS: &str = "seconds";
const HASH: &str = "sha256";

fn numbers<'n>(numbers: impl IntoIterator<Item = &'n usize>) -> Vec<u8> {
    let bytes = |number: &usize| (*number as u64).to_le_bytes();
    numbers.into_iter().flat_map(bytes).collect()
}

fn hash(parts: [&[u8]; 5]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

fn encode(indices: &[usize], record: &BatchRecord) -> Vec<u8> {
    let count = record.turned.len();
    let turned = numbers(record.turned.keys());
    let pixels = record.turned.values().next().map_or(0, Vec::len);
    let images = record.turned.values().flatten();
    let images: Vec<u8> = images.flat_map(|x| x.to_le_bytes()).collect();
    let attacked = numbers(indices);
    let (queries, seconds) = (record.queries.to_string(), record.seconds.to_string());
    let hash = hash([
        &turned,
        &images,
        &attacked,
        queries.as_bytes(),
        seconds.as_bytes(),
    ]);
    let view = |dtype, shape, bytes| {
        TensorView::new(dtype, shape, bytes).expect("as many bytes as the shape says")
    };
    let tensors = [
        (TURNED, view(Dtype::U64, vec![count], &turned)),
        (IMAGES, view(Dtype::F32, vec![count, pixels], &images)),
        (ATTACKED, view(Dtype::U64, vec![indices.len()], &attacked)),
    ];
    let metadata = HashMap::from([
        (QUERIES.to_owned(), queries),
        (SECONDS.to_owned(), seconds),
        (HASH.to_owned(), hash),
    ]);
    serialize(tensors, Some(metadata)).expect("three tensors with names of their own")
}

/// The record in a file, if it is whole and about the images `indices`.
fn decode(bytes: &[u8], indices: &[usize]) -> Option<BatchRecord> {
    let (_, header) = SafeTensors::read_metadata(bytes).ok()?;
    let metadata = header.metadata().as_ref()?;
    let (queries, seconds) = (metadata.get(QUERIES)?, metadata.get(SECONDS)?);
    let file = SafeTensors::deserialize(bytes).ok()?;
    let data = |name| file.tensor(name).ok().map(|tensor| tensor.data());
    let (turned, images, attacked) = (data(TURNED)?, data(IMAGES)?, data(ATTACKED)?);
    let found = hash([
        turned,
        images,
        attacked,
        queries.as_bytes(),
        seconds.as_bytes(),
    ]);
    if metadata.get(HASH)? != &found || attacked != numbers(indices) {
        return None;
    }
    let turned: Vec<usize> = turned
        .as_chunks::<8>()
        .0
        .iter()
        .map(|bytes| u64::from_le_bytes(*bytes) as usize)
        .collect();
    let images: Vec<f32> = images
        .as_chunks::<4>()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    let pixels = (images.len() / turned.len().max(1)).max(1);
    let turned: BTreeMap<usize, Vec<f32>> = turned
        .into_iter()
        .zip(images.chunks(pixels).map(<[f32]>::to_vec))
        .collect();
    Some(BatchRecord {
        turned,
        queries: queries.parse().ok()?,
        seconds: seconds.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> BatchRecord {
        BatchRecord {
            turned: BTreeMap::from([(3, vec![0.1, 1.0]), (7, vec![f32::MIN_POSITIVE, 0.0])]),
            queries: 1234,
            seconds: 0.1 + 0.2,
        }
    }

    const INDICES: [usize; 3] = [3, 5, 7];

    #[test]
    fn what_is_kept_is_recalled_to_the_bit_by_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mut journal = FolderJournal::open(&path, "one").unwrap();
        assert_eq!(journal.recall("apgd-ce", 0, &INDICES).unwrap(), None);
        let nothing = BatchRecord::default();
        journal.keep("apgd-ce", 0, &INDICES, &record()).unwrap();
        journal.keep("apgd-ce", 1, &INDICES, &nothing).unwrap();
        drop(journal);
        let mut journal = FolderJournal::open(&path, "one").unwrap();
        let recalled = journal.recall("apgd-ce", 0, &INDICES).unwrap();
        assert_eq!(recalled, Some(record()));
        let recalled = journal.recall("apgd-ce", 1, &INDICES).unwrap();
        assert_eq!(recalled, Some(nothing));
        journal.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_belongs_to_one_evaluation_and_one_process() {
        let folder = tempfile::tempdir().unwrap();
        let journal = FolderJournal::open(folder.path(), "one").unwrap();
        let second = FolderJournal::open(folder.path(), "one");
        assert!(matches!(second, Err(JournalError::Lock(_))));
        drop(journal);
        let other = FolderJournal::open(folder.path(), "two");
        assert!(matches!(other, Err(JournalError::Other(_))));
    }

    #[test]
    fn damage_anywhere_is_found_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = FolderJournal::open(folder.path(), "one").unwrap();
        journal.keep("square", 4, &INDICES, &record()).unwrap();
        let path = folder.path().join("square-00004.batch");
        let whole = fs::read(&path).unwrap();
        for position in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[position] ^= 0x04;
            fs::write(&path, damaged).unwrap();
            let recalled = journal.recall("square", 4, &INDICES);
            match recalled {
                Err(JournalError::State { path: named, .. }) => assert_eq!(named, path),
                other => panic!("byte {position}: {other:?}"),
            }
        }
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(journal.recall("square", 4, &INDICES).is_err());
        fs::write(&path, &whole).unwrap();
        assert!(journal.recall("square", 4, &[3, 5, 8]).is_err());
        assert!(journal.recall("square", 4, &INDICES).is_ok());
    }
}
