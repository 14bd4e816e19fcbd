//! From nodes to the steps of a program: clamps fused, reshapes that move nothing dissolved.
//!
//! Non-goals: parameters, which stay where they are, and folding batch norms, whose own parameters are trained.

use sinew_models::{
    BinaryFunction, Network, Node, Operator, ParameterId, Reduction, ValueId, Window,
};

use crate::pullback::binary::Binary;
use crate::pullback::pool::{AveragePool, MaxPool};

use super::BackpropError;
use super::columns::Windows;
use super::convolution::Convolution;
use super::depthwise::Depthwise;
use super::elementwise::Unary;
use super::normalization::BatchNorm;
use super::step::{Step, Task};

/// A network as steps. Values that differ in shape alone share a slot.
#[derive(Debug)]
pub(super) struct Program {
    /// Elements of the value in each slot, for one image. The input comes first.
    pub(super) elements: Vec<usize>,
    /// Length of its first axis.
    pub(super) channels: Vec<usize>,
    /// The slot of the logits.
    pub(super) output: usize,
    /// The slots of the values that somebody wants to see.
    pub(super) points: Vec<usize>,
    pub(super) steps: Vec<Step>,
    /// The steps that are batch norms, in the order of their numbers.
    pub(super) norms: Vec<usize>,
    /// Number of parameters.
    pub(super) parameters: usize,
}

impl Program {
    /// All convolutions but the depthwise ones, in the order of their numbers.
    pub(super) fn convolutions(&self) -> impl Iterator<Item = &Convolution> {
        self.steps.iter().filter_map(|step| match &step.task {
            Task::Convolution(convolution) => Some(convolution),
            _ => None,
        })
    }

    /// Lowers `network`, in a way that the values `points` can be seen.
    pub(super) fn new(network: &Network, points: &[ValueId]) -> Result<Self, BackpropError> {
        let mut lowering = Lowering {
            network,
            points,
            slots: vec![0],
            program: Self {
                elements: vec![network.shape(ValueId::INPUT).elements()],
                channels: vec![channels(network, ValueId::INPUT)],
                output: 0,
                points: Vec::new(),
                steps: Vec::new(),
                norms: Vec::new(),
                parameters: network.parameters().len(),
            },
        };
        for (index, node) in network.nodes().iter().enumerate() {
            let slot = lowering.node(index, node)?;
            lowering.slots.push(slot);
        }
        let Lowering {
            slots, mut program, ..
        } = lowering;
        program.output = slots[network.output().0];
        program.points = points.iter().map(|point| slots[point.0]).collect();
        Ok(program)
    }
}

struct Lowering<'n> {
    network: &'n Network,
    points: &'n [ValueId],
    /// The slot of each value so far.
    slots: Vec<usize>,
    program: Program,
}

