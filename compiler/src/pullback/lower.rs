//! From nodes to the steps of a program: batch norms folded, clamps fused, reshapes dissolved, layers packed.

use sinew_models::{
    BinaryFunction, Function, Network, Node, Operator, ParameterId, Reduction, ValueId, Window,
};

use super::affine::Affine;
use super::binary::Binary;
use super::convolution::Convolution;
use super::kernel::Request;
use super::pool::{AveragePool, MaxPool};
use super::scatter::{Gather, Scatter};
use super::tape::{Step, Task};
use super::{Program, PullbackError};
use crate::pack::{BatchNorm, PackError, fold_batch_norm};

/// Bytes of the values and slopes of a part: what is left of them in a core's cache is not read from memory.
const PART_BYTES: usize = 16 << 20;

/// Most images in a part.
const MAX_PART: usize = 16;

/// Lowers a network.
pub(super) fn lower(network: &Network) -> Result<Program, PullbackError> {
    let network = fold_batch_norm(network);
    let values = (0..=network.nodes().len()).map(|value| network.shape(ValueId(value)).elements());
    let bytes = 2 * size_of::<f32>() * values.sum::<usize>();
    let mut lowering = Lowering {
        network: &network,
        part: (PART_BYTES / bytes).clamp(1, MAX_PART),
        elements: vec![network.shape(ValueId::INPUT).elements()],
        places: vec![0],
        steps: Vec::new(),
        files: Vec::new(),
    };
    for (index, node) in network.nodes().iter().enumerate() {
        let place = lowering.node(index, node)?;
        lowering.places.push(place);
    }
    Ok(Program {
        input_shape: network.input_shape(),
        classes: network.classes(),
        part: lowering.part,
        output: lowering.places[network.output().0],
        elements: lowering.elements,
        steps: lowering.steps,
        files: lowering.files,
    })
}

struct Lowering<'n> {
    network: &'n Network,
    part: usize,
    /// Elements of each value that is kept.
    elements: Vec<usize>,
    /// Which of them each value of the network is.
    places: Vec<usize>,
    steps: Vec<Step>,
    files: Vec<Vec<u8>>,
}

