//! Classifies one picture with a packed model: what an application does, with the runtime alone.
//!
//! `cargo run --release -p sinew-example -- MODEL PICTURE`, where MODEL is a `.sinew` file and PICTURE a binary PGM or PPM file of
//! exactly the size that the model takes. Non-goals: scaling pictures, and names of classes: `sinew run` has both.

mod picture;

use std::error::Error;
use std::process::ExitCode;
use std::{env, fs};

use picture::Picture;
use sinew_runtime::{Model, Session};

/// The memory that a run takes, fixed before any model is known. Firmware would make it a `static`. A model that needs more is
/// refused; `sinew inspect` shows what it needs.
const ARENA_BYTES: usize = 512 * 1024;

/// Classes of the models this program is for.
const CLASSES: usize = 10;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [model, picture] = arguments.as_slice() else {
        eprintln!("usage: sinew-example MODEL.sinew PICTURE.pgm");
        return ExitCode::from(2);
    };
    match classify(model, picture) {
        Ok((class, logit)) => {
            println!("class {class} (logit {logit:.2})");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("sinew-example: failed to classify {picture} with {model}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The class with the highest logit, and that logit.
fn classify(model: &str, picture: &str) -> Result<(usize, f32), Box<dyn Error>> {
    // Firmware would have both in its memory already: the model as `include_bytes!`, the picture from a camera.
    let (file, picture) = (fs::read(model)?, Picture::parse(&fs::read(picture)?)?);

    let model = Model::parse(&file)?;
    if picture.shape != model.input_shape() {
        let (given, wanted) = (picture.shape, model.input_shape());
        return Err(format!("the picture is {given:?}, the model takes {wanted:?}").into());
    }
    let mut arena = [0; ARENA_BYTES];
    let mut logits = [0.0; CLASSES];
    Session::new(&model, &mut arena)?.run(&picture.values, &mut logits)?;

    let (class, logit) = logits
        .into_iter()
        .enumerate()
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
        .ok_or("there are no classes")?;
    Ok((class, logit))
}
