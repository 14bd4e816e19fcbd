//! `NetworkBuilder`: puts networks together in code, one method per operator.
//!
//! It names parameters after their node (`stage1.block0.conv1` owns `stage1.block0.conv1.weight`), works out how large they
//! are, and fills them. Weights of convolution and linear layers are drawn from a normal distribution with mean 0 and
//! variance 2 / fan-in (He et al., "Delving Deep into Rectifiers", 2015, eq. 10), biases are zero, and a batch norm starts as
//! the identity. Non-goals: other initialisations, and networks that already have their numbers ([`Network::new`]).

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::function::{BinaryFunction, Function, Reduction};
use crate::network::{Network, Node, Parameter, ParameterId, Role, ValueId};
use crate::operator::Operator;
use crate::shape::{Shape, ShapeError, node_shape};
use crate::window::Window;

/// ε of every batch norm, as in PyTorch and burn.
const BATCH_NORM_EPSILON: f32 = 1e-5;

/// Builds a network node by node.
///
/// Every method takes the node's name first, then the values it works on, and returns its result. Mistakes in the graph come
/// out at [`finish`](Self::finish). Networks built by the same calls from the same seed are equal.
///
/// # Panics
/// All methods, when they are given a value of another builder.
pub struct NetworkBuilder {
    name: String,
    input_shape: [usize; 3],
    nodes: Vec<Node>,
    parameters: Vec<Parameter>,
    /// Of all values so far, the input first. A node that does not fit has its input's shape here.
    shapes: Vec<Shape>,
    generator: ChaCha8Rng,
}

