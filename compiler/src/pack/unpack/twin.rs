//! Steps as nodes: those whose tensors' shapes matter. The others are in `view`.

use std::collections::HashSet;

use sinew_models::{Function, Node, Operator, Parameter, ParameterId, Role, ValueId, Window};
use sinew_runtime::format::{self, Bounds, Encoding, Shape, StepRecord};

use super::super::PackError;
use super::super::functions::to_network;
use super::Blob;

/// The network in the making.
pub(super) struct Twin {
    pub(super) nodes: Vec<Node>,
    pub(super) parameters: Vec<Parameter>,
    names: HashSet<String>,
    /// Axes of every value.
    shapes: Vec<Vec<usize>>,
    /// The value of every tensor so far.
    tensors: Vec<ValueId>,
}

impl Twin {
    pub(super) fn new(input: Shape) -> Self {
        Self {
            nodes: Vec::new(),
            parameters: Vec::new(),
            names: HashSet::new(),
            shapes: vec![axes(input)],
            tensors: vec![ValueId::INPUT],
        }
    }

    /// Adds one step. `inputs` and `output` are the shapes of its tensors. Fails if its bounds are no clamp of a network.
    pub(super) fn step(
        &mut self,
        name: &str,
        record: &StepRecord,
        inputs: &[Shape],
        output: Shape,
        mut blob: Blob<'_>,
    ) -> Result<(), PackError> {
        let values: Vec<ValueId> = record
            .inputs()
            .iter()
            .map(|tensor| self.tensors[*tensor as usize])
            .collect();
        let rows = output.channels as usize;
        let result = match record.operator {
            format::Operator::Convolution {
                encoding,
                window,
                groups,
                ..
            } => {
                let window = network_window(&window);
                let channels = (inputs[0].channels / groups) as usize;
                let shape = vec![rows, channels, window.kernel[0], window.kernel[1]];
                let (weight, bias) = self.matrix(name, shape, encoding, blob);
                let operator = Operator::Convolution {
                    weight,
                    bias: Some(bias),
                    window,
                    groups: groups as usize,
                };
                self.on_map(name, operator, values[0], inputs[0], output)
            }
            format::Operator::Linear { encoding, .. } => {
                let features = inputs[0].elements() as usize;
                let (weight, bias) = self.matrix(name, vec![rows, features], encoding, blob);
                let operator = Operator::Linear {
                    weight,
                    bias: Some(bias),
                };
                let flat = self.reshaped(name, values[0], vec![features]);
                self.node(name, operator, vec![flat], vec![rows])
            }
            format::Operator::MaxPool { window } => {
                let operator = Operator::MaxPool(network_window(&window));
                self.on_map(name, operator, values[0], inputs[0], output)
            }
            format::Operator::AveragePool { window } => {
                let operator = Operator::AveragePool(network_window(&window));
                self.on_map(name, operator, values[0], inputs[0], output)
            }
            format::Operator::Affine { .. } => {
                let operator = self.affine(name, rows, blob);
                self.on_map(name, operator, values[0], inputs[0], output)
            }
            format::Operator::Unary { function, bounds } => {
                let function = to_network(function);
                let copies = function
                    == Function::Affine {
                        scale: 1.0,
                        shift: 0.0,
                    };
                match (copies, inputs[0] == output, bounds == Bounds::NONE) {
                    // What counts is the clamp that follows.
                    (true, true, false) => values[0],
                    (true, ..) => {
                        let shape = axes(output);
                        let operator = Operator::Reshape {
                            shape: shape.clone(),
                        };
                        self.node(name, operator, values, shape)
                    }
                    (false, ..) => {
                        let shape = self.shape(values[0]).to_vec();
                        self.node(name, Operator::Unary(function), values, shape)
                    }
                }
            }
            format::Operator::Constant => {
                let shape = axes(output);
                let numbers = blob.floats(shape.iter().product());
                let value = self.parameter(name, "value", Role::Constant, shape.clone(), numbers);
                self.node(name, Operator::Constant { value }, values, shape)
            }
            operator => self.viewed(name, operator, values, blob),
        };
        let bounds = record.operator.bounds().unwrap_or(Bounds::NONE);
        let result = if bounds == Bounds::NONE {
            result
        } else {
            let clip = clip(bounds).map_err(|problem| PackError::Node {
                node: name.to_owned(),
                problem,
            })?;
            let shape = self.shape(result).to_vec();
            let name = format!("{name}.{}", clip.name());
            self.node(&name, Operator::Unary(clip), vec![result], shape)
        };
        self.tensors.push(result);
        Ok(())
    }

