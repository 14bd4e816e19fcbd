//! From nodes to the runtime's steps: activations fused, reshapes dissolved, weights in their stored form.
//!
//! A tensor's shape matters to convolutions, pools and affine steps only; all others see the flat array through a view of their own.

mod combine;
mod rearrange;
mod view;
mod weights;
mod window;

use sinew_models::{Function, Network, Node, Operator, ParameterId, ValueId};
use sinew_runtime::format::{self, Bounds, Demand, Shape};

use super::fold::BatchNorm;
use super::plan::{Plan, Step};
use super::{PackError, SPARSE_CONVOLUTION_BELOW, SPARSE_LINEAR_BELOW, arena, functions};
use view::view;
use weights::Weights;

/// A step that copies, perhaps to another shape.
const COPY: format::Operator = format::Operator::Unary {
    function: format::Function::Affine {
        scale: 1.0,
        shift: 0.0,
    },
    bounds: Bounds::NONE,
};

/// Lowers a network, batch norms folded as far as they can be.
pub(super) fn lower(network: &Network) -> Result<Plan, PackError> {
    let [channels, height, width] = network.input_shape().map(|axis| axis as u32);
    let mut lowering = Lowering {
        network,
        readers: readers(network),
        steps: Vec::new(),
        shapes: vec![Shape {
            channels,
            height,
            width,
        }],
        tensors: vec![0],
    };
    for (index, node) in network.nodes().iter().enumerate() {
        let tensor = lowering.node(index, node)?;
        lowering.tensors.push(tensor);
    }
    let mut output = lowering.tensors[network.output().0];
    if output == 0 {
        // A plan has a step, and the input is not its output.
        let last = network.nodes().last().expect("a network has nodes");
        let same = lowering.shapes[0];
        output = lowering.push(last, COPY, &[0], same, Weights::none())?;
    }
    let (steps, shapes) = (lowering.steps, lowering.shapes);
    let offsets = arena::place(&steps, &shapes, output);
    Ok(Plan {
        steps,
        shapes,
        offsets,
        output,
    })
}

/// How many nodes read the elements of every value, be it through a reshape; the world outside is one of the output's readers.
fn readers(network: &Network) -> Vec<usize> {
    let mut readers = vec![0; network.nodes().len() + 1];
    readers[network.output().0] += 1;
    for (index, node) in network.nodes().iter().enumerate().rev() {
        let through = match node.operator {
            Operator::Reshape { .. } => readers[index + 1],
            _ => 1,
        };
        for input in &node.inputs {
            readers[input.0] += through;
        }
    }
    // What is read through a reshape is read in the value that was reshaped: both names stand for one tensor.
    for (index, node) in network.nodes().iter().enumerate() {
        if let Operator::Reshape { .. } = node.operator {
            readers[index + 1] = readers[node.inputs[0].0];
        }
    }
    readers
}

struct Lowering<'n> {
    network: &'n Network,
    readers: Vec<usize>,
    steps: Vec<Step>,
    shapes: Vec<Shape>,
    /// The tensor of every value so far.
    tensors: Vec<usize>,
}

