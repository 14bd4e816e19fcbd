//! A packed model as a classifier: the deployed arithmetic, on all cores.

use rayon::prelude::*;
use sinew_runtime::{Model, Session};

use crate::classifier::{Classifier, ComputeError};
use crate::pack::PackError;

/// Runs a `.sinew` file on Sinew's runtime.
#[derive(Debug)]
pub struct PackedClassifier<'m> {
    model: Model<'m>,
}

impl<'m> PackedClassifier<'m> {
    /// Verifies the file.
    ///
    /// # Errors
    /// If it is not a valid model.
    pub fn new(file: &'m [u8]) -> Result<Self, PackError> {
        Ok(Self {
            model: Model::parse(file)?,
        })
    }
}

impl Classifier for PackedClassifier<'_> {
    fn input_shape(&self) -> [usize; 3] {
        self.model.input_shape()
    }

    fn classes(&self) -> usize {
        self.model.output_len()
    }

    fn logits(&self, images: &[f32]) -> Result<Vec<f32>, ComputeError> {
        let mut logits = vec![0.0; images.len() / self.model.input_len() * self.classes()];
        let arena = || vec![0; self.model.arena_bytes()];
        images
            .par_chunks(self.model.input_len())
            .zip(logits.par_chunks_mut(self.classes()))
            .try_for_each_init(arena, |arena, (image, logits)| {
                Session::new(&self.model, arena)?.run(image, logits)
            })
            .map_err(|error| ComputeError(error.to_string()))?;
        Ok(logits)
    }
}
