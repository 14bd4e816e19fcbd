//! `Network`: the one in-memory form of a network, from end to end.
//!
//! A network is a list of nodes in execution order. Values are numbered: value 0 is the input, value `i + 1` is the result
//! of node `i`. Parameters live beside the graph, each with its role and, once pruned, its mask.
//! Non-goals: training state, device memory, file formats of other tools.

use serde::{Deserialize, Serialize};

use crate::operator::Operator;
use crate::shape::{Shape, ShapeError, infer_shapes};

/// Index of a parameter in [`Network::parameters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ParameterId(pub usize);

/// Number of a value: 0 is the network's input, `i + 1` the result of node `i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ValueId(pub usize);

impl ValueId {
    /// The network's input.
    pub const INPUT: Self = Self(0);

    /// The result of node `index`.
    pub fn of_node(index: usize) -> Self {
        Self(index + 1)
    }

    /// The node that computes the value; `None` for the input.
    pub fn node(self) -> Option<usize> {
        self.0.checked_sub(1)
    }
}

/// One step of the computation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Unique in the network.
    pub name: String,
    /// What it computes.
    pub operator: Operator,
    /// The values it takes, all computed before it.
    pub inputs: Vec<ValueId>,
}

/// What a parameter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Weights of a convolution or linear layer: the parameters that sparsity is about.
    Weight,
    /// Added after a convolution or linear layer.
    Bias,
    /// γ of a batch norm.
    Scale,
    /// β of a batch norm.
    Shift,
    /// Running mean of a batch norm: follows the data, not the gradient.
    RunningMean,
    /// Running variance of a batch norm: follows the data, not the gradient.
    RunningVariance,
    /// A value that is the same for every image and never changes.
    Constant,
}

impl Role {
    /// The last part of a parameter's name, after its node's.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::Bias => "bias",
            Self::Scale => "scale",
            Self::Shift => "shift",
            Self::RunningMean => "mean",
            Self::RunningVariance => "variance",
            Self::Constant => "value",
        }
    }

    /// Whether gradient descent changes the parameter.
    pub fn is_trainable(self) -> bool {
        !matches!(
            self,
            Self::RunningMean | Self::RunningVariance | Self::Constant
        )
    }
}

/// A named array of numbers. Where a mask says `false` the value is exactly zero: no method can break that.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    name: String,
    role: Role,
    shape: Vec<usize>,
    values: Vec<f32>,
    mask: Option<Vec<bool>>,
}

impl Parameter {
    /// A parameter without a mask.
    ///
    /// # Panics
    /// If `values` has not as many elements as `shape` says.
    pub fn new(name: String, role: Role, shape: Vec<usize>, values: Vec<f32>) -> Self {
        assert_eq!(
            shape.iter().product::<usize>(),
            values.len(),
            "{name}: values must fill the shape"
        );
        Self {
            name,
            role,
            shape,
            values,
            mask: None,
        }
    }

    /// Unique in the network.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the parameter is for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Its axes, slowest first; see [`Operator`] for each role's layout.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its numbers in row-major order.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// `true` where a value is kept; `None` if nothing is pruned.
    pub fn mask(&self) -> Option<&[bool]> {
        self.mask.as_deref()
    }

    /// The same parameter under another name.
    pub(crate) fn renamed(self, name: String) -> Self {
        Self { name, ..self }
    }

    /// Replaces the numbers. Pruned positions become zero whatever is given for them.
    ///
    /// # Panics
    /// If the count changes.
    pub fn set_values(&mut self, values: Vec<f32>) {
        assert_eq!(
            values.len(),
            self.values.len(),
            "{}: count must stay",
            self.name
        );
        self.values = values;
        self.apply_mask();
    }

    /// Replaces the mask and sets pruned positions to zero.
    ///
    /// # Panics
    /// If the mask has another length than the values, or the parameter is not trained.
    pub fn set_mask(&mut self, mask: Vec<bool>) {
        assert_eq!(
            mask.len(),
            self.values.len(),
            "{}: mask must fit",
            self.name
        );
        assert!(
            self.role.is_trainable(),
            "{}: only what is trained can be pruned",
            self.name
        );
        self.mask = Some(mask);
        self.apply_mask();
    }

    /// How many values differ from zero.
    pub fn nonzeros(&self) -> usize {
        self.values.iter().filter(|v| **v != 0.0).count()
    }

    fn apply_mask(&mut self) {
        for (value, keep) in self.values.iter_mut().zip(self.mask.iter().flatten()) {
            if !keep {
                *value = 0.0;
            }
        }
    }
}

/// A network: graph and parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    name: String,
    labels: Vec<String>,
    nodes: Vec<Node>,
    parameters: Vec<Parameter>,
    shapes: Vec<Shape>,
}

