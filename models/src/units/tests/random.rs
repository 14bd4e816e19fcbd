//! Random networks in which units meet in many ways.

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::function::{BinaryFunction, Function, Reduction};
use crate::network::{Network, Role, ValueId};
use crate::operator::Operator;
use crate::shape::Shape;
use crate::testing::Graph;
use crate::window::Window;

/// Largest value.
const MAX_ELEMENTS: usize = 600;

/// A network of about `nodes` random nodes between a first and a last layer. No function leaves the finite numbers by itself.
pub(super) fn network(seed: u64, nodes: usize) -> Network {
    let mut random = Random {
        graph: Graph::new(&[2, 4, 4]),
        shapes: vec![Shape(vec![2, 4, 4])],
        generator: ChaCha8Rng::seed_from_u64(seed),
    };
    let channels = random.between(2, 6);
    random.convolution(ValueId::INPUT, channels, 1);
    while random.shapes.len() < nodes + 2 {
        random.grow();
    }
    let x = random.last();
    let elements = random.shapes[x.0].elements();
    let x = random.push(
        Operator::Reshape {
            shape: vec![elements],
        },
        &[x],
    );
    random.linear(x, 3);
    random.graph.finish()
}

struct Random {
    graph: Graph,
    /// Of all values, the input first.
    shapes: Vec<Shape>,
    generator: ChaCha8Rng,
}

impl Random {
    fn between(&mut self, low: usize, high: usize) -> usize {
        self.generator.random_range(low..=high)
    }

    fn choose<T: Clone>(&mut self, of: &[T]) -> T {
        of.choose(&mut self.generator).unwrap().clone()
    }

    fn last(&self) -> ValueId {
        ValueId(self.shapes.len() - 1)
    }

    fn name(&self) -> String {
        format!("n{}", self.shapes.len())
    }

    /// A node, for the shape of its result.
    fn push(&mut self, operator: Operator, inputs: &[ValueId]) -> ValueId {
        let name = self.name();
        self.graph.node(&name, operator, inputs);
        self.pushed()
    }

    fn pushed(&mut self) -> ValueId {
        let shape = self.graph.shape_of_last(&self.shapes);
        self.shapes.push(shape);
        self.last()
    }

