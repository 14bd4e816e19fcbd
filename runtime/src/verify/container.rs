//! Header, section table and checksums: every byte of the file belongs to the header, the table, one
//! section or zero padding.

use crate::format::{Header, SECTION_ALIGNMENT, SectionEntry, SectionKind, check_magic, crc32c};
use crate::model::Section;
use crate::{Error, ErrorKind};

/// The contents of a file.
pub struct Sections<'m> {
    pub plan: Section<'m>,
    pub weights: Section<'m>,
    pub manifest: &'m [u8],
}

/// Finds the sections of a file and verifies their checksums.
pub fn verify(file: &[u8]) -> Result<Sections<'_>, Error> {
    check_magic(file)?;
    let truncated = Error::new(ErrorKind::Truncated, file.len());
    let (header, rest) = file.split_first_chunk().ok_or(truncated)?;
    let header = Header::from_bytes(header)?;
    if !(2..=SectionKind::COUNT).contains(&header.section_count) {
        return Err(Error::new(ErrorKind::SectionCount, 12));
    }
    let table_bytes = header.section_count as usize * SectionEntry::BYTES;
    let (table, _) = rest.split_at_checked(table_bytes).ok_or(truncated)?;
    if header.file_length != file.len() as u64 {
        return Err(Error::new(ErrorKind::FileLength, 16));
    }
    if crc32c(table) != header.table_checksum {
        return Err(Error::new(ErrorKind::TableChecksum, 24));
    }

    let mut found = [None; SectionKind::COUNT as usize];
    let mut last_kind = None;
    let mut end = Header::BYTES + table_bytes;
    for (index, bytes) in table.as_chunks().0.iter().enumerate() {
        let at = Header::BYTES + index * SectionEntry::BYTES;
        let entry = SectionEntry::from_bytes(bytes).map_err(|error| error.inside(at))?;
        if last_kind >= Some(entry.kind) {
            return Err(Error::new(ErrorKind::SectionOrder, at));
        }
        last_kind = Some(entry.kind);
        let section = section(file, &entry, end, at)?;
        end = section.at + section.bytes.len();
        found[entry.kind as usize - 1] = Some(section);
    }
    if end != file.len() {
        return Err(Error::new(ErrorKind::TrailingBytes, end));
    }
    match found {
        [Some(plan), Some(weights), manifest] => Ok(Sections {
            plan,
            weights,
            manifest: manifest.map_or(&[], |section| section.bytes),
        }),
        _ => Err(Error::new(ErrorKind::SectionMissing, Header::BYTES)),
    }
}

/// The section of an entry at `at`, if it follows what ends at `end`.
fn section<'m>(
    file: &'m [u8],
    entry: &SectionEntry,
    end: usize,
    at: usize,
) -> Result<Section<'m>, Error> {
    let start = end.next_multiple_of(SECTION_ALIGNMENT);
    if entry.offset != start as u64 {
        return Err(Error::new(ErrorKind::SectionOffset, at + 8));
    }
    let bytes = usize::try_from(entry.length)
        .ok()
        .and_then(|length| file.get(start..start.checked_add(length)?))
        .ok_or(Error::new(ErrorKind::SectionBounds, at + 16))?;
    if let Some(hole) = file[end..start].iter().position(|&byte| byte != 0) {
        return Err(Error::new(ErrorKind::SectionPadding, end + hole));
    }
    if crc32c(bytes) != entry.checksum {
        return Err(Error::new(ErrorKind::SectionChecksum, at + 4));
    }
    Ok(Section { at: start, bytes })
}
