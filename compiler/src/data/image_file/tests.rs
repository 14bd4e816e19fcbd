//! Whole files, damaged ones, and bombs.

use super::*;
use crate::data::Resize;
use image::{
    GrayImage, ImageBuffer, ImageEncoder, Luma, Rgb, RgbImage, codecs::jpeg::JpegEncoder,
    codecs::png::PngEncoder,
};
use proptest::prelude::*;
use std::{fs, path::PathBuf};

/// A picture with red on the left and blue on the right, `[3, 8, 16]`.
fn halves() -> RgbImage {
    RgbImage::from_fn(16, 8, |x, _| {
        Rgb(if x < 8 { [255, 0, 0] } else { [0, 0, 255] })
    })
}

fn png(picture: &DynamicImage) -> Vec<u8> {
    encoded(picture, ImageFormat::Png)
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A minimal Exif block: big-endian TIFF with one entry, the orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let header = b"MM\0\x2a\0\0\0\x08\0\x01";
    let entry = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0];
    [&header[..], &entry, &[0; 4]].concat()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join("picture");
        fs::write(&path, bytes).unwrap();
        path
    }
}

fn natural(shape: [usize; 3]) -> ImageSettings {
    ImageSettings::for_shape(shape, Resize::Stretch).unwrap()
}

fn error(bytes: impl AsRef<[u8]>) -> String {
    let folder = Folder::new();
    let path = folder.write(bytes);
    let message = read_picture(&path, &natural([3, 8, 8]))
        .unwrap_err()
        .to_string();
    let start = format!("read {}: ", path.display());
    message.strip_prefix(&start).expect(&message).to_owned()
}

#[test]
fn png_and_jpeg_are_told_by_content() {
    let folder = Folder::new();
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let path = folder.write(encoded(&halves().into(), format));
        assert_eq!(shape(&path).unwrap(), [3, 8, 16]);
        let pixels = read_picture(&path, &natural([3, 8, 16])).unwrap();
        let [left, right] = [&pixels[0..2], &pixels[14..16]];
        assert!(left.iter().all(|red| *red > 250), "{left:?}");
        assert!(right.iter().all(|red| *red < 5), "{right:?}");
    }
}

#[test]
fn grey_deep_and_palette_files_are_read() {
    let folder = Folder::new();
    let grey: DynamicImage = GrayImage::from_pixel(2, 1, Luma([77])).into();
    let path = folder.write(png(&grey));
    assert_eq!(shape(&path).unwrap(), [1, 1, 2]);
    assert_eq!(read_picture(&path, &natural([1, 1, 2])).unwrap(), [77, 77]);

    let deep: ImageBuffer<_, Vec<u16>> = ImageBuffer::from_pixel(1, 1, Luma([0x4242]));
    let path = folder.write(png(&deep.into()));
    assert_eq!(read_picture(&path, &natural([1, 1, 1])).unwrap(), [0x42]);

    // 2×1 pixels of two bits: colours 2 and 1 of a palette of three.
    let chunks: [(&[u8], &[u8]); 4] = [
        (b"IHDR", b"\0\0\0\x02\0\0\0\x01\x02\x03\0\0\0"),
        (b"PLTE", &[1, 2, 3, 40, 50, 60, 7, 8, 9]),
        (b"IDAT", &zlib(&[0, 0b1001_0000])),
        (b"IEND", b""),
    ];
    let path = folder.write(png_of(&chunks));
    assert_eq!(shape(&path).unwrap(), [3, 1, 2]);
    let pixels = read_picture(&path, &natural([3, 1, 2])).unwrap();
    assert_eq!(pixels, [7, 40, 8, 50, 9, 60]);
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn png_of(chunks: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in chunks {
        let mut checksum = flate2::Crc::new();
        checksum.update(kind);
        checksum.update(data);
        file.extend((data.len() as u32).to_be_bytes());
        file.extend([*kind, *data].concat());
        file.extend(checksum.sum().to_be_bytes());
    }
    file
}

#[test]
fn the_orientation_that_a_camera_notes_is_honoured() {
    let picture = halves();
    let folder = Folder::new();
    // 6: turn it clockwise to see it upright. The left half ends on top.
    for jpeg in [false, true] {
        let mut bytes = Vec::new();
        if jpeg {
            let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
            encoder.set_exif_metadata(exif(6)).unwrap();
            picture.write_with_encoder(encoder).unwrap();
        } else {
            let mut encoder = PngEncoder::new(&mut bytes);
            encoder.set_exif_metadata(exif(6)).unwrap();
            picture.write_with_encoder(encoder).unwrap();
        }
        let path = folder.write(bytes);
        assert_eq!(shape(&path).unwrap(), [3, 16, 8]);
        let red = &read_picture(&path, &natural([3, 16, 8])).unwrap()[..128];
        assert!(red[..8].iter().all(|red| *red > 250), "{red:?}");
        assert!(red[120..].iter().all(|red| *red < 5), "{red:?}");
    }
}

#[test]
fn what_is_no_picture_is_refused() {
    for bytes in [
        &b""[..],
        b"hello, world",
        b"GIF89a\x01\0\x01\0",
        b"\xFF\xD8",
    ] {
        let error = error(bytes);
        assert_eq!(error, "neither a PNG nor a JPEG file; convert or remove it");
    }
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let picture = DynamicImage::from(RgbImage::from_fn(32, 32, |x, y| {
        Rgb([(x * 37 + y * 11) as u8, (x * y) as u8, (x ^ y) as u8])
    }));
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let bytes = encoded(&picture, format);
        // The last 12 bytes of a PNG file are an empty chunk, whose checksum nobody needs.
        let needed = bytes.len() - if format == ImageFormat::Png { 12 } else { 0 };
        for length in 0..needed {
            error(&bytes[..length]);
        }
    }
}