    fn constant(&mut self, shape: &[usize]) -> ValueId {
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|_| self.generator.random_range(-1.0..1.0))
            .collect();
        let name = self.name();
        self.graph.constant(&name, shape, &values);
        self.pushed()
    }

    /// With a bias, or without one.
    fn convolution(&mut self, x: ValueId, outputs: usize, groups: usize) -> ValueId {
        let name = self.name();
        let channels = self.shapes[x.0].0[0];
        let weight = self
            .graph
            .weight(&name, &[outputs, channels / groups, 3, 3]);
        let bias = self.choose(&[true, false]).then(|| {
            let name = format!("{name}.bias");
            self.graph
                .parameter(name, Role::Bias, &[outputs], vec![0.5; outputs])
        });
        let operator = Operator::Convolution {
            weight,
            bias,
            window: Window::square(3, 1, 1),
            groups,
        };
        self.push(operator, &[x])
    }

    fn linear(&mut self, x: ValueId, outputs: usize) -> ValueId {
        let name = self.name();
        let features = *self.shapes[x.0].0.last().unwrap();
        self.graph.linear(&name, [outputs, features], x);
        self.pushed()
    }

    /// One more node, or a few.
    fn grow(&mut self) {
        let back = self.choose(&[0, 0, 0, 0, 1, 2, 5]);
        let x = ValueId(self.last().0.saturating_sub(back));
        let Shape(shape) = self.shapes[x.0].clone();
        let rank = shape.len();
        if rank == 0 {
            return;
        }
        let axis = self.between(0, rank - 1);
        let is_map = rank == 3;
        match self.between(0, 15) {
            0 | 1 if is_map => {
                let outputs = self.between(1, 6);
                self.convolution(x, outputs, 1);
            }
            2 if is_map => {
                let outputs = shape[0] * self.between(1, 2);
                self.convolution(x, outputs, shape[0]);
            }
            3 if is_map && shape[0].is_multiple_of(2) => {
                self.convolution(x, 4, 2);
            }
            4 => {
                let outputs = self.between(1, 6);
                self.linear(x, outputs);
            }
            5 | 6 => {
                let name = self.name();
                self.graph.batch_norm(&name, shape[0], x);
                self.pushed();
            }
            7 | 8 => {
                let function = self.choose(&[
                    Function::RELU,
                    Function::RELU6,
                    Function::Tanh,
                    Function::Abs,
                    Function::Sigmoid,
                    Function::Affine {
                        scale: 0.5,
                        shift: 0.0,
                    },
                    Function::Affine {
                        scale: 0.5,
                        shift: 0.5,
                    },
                    Function::Cos,
                ]);
                self.push(Operator::Unary(function), &[x]);
            }
            9 => {
                let mut of = vec![1; rank];
                of[axis] = shape[axis];
                let of = self.choose(&[of.clone(), of, vec![1; rank], Vec::new(), shape]);
                let constant = self.constant(&of);
                let inputs = self.choose(&[[x, constant], [constant, x]]);
                self.meet(&inputs);
            }
            10 | 11 => {
                let fits: Vec<usize> = (0..self.shapes.len())
                    .filter(|y| broadcasts(&shape, &self.shapes[*y].0))
                    .collect();
                let y = ValueId(self.choose(&fits));
                let inputs = self.choose(&[[x, y], [y, x]]);
                self.meet(&inputs);
            }
            12 => {
                let fits: Vec<usize> = (0..self.shapes.len())
                    .filter(|y| {
                        let mut other = self.shapes[*y].0.clone();
                        let fits = other.len() == rank && {
                            other[axis] = shape[axis];
                            other == shape
                        };
                        fits && self.shapes[*y].elements() + shape.iter().product::<usize>()
                            <= MAX_ELEMENTS
                    })
                    .collect();
                if !fits.is_empty() {
                    let y = ValueId(self.choose(&fits));
                    self.push(Operator::Concat { axis }, &[x, y]);
                }
            }
            13 => {
                let count = shape.iter().product::<usize>();
                let [first, rest] = [shape[0], count / shape[0]];
                let mut shapes = vec![vec![count], vec![first, rest], [&shape[..], &[1]].concat()];
                if count.is_multiple_of(16) {
                    shapes.extend([vec![count / 16, 4, 4], vec![count / 16, 4, 4]]);
                }
                if first.is_multiple_of(2) {
                    shapes.push(vec![2, first / 2, rest]);
                }
                let shape = self.choose(&shapes);
                self.push(Operator::Reshape { shape }, &[x]);
            }
            14 => {
                let reduction = self.choose(&[Reduction::Mean, Reduction::Maximum, Reduction::Sum]);
                let spatial = if is_map { vec![1, 2] } else { vec![axis] };
                let operators = [
                    Operator::Reduce {
                        reduction,
                        axes: spatial,
                    },
                    Operator::Reduce {
                        reduction,
                        axes: vec![axis],
                    },
                    Operator::Softmax { axis },
                    Operator::Transpose {
                        order: (0..rank).rev().collect(),
                    },
                ];
                let operator = self.choose(&operators);
                self.push(operator, &[x]);
            }
            15 => {
                let mut indices: Vec<Option<usize>> = (0..shape[axis]).map(Some).collect();
                match self.between(0, 2) {
                    0 => indices.reverse(),
                    1 => indices.push(None),
                    _ => indices.truncate(shape[axis].div_ceil(2)),
                }
                let fill = self.choose(&[0.0, 1.0]);
                let select = Operator::Select {
                    axis,
                    indices,
                    fill,
                };
                let pools = [
                    Operator::MaxPool(Window::square(2, 1, 0)),
                    Operator::AveragePool(Window::square(2, 1, 1)),
                ];
                let pools = if is_map && shape[1].min(shape[2]) > 1 {
                    &pools[..]
                } else {
                    &[]
                };
                let operator = self.choose(&[std::slice::from_ref(&select), pools].concat());
                self.push(operator, &[x]);
            }
            _ => {}
        }
    }

    fn meet(&mut self, inputs: &[ValueId; 2]) {
        let [x, y] = *inputs;
        if self.between(0, 9) == 0 {
            self.push(Operator::Where, &[x, x, y]);
            return;
        }
        let function = self.choose(&[
            BinaryFunction::Add,
            BinaryFunction::Add,
            BinaryFunction::Subtract,
            BinaryFunction::Multiply,
            BinaryFunction::Multiply,
            BinaryFunction::Maximum,
            BinaryFunction::Equal,
            BinaryFunction::Greater,
        ]);
        self.push(Operator::Binary(function), inputs);
    }
}

/// Whether a value of shape `other` can be broadcast to `shape`.
fn broadcasts(shape: &[usize], other: &[usize]) -> bool {
    let missing = shape.len().checked_sub(other.len());
    missing.is_some_and(|missing| {
        let mut pairs = shape[missing..].iter().zip(other);
        pairs.all(|(length, other)| other == length || *other == 1)
    })
}
