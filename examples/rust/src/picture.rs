//! Binary PGM and PPM pictures: the simplest formats that common tools write.
//!
//! A header in text (`P5` for grey or `P6` for colour, width, height, largest value), one byte of white space, then the pixels row by
//! row. Non-goals: the formats' text variants and 16-bit values.

/// A picture as a model takes it.
#[derive(Debug, PartialEq)]
pub struct Picture {
    /// `[channel, height, width]`.
    pub shape: [usize; 3],
    /// Pixels in [0, 1], channel by channel, each row by row.
    pub values: Vec<f32>,
}

impl Picture {
    /// Reads a whole file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(file: &[u8]) -> Result<Self, &'static str> {
        let mut header = Header(file);
        let channels = match header.word() {
            Some(b"P5") => 1,
            Some(b"P6") => 3,
            _ => return Err("the picture is neither a binary PGM nor a binary PPM file"),
        };
        let (Some(width), Some(height), Some(largest)) =
            (header.number(), header.number(), header.number())
        else {
            return Err("the picture's header is damaged");
        };
        if largest != 255 {
            return Err("the picture's largest value is not 255");
        }
        let pixels = header.0;
        let size = width
            .checked_mul(height)
            .and_then(|size| size.checked_mul(channels));
        if size != Some(pixels.len()) {
            return Err("the picture is longer or shorter than its header says");
        }
        let channel = |channel: usize| pixels.iter().skip(channel).step_by(channels);
        Ok(Self {
            shape: [channels, height, width],
            values: (0..channels)
                .flat_map(channel)
                .map(|pixel| f32::from(*pixel) / 255.0)
                .collect(),
        })
    }
}

/// What is left of the file.
struct Header<'f>(&'f [u8]);

impl<'f> Header<'f> {
    /// The next word. Takes the one byte of white space behind it, too.
    fn word(&mut self) -> Option<&'f [u8]> {
        self.0 = self.0.trim_ascii_start();
        while self.0.starts_with(b"#") {
            let end = self.0.iter().position(|byte| *byte == b'\n')?;
            self.0 = self.0[end..].trim_ascii_start();
        }
        let end = self.0.iter().position(u8::is_ascii_whitespace)?;
        let (word, rest) = self.0.split_at(end);
        self.0 = &rest[1..];
        Some(word)
    }

    fn number(&mut self) -> Option<usize> {
        str::from_utf8(self.word()?).ok()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_beside_the_program_is_read() {
        let picture = Picture::parse(include_bytes!("../ankle-boot.pgm")).unwrap();
        assert_eq!(picture.shape, [1, 28, 28]);
        assert_eq!(picture.values.len(), 28 * 28);
    }

    #[test]
    fn colours_become_channels_and_comments_are_skipped() {
        let picture = Picture::parse(b"P6\n# by hand\n2 1\n255\n\x00\x33\x66\xff\xcc\x99").unwrap();
        assert_eq!(picture.shape, [3, 1, 2]);
        assert_eq!(picture.values, [0.0, 1.0, 0.2, 0.8, 0.4, 0.6]);
    }

    #[test]
    fn damaged_files_are_refused() {
        for file in [
            &b""[..],
            b"P2 1 1 255\n0",
            b"P5 1 1",
            b"P5 1 x 255\n0",
            b"P5 # no end",
            b"P5 1 1 65535\n00",
            b"P5 2 2 255\n000",
            b"P5 1 1 255\n00",
            b"P5 18446744073709551615 18446744073709551615 255\n0",
        ] {
            assert!(Picture::parse(file).is_err(), "{file:?}");
        }
    }
}
