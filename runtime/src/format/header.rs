//! The file header and the section table. What the sections contain is described elsewhere.

use super::checksum::crc32c;
use super::little_endian::{first_nonzero, read, write};
use crate::{Error, ErrorKind};

/// The first eight bytes of every file. As in PNG, the first byte shows a transfer that drops the
/// eighth bit, the two line ends show one that rewrites line ends, and 0x1A stops a listing on DOS.
pub const MAGIC: [u8; 8] = *b"\x89SNW\r\n\x1a\n";

/// The format version that this crate reads.
pub const VERSION: u32 = 0;

/// Sections start at multiples of this: a cache line, so that weights can be used in place.
pub const SECTION_ALIGNMENT: usize = 64;

/// Checks the first bytes of a file, which may be shorter than the magic.
pub(crate) fn check_magic(file: &[u8]) -> Result<(), Error> {
    // What the first byte becomes when the eighth bit is dropped, when Latin-1 is rewritten as UTF-8,
    // and when invalid UTF-8 is replaced. Line ends are rewritten only after the letters.
    const FIRST_BYTE: [&[u8]; 4] = [b"\x89", b"\x09", b"\xC2\x89", b"\xEF\xBF\xBD"];
    if file.starts_with(&MAGIC) {
        return Ok(());
    }
    let damaged = FIRST_BYTE.iter().any(|first| {
        file.strip_prefix(*first)
            .is_some_and(|rest| rest.starts_with(b"SNW"))
    });
    Err(Error::new(
        if damaged {
            ErrorKind::TextModeDamage
        } else {
            ErrorKind::NotSinew
        },
        0,
    ))
}

/// The first 64 bytes of a file, behind which the section table follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The number of entries in the section table.
    pub section_count: u32,
    /// The length of the whole file in bytes.
    pub file_length: u64,
    /// CRC-32C of the section table.
    pub table_checksum: u32,
}

impl Header {
    /// The header's size in the file.
    pub const BYTES: usize = 64;
    const RESERVED: usize = 28;
    const CHECKSUM: usize = 60;

    /// Reads a header whose magic has been checked.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Result<Self, Error> {
        check_magic(bytes)?;
        if crc32c(&bytes[..Self::CHECKSUM]) != u32::from_le_bytes(read(bytes, Self::CHECKSUM)) {
            return Err(Error::new(ErrorKind::HeaderChecksum, Self::CHECKSUM));
        }
        if u32::from_le_bytes(read(bytes, 8)) != VERSION {
            return Err(Error::new(ErrorKind::UnsupportedVersion, 8));
        }
        if let Some(at) = first_nonzero(&bytes[..Self::CHECKSUM], Self::RESERVED) {
            return Err(Error::new(ErrorKind::HeaderReserved, at));
        }
        Ok(Self {
            section_count: u32::from_le_bytes(read(bytes, 12)),
            file_length: u64::from_le_bytes(read(bytes, 16)),
            table_checksum: u32::from_le_bytes(read(bytes, 24)),
        })
    }

    /// Writes magic, version, fields and checksum.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        write(&mut bytes, 0, MAGIC);
        write(&mut bytes, 8, VERSION.to_le_bytes());
        write(&mut bytes, 12, self.section_count.to_le_bytes());
        write(&mut bytes, 16, self.file_length.to_le_bytes());
        write(&mut bytes, 24, self.table_checksum.to_le_bytes());
        let checksum = crc32c(&bytes[..Self::CHECKSUM]);
        write(&mut bytes, Self::CHECKSUM, checksum.to_le_bytes());
        bytes
    }
}

/// What a section contains. The order is the order in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SectionKind {
    /// Tensors and steps: required.
    Plan = 1,
    /// The steps' weights: required, possibly empty.
    Weights = 2,
    /// A message for tools and people that the runtime does not read: optional.
    Manifest = 3,
}

impl SectionKind {
    /// The number of kinds, each of which a file has at most once.
    pub const COUNT: u32 = 3;
}

/// One entry of the section table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectionEntry {
    /// What the section contains.
    pub kind: SectionKind,
    /// CRC-32C of the section's contents.
    pub checksum: u32,
    /// Where the section starts in the file.
    pub offset: u64,
    /// The section's length in bytes.
    pub length: u64,
}

impl SectionEntry {
    /// An entry's size in the file.
    pub const BYTES: usize = 32;
    const RESERVED: usize = 24;

    /// Reads an entry.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Result<Self, Error> {
        let kind = match u32::from_le_bytes(read(bytes, 0)) {
            1 => SectionKind::Plan,
            2 => SectionKind::Weights,
            3 => SectionKind::Manifest,
            _ => return Err(Error::new(ErrorKind::SectionKind, 0)),
        };
        if let Some(at) = first_nonzero(bytes, Self::RESERVED) {
            return Err(Error::new(ErrorKind::SectionReserved, at));
        }
        Ok(Self {
            kind,
            checksum: u32::from_le_bytes(read(bytes, 4)),
            offset: u64::from_le_bytes(read(bytes, 8)),
            length: u64::from_le_bytes(read(bytes, 16)),
        })
    }

    /// Writes the entry.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        write(&mut bytes, 0, (self.kind as u32).to_le_bytes());
        write(&mut bytes, 4, self.checksum.to_le_bytes());
        write(&mut bytes, 8, self.offset.to_le_bytes());
        write(&mut bytes, 16, self.length.to_le_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_the_round_trip() {
        let header = Header {
            section_count: 3,
            file_length: 1 << 40,
            table_checksum: 0xDEAD_BEEF,
        };
        assert_eq!(Header::from_bytes(&header.to_bytes()), Ok(header));
        let entry = SectionEntry {
            kind: SectionKind::Weights,
            checksum: 7,
            offset: 192,
            length: 5,
        };
        assert_eq!(SectionEntry::from_bytes(&entry.to_bytes()), Ok(entry));
    }

    #[test]
    fn text_mode_damage_is_told_from_foreign_files() {
        let kind = |file: &[u8]| check_magic(file).map_err(|error| error.kind);
        assert_eq!(kind(&MAGIC), Ok(()));
        for damaged in [
            &b"\x89SNW\n\x1a\n"[..],
            b"\x89SNW\r\r\n\x1a\r\n",
            b"\x09SNW\r\n\x1a\n",
            b"\xC2\x89SNW\r\n\x1a\n",
            b"\xEF\xBF\xBDSNW\r\n\x1a\n",
        ] {
            assert_eq!(kind(damaged), Err(ErrorKind::TextModeDamage));
        }
        for foreign in [&b""[..], b"\x89PNG\r\n\x1a\n", b"SNW\r\n\x1a\n"] {
            assert_eq!(kind(foreign), Err(ErrorKind::NotSinew));
        }
    }
}