impl Network {
    /// Puts a network together and checks it whole: inputs computed before they are used, parameters of the right role and
    /// shape, each used once, names unique, every shape consistent. The last node's result is the output.
    ///
    /// `labels` are the class names, or empty where they are not known.
    ///
    /// # Errors
    /// The first node that does not fit, with the reason.
    pub fn new(
        name: String,
        input_shape: impl Into<Shape>,
        labels: Vec<String>,
        nodes: Vec<Node>,
        parameters: Vec<Parameter>,
    ) -> Result<Self, ShapeError> {
        let shapes = infer_shapes(&input_shape.into(), &nodes, &parameters)?;
        let network = Self {
            name,
            labels,
            nodes,
            parameters,
            shapes,
        };
        let classes = network.classes();
        if !network.labels.is_empty() && network.labels.len() != classes {
            return Err(ShapeError::network(format!(
                "{} labels were given for {classes} outputs",
                network.labels.len()
            )));
        }
        Ok(network)
    }

    /// Name, labels, nodes, parameters, and the shapes of all values.
    pub(crate) fn into_parts(self) -> (String, Vec<String>, Vec<Node>, Vec<Parameter>, Vec<Shape>) {
        (
            self.name,
            self.labels,
            self.nodes,
            self.parameters,
            self.shapes,
        )
    }

    /// The architecture's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `[channel, height, width]` of the input, whose values lie in [0, 1]; see [`Shape::as_map`] for inputs that are no images.
    pub fn input_shape(&self) -> [usize; 3] {
        self.shape(ValueId::INPUT).as_map()
    }

    /// Class names in the order of the logits; empty where they are not known.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The same network with other class names.
    ///
    /// # Errors
    /// If their number is not the number of logits.
    pub fn with_labels(self, labels: Vec<String>) -> Result<Self, ShapeError> {
        let input_shape = self.shape(ValueId::INPUT).clone();
        Self::new(self.name, input_shape, labels, self.nodes, self.parameters)
    }

