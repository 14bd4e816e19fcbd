//! From nodes to the runtime's steps: activations fused, flattening dissolved, weights in their stored form.

use sinew_models::{Activation, Network, Node, Operator, ParameterId, ValueId, Window};
use sinew_runtime::format::{self, Bounds, Demand, Encoding, Shape};

use super::fold::BatchNorm;
use super::plan::{Plan, Step};
use super::{PackError, SPARSE_CONVOLUTION_BELOW, SPARSE_LINEAR_BELOW, arena};

/// Lowers a network, batch norms folded as far as they can be.
pub(super) fn lower(network: &Network) -> Result<Plan, PackError> {
    let mut lowering = Lowering {
        network,
        steps: Vec::new(),
        shapes: vec![shape_of(network, ValueId::INPUT)],
        tensors: vec![0],
    };
    for (index, node) in network.nodes().iter().enumerate() {
        let tensor = lowering.node(index, node)?;
        lowering.tensors.push(tensor);
    }
    let output = lowering.tensors[network.output().0];
    let (steps, shapes) = (lowering.steps, lowering.shapes);
    let offsets = arena::place(&steps, &shapes, output);
    Ok(Plan {
        steps,
        shapes,
        offsets,
        output,
    })
}

struct Lowering<'n> {
    network: &'n Network,
    steps: Vec<Step>,
    shapes: Vec<Shape>,
    /// The tensor of every value so far.
    tensors: Vec<usize>,
}

impl Lowering<'_> {
    /// The tensor that holds the node's result.
    fn node(&mut self, index: usize, node: &Node) -> Result<usize, PackError> {
        let input = self.tensors[node.inputs[0].0];
        let shape = shape_of(self.network, ValueId::of_node(index));
        let bounds = Bounds::NONE;
        let (operator, weights) = match &node.operator {
            Operator::Flatten => return Ok(input),
            Operator::Activation(activation) => {
                return self.activation(node, *activation, input, shape);
            }
            Operator::Normalize { mean, deviation } => {
                let pairs = mean.iter().zip(deviation);
                let scale = deviation.iter().map(|d| 1.0 / d).collect();
                let shift = pairs.map(|(mean, deviation)| -mean / deviation).collect();
                (
                    format::Operator::Affine { bounds },
                    Weights::scale_shift(scale, shift),
                )
            }
            Operator::BatchNorm { .. } => {
                let BatchNorm { factors, shifts } = BatchNorm::of(self.network, &node.operator);
                let narrow = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect();
                let weights = Weights::scale_shift(narrow(factors), narrow(shifts));
                (format::Operator::Affine { bounds }, weights)
            }
            Operator::Convolution {
                weight,
                bias,
                window,
                groups,
            } => {
                let weights = self.matrix(*weight, *bias, SPARSE_CONVOLUTION_BELOW);
                let operator = format::Operator::Convolution {
                    encoding: weights.encoding,
                    bounds,
                    window: runtime_window(node, window)?,
                    groups: narrow(node, *groups)?,
                };
                (operator, weights)
            }
            Operator::Linear { weight, bias } => {
                let weights = self.matrix(*weight, *bias, SPARSE_LINEAR_BELOW);
                (
                    format::Operator::Linear {
                        encoding: weights.encoding,
                        bounds,
                    },
                    weights,
                )
            }
            Operator::MaxPool(window) => {
                let window = runtime_window(node, window)?;
                (format::Operator::MaxPool { window }, Weights::none())
            }
            Operator::AveragePool(window) => {
                let window = runtime_window(node, window)?;
                (format::Operator::AveragePool { window }, Weights::none())
            }
            Operator::GlobalAveragePool => {
                let [_, height, width] = self.network.shape(node.inputs[0]).as_map();
                let whole = Window {
                    kernel: [height, width],
                    stride: [1, 1],
                    padding: [0; 4],
                };
                let window = runtime_window(node, &whole)?;
                (format::Operator::AveragePool { window }, Weights::none())
            }
            Operator::Add => {
                let second = narrow(node, self.tensors[node.inputs[1].0])?;
                (format::Operator::Add { second, bounds }, Weights::none())
            }
        };
        self.push(node, operator, input, shape, weights)
    }

    /// Fuses an activation into the step before it, if nothing else sees that step's result.
    fn activation(
        &mut self,
        node: &Node,
        activation: Activation,
        input: usize,
        shape: Shape,
    ) -> Result<usize, PackError> {
        let (low, high) = activation.bounds();
        let wanted = Bounds { low, high };
        let alone = self.network.consumers(node.inputs[0]).count() == 1;
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
        let channels = shape.channels as usize;
        let identity = Weights::scale_shift(vec![1.0; channels], vec![0.0; channels]);
        self.push(
            node,
            format::Operator::Affine { bounds: wanted },
            input,
            shape,
            identity,
        )
    }

    fn push(
        &mut self,
        node: &Node,
        operator: format::Operator,
        input: usize,
        shape: Shape,
        weights: Weights,
    ) -> Result<usize, PackError> {
        let demand = Demand::of(&operator, self.shapes[input], shape)
            .map_err(|kind| refuse(node, kind.to_string()))?;
        let name = node.name.clone();
        self.steps.push(Step {
            name,
            operator,
            input,
            weights: weights.bytes,
            stored: weights.stored,
            demand,
        });
        self.shapes.push(shape);
        Ok(self.steps.len())
    }

    /// Weights and bias, sparse if fewer than the fraction `sparse_below` of the weights are not zero.
    fn matrix(&self, weight: ParameterId, bias: Option<ParameterId>, sparse_below: f64) -> Weights {
        let weight = self.network.parameter(weight);
        let rows = weight.shape()[0];
        let columns = weight.values().len() / rows;
        let bias = match bias {
            Some(bias) => self.network.parameter(bias).values().to_vec(),
            None => vec![0.0; rows],
        };
        let density = weight.nonzeros() as f64 / weight.values().len() as f64;
        if density < sparse_below && columns as u64 <= format::MAX_SPARSE_COLUMNS {
            Weights::sparse(&bias, weight.values(), columns)
        } else {
            Weights::dense(&bias, weight.values())
        }
    }
}

