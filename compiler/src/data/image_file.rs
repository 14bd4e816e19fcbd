//! One picture in a PNG or JPEG file: its shape, its bytes.
//!
//! What a file is, is told by its first bytes, never by its name. Orientations that cameras note are honoured, colour
//! profiles are not. Non-goals: other formats, animation.

use super::{Colour, DataError, ImageSettings};
use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, metadata::Orientation,
};
use std::{
    fs::File,
    io::{Cursor, Read},
    path::Path,
};

/// Most rows or columns of a picture, so that no step of resizing needs more than a gigabyte.
const MAX_SIDE: u32 = 1 << 14;

/// Most bytes of a decoded picture: 89 million pixels of three bytes. A file of a few kilobytes can promise any number.
const MAX_DECODED: u64 = 1 << 28;

/// The picture in the file at `path`, brought to the shape of `settings`: `[channel, height, width]`, each channel row
/// by row. Transparent parts become white.
///
/// # Errors
/// [`DataError::Io`] if the file cannot be read, [`DataError::Picture`] if it is not a whole PNG or JPEG file or is
/// larger than 16,384 pixels a side or 256 MiB decoded.
pub fn read_picture(path: &Path, settings: &ImageSettings) -> Result<Vec<u8>, DataError> {
    let bytes = read(path)?;
    let decode = || {
        let (mut decoder, orientation) = open(&bytes)?;
        let mut limits = limits();
        limits.reserve(decoder.total_bytes())?;
        decoder.set_limits(limits)?;
        let mut picture = DynamicImage::from_decoder(decoder)?;
        picture.apply_orientation(orientation);
        Ok(picture)
    };
    let picture = decode().map_err(|error| refused(path, &error))?;
    Ok(settings.prepare(picture))
}

/// The shape that the header of the picture at `path` promises: `[channel, height, width]`, alpha not counted.
pub(super) fn shape(path: &Path) -> Result<[usize; 3], DataError> {
    let bytes = read(path)?;
    let (decoder, orientation) = open(&bytes).map_err(|error| refused(path, &error))?;
    let (width, height) = decoder.dimensions();
    let colour = if decoder.color_type().has_color() {
        Colour::Rgb
    } else {
        Colour::Grey
    };
    let (height, width) = match orientation {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => (width, height),
        _ => (height, width),
    };
    Ok([colour.channels(), height as usize, width as usize])
}

fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_DECODED + 1).read_to_end(&mut bytes));
    read.map_err(|cause| DataError::Io {
        action: "read",
        path: path.to_owned(),
        cause,
    })?;
    let problem = match image::guess_format(&bytes) {
        _ if bytes.len() as u64 > MAX_DECODED => "longer than a picture of the largest size",
        Ok(ImageFormat::Png) => return Ok(bytes),
        Ok(ImageFormat::Jpeg) if jpeg_ends(&bytes) => return Ok(bytes),
        Ok(ImageFormat::Jpeg) => "truncated; get the file again or remove it",
        _ => "neither a PNG nor a JPEG file; convert or remove it",
    };
    Err(DataError::Picture {
        path: path.to_owned(),
        problem: problem.to_owned(),
    })
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED);
    limits
}

fn open(bytes: &[u8]) -> Result<(impl ImageDecoder, Orientation), ImageError> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    reader.limits(limits());
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    Ok((decoder, orientation))
}

fn refused(path: &Path, error: &ImageError) -> DataError {
    let problem = match error {
        ImageError::Limits(_) => format!(
            "larger than {MAX_SIDE} pixels a side or {} MiB decoded; make it smaller or remove it",
            MAX_DECODED >> 20
        ),
        error => format!("{error}; get the file again or remove it"),
    };
    DataError::Picture {
        path: path.to_owned(),
        problem,
    }
}

/// Whether a JPEG file reaches its end-of-image marker. The decoder fills what a truncated file lacks with grey.
///
/// Between markers lie segments that tell their length, and behind a start of scan (`FF DA`) compressed data, in which
/// `FF` is followed by 0 or by the number of a restart (`D0` to `D7`). ITU-T T.81, annex B.
fn jpeg_ends(bytes: &[u8]) -> bool {
    let mut rest = &bytes[2..];
    loop {
        let Some(marker) = rest
            .windows(2)
            .position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xD0..=0xD7 | 0xFF))
        else {
            return false;
        };
        if rest[marker + 1] == 0xD9 {
            return true;
        }
        let Some((length, _)) = rest[marker + 2..].split_first_chunk() else {
            return false;
        };
        let Some(behind) = rest.get(marker + 2 + usize::from(u16::from_be_bytes(*length))..) else {
            return false;
        };
        rest = behind;
    }
}

#[cfg(test)]
mod tests;
