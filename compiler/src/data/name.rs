//! The data sets known by name, and the folders they lie in.
//!
//! Non-goals: looking into those folders (`source`) and filling them (`fetch`).

use super::{DataError, cifar, fashion_mnist};
use std::{
    env,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// A data set known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatasetName {
    /// `fashion-mnist`: 60,000 + 10,000 images `[1, 28, 28]` of clothes, ten classes.
    FashionMnist,
    /// `cifar-10`: 50,000 + 10,000 images `[3, 32, 32]` of animals and vehicles, ten classes.
    Cifar10,
}

impl DatasetName {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::FashionMnist, Self::Cifar10];

    /// The name as users write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FashionMnist => fashion_mnist::NAME,
            Self::Cifar10 => cifar::NAME,
        }
    }

    /// The folders to look in, first to last.
    pub(super) fn folders(self) -> Result<[PathBuf; 2], DataError> {
        let folder = default_folder(self)?;
        let other = match self {
            Self::FashionMnist => PathBuf::from(fashion_mnist::DEBIAN_FOLDER),
            Self::Cifar10 => folder.join(cifar::ARCHIVE_FOLDER),
        };
        Ok([folder, other])
    }

    /// How to get the data set into `folder`; advice for an error.
    pub(super) fn how_to_get(self, folder: &Path) -> String {
        match self {
            Self::FashionMnist => {
                format!("run `sinew data fetch {self}`, or give the folder it lies in")
            }
            Self::Cifar10 => format!(
                "download {} and unpack it in {}, or give the folder it lies in",
                cifar::ARCHIVE_ADDRESS,
                folder.display()
            ),
        }
    }
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DatasetName {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let known = Self::ALL.into_iter().find(|name| name.as_str() == text);
        known.ok_or_else(|| DataError::NotFound {
            what: format!("a data set named {text}"),
            advice: format!("known names are {}", Self::ALL.map(Self::as_str).join(", ")),
        })
    }
}

/// Where the data set `name` lies unless a user says otherwise: `$SINEW_DATA/NAME`, else
/// `$XDG_CACHE_HOME/sinew/data/NAME`, else `$HOME/.cache/sinew/data/NAME`.
///
/// # Errors
/// [`DataError::NotFound`] if none of the variables is set.
pub fn default_folder(name: DatasetName) -> Result<PathBuf, DataError> {
    let root = data_root(|variable| env::var_os(variable));
    root.map(|root| root.join(name.as_str()))
        .ok_or_else(|| DataError::NotFound {
            what: String::from("the folder for data sets"),
            advice: String::from("set SINEW_DATA to a folder"),
        })
}

fn data_root(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name: &str| {
        let value = variable(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    folder("SINEW_DATA")
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("sinew/data")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/sinew/data")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in DatasetName::ALL {
            assert_eq!(name.to_string().parse::<DatasetName>().unwrap(), name);
        }
        let error = "mnist".parse::<DatasetName>().unwrap_err().to_string();
        assert_eq!(
            error,
            "find a data set named mnist: known names are fashion-mnist, cifar-10"
        );
    }

    #[test]
    fn the_environment_decides_where_data_lie() {
        let root = |set: &[(&str, &str)]| {
            data_root(|name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| v.into()))
        };
        let (home, cache) = (("HOME", "/h"), ("XDG_CACHE_HOME", "/c"));
        assert_eq!(
            root(&[home, cache, ("SINEW_DATA", "/d")]),
            Some("/d".into())
        );
        assert_eq!(root(&[home, cache]), Some("/c/sinew/data".into()));
        assert_eq!(
            root(&[home, ("SINEW_DATA", "")]),
            Some("/h/.cache/sinew/data".into())
        );
        assert_eq!(root(&[]), None);
    }
}