impl Lowering<'_> {
    /// The tensor that holds the node's result.
    fn node(&mut self, index: usize, node: &Node) -> Result<usize, PackError> {
        let network = self.network;
        let values: Vec<(usize, &[usize])> = node
            .inputs
            .iter()
            .map(|value| (self.tensors[value.0], network.shape(*value).0.as_slice()))
            .collect();
        let result = network.shape(ValueId::of_node(index)).0.as_slice();
        let record = self.record(node, result)?;
        let bounds = Bounds::NONE;
        match &node.operator {
            Operator::Constant { value } => {
                let weights = Weights::values(network.parameter(*value).values());
                return self.push(node, format::Operator::Constant, &[], record, weights);
            }
            Operator::Binary(function) => {
                return self.binary(node, *function, values[0], values[1], result);
            }
            Operator::MatMul => return self.mat_mul(node, values[0], values[1], result),
            Operator::Concat { axis } => return self.concat(node, &values, *axis),
            Operator::Where => return Err(refuse(node, "the runtime has no \"where\"".to_owned())),
            _ => {}
        }
        let (input, shape) = values[0];
        match &node.operator {
            Operator::Reshape { .. } => Ok(input),
            Operator::Unary(function) => self.unary(node, *function, input),
            Operator::Normalize { mean, deviation } => {
                let pairs = mean.iter().zip(deviation);
                let scale: Vec<f32> = deviation.iter().map(|d| 1.0 / d).collect();
                let shift: Vec<f32> = pairs.map(|(mean, deviation)| -mean / deviation).collect();
                self.affine(node, input, shape, &scale, &shift)
            }
            operator @ Operator::BatchNorm { .. } => {
                let BatchNorm { factors, shifts } = BatchNorm::of(network, operator);
                let narrow = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect();
                let (scale, shift): (Vec<f32>, Vec<f32>) = (narrow(factors), narrow(shifts));
                self.affine(node, input, shape, &scale, &shift)
            }
            Operator::Convolution {
                weight,
                bias,
                window,
                groups,
            } => {
                let weights = self.matrix(*weight, *bias, SPARSE_CONVOLUTION_BELOW);
                let map = self.record(node, shape)?;
                let input = self.reshaped(node, input, map)?;
                let (window, input) = self.window(node, window, input)?;
                let operator = format::Operator::Convolution {
                    encoding: weights.encoding,
                    bounds,
                    window,
                    groups: narrow(node, *groups)?,
                };
                self.push(node, operator, &[input], record, weights)
            }
            Operator::Linear { weight, bias } => match shape {
                [_] => {
                    let weights = self.matrix(*weight, *bias, SPARSE_LINEAR_BELOW);
                    let operator = format::Operator::Linear {
                        encoding: weights.encoding,
                        bounds,
                    };
                    self.push(node, operator, &[input], record, weights)
                }
                _ => self.rows(node, input, shape, *weight, *bias),
            },
            Operator::MaxPool(window) | Operator::AveragePool(window) => {
                let map = self.record(node, shape)?;
                let input = self.reshaped(node, input, map)?;
                let (window, input) = self.window(node, window, input)?;
                let operator = match &node.operator {
                    Operator::MaxPool(_) => format::Operator::MaxPool { window },
                    _ => format::Operator::AveragePool { window },
                };
                self.push(node, operator, &[input], record, Weights::none())
            }
            Operator::Reduce { reduction, axes } => {
                self.reduce(node, *reduction, input, shape, axes)
            }
            Operator::Softmax { axis } => {
                let view = view(node, shape, *axis..*axis + 1)?;
                let operator = format::Operator::Softmax { view };
                self.push(node, operator, &[input], record, Weights::none())
            }
            Operator::Transpose { order } => self.transpose(node, input, shape, order),
            Operator::Select {
                axis,
                indices,
                fill,
            } => self.gather(node, input, shape, *axis, indices, *fill),
            Operator::Constant { .. }
            | Operator::Binary(_)
            | Operator::MatMul
            | Operator::Concat { .. }
            | Operator::Where => unreachable!("handled above"),
        }
    }

    /// A clamp goes into the step before it, if nothing else sees that step's result.
    fn unary(&mut self, node: &Node, function: Function, input: usize) -> Result<usize, PackError> {
        let record = self.shapes[input];
        if let Some(function) = functions::to_runtime(function) {
            let bounds = Bounds::NONE;
            let operator = format::Operator::Unary { function, bounds };
            return self.push(node, operator, &[input], record, Weights::none());
        }
        let (low, high) = function.bounds().expect("what is no function is a clamp");
        let wanted = Bounds { low, high };
        let alone = self.readers[node.inputs[0].0] == 1;
        let before = input
            .checked_sub(1)
            .map(|step| &mut self.steps[step].operator);
        if alone
            && let Some(bounds) = before.and_then(bounds_of)
            && *bounds == Bounds::NONE
        {
            *bounds = wanted;
            return Ok(input);
        }
        let mut copy = COPY;
        *bounds_of(&mut copy).expect("a unary step has bounds") = wanted;
        self.push(node, copy, &[input], record, Weights::none())
    }

    /// One scale and shift per position of the first axis.
    fn affine(
        &mut self,
        node: &Node,
        input: usize,
        shape: &[usize],
        scale: &[f32],
        shift: &[f32],
    ) -> Result<usize, PackError> {
        let map = Shape {
            channels: narrow(node, shape[0])?,
            height: narrow(node, shape[1..].iter().product())?,
            width: 1,
        };
        let own = self.shapes[input];
        let fits = own.channels == map.channels && own.elements() == map.elements();
        let input = if fits {
            input
        } else {
            self.reshaped(node, input, map)?
        };
        let operator = format::Operator::Affine {
            bounds: Bounds::NONE,
        };
        let weights = Weights::scale_shift(scale, shift);
        self.push(node, operator, &[input], self.shapes[input], weights)
    }

    fn push(
        &mut self,
        node: &Node,
        operator: format::Operator,
        inputs: &[usize],
        shape: Shape,
        weights: Weights,
    ) -> Result<usize, PackError> {
        let shapes: Vec<Shape> = inputs.iter().map(|input| self.shapes[*input]).collect();
        let demand =
            Demand::of(&operator, &shapes, shape).map_err(|kind| refuse(node, kind.to_string()))?;
        self.steps.push(Step {
            name: node.name.clone(),
            operator,
            inputs: inputs.to_vec(),
            weights: weights.bytes,
            stored: weights.stored,
            demand,
        });
        self.shapes.push(shape);
        Ok(self.steps.len())
    }

    fn matrix(&self, weight: ParameterId, bias: Option<ParameterId>, sparse_below: f64) -> Weights {
        let bias = bias.map(|bias| self.network.parameter(bias));
        Weights::matrix(self.network.parameter(weight), bias, sparse_below)
    }

    /// The shape that a tensor's record gives a value of these axes: its own for a map, else that of a vector.
    fn record(&self, node: &Node, axes: &[usize]) -> Result<Shape, PackError> {
        let map = sinew_models::Shape(axes.to_vec()).as_map();
        Ok(Shape {
            channels: narrow(node, map[0])?,
            height: narrow(node, map[1])?,
            width: narrow(node, map[2])?,
        })
    }

    /// `[channel, height, width]` of a tensor.
    fn map_of(&self, tensor: usize) -> [usize; 3] {
        let shape = self.shapes[tensor];
        [shape.channels, shape.height, shape.width].map(|axis| axis as usize)
    }
}

/// The fused activation of a step that has one.
fn bounds_of(operator: &mut format::Operator) -> Option<&mut Bounds> {
    use format::Operator::{Affine, Binary, Convolution, Linear, Unary};
    match operator {
        Convolution { bounds, .. }
        | Linear { bounds, .. }
        | Binary { bounds, .. }
        | Unary { bounds, .. }
        | Affine { bounds } => Some(bounds),
        _ => None,
    }
}

fn narrow<T: TryFrom<usize>>(node: &Node, value: usize) -> Result<T, PackError> {
    T::try_from(value).map_err(|_| refuse(node, format!("{value} exceeds the format's range")))
}

fn refuse(node: &Node, problem: String) -> PackError {
    PackError::Node {
        node: node.name.clone(),
        problem,
    }
}