#[test]
fn a_jpeg_file_may_hold_a_small_one_and_anything_behind_its_end() {
    let bytes = encoded(&halves().into(), ImageFormat::Jpeg);
    // A segment such as Exif's, with a whole JPEG file as thumbnail.
    let length = ((2 + bytes.len()) as u16).to_be_bytes();
    let with_thumbnail = [
        &bytes[..2],
        &[0xFF, 0xE5],
        &length,
        &bytes,
        &bytes[2..],
        &[0; 9],
    ]
    .concat();
    let folder = Folder::new();
    let path = folder.write(&with_thumbnail);
    assert_eq!(shape(&path).unwrap(), [3, 8, 16]);
    let path = folder.write(&with_thumbnail[..with_thumbnail.len() - 50]);
    let message = shape(&path).unwrap_err().to_string();
    assert!(
        message.ends_with("truncated; get the file again or remove it"),
        "{message}"
    );
}

#[test]
fn a_header_that_promises_too_much_is_refused_before_anything_is_decoded() {
    let too_large =
        "larger than 16384 pixels a side or 256 MiB decoded; make it smaller or remove it";
    for (width, height) in [
        (16_385, 1),
        (1, 16_385),
        (1 << 30, 1 << 30),
        (16_384, 16_384),
    ] {
        let mut header = [width, height].map(u32::to_be_bytes).concat();
        header.extend([8, 2, 0, 0, 0]);
        let chunks: [(&[u8], &[u8]); 3] = [
            (b"IHDR", &header),
            (b"IDAT", &zlib(&[0; 9])),
            (b"IEND", b""),
        ];
        assert_eq!(error(png_of(&chunks)), too_large, "{width}×{height}");
    }
    // The sizes stand behind the start of frame, its length and its number of bits.
    let mut bytes = encoded(&halves().into(), ImageFormat::Jpeg);
    let frame = bytes
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .unwrap();
    bytes[frame + 5..frame + 9].fill(0xFF);
    assert_eq!(error(bytes), too_large);
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    for (path, problem) in [("/nowhere/at/all", "No such file"), ("/", "directory")] {
        let message = shape(Path::new(path)).unwrap_err().to_string();
        assert!(message.starts_with(&format!("read {path}: ")), "{message}");
        assert!(message.contains(problem), "{message}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn damaged_files_are_read_or_refused(
        jpeg in any::<bool>(), places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let format = if jpeg { ImageFormat::Jpeg } else { ImageFormat::Png };
        let mut bytes = encoded(&halves().into(), format);
        for (place, byte) in places {
            *place.get_mut(&mut bytes) = byte;
        }
        let folder = Folder::new();
        let path = folder.write(bytes);
        if let Ok(pixels) = read_picture(&path, &natural([3, 4, 4])) {
            prop_assert_eq!(pixels.len(), 48);
        }
    }
}
