//! Simplification as a whole: random networks, the zoo, and networks that are made to take long.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::testing::{Graph, assert_kept, nodes, origins, simplified, waves};
use super::*;
use crate::function::{BinaryFunction, Function, Reduction};
use crate::operator::Operator;
use crate::shape::Shape;
use crate::window::Window;
use crate::zoo::{self, ZooOptions};

/// Largest value of a random network.
const MAX_ELEMENTS: usize = 400;

/// A network of random nodes, rich in what rules look for.
struct Random {
    graph: Graph,
    /// Of all values, the input first.
    shapes: Vec<Shape>,
    generator: ChaCha8Rng,
}

impl Random {
    fn network(seed: u64, nodes: usize) -> Network {
        let input = vec![2, 3, 4];
        let mut random = Self {
            graph: Graph::new(&input),
            shapes: vec![Shape(input)],
            generator: ChaCha8Rng::seed_from_u64(seed),
        };
        while random.shapes.len() <= nodes {
            random.grow();
        }
        random.graph.finish()
    }

    fn below(&mut self, end: usize) -> usize {
        self.generator.random_range(0..end)
    }

    fn choose<T: Clone>(&mut self, of: &[T]) -> T {
        of.choose(&mut self.generator).unwrap().clone()
    }

    /// One of the last values, most often the last.
    fn value(&mut self) -> ValueId {
        let last = self.shapes.len() - 1;
        let back = self.choose(&[0, 0, 0, 1, 2, 4]);
        ValueId(last.saturating_sub(back))
    }

    fn push(&mut self, operator: Operator, inputs: &[ValueId]) -> ValueId {
        let name = format!("n{}", self.shapes.len());
        let value = self.graph.node(&name, operator, inputs);
        let shape = self.graph.shape_of_last(&self.shapes);
        self.shapes.push(shape);
        value
    }

    fn constant(&mut self, shape: &[usize]) -> ValueId {
        let values = waves(shape.iter().product());
        let offset = self.choose(&[0.0, 2.0, -3.0]);
        let values: Vec<f32> = values.iter().map(|x| x / 2.0 + offset).collect();
        let name = format!("n{}", self.shapes.len());
        self.shapes.push(Shape(shape.to_vec()));
        self.graph.constant(&name, shape, &values)
    }