impl Lowering<'_> {
    /// The place of the node's result.
    fn node(&mut self, index: usize, node: &Node) -> Result<usize, PullbackError> {
        let network = self.network;
        let shape = |value: ValueId| network.shape(value).0.as_slice();
        let result = shape(ValueId::of_node(index));
        let mut bounds = self.clamp_behind(index);
        let mut inputs: Vec<usize> = node
            .inputs
            .iter()
            .map(|value| self.places[value.0])
            .collect();
        let task = match &node.operator {
            Operator::Reshape { .. } => return Ok(inputs[0]),
            Operator::Constant { value } => {
                Task::Constant(network.parameter(*value).values().to_vec())
            }
            Operator::Normalize { mean, deviation } => {
                let factors: Vec<f32> = deviation.iter().map(|deviation| 1.0 / deviation).collect();
                let pairs = mean.iter().zip(deviation);
                let shifts = pairs.map(|(mean, deviation)| -mean / deviation).collect();
                self.affine(inputs[0], factors, shifts)
            }
            operator @ Operator::BatchNorm { .. } => {
                let BatchNorm { factors, shifts } = BatchNorm::of(network, operator);
                let narrow = |numbers: Vec<f64>| numbers.into_iter().map(|n| n as f32).collect();
                self.affine(inputs[0], narrow(factors), narrow(shifts))
            }
            Operator::Unary(Function::Affine { scale, shift }) => {
                self.affine(inputs[0], vec![*scale], vec![*shift])
            }
            Operator::Unary(function) => {
                let Some(own) = function.bounds() else {
                    return Err(refuse(node, "has no pullback here"));
                };
                let before = node.inputs[0].node();
                if before.is_some_and(|before| self.clamp_behind(before).is_some()) {
                    return Ok(inputs[0]);
                }
                bounds = Some(own);
                self.affine(inputs[0], vec![1.0], vec![0.0])
            }
            Operator::Convolution {
                weight,
                bias,
                window,
                groups,
            } => {
                let input = network.shape(node.inputs[0]).as_map();
                self.layer(node, input, (*weight, *bias), (*window, *groups), bounds)?
            }
            Operator::Linear { weight, bias } => {
                let &[features] = shape(node.inputs[0]) else {
                    return Err(refuse(node, "of several rows has no pullback here"));
                };
                let window = Window::square(1, 1, 0);
                self.layer(
                    node,
                    [features, 1, 1],
                    (*weight, *bias),
                    (window, 1),
                    bounds,
                )?
            }
            Operator::MaxPool(window) => {
                Task::MaxPool(MaxPool::new(window, map_size(network, node)))
            }
            Operator::AveragePool(window) => {
                Task::AveragePool(AveragePool::new(window, map_size(network, node)))
            }
            Operator::Binary(function) => {
                for (place, value) in inputs.iter_mut().zip(&node.inputs) {
                    *place = self.repeated(*place, shape(*value), result);
                }
                Task::Binary(match function {
                    BinaryFunction::Add => Binary::Add,
                    BinaryFunction::Subtract => Binary::Subtract,
                    BinaryFunction::Multiply => Binary::Multiply,
                    _ => return Err(refuse(node, "has no pullback here")),
                })
            }
            Operator::Reduce { reduction, axes } => {
                let own = shape(node.inputs[0]);
                let count: usize = axes.iter().map(|axis| own[*axis]).product();
                let factor = match reduction {
                    Reduction::Sum => 1.0,
                    Reduction::Mean => 1.0 / count as f32,
                    _ => return Err(refuse(node, "has no pullback here")),
                };
                let mut steps = strides(result);
                for axis in axes {
                    steps[*axis] = 0;
                }
                scatter(vec![places(own, &steps, 0)], factor, result)
            }
            Operator::Concat { axis } => {
                let steps = strides(result);
                let mut start = 0;
                let parts = node.inputs.iter().map(|value| {
                    let own = shape(*value);
                    let part = places(own, &steps, start);
                    start += own[*axis] * steps[*axis];
                    part
                });
                scatter(parts.collect(), 1.0, result)
            }
            Operator::Transpose { order } => {
                let mut steps = vec![0; order.len()];
                for (axis, step) in order.iter().zip(strides(result)) {
                    steps[*axis] = step;
                }
                scatter(vec![places(shape(node.inputs[0]), &steps, 0)], 1.0, result)
            }
            Operator::Select {
                axis,
                indices,
                fill,
            } => {
                let own = shape(node.inputs[0]);
                let inner: usize = own[axis + 1..].iter().product();
                let outer: usize = own[..*axis].iter().product();
                let rows = (0..outer).flat_map(|row| {
                    indices
                        .iter()
                        .map(move |index| index.map(|i| row * own[*axis] + i))
                });
                let places = rows.flat_map(|row| {
                    (0..inner).map(move |at| row.map(|row| (row * inner + at) as u32))
                });
                Task::Gather(Gather {
                    places: places.collect(),
                    fill: *fill,
                    elements: own.iter().product(),
                })
            }
            Operator::MatMul | Operator::Where | Operator::Softmax { .. } => {
                return Err(refuse(node, "has no pullback here"));
            }
        };
        Ok(self.push(task, inputs, bounds, result.iter().product()))
    }

    fn push(
        &mut self,
        task: Task,
        inputs: Vec<usize>,
        bounds: Option<(f32, f32)>,
        elements: usize,
    ) -> usize {
        let output = self.elements.len();
        self.elements.push(elements);
        self.steps.push(Step {
            task,
            inputs,
            output,
            bounds,
        });
        output
    }

    /// The clamp that becomes part of a node's step: the only one to see its result.
    fn clamp_behind(&self, index: usize) -> Option<(f32, f32)> {
        let value = ValueId::of_node(index);
        let clamp = |operator: &Operator| match operator {
            Operator::Unary(function) => function.bounds(),
            _ => None,
        };
        let operator = &self.network.nodes()[index].operator;
        if matches!(operator, Operator::Reshape { .. })
            || clamp(operator).is_some()
            || value == self.network.output()
        {
            return None;
        }
        let mut readers = self.network.consumers(value);
        match (readers.next(), readers.next()) {
            (Some(reader), None) => clamp(&self.network.nodes()[reader].operator),
            _ => None,
        }
    }

    fn affine(&self, input: usize, factors: Vec<f32>, shifts: Vec<f32>) -> Task {
        let length = self.elements[input] / factors.len();
        Task::Affine(Affine {
            factors,
            shifts,
            length,
        })
    }

    fn layer(
        &mut self,
        node: &Node,
        input: [usize; 3],
        (weight, bias): (ParameterId, Option<ParameterId>),
        (window, groups): (Window, usize),
        bounds: Option<(f32, f32)>,
    ) -> Result<Task, PullbackError> {
        let weight = self.network.parameter(weight);
        let bias = bias.map(|bias| self.network.parameter(bias));
        let request = Request {
            input,
            weights: weight.values().to_vec(),
            bias: bias.map_or_else(Vec::new, |bias| bias.values().to_vec()),
            outputs: weight.shape()[0],
            window,
            groups,
            bounds,
        };
        let packed = Convolution::pack(request, self.part, &mut self.files);
        packed
            .map(Task::Convolution)
            .map_err(|error| PullbackError {
                node: node.name.clone(),
                problem: match error {
                    PackError::Node { problem, .. } => problem,
                    error => error.to_string(),
                },
            })
    }

    /// The value at `place` in a larger shape.
    fn repeated(&mut self, place: usize, own: &[usize], wanted: &[usize]) -> usize {
        let elements = wanted.iter().product();
        if self.elements[place] == elements {
            return place;
        }
        let mut steps = vec![0; wanted.len() - own.len()];
        let along = own.iter().zip(strides(own));
        steps.extend(along.map(|(length, step)| if *length == 1 { 0 } else { step }));
        let places = places(wanted, &steps, 0).into_iter().map(Some).collect();
        let gather = Gather {
            places,
            fill: 0.0,
            elements: self.elements[place],
        };
        self.push(Task::Gather(gather), vec![place], None, elements)
    }
}

fn map_size(network: &Network, node: &Node) -> [usize; 2] {
    let [_, height, width] = network.shape(node.inputs[0]).as_map();
    [height, width]
}

fn scatter(places: Vec<Vec<u32>>, factor: f32, result: &[usize]) -> Task {
    Task::Scatter(Scatter {
        places,
        factor,
        elements: result.iter().product(),
    })
}

/// Distance of neighbours along each axis of a row-major array.
fn strides(shape: &[usize]) -> Vec<usize> {
    let behind = |axis: usize| shape[axis + 1..].iter().product();
    (0..shape.len()).map(behind).collect()
}

/// Where the elements of an array of `shape` lie, in row-major order, if the first lies at `start` and the next along an axis a step
/// further.
fn places(shape: &[usize], steps: &[usize], start: usize) -> Vec<u32> {
    let axes = shape.iter().zip(steps);
    axes.fold(vec![start as u32], |places, (length, step)| {
        let along = |place: u32| (0..*length).map(move |index| place + (index * step) as u32);
        places.into_iter().flat_map(along).collect()
    })
}

fn refuse(node: &Node, problem: &str) -> PullbackError {
    PullbackError {
        node: node.name.clone(),
        problem: format!("{} {problem}", node.operator.name()),
    }
}
