//! Tensors that a model keeps in other files of its folder.
//!
//! A model must not make the program read what its sender could not: only regular files below the model's own folder are opened.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};

use onnx_protobuf::StringStringEntryProto;

/// The bytes of a tensor whose place `entries` say. At most `limit` bytes are read.
pub(super) fn read(
    folder: Option<&Path>,
    entries: &[StringStringEntryProto],
    limit: usize,
) -> Result<Vec<u8>, String> {
    let entry = |key: &str| entries.iter().find(|entry| entry.key == key);
    let location = entry("location")
        .ok_or("its file is not named")?
        .value
        .as_str();
    let folder = folder.ok_or_else(|| {
        format!("is kept in the file \"{location}\": import the model from its folder")
    })?;
    let number = |key: &str| match entry(key).map(|entry| entry.value.parse::<u64>()) {
        None => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => Err(format!("its {key} in \"{location}\" is no number")),
    };
    let fail = |error: std::io::Error| format!("\"{location}\": {error}");

    let path = Path::new(location);
    let inside = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let outside = || format!("its file \"{location}\" is not in the model's folder");
    if !inside {
        return Err(outside());
    }
    // Links are followed, but not out of the folder.
    let folder = folder.canonicalize().map_err(fail)?;
    let path = folder.join(path).canonicalize().map_err(fail)?;
    if !path.starts_with(&folder) {
        return Err(outside());
    }
    if !path.metadata().map_err(fail)?.is_file() {
        return Err(format!("\"{location}\" is not a regular file"));
    }
    let mut file = File::open(&path).map_err(fail)?;
    let size = file.metadata().map_err(fail)?.len();
    let offset = number("offset")?.unwrap_or(0);
    let length = number("length")?.unwrap_or(size.saturating_sub(offset));
    if offset.checked_add(length).is_none_or(|end| end > size) {
        return Err(format!(
            "lies at {offset} with {length} bytes in \"{location}\", which has {size}"
        ));
    }
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= limit)
        .ok_or_else(|| format!("takes {length} bytes, its shape and the limit allow {limit}"))?;
    file.seek(SeekFrom::Start(offset)).map_err(fail)?;
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes).map_err(fail)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