impl Lowering<'_> {
    /// The slot of the node's result.
    fn node(&mut self, index: usize, node: &Node) -> Result<usize, BackpropError> {
        let network = self.network;
        let result = ValueId::of_node(index);
        let shape = |value: ValueId| network.shape(value).0.as_slice();
        let inputs: Vec<usize> = node
            .inputs
            .iter()
            .map(|value| self.slots[value.0])
            .collect();
        let is_same = |value: &ValueId| shape(*value) == shape(result);
        let task = match &node.operator {
            Operator::Reshape { .. } => {
                let [from, to] = [node.inputs[0], result].map(|value| channels(network, value));
                // What is brought to a point is not seen behind it.
                if from == to && !self.points.contains(&node.inputs[0]) {
                    return Ok(inputs[0]);
                }
                Task::Reshape {
                    channels: [from, to],
                }
            }
            Operator::Normalize { mean, deviation } => Task::Normalize {
                mean: mean.clone(),
                deviation: deviation.clone(),
            },
            Operator::BatchNorm {
                scale,
                shift,
                mean,
                variance,
                epsilon,
            } => {
                self.program.norms.push(self.program.steps.len());
                Task::BatchNorm(BatchNorm {
                    number: self.program.norms.len() - 1,
                    scale: *scale,
                    shift: *shift,
                    mean: *mean,
                    variance: *variance,
                    epsilon: *epsilon,
                })
            }
            Operator::Unary(function) => {
                let before = node.inputs[0].node();
                if before.is_some_and(|before| self.clamp_behind(before).is_some()) {
                    return Ok(inputs[0]);
                }
                Task::Unary(Unary::new(*function).ok_or_else(|| refuse(node, ""))?)
            }
            Operator::Convolution {
                weight,
                bias,
                window,
                groups,
            } => {
                let input = network.shape(node.inputs[0]).as_map();
                self.layer(input, (*weight, *bias), (*window, *groups))
            }
            Operator::Linear { weight, bias } => {
                let &[features] = shape(node.inputs[0]) else {
                    return Err(refuse(node, "of several rows "));
                };
                let window = Window::square(1, 1, 0);
                self.layer([features, 1, 1], (*weight, *bias), (window, 1))
            }
            Operator::MaxPool(window) => {
                Task::MaxPool(MaxPool::new(window, map_size(network, node)))
            }
            Operator::AveragePool(window) => {
                Task::AveragePool(AveragePool::new(window, map_size(network, node)))
            }
            Operator::Binary(function) => {
                if !node.inputs.iter().all(is_same) {
                    return Err(refuse(node, "of different shapes "));
                }
                Task::Binary(match function {
                    BinaryFunction::Add => Binary::Add,
                    BinaryFunction::Subtract => Binary::Subtract,
                    BinaryFunction::Multiply => Binary::Multiply,
                    _ => return Err(refuse(node, "")),
                })
            }
            Operator::Reduce { reduction, axes } => {
                let own = shape(node.inputs[0]);
                if axes.first() != Some(&1) || axes.len() + 1 != own.len() {
                    return Err(refuse(node, "over these axes "));
                }
                let elements = own[1..].iter().product();
                let factor = match reduction {
                    Reduction::Sum => 1.0,
                    Reduction::Mean => 1.0 / elements as f32,
                    _ => return Err(refuse(node, "")),
                };
                Task::Sum { factor, elements }
            }
            Operator::Constant { .. }
            | Operator::MatMul
            | Operator::Where
            | Operator::Softmax { .. }
            | Operator::Concat { .. }
            | Operator::Transpose { .. }
            | Operator::Select { .. } => return Err(refuse(node, "")),
        };
        let output = self.program.elements.len();
        self.program.elements.push(network.shape(result).elements());
        self.program.channels.push(channels(network, result));
        self.program.steps.push(Step {
            task,
            inputs,
            output,
            bounds: self.clamp_behind(index),
        });
        Ok(output)
    }

    /// The clamp that becomes part of a node's step: the only one to see its result.
    fn clamp_behind(&self, index: usize) -> Option<(f32, f32)> {
        let value = ValueId::of_node(index);
        let clamp = |operator: &Operator| match operator {
            Operator::Unary(function) => function.bounds(),
            _ => None,
        };
        // Their slopes follow from the element before the clamp, or nothing is computed.
        let operator = &self.network.nodes()[index].operator;
        if matches!(operator, Operator::Reshape { .. } | Operator::Unary(_))
            || value == self.network.output()
            || self.points.contains(&value)
        {
            return None;
        }
        let mut readers = self.network.consumers(value);
        match (readers.next(), readers.next()) {
            (Some(reader), None) => clamp(&self.network.nodes()[reader].operator),
            _ => None,
        }
    }

    fn layer(
        &self,
        [inputs, height, width]: [usize; 3],
        (weight, bias): (ParameterId, Option<ParameterId>),
        (window, groups): (Window, usize),
    ) -> Task {
        let windows = Windows::new(&window, [height, width]);
        let outputs = self.network.parameter(weight).shape()[0];
        let (weight, bias) = (weight.0, bias.map(|bias| bias.0));
        let (depth, units) = (inputs / groups, outputs / groups);
        if depth == 1 && groups > 1 {
            return Task::Depthwise(Depthwise {
                weight,
                bias,
                units,
                windows,
            });
        }
        Task::Convolution(Convolution {
            number: self.program.convolutions().count(),
            weight,
            bias,
            depth,
            units,
            groups,
            windows,
        })
    }
}

/// Length of a value's first axis.
fn channels(network: &Network, value: ValueId) -> usize {
    network.shape(value).0.first().copied().unwrap_or(1)
}

fn map_size(network: &Network, node: &Node) -> [usize; 2] {
    let [_, height, width] = network.shape(node.inputs[0]).as_map();
    [height, width]
}

fn refuse(node: &Node, detail: &str) -> BackpropError {
    BackpropError {
        node: node.name.clone(),
        problem: format!("{} {detail}has no gradient here", node.operator.name()),
    }
}
