//! Files that are whole or not there: written under a temporary name in the same folder, synced, renamed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file or folder that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("write {}: {source}", path.display())]
pub struct WriteError {
    /// What was to be written.
    pub path: PathBuf,
    /// Why it was not.
    pub source: io::Error,
}

/// Replaces `path` by `contents`. Whatever interrupts it, `path` holds the old or the new contents, never a mixture.
///
/// # Errors
/// Where the folder is missing or not writable, or the disk is full. The old file is then untouched.
pub fn write(path: &Path, contents: &[u8]) -> Result<(), WriteError> {
    replace(path, contents).map_err(|source| WriteError {
        path: path.to_owned(),
        source,
    })
}

/// Gives the file `from` another name `to`, which nobody has yet; where the file system cannot do that, its contents are copied. Whoever
/// replaces one of the two later, as [`write()`] does, leaves the other alone.
///
/// # Errors
/// As the file system says.
pub fn share(from: &Path, to: &Path) -> Result<(), WriteError> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    match fs::read(from) {
        Ok(contents) => write(to, &contents),
        Err(source) => Err(WriteError {
            path: to.to_owned(),
            source,
        }),
    }
}

/// Creates a folder and its parents.
///
/// # Errors
/// As the file system says.
pub fn create_folder(path: &Path) -> Result<(), WriteError> {
    fs::create_dir_all(path).map_err(|source| WriteError {
        path: path.to_owned(),
        source,
    })
}

/// Removes what killed writes have left in `folder`. Nobody else may be writing there.
///
/// # Errors
/// As the file system says.
pub fn sweep(folder: &Path) -> Result<(), WriteError> {
    let is_left = |name: &str| name.starts_with(PREFIX) && name.ends_with(SUFFIX);
    let sweep = || {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(is_left) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    };
    sweep().map_err(|source| WriteError {
        path: folder.to_owned(),
        source,
    })
}

/// What temporary names begin and end with.
const PREFIX: &str = ".sinew-";
const SUFFIX: &str = ".part";

fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(PREFIX)
        .suffix(SUFFIX)
        .permissions(default_permissions())
        .tempfile_in(folder)?;
    // Past tempfile's own wrapper, whose errors would name the temporary file.
    file.as_file_mut().write_all(contents)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The new name itself must survive a power cut.
    File::open(folder)?.sync_all()
}

/// Temporary files are private by default; results are for everyone the umask allows.
#[cfg(unix)]
fn default_permissions() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_no_trace_and_names_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("folder");
        fs::create_dir(&blocked).unwrap();
        let error = write(&blocked, b"contents").unwrap_err();
        assert!(error.to_string().contains(&blocked.display().to_string()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn contents_are_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, b"a longer first version").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
