//! Runs every `NAME.onnx` of a folder on tract, on the images in `NAME.input.npy`, and writes the result to `NAME.tract.npy`.
//!
//! What tract refuses goes to standard output, `NAME`, a tab and the reason; comparing is left to `tests/parity/check_export.py`.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::{env, io, panic};

use npyz::WriterBuilder;
use tract_onnx::prelude::*;

fn main() -> TractResult<()> {
    let folder = env::args_os().nth(1);
    let folder = folder.expect("usage: sinew-parity-tract FOLDER");
    let mut files: Vec<_> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|ending| ending == "onnx"));
    files.sort();
    for path in files {
        // tract panics on some models.
        let outcome = panic::catch_unwind(|| run(&path));
        let refusal = match outcome {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => "panicked".to_owned(),
        };
        let name = path.file_stem().unwrap_or_default().display();
        writeln!(io::stdout(), "{name}\t{}", refusal.replace('\n', " "))?;
    }
    Ok(())
}

fn run(path: &Path) -> TractResult<()> {
    let images = File::open(path.with_extension("input.npy"))?;
    let images = npyz::NpyFile::new(BufReader::new(images))?;
    let shape: Vec<usize> = images.shape().iter().map(|axis| *axis as usize).collect();
    let images = Tensor::from_shape(&shape, &images.into_vec::<f32>()?)?;
    let model = tract_onnx::onnx()
        .model_for_path(path)?
        .with_input_fact(0, f32::fact(&shape).into())?
        .into_optimized()?
        .into_runnable()?;
    let result = model.run(tvec!(images.into()))?.remove(0);
    let shape: Vec<u64> = result.shape().iter().map(|axis| *axis as u64).collect();
    let mut file = npyz::WriteOptions::new()
        .default_dtype()
        .shape(&shape)
        .writer(BufWriter::new(File::create(
            path.with_extension("tract.npy"),
        )?))
        .begin_nd()?;
    file.extend(result.to_plain_array_view::<f32>()?.iter().copied())?;
    file.finish()?;
    Ok(())
}
