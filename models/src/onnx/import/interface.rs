//! Which input and which output of a file become the network's, and in which shape.

use super::decode::{Declared, Graph};
use super::tensor::{ElementType, Tensor};
use crate::onnx::{ImportOptions, OnnxError};
use crate::shape::Shape;

/// The input and the output that become the network's.
pub(super) struct Interface<'a> {
    pub input: &'a str,
    pub element: ElementType,
    /// The input's shape in the ONNX graph: with a batch axis of length 1, unless the whole input is one sample.
    pub shape: Vec<usize>,
    pub output: &'a Declared,
    /// The length the file gives the batch axis, where that is neither open nor 1.
    pub fixed_batch: Option<usize>,
    /// Inputs that are given values.
    pub bound: Vec<(&'a str, &'a Tensor)>,
}

impl<'a> Interface<'a> {
    pub(super) fn new(graph: &'a Graph, options: &'a ImportOptions) -> Result<Self, OnnxError> {
        let fail = |problem: String| Err(OnnxError::Interface(problem));
        let mut bound = Vec::new();
        for (name, tensor) in &options.bindings {
            let Some(input) = graph.inputs.iter().find(|input| input.name == *name) else {
                return fail(format!(
                    "a value is given for \"{name}\", which is no input"
                ));
            };
            let fits = |shape: &Vec<Option<usize>>| {
                let mut axes = shape.iter().zip(&tensor.shape);
                shape.len() == tensor.shape.len()
                    && axes.all(|(wanted, length)| wanted.is_none_or(|wanted| wanted == *length))
            };
            if !input.shape.as_ref().is_none_or(fits) {
                return fail(format!(
                    "the value given for input \"{name}\" has shape {}, {} is declared",
                    Shape(tensor.shape.clone()),
                    show(&input.shape)
                ));
            }
            bound.push((input.name.as_str(), tensor));
        }
        let mut free = graph
            .inputs
            .iter()
            .filter(|input| !options.bindings.contains_key(&input.name));
        let Some(input) = free.next() else {
            return fail("the model has no free input".to_owned());
        };
        let others: Vec<&str> = free.map(|input| input.name.as_str()).collect();
        if !others.is_empty() {
            return fail(format!(
                "the model has further inputs, which need constant values: {}",
                others.join(", ")
            ));
        }
        let (shape, fixed_batch) = input_shape(input, options)?;
        Ok(Self {
            input: &input.name,
            element: input.element,
            shape,
            output: output(graph, options)?,
            fixed_batch,
            bound,
        })
    }

    /// Whether an output that came out with `shape` is what the file declares. Where the file fixes a batch of several samples, nothing
    /// else tells whether its nodes treat them one by one.
    pub(super) fn check_output(&self, shape: &[usize]) -> Result<(), OnnxError> {
        let (Some(batch), Some(declared)) = (self.fixed_batch, &self.output.shape) else {
            return Ok(());
        };
        let mut wanted = declared.clone();
        if let Some(first) = wanted.first_mut().filter(|first| **first == Some(batch)) {
            *first = Some(1);
        }
        let fits = wanted.len() == shape.len()
            && wanted
                .iter()
                .zip(shape)
                .all(|(axis, length)| axis.is_none_or(|axis| axis == *length));
        if fits {
            return Ok(());
        }
        Err(OnnxError::Interface(format!(
            "the model is made for batches of {batch}, and its output \"{}\" of shape {} becomes {} for one sample: \
             export it with a batch of 1 or of any size",
            self.output.name,
            show(&self.output.shape),
            Shape(shape.to_vec())
        )))
    }
}

/// Shape of the input, and the batch where the file fixes one of several samples.
fn input_shape(
    input: &Declared,
    options: &ImportOptions,
) -> Result<(Vec<usize>, Option<usize>), OnnxError> {
    let name = &input.name;
    let fail = |problem: String| Err(OnnxError::Interface(format!("input \"{name}\" {problem}")));
    let given = options.input_shape.as_ref();
    let declared = match (&input.shape, given, options.whole) {
        (Some(shape), ..) => shape.clone(),
        (None, Some(given), true) => vec![None; given.len()],
        (None, Some(given), false) => vec![None; given.len() + 1],
        (None, None, _) => {
            return fail("has no declared shape: give it with --input-shape 3,224,224".to_owned());
        }
    };
    let (batch, sample) = match declared.split_first() {
        _ if options.whole => (None, &declared[..]),
        Some((batch, sample)) => (*batch, sample),
        None => return fail("is a single number and has no batch axis".to_owned()),
    };
    let shape: Option<Vec<usize>> = match given {
        Some(given) => {
            let fits = given.len() == sample.len()
                && given
                    .iter()
                    .zip(sample)
                    .all(|(given, axis)| axis.is_none_or(|axis| axis == *given));
            if !fits {
                return fail(format!(
                    "has shape {}, which {} does not fit",
                    show(&input.shape),
                    Shape(given.clone())
                ));
            }
            Some(given.clone())
        }
        None => sample.iter().copied().collect(),
    };
    let Some(mut shape) = shape else {
        return fail(format!(
            "has the open shape {}: give one sample's with --input-shape 3,224,224",
            show(&input.shape)
        ));
    };
    if shape.contains(&0) {
        return fail(format!("has the empty shape {}", Shape(shape)));
    }
    if !options.whole {
        shape.insert(0, 1);
    }
    Ok((shape, batch.filter(|batch| *batch > 1)))
}

fn output<'a>(graph: &'a Graph, options: &ImportOptions) -> Result<&'a Declared, OnnxError> {
    let names = || {
        let names: Vec<&str> = graph
            .outputs
            .iter()
            .map(|output| output.name.as_str())
            .collect();
        names.join(", ")
    };
    let problem = match (&options.output, &graph.outputs[..]) {
        (Some(wanted), outputs) => match outputs.iter().find(|output| output.name == *wanted) {
            Some(output) => return Ok(output),
            None => format!("the model has no output \"{wanted}\", only {}", names()),
        },
        (None, [output]) => return Ok(output),
        (None, []) => "the model has no output".to_owned(),
        (None, _) => format!("the model has several outputs, choose one with --logits: {}", names()),
    };
    Err(OnnxError::Interface(problem))
}

/// A declared shape with `?` for open axes.
fn show(shape: &Option<Vec<Option<usize>>>) -> String {
    let Some(shape) = shape else {
        return "that is not declared".to_owned();
    };
    let axis = |axis: &Option<usize>| axis.map_or("?".to_owned(), |axis| axis.to_string());
    let axes: Vec<String> = shape.iter().map(axis).collect();
    format!("[{}]", axes.join(", "))
}

#[cfg(test)]
mod tests;