/// The fused activation of a step that has one.
fn bounds_of(operator: &mut format::Operator) -> Option<&mut Bounds> {
    use format::Operator::{Add, Affine, AveragePool, Convolution, Linear, MaxPool};
    match operator {
        Convolution { bounds, .. }
        | Linear { bounds, .. }
        | Add { bounds, .. }
        | Affine { bounds } => Some(bounds),
        MaxPool { .. } | AveragePool { .. } => None,
    }
}

/// One step's part of the weights section.
struct Weights {
    encoding: Encoding,
    bytes: Vec<u8>,
    stored: u64,
}

impl Weights {
    fn none() -> Self {
        Self {
            encoding: Encoding::Dense,
            bytes: Vec::new(),
            stored: 0,
        }
    }

    fn scale_shift(scale: Vec<f32>, shift: Vec<f32>) -> Self {
        let bytes = [floats(&scale), floats(&shift)].concat();
        Self {
            encoding: Encoding::Dense,
            bytes,
            stored: 0,
        }
    }

    fn dense(bias: &[f32], values: &[f32]) -> Self {
        let bytes = [floats(bias), floats(values)].concat();
        Self {
            encoding: Encoding::Dense,
            bytes,
            stored: values.len() as u64,
        }
    }

    /// Compressed sparse rows.
    fn sparse(bias: &[f32], values: &[f32], columns: usize) -> Self {
        let mut pointers = vec![0u32];
        let mut kept = Vec::new();
        let mut indices = Vec::new();
        for row in values.chunks(columns) {
            let nonzeros = row.iter().enumerate().filter(|(_, value)| **value != 0.0);
            for (column, value) in nonzeros {
                kept.push(*value);
                indices.extend((column as u16).to_le_bytes());
            }
            pointers.push(kept.len() as u32);
        }
        let stored = kept.len() as u64;
        indices.resize(indices.len().next_multiple_of(4), 0);
        let pointers: Vec<u8> = pointers.iter().flat_map(|p| p.to_le_bytes()).collect();
        let bytes = [floats(bias), pointers, floats(&kept), indices].concat();
        Self {
            encoding: Encoding::Sparse,
            bytes,
            stored,
        }
    }
}

fn floats(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn shape_of(network: &Network, value: ValueId) -> Shape {
    // The network bounds the number of elements, so every axis fits.
    let [channels, height, width] = network.shape(value).as_map().map(|axis| axis as u32);
    Shape {
        channels,
        height,
        width,
    }
}

fn runtime_window(node: &Node, window: &Window) -> Result<format::Window, PackError> {
    let [kernel_height, kernel_width] = window.kernel;
    let [down, right] = window.stride;
    let mut padding = [0; 4];
    for (narrowed, padding) in padding.iter_mut().zip(window.padding) {
        *narrowed = narrow(node, padding)?;
    }
    Ok(format::Window {
        kernel: [narrow(node, kernel_height)?, narrow(node, kernel_width)?],
        stride: [narrow(node, down)?, narrow(node, right)?],
        padding,
    })
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
