//! Real images in the forms that `sinew` reads: the embedded test images, written as PNG, `.npy` and IDX files.
//!
//! Written here byte by byte, so that the readers are checked against the formats and not against themselves.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::ZlibEncoder;

/// Height and width of the embedded images.
pub const SIDE: usize = 28;

/// A grey image, row by row.
pub type Picture = [u8; SIDE * SIDE];

/// The first `count` test images of the embedded data set with their labels, in file order.
///
/// # Panics
/// If the data set is damaged.
pub fn test_images(count: usize) -> (Vec<Picture>, Vec<u8>) {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../compiler/data/fashion-mnist-subset");
    let unpack = |name: &str, header: usize| {
        let file = File::open(folder.join(name)).expect("the embedded data are in the repository");
        let mut bytes = Vec::new();
        GzDecoder::new(file).read_to_end(&mut bytes).expect("gzip");
        bytes.split_off(header)
    };
    let pixels = unpack("t10k-images-idx3-ubyte.gz", 16);
    let labels = unpack("t10k-labels-idx1-ubyte.gz", 8);
    let (images, _) = pixels.as_chunks();
    (images[..count].to_vec(), labels[..count].to_vec())
}

/// The picture as networks take it, values in [0, 1].
pub fn values(picture: &Picture) -> Vec<f32> {
    picture
        .iter()
        .map(|byte| f32::from(*byte) / 255.0)
        .collect()
}

/// A PNG file: 8-bit grey, no filter.
///
/// # Panics
/// Never: it writes to memory.
pub fn png(picture: &Picture) -> Vec<u8> {
    png_of_width(SIDE, picture)
}

/// The same for any pixels in rows of `width`.
///
/// # Panics
/// If `width` is 0.
pub fn png_of_width(width: usize, pixels: &[u8]) -> Vec<u8> {
    let mut rows = ZlibEncoder::new(Vec::new(), Compression::fast());
    for row in pixels.chunks_exact(width) {
        rows.write_all(&[0]).expect("memory");
        rows.write_all(row).expect("memory");
    }
    let sizes = [width, pixels.len() / width].map(|side| (side as u32).to_be_bytes());
    let header = [&sizes[0][..], &sizes[1], &[8, 0, 0, 0, 0]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [
        (b"IHDR", header),
        (b"IDAT", rows.finish().expect("memory")),
        (b"IEND", Vec::new()),
    ] {
        let chunk = [kind, data.as_slice()].concat();
        let mut checksum = flate2::Crc::new();
        checksum.update(&chunk);
        file.extend((data.len() as u32).to_be_bytes());
        file.extend(chunk);
        file.extend(checksum.sum().to_be_bytes());
    }
    file
}

/// A `.npy` file, version 1.0. `kind` is numpy's name of the type of element, such as `<f4`; `order` is `C` or `Fortran`.
pub fn npy(kind: &str, order: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let fortran = if order == "Fortran" { "True" } else { "False" };
    let sizes: String = shape.iter().map(|size| format!("{size}, ")).collect();
    let header = format!("{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': ({sizes})}}");
    // Magic, version, length and header fill a multiple of 64 bytes and end in a new line.
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    let header = format!("{header:<width$}\n", width = length - 1);
    let length = (length as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

/// A `.npy` file with float32 numbers.
pub fn npy_floats(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let data: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    npy("<f4", "C", shape, &data)
}

/// Puts the first `count` test images into folders in `folder`, one for each label.
///
/// # Panics
/// If the folder is not writable.
pub fn write_image_folder(folder: &Path, count: usize) {
    let (images, labels) = test_images(count);
    for (index, (image, label)) in images.iter().zip(labels).enumerate() {
        let class = folder.join(label.to_string());
        fs::create_dir_all(&class).expect("the folder is writable");
        fs::write(class.join(format!("{index:03}.png")), png(image)).expect("so is this one");
    }
}

/// Puts a data set of IDX files into `folder`: `count` images for training, and the same for testing.
///
/// # Panics
/// If the folder is not writable.
pub fn write_idx(folder: &Path, count: usize) {
    let (images, labels) = test_images(count);
    let sizes = |sizes: &[usize]| -> Vec<u8> {
        let sizes = sizes.iter().map(|size| *size as u32);
        sizes.flat_map(u32::to_be_bytes).collect()
    };
    let pixels = [sizes(&[0x803, count, SIDE, SIDE]), images.concat()].concat();
    let labels = [sizes(&[0x801, count]), labels].concat();
    for part in ["train", "t10k"] {
        for (kind, contents) in [("images-idx3", &pixels), ("labels-idx1", &labels)] {
            let path = folder.join(format!("{part}-{kind}-ubyte"));
            fs::write(path, contents).expect("the folder is writable");
        }
    }
}
