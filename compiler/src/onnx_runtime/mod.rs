//! An ONNX file as a classifier on ONNX Runtime, the engine most people deploy with.
//!
//! The library is loaded when it is first asked for; nothing of it is built in. It computes on the CPU alone, sends nothing and logs
//! nothing. Non-goals: gradients, which come from the imported twin, and models that take anything but one batch of images.

mod input;
mod library;

pub use library::load_library;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ort::ep::CPU;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};

use crate::classifier::{Classifier, ComputeError};
use input::Input;

/// Images per run, where the model leaves that open: enough to keep all cores at work, few enough for their memory.
const BATCH: usize = 32;

/// A model that ONNX Runtime does not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OnnxRuntimeError {
    /// ONNX Runtime is not to be had.
    #[error(
        "load ONNX Runtime: {0}; run `python3 -m pip install onnxruntime==1.32.0`, or set ORT_DYLIB_PATH to the path of a shared \
         library of version 1.24 or later"
    )]
    Library(String),
    /// ONNX Runtime refuses the model, or it is no classifier of images.
    #[error("open {model} in ONNX Runtime: {problem}")]
    Model {
        /// The file.
        model: String,
        /// Why.
        problem: String,
    },
}

/// A model in ONNX Runtime. Its first output holds the logits.
#[derive(Debug)]
pub struct OnnxRuntime {
    /// It runs one batch at a time; its threads are within.
    session: Mutex<Session>,
    input: Input,
    classes: usize,
}

impl OnnxRuntime {
    /// Opens an ONNX file, with the files it refers to.
    ///
    /// `image` is `[channel, height, width]` of the images to come; it is needed where the model leaves sizes open. A model whose input
    /// is `[batch, height, width, channel]` is given images in that order. `threads` are all cores if absent.
    ///
    /// # Errors
    /// If ONNX Runtime is not to be had, or it refuses the model, or the model does not take such images or gives no logits.
    pub fn from_file(
        path: &Path,
        image: Option<[usize; 3]>,
        threads: Option<usize>,
    ) -> Result<Self, OnnxRuntimeError> {
        let name = path.display().to_string();
        Self::open(
            name,
            |builder| builder.commit_from_file(path),
            image,
            threads,
        )
    }

    /// The same for the contents of a file that refers to no others.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file).
    pub fn from_bytes(
        bytes: &[u8],
        image: Option<[usize; 3]>,
        threads: Option<usize>,
    ) -> Result<Self, OnnxRuntimeError> {
        let name = "the model".to_owned();
        Self::open(
            name,
            |builder| builder.commit_from_memory(bytes),
            image,
            threads,
        )
    }

    fn open(
        model: String,
        commit: impl FnOnce(&mut SessionBuilder) -> ort::Result<Session>,
        image: Option<[usize; 3]>,
        threads: Option<usize>,
    ) -> Result<Self, OnnxRuntimeError> {
        let builder = session_builder(threads).map_err(OnnxRuntimeError::Library)?;
        Self::probed(builder, commit, image)
            .map_err(|problem| OnnxRuntimeError::Model { model, problem })
    }

    /// The model, after a run of an empty image.
    fn probed(
        mut builder: SessionBuilder,
        commit: impl FnOnce(&mut SessionBuilder) -> ort::Result<Session>,
        image: Option<[usize; 3]>,
    ) -> Result<Self, String> {
        let session = commit(&mut builder).map_err(|error| error.to_string())?;
        let input = Input::new(&declared_input(session.inputs())?, image)?;
        let mut model = Self {
            session: Mutex::new(session),
            input,
            classes: 0,
        };
        // What a model declares of its output is often nothing, and sometimes wrong.
        let count = model.input.batch().unwrap_or(1);
        let blank = vec![0.0; count * model.input.elements()];
        let logits = model
            .run(&blank, count)
            .map_err(|error| error.to_string())?;
        if logits.is_empty() || !logits.len().is_multiple_of(count) {
            let values = logits.len();
            return Err(format!(
                "its first output has {values} values for {count} images"
            ));
        }
        model.classes = logits.len() / count;
        Ok(model)
    }

    /// The first output for `count` images in the order that the model takes them.
    fn run(&self, images: &[f32], count: usize) -> ort::Result<Vec<f32>> {
        let tensor = TensorRef::from_array_view((self.input.shape(count), images))?;
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session.run(ort::inputs![tensor])?;
        let (_, values) = outputs[0].try_extract_tensor::<f32>()?;
        Ok(values.to_vec())
    }
}

impl Classifier for OnnxRuntime {
    fn input_shape(&self) -> [usize; 3] {
        self.input.image()
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn logits(&self, images: &[f32]) -> Result<Vec<f32>, ComputeError> {
        let elements = self.input.elements();
        let mut logits = Vec::with_capacity(images.len() / elements * self.classes);
        for batch in images.chunks(self.input.batch().unwrap_or(BATCH) * elements) {
            let wanted = batch.len() / elements * self.classes;
            let mut batch = self.input.arrange(batch);
            // The last batch of a model that takes a fixed number.
            if let Some(count) = self
                .input
                .batch()
                .filter(|count| batch.len() < count * elements)
            {
                batch.to_mut().resize(count * elements, 0.0);
            }
            let count = batch.len() / elements;
            let results = self
                .run(&batch, count)
                .map_err(|error| ComputeError(error.to_string()))?;
            if results.len() != count * self.classes {
                return Err(ComputeError(format!(
                    "ONNX Runtime gives {} values for {count} images of {} classes",
                    results.len(),
                    self.classes
                )));
            }
            logits.extend_from_slice(&results[..wanted]);
        }
        Ok(logits)
    }
}

fn session_builder(threads: Option<usize>) -> Result<SessionBuilder, String> {
    let environment = library::environment()?;
    let configure = |builder: SessionBuilder| {
        // 0 threads are as many as there are cores.
        let builder = builder.with_intra_threads(threads.unwrap_or(0))?;
        let provider = CPU::default().with_arena_allocator(true).build();
        Ok(builder.with_execution_providers([provider])?)
    };
    let builder = Session::builder(&environment).and_then(configure);
    builder.map_err(|error| error.to_string())
}

/// The sizes of the one input, `None` where they are open.
fn declared_input(inputs: &[Outlet]) -> Result<Vec<Option<usize>>, String> {
    let [input] = inputs else {
        let names: Vec<&str> = inputs.iter().map(Outlet::name).collect();
        return Err(format!(
            "it must have one input, the images; it has {}: {}",
            names.len(),
            names.join(", ")
        ));
    };
    match input.dtype() {
        ValueType::Tensor {
            ty: TensorElementType::Float32,
            shape,
            ..
        } => Ok(shape
            .iter()
            .map(|size| usize::try_from(*size).ok())
            .collect()),
        other => Err(format!(
            "input \"{}\" is {other}; images are tensors of 32-bit floats",
            input.name()
        )),
    }
}
