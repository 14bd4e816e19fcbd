//! A network that is being put together, node by node, with shapes known and contents random.

use std::ops::Range;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sinew_models::{
    Function, Network, Node, Operator, Parameter, ParameterId, Role, Shape, ValueId, reference,
};

use crate::network::{numbers, random};

/// Results of operators that are drawn have no more elements than this.
const MAX_ELEMENTS: usize = 600;

/// Values larger than this are scaled down.
const LARGE: f32 = 8.0;

/// What has been put together so far.
pub(super) struct Draft {
    /// Decides everything.
    pub(super) random: ChaCha8Rng,
    name: String,
    input: Shape,
    nodes: Vec<Node>,
    parameters: Vec<Parameter>,
    /// How many of the parameters belong to nodes.
    used: usize,
    shapes: Vec<Shape>,
}

impl Draft {
    /// A network without nodes.
    pub(super) fn new(name: &str, input: impl Into<Shape>, seed: u64) -> Self {
        let input = input.into();
        Self {
            random: random(seed),
            name: name.to_owned(),
            nodes: Vec::new(),
            parameters: Vec::new(),
            used: 0,
            shapes: vec![input.clone()],
            input,
        }
    }

    /// A network without nodes, for maps of a random size.
    pub(super) fn random(seed: u64) -> Self {
        let mut random = random(seed);
        let channels = random.random_range(1..=4);
        let [height, width] = [(); 2].map(|()| random.random_range(4..=9));
        let mut draft = Self::new(&format!("random {seed}"), [channels, height, width], 0);
        draft.random = random;
        draft
    }

    /// Shape of a value, without the batch axis.
    pub(super) fn shape(&self, value: ValueId) -> &Shape {
        &self.shapes[value.0]
    }

    /// A value that is there already, the input or a node's result.
    pub(super) fn earlier(&mut self) -> ValueId {
        ValueId(self.random.random_range(0..self.shapes.len()))
    }

    /// Appends a node. `None` if it does not fit; [`Draft::attempt`] then takes it back, together with its parameters and what was made
    /// for it.
    pub(super) fn try_node(&mut self, operator: Operator, inputs: &[ValueId]) -> Option<ValueId> {
        self.nodes.push(Node {
            name: format!(
                "{}{}",
                operator.name().replace(' ', "_"),
                self.nodes.len() + 1
            ),
            operator,
            inputs: inputs.to_vec(),
        });
        let network = self.network().ok()?;
        let shape = network.shape(network.output()).clone();
        self.shapes.push(shape);
        self.used = self.parameters.len();
        Some(ValueId::of_node(self.nodes.len() - 1))
    }

    /// Appends a node that must fit.
    pub(super) fn node(&mut self, operator: Operator, inputs: &[ValueId]) -> ValueId {
        let shown = format!("{operator:?} of {inputs:?}");
        self.try_node(operator, inputs).expect(&shown)
    }

    /// Appends a function of one value.
    pub(super) fn unary(&mut self, function: Function, x: ValueId) -> ValueId {
        self.node(Operator::Unary(function), &[x])
    }

    /// What `append` gives. If that is nothing, or too large, what it has appended is taken back.
    pub(super) fn attempt(
        &mut self,
        append: impl FnOnce(&mut Self) -> Option<ValueId>,
    ) -> Option<ValueId> {
        let (nodes, parameters) = (self.shapes.len() - 1, self.used);
        let result = append(self).filter(|x| self.shape(*x).elements() <= MAX_ELEMENTS);
        if result.is_none() {
            self.nodes.truncate(nodes);
            self.shapes.truncate(nodes + 1);
            self.parameters.truncate(parameters);
            self.used = parameters;
        }
        result
    }

    /// A parameter for the next node, with numbers from `range`.
    pub(super) fn parameter(
        &mut self,
        role: Role,
        shape: &[usize],
        range: Range<f32>,
    ) -> ParameterId {
        let count = shape.iter().product();
        let values = numbers(&mut self.random, count, range);
        self.filled(role, shape, values)
    }

    /// Weights for the next node, of variance 1 / fan-in, in some layers half of them zero.
    pub(super) fn weight(&mut self, shape: &[usize]) -> ParameterId {
        let count: usize = shape.iter().product();
        let fan_in: usize = shape[1..].iter().product();
        let limit = (3.0 / fan_in as f32).sqrt();
        let mut values = numbers(&mut self.random, count, -limit..limit);
        if self.random.random_bool(0.5) {
            let pruned = values.iter_mut().filter(|_| self.random.random_bool(0.5));
            pruned.for_each(|value| *value = 0.0);
        }
        self.filled(Role::Weight, shape, values)
    }

    fn filled(&mut self, role: Role, shape: &[usize], values: Vec<f32>) -> ParameterId {
        let part = format!("{role:?}").to_lowercase();
        let name = format!("node{}.{part}", self.nodes.len() + 1);
        self.parameters
            .push(Parameter::new(name, role, shape.to_vec(), values));
        ParameterId(self.parameters.len() - 1)
    }

    /// A [`Operator::Constant`] with numbers from `range`.
    pub(super) fn constant(&mut self, shape: &[usize], range: Range<f32>) -> ValueId {
        let value = self.parameter(Role::Constant, shape, range);
        self.node(Operator::Constant { value }, &[])
    }

    /// The value scaled down by a power of two, if it is large on some image.
    pub(super) fn settle(&mut self, x: ValueId) -> ValueId {
        let Ok(network) = self.network() else {
            return x;
        };
        let mut random = random(0);
        let image = numbers(&mut random, self.input.elements(), 0.0..1.0);
        let result = reference::evaluate(&network, &image, 1);
        assert!(result.iter().all(|v| v.is_finite()), "{:?}", self.nodes);
        let largest = result
            .iter()
            .fold(0.0f32, |largest, v| largest.max(v.abs()));
        if largest <= LARGE {
            return x;
        }
        let scale = (largest / LARGE).log2().ceil().exp2().recip();
        self.unary(Function::Affine { scale, shift: 0.0 }, x)
    }

    fn network(&self) -> Result<Network, sinew_models::ShapeError> {
        Network::new(
            self.name.clone(),
            self.input.clone(),
            Vec::new(),
            self.nodes.clone(),
            self.parameters.clone(),
        )
    }

    /// The network; the last node's result is its output.
    pub(super) fn finish(&self) -> Network {
        self.network().expect("every node was checked")
    }
}
