//! What lies where in a folder of pictures.
//!
//! Non-goals: opening pictures.

use crate::data::DataError;
use sha2::{Digest, Sha256};
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// The folders of training and test images where they are kept apart.
const PARTS: [&str; 2] = ["train", "test"];

/// Where they are not, one picture in so many is a test image.
const TEST_SHARE: u64 = 5;

/// Labels are 16 bits wide.
const MAX_CLASSES: usize = 1 << 16;

/// Most pictures of a class: a list of more takes gigabytes by itself.
const MAX_PICTURES: usize = 1 << 24;

/// What systems leave in folders without being asked, besides hidden files.
const LITTER: [&str; 3] = ["Thumbs.db", "desktop.ini", "__MACOSX"];

/// Whether `folder` may be such a folder: it has a folder inside that is not hidden.
pub fn has_folders(folder: &Path) -> bool {
    visible(folder).is_ok_and(|entries| entries.iter().any(|entry| entry.is_dir()))
}

/// Classes, and for each of them the paths of its pictures.
pub(super) struct Found {
    pub classes: Vec<String>,
    pub train: Vec<Vec<PathBuf>>,
    pub test: Vec<Vec<PathBuf>>,
}

impl Found {
    /// Looks for pictures in `folder`: some for training in each class, and some for testing.
    pub fn look(folder: &Path) -> Result<Self, DataError> {
        let parts = PARTS.map(|part| folder.join(part));
        let found = match parts.each_ref().map(|part| has_folders(part)) {
            [false, false] => divided(folder)?,
            [true, true] => apart(&parts)?,
            [has_train, _] => {
                return Err(DataError::NotFound {
                    what: format!(
                        "folders of classes in {}",
                        parts[usize::from(has_train)].display()
                    ),
                    advice: format!(
                        "{} has them: give both of them the classes' folders, or put these into {}",
                        parts[usize::from(!has_train)].display(),
                        folder.display()
                    ),
                });
            }
        };
        if let Some(class) = found.train.iter().position(Vec::is_empty) {
            return Err(DataError::NotFound {
                what: format!(
                    "a training image of class {} in {}",
                    found.classes[class],
                    folder.display()
                ),
                advice: String::from("add pictures to the class's folder or remove it"),
            });
        }
        if found.test.iter().all(Vec::is_empty) {
            return Err(DataError::NotFound {
                what: format!("a test image in {}", folder.display()),
                advice: format!(
                    "add pictures: where there are no folders train and test, about one in {TEST_SHARE} is for testing"
                ),
            });
        }
        Ok(found)
    }
}

/// What is in a folder that holds nothing but those of classes.
fn divided(folder: &Path) -> Result<Found, DataError> {
    let classes = classes_to_learn(folder)?;
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for class in &classes {
        let paths = pictures(&folder.join(class))?.into_iter();
        let (for_test, for_training) = paths.partition(|path| {
            let file = path.file_name().unwrap_or_default();
            is_for_test(class, file)
        });
        train.push(for_training);
        test.push(for_test);
    }
    Ok(Found {
        classes,
        train,
        test,
    })
}

fn is_for_test(class: &str, file: &OsStr) -> bool {
    let digest = Sha256::new()
        .chain_update(class)
        .chain_update("/")
        .chain_update(file.as_encoded_bytes())
        .finalize();
    let (words, _) = digest.as_chunks::<8>();
    u64::from_be_bytes(words[0]).is_multiple_of(TEST_SHARE)
}

/// The classes of the training folder, and what both folders have of them.
fn apart(parts: &[PathBuf; 2]) -> Result<Found, DataError> {
    let classes = classes_to_learn(&parts[0])?;
    let tested = self::classes(&parts[1])?;
    if let Some(class) = tested
        .iter()
        .find(|class| classes.binary_search(class).is_err())
    {
        return Err(DataError::NotFound {
            what: parts[0].join(class).display().to_string(),
            advice: format!(
                "it is a class in {}: train on it too, or remove it",
                parts[1].display()
            ),
        });
    }
    let of_part = |part: &PathBuf| -> Result<Vec<_>, _> {
        let folders = classes.iter().map(|class| part.join(class));
        folders
            .map(|folder| {
                if folder.is_dir() {
                    pictures(&folder)
                } else {
                    Ok(Vec::new())
                }
            })
            .collect()
    };
    Ok(Found {
        train: of_part(&parts[0])?,
        test: of_part(&parts[1])?,
        classes,
    })
}

/// The names of the folders in `folder`, in order.
fn classes(folder: &Path) -> Result<Vec<String>, DataError> {
    let folders = visible(folder)?.into_iter().filter(|path| path.is_dir());
    let mut classes = Vec::new();
    for path in folders {
        let name = path.file_name().and_then(OsStr::to_str);
        match name.filter(|name| !name.contains(char::is_control)) {
            Some(name) => classes.push(name.to_owned()),
            None => {
                let problem = "its name is a class's, but not text; rename it";
                return Err(misplaced(path, problem));
            }
        }
    }
    Ok(classes)
}

/// As [`classes`], if a network can learn to tell them apart.
fn classes_to_learn(folder: &Path) -> Result<Vec<String>, DataError> {
    let classes = classes(folder)?;
    match classes.len() {
        2..=MAX_CLASSES => Ok(classes),
        count => Err(DataError::NotFound {
            what: format!("folders of classes in {}", folder.display()),
            advice: format!(
                "it has {count}, there must be 2 to {MAX_CLASSES}, each with the pictures of one class"
            ),
        }),
    }
}

/// The paths of the pictures in the folder of a class, in order.
fn pictures(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let paths = visible(folder)?;
    for path in &paths {
        // Through links; a loop of links is an error.
        let kind = fs::metadata(path).map_err(|cause| DataError::Io {
            action: "open",
            path: path.clone(),
            cause,
        })?;
        if kind.is_dir() {
            let problem = "a folder inside of a class's folder; put the pictures of each class into one folder";
            return Err(misplaced(path.clone(), problem));
        }
        if !kind.is_file() {
            return Err(misplaced(path.clone(), "not a file; remove it"));
        }
    }
    Ok(paths)
}

fn misplaced(path: PathBuf, problem: impl Into<String>) -> DataError {
    DataError::Picture {
        path,
        problem: problem.into(),
    }
}

/// What lies in `folder` and is neither hidden nor litter, in the order of names.
fn visible(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let failed = |cause| DataError::Io {
        action: "list",
        path: folder.to_owned(),
        cause,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let hidden = name.as_encoded_bytes().starts_with(b".");
        if hidden || LITTER.iter().any(|litter| name == *litter) {
            continue;
        }
        if paths.len() == MAX_PICTURES {
            let problem = format!("more than {MAX_PICTURES} files in it");
            return Err(misplaced(folder.to_owned(), problem));
        }
        paths.push(folder.join(name));
    }
    paths.sort_unstable();
    Ok(paths)
}
