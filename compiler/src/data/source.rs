//! From what a user writes after `--data` to a training and a test set.
//!
//! Non-goals: downloading, which only `fetch` does; loading never touches the network.

use super::{
    DataError, Dataset, DatasetName, ImageFolder, ImageSettings, cifar, embedded, idx, image_folder,
};
use crate::progress::Progress;
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// Where images come from: the value of `--data`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DataSource {
    /// The images inside the binary: `embedded`, or no `--data` at all.
    #[default]
    Embedded,
    /// A data set known by name, in its default folder.
    Named(DatasetName),
    /// Anything else: a folder with IDX files, CIFAR-10 batches or folders of pictures. A folder that has the name of a
    /// data set is written with a slash: `./cifar-10`.
    Folder(PathBuf),
}

impl From<&OsStr> for DataSource {
    fn from(text: &OsStr) -> Self {
        match text.to_str() {
            Some("embedded") => Self::Embedded,
            Some(text) if let Ok(name) = text.parse() => Self::Named(name),
            _ => Self::Folder(text.into()),
        }
    }
}

impl DataSource {
    /// The folder of pictures, if that is what the source is.
    ///
    /// # Errors
    /// As [`ImageFolder::open`].
    pub fn image_folder(&self) -> Result<Option<ImageFolder>, DataError> {
        match self {
            Self::Folder(folder)
                if Kind::of(folder).is_none() && image_folder::has_folders(folder) =>
            {
                ImageFolder::open(folder).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// Training and test set of `source`, in file order. Pictures are brought to what `settings` say; other images have a
/// shape, which must be theirs. Only pictures take long enough for a bar.
///
/// # Errors
/// [`DataError::NotFound`] if there is no data of a kind that is understood; [`DataError::Malformed`],
/// [`DataError::CountMismatch`] or [`DataError::Picture`] if there is but it is damaged; [`DataError::Mixed`] or
/// [`DataError::FixedShape`] if not all images have one shape, or have not the one asked for.
pub fn load(
    source: &DataSource,
    settings: Option<&ImageSettings>,
    progress: &Progress,
) -> Result<(Dataset, Dataset), DataError> {
    match source.image_folder()? {
        Some(folder) => folder.load(settings, progress),
        None => load_arrays(source, settings),
    }
}

/// The first `count` images of the test set of `source`, or all if there are fewer.
///
/// # Errors
/// As [`load`].
pub fn load_test(
    source: &DataSource,
    count: usize,
    settings: Option<&ImageSettings>,
    progress: &Progress,
) -> Result<Dataset, DataError> {
    match source.image_folder()? {
        Some(folder) => folder.load_test(count, settings, progress),
        None => Ok(load_arrays(source, settings)?.1.first(count)),
    }
}

/// Loads what is no folder of pictures.
fn load_arrays(
    source: &DataSource,
    settings: Option<&ImageSettings>,
) -> Result<(Dataset, Dataset), DataError> {
    let (train, test) = match source {
        DataSource::Embedded => embedded::load()?,
        DataSource::Named(name) => load_first(*name, &name.folders()?)?,
        DataSource::Folder(folder) => match Kind::of(folder) {
            Some(kind) => kind.load(folder)?,
            None => return Err(not_understood(folder)),
        },
    };
    match settings.map(ImageSettings::shape) {
        Some(wanted) if wanted != train.shape() => Err(DataError::FixedShape {
            name: train.name().to_owned(),
            found: train.shape(),
            wanted,
        }),
        _ => Ok((train, test)),
    }
}

/// Loads `name` from the first of `folders` that has data, and makes sure that it is that data set.
fn load_first(name: DatasetName, folders: &[PathBuf; 2]) -> Result<(Dataset, Dataset), DataError> {
    let not_found = |what| DataError::NotFound {
        what,
        advice: name.how_to_get(&folders[0]),
    };
    let found = folders
        .iter()
        .find_map(|folder| Some((folder, Kind::of(folder)?)));
    let Some((folder, kind)) = found else {
        let [first, second] = folders.each_ref().map(|folder| folder.display());
        return Err(not_found(format!("{name} in {first} or {second}")));
    };
    match kind.load(folder) {
        Ok((train, _)) if train.name() != name.as_str() => {
            let folder = folder.display();
            Err(not_found(format!(
                "{name} in {folder}, where another data set lies"
            )))
        }
        Err(DataError::NotFound { what, .. }) => Err(not_found(what)),
        result => result,
    }
}

/// The kinds of folder with files that hold many images each.
#[derive(Clone, Copy)]
enum Kind {
    Idx,
    Cifar,
}

impl Kind {
    /// The kind that one of the files in `folder` gives away. Whether all are there is for the reader to say.
    fn of(folder: &Path) -> Option<Self> {
        let is_there = |name: &str| folder.join(name).is_file();
        let idx = idx::FILES.concat();
        if idx
            .iter()
            .any(|name| is_there(name) || is_there(&format!("{name}.gz")))
        {
            Some(Self::Idx)
        } else if cifar::TRAIN_FILES
            .into_iter()
            .chain([cifar::TEST_FILE])
            .any(is_there)
        {
            Some(Self::Cifar)
        } else {
            None
        }
    }

    fn load(self, folder: &Path) -> Result<(Dataset, Dataset), DataError> {
        match self {
            Self::Idx => idx::load(folder),
            Self::Cifar => cifar::load(folder),
        }
    }
}

fn not_understood(folder: &Path) -> DataError {
    let state = match fs::read_dir(folder).map(Iterator::count) {
        Err(cause) => cause.to_string(),
        Ok(0) => String::from("the folder is empty"),
        Ok(_) => String::from("no file in it is one of a data set"),
    };
    DataError::NotFound {
        what: format!("data in {}", folder.display()),
        advice: format!(
            "{state}; understood are `embedded`, the names {}, a folder with IDX files ({}, gzipped or not), a \
             folder with CIFAR-10 batches ({} and so on) and a folder with one folder of PNG or JPEG files for each \
             class",
            DatasetName::ALL.map(DatasetName::as_str).join(", "),
            idx::FILES.concat().join(", "),
            cifar::TRAIN_FILES[0]
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(result: Result<(Dataset, Dataset), DataError>) -> String {
        result.unwrap_err().to_string()
    }

    fn load_folder(folder: &Path) -> Result<(Dataset, Dataset), DataError> {
        load(
            &DataSource::Folder(folder.into()),
            None,
            &Progress::hidden(),
        )
    }

    #[test]
    fn the_text_of_data_is_understood() {
        let parse = |text: &str| DataSource::from(OsStr::new(text));
        let folder = |path: &str| DataSource::Folder(path.into());
        assert_eq!(DataSource::default(), DataSource::Embedded);
        assert_eq!(parse("embedded"), DataSource::Embedded);
        assert_eq!(parse("cifar-10"), DataSource::Named(DatasetName::Cifar10));
        assert_eq!(parse("./cifar-10"), folder("./cifar-10"));
        for name in DatasetName::ALL {
            assert_eq!(parse(name.as_str()), DataSource::Named(name));
        }
    }

    #[test]
    fn a_folder_s_kind_is_told_by_its_files() {
        for (file, expected) in [
            (
                "t10k-images-idx3-ubyte.gz",
                "find train-images-idx3-ubyte or",
            ),
            ("test_batch.bin", "data_batch_1.bin: CIFAR-10 needs"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(file), "").unwrap();
            let error = message(load_folder(folder.path()));
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_folder_without_data_is_refused_with_what_is_understood() {
        let folder = tempfile::tempdir().unwrap();
        let error = || message(load_folder(folder.path()));
        assert!(error().contains("the folder is empty; understood are `embedded`"));
        fs::write(folder.path().join("notes.txt"), "").unwrap();
        assert!(error().contains("no file in it is one of a data set"));
        let missing = message(load_folder(Path::new("/nowhere/at/all")));
        assert!(
            missing.starts_with("find data in /nowhere/at/all: "),
            "{missing}"
        );
    }

    fn named_error(name: DatasetName, folder: impl Into<PathBuf>) -> String {
        message(load_first(name, &["/nowhere".into(), folder.into()]))
    }

    #[test]
    fn a_data_set_that_is_not_there_comes_with_the_way_to_get_it() {
        let fashion = named_error(DatasetName::FashionMnist, "/nothing");
        let expected =
            "find fashion-mnist in /nowhere or /nothing: run `sinew data fetch fashion-mnist`";
        assert!(fashion.starts_with(expected), "{fashion}");
        let cifar = named_error(DatasetName::Cifar10, "/nothing");
        assert!(
            cifar.contains("cifar-10-binary.tar.gz and unpack it in /nowhere"),
            "{cifar}"
        );
    }

    #[test]
    fn a_data_set_that_is_there_in_part_comes_with_the_way_to_get_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("t10k-images-idx3-ubyte.gz"), "").unwrap();
        let error = named_error(DatasetName::FashionMnist, folder.path());
        assert!(
            error.starts_with("find train-images-idx3-ubyte or "),
            "{error}"
        );
        assert!(
            error.contains("run `sinew data fetch fashion-mnist`"),
            "{error}"
        );
    }

    #[test]
    fn another_data_set_does_not_pass_for_the_one_named() {
        let subset = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/fashion-mnist-subset");
        let error = named_error(DatasetName::FashionMnist, subset);
        assert!(
            error.contains("where another data set lies: run `sinew"),
            "{error}"
        );
    }
}