    /// The nodes in execution order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// All parameters.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// All parameters, for new values and masks. Shapes cannot change.
    pub fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.parameters
    }

    /// One parameter.
    pub fn parameter(&self, id: ParameterId) -> &Parameter {
        &self.parameters[id.0]
    }

    /// The value that holds the logits.
    pub fn output(&self) -> ValueId {
        ValueId(self.nodes.len())
    }

    /// Shape of a value, without the batch axis.
    pub fn shape(&self, value: ValueId) -> &Shape {
        &self.shapes[value.0]
    }

    /// Number of logits.
    pub fn classes(&self) -> usize {
        self.shape(self.output()).elements()
    }

    /// The nodes that take `value`.
    pub fn consumers(&self, value: ValueId) -> impl Iterator<Item = usize> + '_ {
        self.nodes
            .iter()
            .enumerate()
            .filter(move |(_, node)| node.inputs.contains(&value))
            .map(|(index, _)| index)
    }

    /// Number of parameters that gradient descent changes, zeros included.
    pub fn parameter_count(&self) -> usize {
        self.trainable().map(|p| p.values.len()).sum()
    }

    /// Number of those parameters that are not zero.
    pub fn nonzero_count(&self) -> usize {
        self.trainable().map(Parameter::nonzeros).sum()
    }

    /// Fraction of zeros among all weights of convolution and linear layers; 0 where there are none.
    pub fn sparsity(&self) -> f64 {
        self.sparsity_since(self)
    }

    /// Fraction of the weights of the `original` network, from which this one was made, that are zero here or went with their units.
    pub fn sparsity_since(&self, original: &Self) -> f64 {
        let total: usize = original.weights().map(|p| p.values.len()).sum();
        let kept: usize = self.weights().map(Parameter::nonzeros).sum();
        total.saturating_sub(kept) as f64 / total.max(1) as f64
    }

    /// Of convolution and linear layers.
    fn weights(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|p| p.role == Role::Weight)
    }

    fn trainable(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|p| p.role.is_trainable())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::NetworkBuilder;
    use crate::function::Function;
    use crate::window::Window;

    fn weight() -> Parameter {
        Parameter::new("w".to_owned(), Role::Weight, vec![2, 2], vec![1.0; 4])
    }

    /// 1×2×2 → 1×1 convolution to 2 channels, batch norm, ReLU → linear 3.
    fn network() -> Network {
        let mut builder = NetworkBuilder::new("small", [1, 2, 2], 0);
        let x = ValueId::INPUT;
        let x = builder.convolution_batch_norm("conv", x, 2, Window::square(1, 1, 0), 1);
        let x = builder.activation("relu", x, Function::RELU);
        let x = builder.flatten("flatten", x);
        builder.linear("classifier", x, 3);
        builder.finish(Vec::new()).unwrap()
    }

    #[test]
    fn a_mask_sets_pruned_weights_to_zero() {
        let mut weight = weight();
        assert_eq!(weight.mask(), None);
        weight.set_mask(vec![true, false, false, true]);
        assert_eq!(weight.values(), [1.0, 0.0, 0.0, 1.0]);
        assert_eq!(weight.nonzeros(), 2);
    }

    #[test]
    fn pruned_weights_stay_zero_whatever_is_set() {
        let mut weight = weight();
        weight.set_mask(vec![true, false, true, true]);
        weight.set_values(vec![5.0, f32::NAN, 7.0, 8.0]);
        assert_eq!(weight.values(), [5.0, 0.0, 7.0, 8.0]);
    }

    #[test]
    fn a_wider_mask_does_not_bring_weights_back() {
        let mut weight = weight();
        weight.set_mask(vec![true, false, true, true]);
        weight.set_mask(vec![true, true, true, false]);
        assert_eq!(weight.values(), [1.0, 0.0, 1.0, 0.0]);
        assert_eq!(weight.mask(), Some(&[true, true, true, false][..]));
    }

    #[test]
    #[should_panic(expected = "w: values must fill the shape")]
    fn values_that_do_not_fill_the_shape_panic() {
        Parameter::new("w".to_owned(), Role::Weight, vec![2, 2], vec![1.0; 3]);
    }

    #[test]
    #[should_panic(expected = "w: count must stay")]
    fn values_of_another_count_panic() {
        weight().set_values(vec![1.0; 5]);
    }

    #[test]
    #[should_panic(expected = "w: mask must fit")]
    fn a_mask_of_another_length_panics() {
        weight().set_mask(vec![true; 3]);
    }

    #[test]
    #[should_panic(expected = "m: only what is trained can be pruned")]
    fn a_mask_on_a_running_mean_panics() {
        let mut mean = Parameter::new("m".to_owned(), Role::RunningMean, vec![1], vec![1.0]);
        mean.set_mask(vec![true]);
    }

    #[test]
    fn values_are_numbered_after_their_node() {
        assert_eq!(ValueId::INPUT.node(), None);
        assert_eq!(ValueId::of_node(3), ValueId(4));
        assert_eq!(ValueId::of_node(3).node(), Some(3));
    }

    #[test]
    fn running_statistics_do_not_count_as_parameters() {
        // Convolution 2, scale and shift 4, linear 8·3 + 3. Shift and bias are zero at first.
        let network = network();
        assert_eq!(network.parameter_count(), 2 + 4 + 24 + 3);
        assert_eq!(network.nonzero_count(), 2 + 2 + 24);
    }

    #[test]
    fn sparsity_is_over_all_weights_and_over_nothing_else() {
        let mut network = network();
        assert_eq!(network.sparsity(), 0.0);
        let [convolution, ..] = network.parameters_mut() else {
            panic!("the network has parameters");
        };
        convolution.set_mask(vec![false, true]);
        assert_eq!(network.sparsity(), 1.0 / 26.0);
        assert_eq!(network.nonzero_count(), 1 + 2 + 24);
        let [_, scale, ..] = network.parameters_mut() else {
            panic!("the network has a batch norm");
        };
        scale.set_mask(vec![false, true]);
        assert_eq!(network.sparsity(), 1.0 / 26.0);
        assert_eq!(network.nonzero_count(), 1 + 1 + 24);
    }

    #[test]
    fn a_network_without_weights_is_dense() {
        let mut builder = NetworkBuilder::new("bare", [1, 2, 2], 0);
        builder.flatten("flatten", ValueId::INPUT);
        assert_eq!(builder.finish(Vec::new()).unwrap().sparsity(), 0.0);
    }

    #[test]
    fn consumers_take_the_value() {
        let mut builder = NetworkBuilder::new("fork", [1, 2, 2], 0);
        let x = builder.activation("relu", ValueId::INPUT, Function::RELU);
        let y = builder.activation("relu6", x, Function::RELU6);
        builder.add("add", x, y);
        let network = builder.finish(Vec::new()).unwrap();
        assert_eq!(network.consumers(x).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(network.consumers(network.output()).count(), 0);
    }

    #[test]
    fn labels_are_as_many_as_logits_or_none() {
        let labels = |count: u8| (0..count).map(|class| class.to_string()).collect();
        let labelled = network().with_labels(labels(3)).unwrap();
        assert_eq!(labelled.labels(), ["0", "1", "2"]);
        let error = network().with_labels(labels(2)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "network: 2 labels were given for 3 outputs"
        );
    }
}
