//! A folder with one sub-folder of pictures for each class.
//!
//! Either `FOLDER/train/CLASS/*` and `FOLDER/test/CLASS/*`, or `FOLDER/CLASS/*`, of which about one picture in five
//! becomes a test image. Which ones, a hash of class and file name decides: it is the same for whoever reads the
//! folder, and pictures that are added later move none of the others.
//!
//! Classes are in the order of their names. So are the pictures of a class, and the classes take turns: the first
//! picture of each, then the second of each. So the first N images are of all classes.
//!
//! Non-goals: folders inside of a class's folder; labels that are not names of folders.

mod listing;

pub(super) use listing::has_folders;

use super::{DataError, Dataset, ImageSettings, Resize, image_file};
use crate::progress::Progress;
use listing::Found;
use rayon::prelude::*;
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

/// Pictures from one step of the progress bar to the next.
const BATCH: usize = 64;

/// The pictures of a folder, found and labelled, but not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFolder {
    name: String,
    classes: Vec<String>,
    train: Vec<Picture>,
    test: Vec<Picture>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Picture {
    path: PathBuf,
    label: u16,
}

impl ImageFolder {
    /// Lists the pictures in `folder`. Hidden files are passed over, and so are files beside the classes' folders.
    ///
    /// # Errors
    /// [`DataError::Io`] if a folder cannot be listed; [`DataError::NotFound`] if there are fewer than two classes, a
    /// class without a training image, a class in `test` that `train` lacks, or no test image at all;
    /// [`DataError::Picture`] if something other than a file lies in a class's folder, or too many of them do.
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        let found = Found::look(folder)?;
        let name = folder.file_name().unwrap_or(folder.as_os_str());
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            classes: found.classes,
            train: take_turns(found.train),
            test: take_turns(found.test),
        })
    }

    /// The folder's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The classes' names; a label is an index into them.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Labels of the training and of the test images, in their order.
    pub fn labels(&self) -> [Vec<u16>; 2] {
        [&self.train, &self.test].map(|part| part.iter().map(|picture| picture.label).collect())
    }

    /// The different shapes of all pictures, `[channel, height, width]`, each with the first that has it. Reads headers.
    ///
    /// # Errors
    /// As [`read_picture`](super::read_picture), as far as headers show it.
    pub fn shapes(&self, progress: &Progress) -> Result<Vec<([usize; 3], &Path)>, DataError> {
        shapes(self.train.iter().chain(&self.test), progress)
    }

    /// Training and test set, all images as `settings` say or, without them, as they are. Takes one byte for each value
    /// of each image, and some megabytes to decode.
    ///
    /// # Errors
    /// As [`read_picture`](super::read_picture); [`DataError::Mixed`] if there are no settings and not all pictures
    /// have one shape; [`DataError::TooLarge`] if there is no memory for all.
    pub fn load(
        &self,
        settings: Option<&ImageSettings>,
        progress: &Progress,
    ) -> Result<(Dataset, Dataset), DataError> {
        let settings = settings_for(self.train.iter().chain(&self.test), settings, progress)?;
        Ok((
            self.read(&self.train, "training images", &settings, progress)?,
            self.read(&self.test, "test images", &settings, progress)?,
        ))
    }

    /// The first `count` images of the test set, at least one, or all if there are fewer; otherwise as [`load`](Self::load).
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_test(
        &self,
        count: usize,
        settings: Option<&ImageSettings>,
        progress: &Progress,
    ) -> Result<Dataset, DataError> {
        let first = &self.test[..count.clamp(1, self.test.len())];
        let settings = settings_for(first.iter(), settings, progress)?;
        self.read(first, "test images", &settings, progress)
    }

    fn read(
        &self,
        pictures: &[Picture],
        label: &'static str,
        settings: &ImageSettings,
        progress: &Progress,
    ) -> Result<Dataset, DataError> {
        let shape = settings.shape();
        let bytes = pictures.len().checked_mul(shape.iter().product());
        let mut pixels = Vec::new();
        bytes
            .and_then(|bytes| pixels.try_reserve_exact(bytes).ok())
            .ok_or_else(|| DataError::TooLarge {
                name: self.name.clone(),
                images: pictures.len(),
                shape,
            })?;
        let read = |path: &Path| image_file::read_picture(path, settings);
        in_order(pictures.iter(), label, progress, read, |_, image| {
            pixels.extend(image);
        })?;
        let labels = pictures.iter().map(|picture| picture.label).collect();
        Dataset::new(&*self.name, self.classes.clone(), shape, pixels, labels)
    }
}

/// Calls `read` on the paths in parallel, and `take` on the results in order up to the first error.
fn in_order<'p, T: Send>(
    pictures: impl Iterator<Item = &'p Picture>,
    label: &'static str,
    progress: &Progress,
    read: impl Fn(&Path) -> Result<T, DataError> + Sync,
    mut take: impl FnMut(&'p Path, T),
) -> Result<(), DataError> {
    let pictures: Vec<&Picture> = pictures.collect();
    let bar = progress.bar(label, pictures.len() as u64);
    for batch in pictures.chunks(BATCH) {
        let results: Vec<_> = batch
            .par_iter()
            .map(|picture| read(&picture.path))
            .collect();
        for (picture, result) in batch.iter().zip(results) {
            take(&picture.path, result?);
        }
        bar.inc(batch.len() as u64);
    }
    bar.finish();
    Ok(())
}

fn shapes<'p>(
    pictures: impl Iterator<Item = &'p Picture>,
    progress: &Progress,
) -> Result<Vec<([usize; 3], &'p Path)>, DataError> {
    let (mut shapes, mut seen) = (Vec::new(), HashSet::new());
    let take = |path, shape| {
        if seen.insert(shape) {
            shapes.push((shape, path));
        }
    };
    in_order(pictures, "image headers", progress, image_file::shape, take)?;
    Ok(shapes)
}

/// The settings that are given, or those that leave all pictures as they are.
fn settings_for<'p>(
    pictures: impl Iterator<Item = &'p Picture>,
    given: Option<&ImageSettings>,
    progress: &Progress,
) -> Result<ImageSettings, DataError> {
    if let Some(settings) = given {
        return Ok(*settings);
    }
    match shapes(pictures, progress)?.as_slice() {
        [(first_shape, first), (other_shape, other), ..] => Err(DataError::Mixed {
            first: first.to_path_buf(),
            first_shape: *first_shape,
            other: other.to_path_buf(),
            other_shape: *other_shape,
        }),
        shapes => {
            // There is a picture in each part, and all have one shape, so that nothing will be resized.
            let settings = ImageSettings::for_shape(shapes[0].0, Resize::Stretch);
            Ok(settings.expect("pictures have colours and 32-bit sizes"))
        }
    }
}

/// The first picture of each class, then the second of each, and so on.
fn take_turns(by_class: Vec<Vec<PathBuf>>) -> Vec<Picture> {
    let numbered = by_class.into_iter().enumerate().flat_map(|(class, paths)| {
        let label = class as u16;
        let ranked = paths.into_iter().enumerate();
        ranked.map(move |(rank, path)| (rank, Picture { path, label }))
    });
    let mut pictures: Vec<(usize, Picture)> = numbered.collect();
    pictures.sort_by_key(|(rank, picture)| (*rank, picture.label));
    pictures.into_iter().map(|(_, picture)| picture).collect()
}

#[cfg(test)]
mod tests;