    /// Axes of a value.
    pub(super) fn shape(&self, value: ValueId) -> &[usize] {
        &self.shapes[value.0]
    }

    /// A node called `name`, or as near to it as is free.
    pub(super) fn node(
        &mut self,
        name: &str,
        operator: Operator,
        inputs: Vec<ValueId>,
        shape: Vec<usize>,
    ) -> ValueId {
        let name = self.unique(name);
        self.nodes.push(Node {
            name,
            operator,
            inputs,
        });
        self.shapes.push(shape);
        ValueId::of_node(self.nodes.len() - 1)
    }

    /// The value in another shape; as it is if it has that shape.
    pub(super) fn reshaped(&mut self, name: &str, value: ValueId, shape: Vec<usize>) -> ValueId {
        if self.shape(value) == shape {
            return value;
        }
        let operator = Operator::Reshape {
            shape: shape.clone(),
        };
        self.node(&format!("{name}.reshape"), operator, vec![value], shape)
    }

    fn on_map(
        &mut self,
        name: &str,
        operator: Operator,
        value: ValueId,
        input: Shape,
        output: Shape,
    ) -> ValueId {
        let map = self.reshaped(name, value, axes(input));
        self.node(name, operator, vec![map], axes(output))
    }

    fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        let mut number = 1;
        while !self.names.insert(unique.clone()) {
            number += 1;
            unique = format!("{name} {number}");
        }
        unique
    }

    fn parameter(
        &mut self,
        node: &str,
        part: &str,
        role: Role,
        shape: Vec<usize>,
        values: Vec<f32>,
    ) -> ParameterId {
        // Parameters have names of their own: what makes them unique must not depend on the nodes'.
        let number = self.parameters.len();
        let plain = format!("{node}.{part}");
        let taken = self.parameters.iter().any(|p| p.name() == plain);
        let name = if taken {
            format!("{plain} {number}")
        } else {
            plain
        };
        self.parameters
            .push(Parameter::new(name, role, shape, values));
        ParameterId(number)
    }

    fn matrix(
        &mut self,
        name: &str,
        shape: Vec<usize>,
        encoding: Encoding,
        blob: Blob<'_>,
    ) -> (ParameterId, ParameterId) {
        let rows = shape[0];
        let columns = shape[1..].iter().product();
        let (bias, values) = blob.matrix(encoding, rows, columns);
        let weight = self.parameter(name, "weight", Role::Weight, shape, values);
        let bias = self.parameter(name, "bias", Role::Bias, vec![rows], bias);
        (weight, bias)
    }

    /// `scale·x + shift` as a batch norm with mean 0 and variance 1, whose ε is too small to change the 1.
    fn affine(&mut self, name: &str, channels: usize, mut blob: Blob<'_>) -> Operator {
        let scale = blob.floats(channels);
        let shift = blob.floats(channels);
        let mut parameter =
            |part: &str, role, values| self.parameter(name, part, role, vec![channels], values);
        Operator::BatchNorm {
            scale: parameter("scale", Role::Scale, scale),
            shift: parameter("shift", Role::Shift, shift),
            mean: parameter("mean", Role::RunningMean, vec![0.0; channels]),
            variance: parameter("variance", Role::RunningVariance, vec![1.0; channels]),
            epsilon: f32::MIN_POSITIVE,
        }
    }
}

fn axes(shape: Shape) -> Vec<usize> {
    [shape.channels, shape.height, shape.width]
        .map(|axis| axis as usize)
        .to_vec()
}

fn network_window(window: &format::Window) -> Window {
    Window {
        kernel: window.kernel.map(usize::from),
        stride: window.stride.map(usize::from),
        padding: window.padding.map(usize::from),
        dilation: window.dilation.map(usize::from),
    }
}

fn clip(Bounds { low, high }: Bounds) -> Result<Function, String> {
    let bound = |bound: f32, open: f32| match bound {
        bound if bound == open => Ok(None),
        bound if bound.is_finite() => Ok(Some(bound)),
        _ => Err(format!("clamps to {low}..={high}, which leaves nothing")),
    };
    Ok(Function::Clip {
        low: bound(low, f32::NEG_INFINITY)?,
        high: bound(high, f32::INFINITY)?,
    })
}
