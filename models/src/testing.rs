//! Networks for tests, put together node by node.

use crate::function::{BinaryFunction, Function};
use crate::network::{Network, Node, Parameter, ParameterId, Role, ValueId};
use crate::operator::Operator;
use crate::shape::{Shape, node_shape};
use crate::window::Window;

/// Puts a network together node by node. Nodes are called as the test says, parameters after them.
pub(crate) struct Graph {
    input: Vec<usize>,
    nodes: Vec<Node>,
    parameters: Vec<Parameter>,
}

impl Graph {
    pub(crate) fn new(input: &[usize]) -> Self {
        Self {
            input: input.to_vec(),
            nodes: Vec::new(),
            parameters: Vec::new(),
        }
    }

    pub(crate) fn node(&mut self, name: &str, operator: Operator, inputs: &[ValueId]) -> ValueId {
        self.nodes.push(Node {
            name: name.to_owned(),
            operator,
            inputs: inputs.to_vec(),
        });
        ValueId::of_node(self.nodes.len() - 1)
    }

    pub(crate) fn unary(&mut self, name: &str, function: Function, input: ValueId) -> ValueId {
        self.node(name, Operator::Unary(function), &[input])
    }

    pub(crate) fn binary(
        &mut self,
        name: &str,
        function: BinaryFunction,
        inputs: [ValueId; 2],
    ) -> ValueId {
        self.node(name, Operator::Binary(function), &inputs)
    }

    pub(crate) fn constant(&mut self, name: &str, shape: &[usize], values: &[f32]) -> ValueId {
        let value = self.parameter(
            format!("{name}.value"),
            Role::Constant,
            shape,
            values.to_vec(),
        );
        self.node(name, Operator::Constant { value }, &[])
    }

    pub(crate) fn reshape(&mut self, name: &str, shape: &[usize], input: ValueId) -> ValueId {
        let shape = shape.to_vec();
        self.node(name, Operator::Reshape { shape }, &[input])
    }

    pub(crate) fn transpose(&mut self, name: &str, order: &[usize], input: ValueId) -> ValueId {
        let order = order.to_vec();
        self.node(name, Operator::Transpose { order }, &[input])
    }

    pub(crate) fn select(
        &mut self,
        name: &str,
        axis: usize,
        indices: &[Option<usize>],
        fill: f32,
        input: ValueId,
    ) -> ValueId {
        let indices = indices.to_vec();
        let operator = Operator::Select {
            axis,
            indices,
            fill,
        };
        self.node(name, operator, &[input])
    }

    /// A convolution without a bias, with weights `[output, input, kernel, kernel]` that differ.
    pub(crate) fn convolution(
        &mut self,
        name: &str,
        [outputs, inputs]: [usize; 2],
        window: Window,
        input: ValueId,
    ) -> ValueId {
        let shape = [outputs, inputs, window.kernel[0], window.kernel[1]];
        let weight = self.weight(name, &shape);
        let operator = Operator::Convolution {
            weight,
            bias: None,
            window,
            groups: 1,
        };
        self.node(name, operator, &[input])
    }

    /// A linear layer with weights that differ, and the bias 1, 2, ….
    pub(crate) fn linear(
        &mut self,
        name: &str,
        [outputs, inputs]: [usize; 2],
        input: ValueId,
    ) -> ValueId {
        let weight = self.weight(name, &[outputs, inputs]);
        let bias = (1..=outputs).map(|bias| bias as f32).collect();
        let bias = self.parameter(format!("{name}.bias"), Role::Bias, &[outputs], bias);
        let bias = Some(bias);
        self.node(name, Operator::Linear { weight, bias }, &[input])
    }

    /// A batch norm with parameters that differ.
    pub(crate) fn batch_norm(&mut self, name: &str, channels: usize, input: ValueId) -> ValueId {
        let roles = [
            Role::Scale,
            Role::Shift,
            Role::RunningMean,
            Role::RunningVariance,
        ];
        let [scale, shift, mean, variance] = roles.map(|role| {
            let values = waves(channels).iter().map(|x| x / 2.0 + 1.0).collect();
            self.parameter(format!("{name}.{role:?}"), role, &[channels], values)
        });
        let operator = Operator::BatchNorm {
            scale,
            shift,
            mean,
            variance,
            epsilon: 0.5,
        };
        self.node(name, operator, &[input])
    }

    /// The shape of the last node's result, after values of these shapes.
    pub(crate) fn shape_of_last(&self, shapes: &[Shape]) -> Shape {
        let last = self.nodes.last().expect("there are nodes");
        node_shape(last, shapes, &self.parameters).unwrap()
    }

    pub(crate) fn finish(self) -> Network {
        let name = "test".to_owned();
        Network::new(name, self.input, Vec::new(), self.nodes, self.parameters).unwrap()
    }

    /// Weights of a node, all different.
    pub(crate) fn weight(&mut self, node: &str, shape: &[usize]) -> ParameterId {
        let count = shape.iter().product();
        self.parameter(format!("{node}.weight"), Role::Weight, shape, waves(count))
    }

    /// A parameter with these numbers.
    pub(crate) fn parameter(
        &mut self,
        name: String,
        role: Role,
        shape: &[usize],
        values: Vec<f32>,
    ) -> ParameterId {
        self.parameters
            .push(Parameter::new(name, role, shape.to_vec(), values));
        ParameterId(self.parameters.len() - 1)
    }
}

/// Numbers in [−1, 1] that differ from their neighbours.
pub(crate) fn waves(count: usize) -> Vec<f32> {
    (1..=count)
        .map(|index| (index as f32 * 2.3).sin())
        .collect()
}
