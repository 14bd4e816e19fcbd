//! Weights that are plain lists of numbers, read in place. Model bytes may lie at any address, so numbers
//! stay byte arrays until they are used; on little-endian machines that conversion costs nothing.

use super::Operator;
use crate::{Error, ErrorKind};

/// A little-endian `f32` or `u32` at any address.
pub(super) type Word = [u8; 4];

/// The scale and shift of each channel.
#[derive(Clone, Copy, Debug)]
pub struct ScaleShift<'m> {
    pub scale: &'m [Word],
    pub shift: &'m [Word],
}

impl<'m> ScaleShift<'m> {
    /// Splits a blob, if its length is that of `channels` scales and shifts.
    pub fn from_blob(blob: &'m [u8], channels: usize) -> Option<Self> {
        let (scale, rest) = split_words(blob, channels)?;
        let (shift, rest) = split_words(rest, channels)?;
        rest.is_empty().then_some(Self { scale, shift })
    }

    /// Checks what the blob contains. Offsets of errors count from its start.
    pub fn verify(&self) -> Result<(), Error> {
        verify_finite(self.scale, 0)?;
        verify_finite(self.shift, size_of_val(self.scale))
    }
}

/// The values of a constant.
#[derive(Clone, Copy, Debug)]
pub struct Values<'m>(&'m [Word]);

impl<'m> Values<'m> {
    /// The blob as values, if its length is that of `count`.
    pub fn from_blob(blob: &'m [u8], count: usize) -> Option<Self> {
        whole(blob, count).map(Self)
    }

    /// Checks what the blob contains. Offsets of errors count from its start.
    pub fn verify(&self) -> Result<(), Error> {
        verify_finite(self.0, 0)
    }

    /// Each value.
    pub fn iter(&self) -> impl Iterator<Item = f32> + use<'m> {
        self.0.iter().map(|&word| f32::from_le_bytes(word))
    }
}

/// The positions of an axis that a gather step chooses.
#[derive(Clone, Copy, Debug)]
pub struct Indices<'m>(&'m [Word]);

impl<'m> Indices<'m> {
    /// The blob as indices, if its length is that of `count`.
    pub fn from_blob(blob: &'m [u8], count: usize) -> Option<Self> {
        whole(blob, count).map(Self)
    }

    /// Checks what the blob contains, for an axis of a given length. Offsets of errors count from its
    /// start.
    pub fn verify(&self, axis: usize) -> Result<(), Error> {
        let mut indices = self.iter();
        match indices.position(|index| index.is_some_and(|index| index >= axis)) {
            Some(at) => Err(Error::new(ErrorKind::GatherIndex, 4 * at)),
            None => Ok(()),
        }
    }

    /// Each index, `None` where the fill value belongs.
    pub fn iter(&self) -> impl Iterator<Item = Option<usize>> + use<'m> {
        self.0.iter().map(|&word| match u32::from_le_bytes(word) {
            Operator::FILL => None,
            index => Some(index as usize),
        })
    }
}

/// A blob of exactly `count` words.
fn whole(blob: &[u8], count: usize) -> Option<&[Word]> {
    let (words, rest) = split_words(blob, count)?;
    rest.is_empty().then_some(words)
}

/// The first `count` words of `bytes`, and the rest.
pub(super) fn split_words(bytes: &[u8], count: usize) -> Option<(&[Word], &[u8])> {
    let (words, rest) = bytes.split_at_checked(count.checked_mul(4)?)?;
    Some((words.as_chunks().0, rest))
}

pub(super) fn word(word: &Word) -> usize {
    u32::from_le_bytes(*word) as usize
}

pub(super) fn verify_finite(values: &[Word], at: usize) -> Result<(), Error> {
    match values
        .iter()
        .position(|&value| !f32::from_le_bytes(value).is_finite())
    {
        Some(index) => Err(Error::new(ErrorKind::NotFinite, at + 4 * index)),
        None => Ok(()),
    }
}
