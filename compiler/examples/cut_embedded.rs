//! Cuts the embedded data set out of the full Fashion-MNIST:
//! `cargo run --release -p sinew --example cut_embedded -- FOLDER OUT`.
//!
//! FOLDER has the four full files, gzipped; OUT gets four of the same names. Of each class the first images in file
//! order are kept, in file order. The gzip headers carry no name and no time: same input, same bytes.

use flate2::{Compression, GzBuilder};
use sinew::data::{
    embedded::{TEST_PER_CLASS, TRAIN_PER_CLASS},
    idx::Array,
};
use std::{collections::HashMap, env, error::Error, fs, io::Write, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let [folder, out] = arguments.as_slice() else {
        return Err("usage: cut_embedded FOLDER OUT".into());
    };
    for (part, per_class) in [("train", TRAIN_PER_CLASS), ("t10k", TEST_PER_CLASS)] {
        cut(folder.as_ref(), out.as_ref(), part, per_class)?;
    }
    Ok(())
}

/// Cuts images and labels of one part, `train` or `t10k`.
fn cut(folder: &Path, out: &Path, part: &str, per_class: usize) -> Result<(), Box<dyn Error>> {
    let images_name = format!("{part}-images-idx3-ubyte.gz");
    let labels_name = format!("{part}-labels-idx1-ubyte.gz");
    let images = Array::<3>::read(&folder.join(&images_name))?;
    let labels = Array::<1>::read(&folder.join(&labels_name))?;
    let [_, height, width] = images.shape;
    let size = (height * width) as usize;

    let mut kept = HashMap::new();
    let mut pixels = Vec::new();
    let mut classes = Vec::new();
    for (image, &label) in images.values.chunks_exact(size).zip(&labels.values) {
        let count = kept.entry(label).or_insert(0);
        if *count < per_class {
            *count += 1;
            pixels.extend_from_slice(image);
            classes.push(label);
        }
    }

    let count = classes.len() as u32;
    let images = Array {
        shape: [count, height, width],
        values: pixels,
    };
    let labels = Array {
        shape: [count],
        values: classes,
    };
    write(&out.join(images_name), &images.encode())?;
    write(&out.join(labels_name), &labels.encode())
}

fn write(path: &Path, contents: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    encoder.write_all(contents)?;
    fs::write(path, encoder.finish()?)?;
    println!("{}", path.display());
    Ok(())
}
