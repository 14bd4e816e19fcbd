//! The contents of a file that may be gzipped, read within bounds.
//!
//! Whether a file is gzipped is told by its first bytes, never by its name. Nothing here knows a data format.

use super::DataError;
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

/// No gzipped file unpacks to more than this many times its length: deflate's best case is a match of 258 bytes in
/// two bits.
const MAX_EXPANSION: u64 = 1032;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A file's contents, unpacked on the fly, with the position and an upper bound of what is still to come.
pub(super) struct Contents<'a> {
    path: &'a Path,
    reader: Box<dyn Read + 'a>,
    offset: u64,
    remaining: u64,
}

impl<'a> Contents<'a> {
    /// The contents of the file at `path`.
    pub fn open(path: &'a Path) -> Result<Self, DataError> {
        let open = || {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            Ok((file, length))
        };
        let (file, length) = open().map_err(|cause| DataError::Io {
            action: "open",
            path: path.to_owned(),
            cause,
        })?;
        Self::new(BufReader::new(file), length, path)
    }

    /// The contents of `bytes`; errors call them `path`.
    pub fn of_bytes(bytes: &'a [u8], path: &'a Path) -> Result<Self, DataError> {
        Self::new(bytes, bytes.len() as u64, path)
    }

    /// The contents of `source`, `length` bytes before unpacking; errors call them `path`.
    pub fn new(
        mut source: impl BufRead + 'a,
        length: u64,
        path: &'a Path,
    ) -> Result<Self, DataError> {
        let start = source.fill_buf().map_err(|cause| DataError::Io {
            action: "read",
            path: path.to_owned(),
            cause,
        })?;
        let gzipped = start.starts_with(&GZIP_MAGIC);
        let (reader, remaining): (Box<dyn Read + 'a>, u64) = if gzipped {
            let unpacked = MultiGzDecoder::new(source);
            (Box::new(unpacked), length.saturating_mul(MAX_EXPANSION))
        } else {
            (Box::new(source), length)
        };
        Ok(Self {
            path,
            reader,
            offset: 0,
            remaining,
        })
    }

    /// An upper bound of the bytes still to come; exact if the file is not gzipped.
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// The next `max` bytes, or fewer where the contents end.
    pub fn read(&mut self, max: u64) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        let expected = usize::try_from(max.min(self.remaining)).unwrap_or(usize::MAX);
        bytes.try_reserve_exact(expected).map_err(|_| {
            let problem = format!("no memory for the {expected} bytes that follow");
            self.malformed(self.offset, problem)
        })?;
        let outcome = self.reader.by_ref().take(max).read_to_end(&mut bytes);
        self.offset += bytes.len() as u64;
        self.remaining = self.remaining.saturating_sub(bytes.len() as u64);
        outcome.map_err(|cause| {
            let problem = format!("{cause}; the file is damaged, get it again");
            self.malformed(self.offset, problem)
        })?;
        Ok(bytes)
    }

    /// Makes sure that what is still to come has this SHA-256, in hexadecimal digits. Stops one byte after `max`:
    /// longer contents have another checksum.
    pub fn verify(mut self, max: u64, expected: &'static str) -> Result<(), DataError> {
        const STEP: u64 = 1 << 16;
        let mut hasher = Sha256::new();
        let mut left = max.saturating_add(1);
        while left > 0 {
            let bytes = self.read(left.min(STEP))?;
            if bytes.is_empty() {
                break;
            }
            left -= bytes.len() as u64;
            hasher.update(&bytes);
        }
        let found = hexadecimal(hasher);
        if found == expected {
            return Ok(());
        }
        Err(DataError::Checksum {
            what: self.path.display().to_string(),
            found,
            expected,
        })
    }

    /// The error that something is wrong at byte `offset` of these contents.
    pub fn malformed(&self, offset: u64, problem: impl Into<String>) -> DataError {
        DataError::Malformed {
            path: self.path.to_owned(),
            offset,
            problem: problem.into(),
        }
    }
}

/// The digest of what `hasher` has seen, in hexadecimal digits.
pub(super) fn hexadecimal(hasher: Sha256) -> String {
    let digest = hasher.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    /// `bytes`, gzipped.
    pub fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn contents(bytes: &[u8]) -> Contents<'_> {
        Contents::of_bytes(bytes, Path::new("test")).unwrap()
    }

    #[test]
    fn plain_and_gzipped_bytes_read_the_same() {
        let packed = gzip(b"sinew");
        for bytes in [b"sinew".as_slice(), &packed] {
            let mut contents = contents(bytes);
            assert!(contents.remaining() >= 5);
            assert_eq!(contents.read(2).unwrap(), b"si");
            assert_eq!(contents.read(100).unwrap(), b"new");
            assert_eq!(contents.read(100).unwrap(), b"");
        }
    }

    #[test]
    fn damaged_gzip_is_an_error_that_names_the_file() {
        let packed = gzip(&[7; 1000]);
        let mut flipped = packed.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let trailing = [packed.as_slice(), b"x"].concat();
        for damaged in [&packed[..packed.len() - 9], &flipped, &trailing] {
            let error = contents(damaged).read(2000).unwrap_err().to_string();
            assert!(error.starts_with("read test at byte "), "{error}");
            assert!(error.ends_with("get it again"), "{error}");
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked_beyond_the_bound() {
        let bomb = gzip(&vec![0; 10_000_000]);
        assert!(contents(&bomb).remaining() >= 10_000_000);
        assert_eq!(contents(&bomb).read(100).unwrap().len(), 100);
        let error = contents(&bomb).verify(0, "").unwrap_err().to_string();
        let one_zero = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert!(error.contains(one_zero), "{error}");
    }

    #[test]
    fn sha256_of_the_standard_s_example() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        contents(b"abc").verify(3, expected).unwrap();
        contents(&gzip(b"abc")).verify(3, expected).unwrap();
        let error = contents(b"abd").verify(3, expected).unwrap_err();
        assert!(error.to_string().starts_with("verify test: "));
    }

    #[test]
    fn a_missing_file_is_named() {
        let missing = Path::new("/nowhere/at/all");
        let error = Contents::open(missing).err().unwrap().to_string();
        assert!(error.starts_with("open /nowhere/at/all: "), "{error}");
    }
}
