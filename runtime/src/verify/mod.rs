//! The verifier. Nothing in a file is believed before it has passed here: first the container, so
//! that every byte is accounted for; then the plan and the weights, so that every step can run inside
//! its tensors; last liveness, so that every step reads what was meant.
//!
//! It proves that running the model is safe and bounded, not that the model is any good.

mod container;
mod liveness;
mod plan;

use crate::{Error, Model};

/// Verifies a whole file.
pub fn verify(file: &[u8]) -> Result<Model<'_>, Error> {
    let sections = container::verify(file)?;
    let plan = plan::verify(sections.plan, sections.weights)?;
    liveness::verify(&plan)?;
    Ok(Model {
        plan,
        manifest: sections.manifest,
    })
}