    fn grow(&mut self) {
        let x = self.value();
        let Shape(shape) = self.shapes[x.0].clone();
        let rank = shape.len();
        let axis = self.below(rank.max(1));
        match self.below(12) {
            0 => {
                let number = self.choose(&[1.0, 0.5, -2.0, 0.25]);
                let function = self.choose(&[
                    Function::Tanh,
                    Function::RELU,
                    Function::RELU6,
                    Function::Clip {
                        low: None,
                        high: Some(number),
                    },
                    Function::Affine {
                        scale: number,
                        shift: 0.5,
                    },
                    Function::Affine {
                        scale: 1.0,
                        shift: 0.0,
                    },
                    Function::Sigmoid,
                ]);
                self.push(Operator::Unary(function), &[x]);
            }
            1 => {
                let count: usize = shape.iter().product();
                let half = |n: usize| n.is_multiple_of(2).then(|| vec![2, n / 2]);
                let split: Vec<usize> = shape
                    .iter()
                    .flat_map(|n| half(*n).unwrap_or(vec![*n]))
                    .collect();
                let merged = vec![2, 3, 4];
                let mut shapes = vec![vec![count], shape.clone(), split];
                if count == 24 {
                    shapes.extend([merged.clone(), merged]);
                }
                shapes.retain(|shape| shape.len() <= 6);
                let shape = self.choose(&shapes);
                self.push(Operator::Reshape { shape }, &[x]);
            }
            2 | 3 if rank > 1 => {
                let mut order: Vec<usize> = (0..rank).collect();
                order.rotate_left(axis);
                if self.below(3) == 0 {
                    let other = self.below(rank);
                    order.swap(axis, other);
                }
                self.push(Operator::Transpose { order }, &[x]);
            }
            4 if rank > 0 => {
                let length = shape[axis];
                let mut indices: Vec<Option<usize>> = (0..length).map(Some).collect();
                match self.below(4) {
                    0 => indices.reverse(),
                    1 => indices.push(None),
                    2 => indices.insert(0, None),
                    _ => indices.truncate(length.div_ceil(2)),
                }
                let fill = self.choose(&[0.0, 0.0, 1.0]);
                self.push(
                    Operator::Select {
                        axis,
                        indices,
                        fill,
                    },
                    &[x],
                );
            }
            5..=7 => {
                let mut of = vec![1; rank];
                if rank > 0 {
                    of[axis] = shape[axis];
                }
                let of = self.choose(&[of, vec![1; rank], Vec::new(), shape]);
                let constant = self.constant(&of);
                let function = self.choose(&[
                    BinaryFunction::Add,
                    BinaryFunction::Subtract,
                    BinaryFunction::Multiply,
                    BinaryFunction::Divide,
                    BinaryFunction::Maximum,
                ]);
                let mut inputs = [x, constant];
                if function != BinaryFunction::Divide && self.below(3) == 0 {
                    inputs.reverse();
                }
                self.push(Operator::Binary(function), &inputs);
            }
            8 if rank > 0 => {
                let reduction = self.choose(&[Reduction::Mean, Reduction::Maximum]);
                let axes = vec![axis];
                let operator = self.choose(&[
                    Operator::Softmax { axis },
                    Operator::Concat { axis },
                    Operator::Reduce { reduction, axes },
                ]);
                self.push(operator, &[x]);
            }
            9 => {
                let like = |shape: &Shape| shape.0 == self.shapes[x.0].0;
                let same: Vec<usize> = (0..self.shapes.len())
                    .filter(|y| like(&self.shapes[*y]))
                    .collect();
                let y = ValueId(self.choose(&same));
                let joined = 2 * self.shapes[x.0].elements();
                let operator = match self.below(3) {
                    0 if rank > 0 && joined <= MAX_ELEMENTS => Operator::Concat { axis },
                    1 => Operator::Binary(BinaryFunction::Subtract),
                    _ => Operator::Binary(BinaryFunction::Add),
                };
                self.push(operator, &[x, y]);
            }
            10 if rank == 3 && shape[1].min(shape[2]) > 1 => {
                let padding = self.below(2);
                let window = Window::square(2, 1, padding);
                let name = format!("n{}", self.shapes.len());
                self.graph.convolution(&name, [2, shape[0]], window, x);
                let shape = self.graph.shape_of_last(&self.shapes);
                self.shapes.push(shape);
            }
            11 if rank > 0 => {
                let name = format!("n{}", self.shapes.len());
                if self.below(2) == 0 {
                    self.graph.linear(&name, [2, shape[rank - 1]], x);
                } else {
                    self.graph.batch_norm(&name, shape[0], x);
                }
                let shape = self.graph.shape_of_last(&self.shapes);
                self.shapes.push(shape);
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_networks_compute_the_same_in_fewer_nodes(seed: u64, count in 1usize..30) {
        let network = Random::network(seed, count);
        let after = simplified(&network);
        // Each node accounts for others than the rest.
        let mut all = origins(&network).concat();
        let accounted = all.len();
        all.sort_unstable();
        all.dedup();
        prop_assert_eq!(all.len(), accounted);
        prop_assert!(after.parameters().len() <= network.parameters().len() + after.nodes().len());
    }
}

#[test]
fn networks_of_the_zoo_are_simple() {
    for name in zoo::NAMES {
        for input_shape in [[1, 28, 28], [3, 32, 32]] {
            let options = ZooOptions {
                input_shape,
                labels: ["one", "two"].map(str::to_owned).into(),
                width: 0.25,
                mean: vec![0.5; input_shape[0]],
                deviation: vec![0.25; input_shape[0]],
                seed: 1,
            };
            let network = zoo::build(name, &options).unwrap();
            assert_eq!(simplify(network.clone()), network, "{name}");
        }
    }
}

#[test]
fn a_decomposed_network_becomes_whole_in_one_go() {
    // As exporters write it: a normalisation, a convolution with padding and batch norm apart, a hard sigmoid in pieces.
    let mut graph = Graph::new(&[2, 4, 4]);
    let mean = graph.constant("mean", &[2, 1, 1], &[0.5, 0.25]);
    let x = graph.binary("centred", BinaryFunction::Subtract, [ValueId::INPUT, mean]);
    let deviation = graph.constant("deviation", &[2, 1, 1], &[0.5, 0.75]);
    let x = graph.binary("normal", BinaryFunction::Divide, [x, deviation]);
    let rows = [None, Some(0), Some(1), Some(2), Some(3), None];
    let x = graph.select("pad", 1, &rows, 0.0, x);
    let x = graph.convolution("conv", [2, 2], Window::square(3, 1, 0), x);
    let scale = graph.constant("scale", &[2, 1, 1], &[2.0, 3.0]);
    let x = graph.binary("scaled", BinaryFunction::Multiply, [x, scale]);
    let three = graph.constant("three", &[], &[3.0]);
    let y = graph.binary("raised", BinaryFunction::Add, [x, three]);
    let zero = graph.constant("zero", &[], &[0.0]);
    let y = graph.binary("above", BinaryFunction::Maximum, [y, zero]);
    let six = graph.constant("six", &[], &[6.0]);
    let y = graph.binary("between", BinaryFunction::Minimum, [six, y]);
    let eighth = graph.constant("eighth", &[], &[8.0]);
    let y = graph.binary("gate", BinaryFunction::Divide, [y, eighth]);
    graph.binary("swish", BinaryFunction::Multiply, [x, y]);
    let after = simplified(&graph.finish());
    assert_eq!(
        nodes(&after),
        [
            "normal: normalize",
            "scaled: convolution",
            "raised: affine",
            "between: relu6",
            "gate: affine",
            "swish: multiply",
        ]
    );
    assert_kept(&after);
}

/// Networks that are made to take long: many nodes, each of which changes the surroundings of many others.
fn hostile() -> Vec<(&'static str, Network)> {
    const NODES: usize = 100_000;
    let chain = |name: &'static str, grow: fn(&mut Graph, usize, ValueId) -> ValueId| {
        let mut graph = Graph::new(&[2, 1, 3]);
        let mut x = ValueId::INPUT;
        for index in 0..NODES {
            x = grow(&mut graph, index, x);
        }
        (name, graph.finish())
    };
    let wide = |name, grow: fn(&mut Graph, usize) -> ValueId| {
        let mut graph = Graph::new(&[1, 1, 1]);
        let all: Vec<ValueId> = (0..NODES).map(|index| grow(&mut graph, index)).collect();
        graph.node("all", Operator::Concat { axis: 0 }, &all);
        (name, graph.finish())
    };
    let mut fork = Graph::new(&[3]);
    let mut x = fork.unary("root", Function::Tanh, ValueId::INPUT);
    let root = x;
    for index in 0..NODES / 2 {
        let y = fork.reshape(&format!("a{index}"), &[3], root);
        x = fork.binary(&format!("b{index}"), BinaryFunction::Add, [x, y]);
    }
    vec![
        ("fork", fork.finish()),
        chain("reshapings", |graph, index, x| {
            let shape: &[usize] = if index.is_multiple_of(2) {
                &[6]
            } else {
                &[2, 1, 3]
            };
            graph.reshape(&format!("n{index}"), shape, x)
        }),
        chain("affine functions", |graph, index, x| {
            let function = Function::Affine {
                scale: -1.0,
                shift: 1.0,
            };
            graph.unary(&format!("n{index}"), function, x)
        }),
        chain("quotients", |graph, index, x| {
            if index.is_multiple_of(2) {
                let name = format!("c{index}");
                graph.constant(&name, &[1], &[1.5]);
                return x;
            }
            graph.binary(
                &format!("n{index}"),
                BinaryFunction::Divide,
                [x, ValueId(index)],
            )
        }),
        chain("transpositions and functions", |graph, index, x| {
            let name = format!("n{index}");
            match index % 3 {
                0 => graph.transpose(&name, &[2, 0, 1], x),
                1 => graph.unary(&name, Function::Tanh, x),
                _ => graph.unary(&name, Function::RELU, x),
            }
        }),
        chain("transpositions and reshapings", |graph, index, x| {
            let name = format!("n{index}");
            match index % 3 {
                0 => graph.transpose(&name, &[2, 1, 0], x),
                1 => graph.unary(&name, Function::Tanh, x),
                _ => graph.reshape(&name, &[2, 1, 3], x),
            }
        }),
        wide("identities of one value", |graph, index| {
            graph.reshape(&format!("n{index}"), &[1, 1, 1], ValueId::INPUT)
        }),
        wide("transpositions of one value", |graph, index| {
            graph.transpose(&format!("n{index}"), &[2, 1, 0], ValueId::INPUT)
        }),
        wide("constants", |graph, index| {
            graph.constant(&format!("n{index}"), &[1, 1, 1], &[index as f32])
        }),
    ]
}

#[test]
fn a_hundred_thousand_nodes_take_seconds() {
    for (name, network) in hostile() {
        let start = Instant::now();
        let after = simplify(network);
        let seconds = start.elapsed();
        println!("{name}: {seconds:?}, {} nodes left", after.nodes().len());
        assert!(seconds < Duration::from_secs(60), "{name}: {seconds:?}");
    }
}