impl NetworkBuilder {
    /// Starts a network that takes `[channel, height, width]`; its weights follow from `seed`.
    pub fn new(name: &str, input_shape: [usize; 3], seed: u64) -> Self {
        Self {
            name: name.to_owned(),
            input_shape,
            nodes: Vec::new(),
            parameters: Vec::new(),
            shapes: vec![Shape(input_shape.to_vec())],
            generator: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// Shape of a value, without the batch axis.
    pub fn shape(&self, value: ValueId) -> &Shape {
        &self.shapes[value.0]
    }

    /// [`Operator::Normalize`]: one mean and one standard deviation per channel.
    pub fn normalize(
        &mut self,
        name: &str,
        input: ValueId,
        mean: &[f32],
        deviation: &[f32],
    ) -> ValueId {
        let operator = Operator::Normalize {
            mean: mean.to_vec(),
            deviation: deviation.to_vec(),
        };
        self.node(name, operator, &[input])
    }

    /// [`Operator::Convolution`] with a bias, to `channels` output channels.
    pub fn convolution(
        &mut self,
        name: &str,
        input: ValueId,
        channels: usize,
        window: Window,
        groups: usize,
    ) -> ValueId {
        let weight = self.convolution_weight(name, input, channels, window, groups);
        let bias = Some(self.constant(name, "bias", Role::Bias, channels, 0.0));
        let operator = Operator::Convolution {
            weight,
            bias,
            window,
            groups,
        };
        self.node(name, operator, &[input])
    }

    /// A convolution and the batch norm after it, called `name.norm`. The convolution has no bias: the batch norm would take
    /// it out again.
    pub fn convolution_batch_norm(
        &mut self,
        name: &str,
        input: ValueId,
        channels: usize,
        window: Window,
        groups: usize,
    ) -> ValueId {
        let operator = Operator::Convolution {
            weight: self.convolution_weight(name, input, channels, window, groups),
            bias: None,
            window,
            groups,
        };
        let result = self.node(name, operator, &[input]);
        self.batch_norm(&format!("{name}.norm"), result)
    }

    /// [`Operator::Linear`] with a bias, to `features` output features.
    pub fn linear(&mut self, name: &str, input: ValueId, features: usize) -> ValueId {
        let fan_in = self.shape(input).elements();
        let weight = self.weight(name, vec![features, fan_in]);
        let bias = Some(self.constant(name, "bias", Role::Bias, features, 0.0));
        self.node(name, Operator::Linear { weight, bias }, &[input])
    }

    /// [`Operator::BatchNorm`] with scale 1, shift 0, mean 0, variance 1 and ε = 10⁻⁵.
    pub fn batch_norm(&mut self, name: &str, input: ValueId) -> ValueId {
        let [channels, ..] = self.shape(input).as_map();
        let operator = Operator::BatchNorm {
            scale: self.constant(name, "scale", Role::Scale, channels, 1.0),
            shift: self.constant(name, "shift", Role::Shift, channels, 0.0),
            mean: self.constant(name, "mean", Role::RunningMean, channels, 0.0),
            variance: self.constant(name, "variance", Role::RunningVariance, channels, 1.0),
            epsilon: BATCH_NORM_EPSILON,
        };
        self.node(name, operator, &[input])
    }

    /// [`Operator::Unary`].
    pub fn activation(&mut self, name: &str, input: ValueId, function: Function) -> ValueId {
        self.node(name, Operator::Unary(function), &[input])
    }

    /// [`Operator::MaxPool`].
    pub fn max_pool(&mut self, name: &str, input: ValueId, window: Window) -> ValueId {
        self.node(name, Operator::MaxPool(window), &[input])
    }

    /// [`Operator::AveragePool`].
    pub fn average_pool(&mut self, name: &str, input: ValueId, window: Window) -> ValueId {
        self.node(name, Operator::AveragePool(window), &[input])
    }

    /// Mean of each channel, an [`Operator::Reduce`]: `[channel, height, width]` to `[channel, 1, 1]`.
    pub fn global_average_pool(&mut self, name: &str, input: ValueId) -> ValueId {
        let operator = Operator::Reduce {
            reduction: Reduction::Mean,
            axes: vec![1, 2],
        };
        self.node(name, operator, &[input])
    }

    /// Sum of two values, an [`Operator::Binary`].
    pub fn add(&mut self, name: &str, left: ValueId, right: ValueId) -> ValueId {
        self.node(name, Operator::Binary(BinaryFunction::Add), &[left, right])
    }

    /// All elements as a vector, an [`Operator::Reshape`].
    pub fn flatten(&mut self, name: &str, input: ValueId) -> ValueId {
        let shape = vec![self.shape(input).elements()];
        self.node(name, Operator::Reshape { shape }, &[input])
    }

    /// The network; the last node's result is its output. `labels` as in [`Network::new`].
    ///
    /// # Errors
    /// The first node that does not fit, as in [`Network::new`].
    pub fn finish(self, labels: Vec<String>) -> Result<Network, ShapeError> {
        Network::new(
            self.name,
            self.input_shape,
            labels,
            self.nodes,
            self.parameters,
        )
    }

    /// A node that does not fit is kept: [`Network::new`] finds it again and names it.
    fn node(&mut self, name: &str, operator: Operator, inputs: &[ValueId]) -> ValueId {
        let node = Node {
            name: name.to_owned(),
            operator,
            inputs: inputs.to_vec(),
        };
        let shape = node_shape(&node, &self.shapes, &self.parameters)
            .unwrap_or_else(|_| self.shape(inputs[0]).clone());
        self.nodes.push(node);
        self.shapes.push(shape);
        ValueId::of_node(self.nodes.len() - 1)
    }

    fn convolution_weight(
        &mut self,
        name: &str,
        input: ValueId,
        channels: usize,
        window: Window,
        groups: usize,
    ) -> ParameterId {
        let [input_channels, ..] = self.shape(input).as_map();
        let [height, width] = window.kernel;
        // No groups at all is an error that `finish` reports.
        let depth = input_channels / groups.max(1);
        self.weight(name, vec![channels, depth, height, width])
    }

    /// Weights `[output, …]`; all axes but the first make up the fan-in.
    fn weight(&mut self, name: &str, shape: Vec<usize>) -> ParameterId {
        let fan_in: usize = shape[1..].iter().product();
        let deviation = (2.0 / fan_in as f64).sqrt();
        let count = shape[0] * fan_in;
        let values = (0..count)
            .map(|_| {
                let sample: f64 = StandardNormal.sample(&mut self.generator);
                (sample * deviation) as f32
            })
            .collect();
        self.parameter(name, "weight", Role::Weight, shape, values)
    }

    fn constant(
        &mut self,
        node: &str,
        suffix: &str,
        role: Role,
        count: usize,
        value: f32,
    ) -> ParameterId {
        self.parameter(node, suffix, role, vec![count], vec![value; count])
    }

    fn parameter(
        &mut self,
        node: &str,
        suffix: &str,
        role: Role,
        shape: Vec<usize>,
        values: Vec<f32>,
    ) -> ParameterId {
        let name = format!("{node}.{suffix}");
        self.parameters
            .push(Parameter::new(name, role, shape, values));
        ParameterId(self.parameters.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2×8×8 → convolution 4, batch norm, ReLU → linear 3.
    fn small(seed: u64) -> Network {
        let mut builder = NetworkBuilder::new("small", [2, 8, 8], seed);
        let x = ValueId::INPUT;
        let x = builder.convolution_batch_norm("conv", x, 4, Window::square(3, 2, 1), 1);
        let x = builder.activation("relu", x, Function::RELU);
        let x = builder.flatten("flatten", x);
        builder.linear("classifier", x, 3);
        builder.finish(Vec::new()).unwrap()
    }

    #[test]
    fn parameters_are_named_after_their_node() {
        let network = small(0);
        let names: Vec<&str> = network.parameters().iter().map(Parameter::name).collect();
        assert_eq!(
            names,
            [
                "conv.weight",
                "conv.norm.scale",
                "conv.norm.shift",
                "conv.norm.mean",
                "conv.norm.variance",
                "classifier.weight",
                "classifier.bias",
            ]
        );
    }

    #[test]
    fn shapes_are_known_while_building() {
        let mut builder = NetworkBuilder::new("shapes", [2, 9, 7], 0);
        let x = builder.convolution("conv", ValueId::INPUT, 6, Window::square(3, 2, 0), 2);
        assert_eq!(builder.shape(x).0, [6, 4, 3]);
        let pooled = builder.average_pool("pool", x, Window::square(2, 1, 0));
        assert_eq!(builder.shape(pooled).0, [6, 3, 2]);
        let doubled = builder.add("add", pooled, pooled);
        let x = builder.global_average_pool("mean", doubled);
        let x = builder.flatten("flatten", x);
        assert_eq!(builder.shape(x).0, [6]);
        let network = builder.finish(Vec::new()).unwrap();
        assert_eq!(network.parameters()[0].shape(), [6, 1, 3, 3]);
    }

    #[test]
    fn weights_have_mean_zero_and_variance_two_over_fan_in() {
        let mut builder = NetworkBuilder::new("wide", [50, 1, 1], 1);
        let x = builder.flatten("flatten", ValueId::INPUT);
        builder.linear("linear", x, 2000);
        let network = builder.finish(Vec::new()).unwrap();
        let weights = network.parameters()[0].values();
        let count = weights.len() as f64;
        let moment = |power| {
            weights
                .iter()
                .map(|w| f64::from(*w).powi(power))
                .sum::<f64>()
                / count
        };
        // Five standard errors: σ/√n of the mean, σ²·√(2/n) of the variance.
        let variance = 2.0 / 50.0;
        assert!(moment(1).abs() < 5.0 * (variance / count).sqrt());
        assert!((moment(2) - variance).abs() < 5.0 * variance * (2.0 / count).sqrt());
    }

    #[test]
    fn the_seed_decides_the_weights() {
        assert_eq!(small(7), small(7));
        assert_ne!(small(7), small(8));
    }

    #[test]
    fn finish_names_the_first_node_that_does_not_fit() {
        let mut builder = NetworkBuilder::new("wrong", [3, 8, 8], 0);
        let x = builder.convolution("early", ValueId::INPUT, 4, Window::square(9, 1, 0), 1);
        let x = builder.linear("late", x, 3);
        builder.activation("later", x, Function::RELU);
        let error = builder.finish(Vec::new()).unwrap_err();
        assert_eq!(error.place, "node \"early\" (convolution)");
    }

    #[test]
    fn zero_groups_are_an_error_and_no_panic() {
        let mut builder = NetworkBuilder::new("wrong", [3, 8, 8], 0);
        builder.convolution("conv", ValueId::INPUT, 4, Window::square(1, 1, 0), 0);
        let error = builder.finish(Vec::new()).unwrap_err();
        assert!(error.problem.starts_with("0 groups"), "{error}");
    }
}
