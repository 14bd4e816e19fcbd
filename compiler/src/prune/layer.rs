//! Layers with prunable weights, and the values of the network at which statistics read what goes into and comes out of them.
//!
//! A *unit* is one output channel of a convolution or one output feature of a linear layer. Its weights are a *row*; every weight of the
//! row is fed by one *input*, a channel or a feature. Non-goals: which units hang together across layers.

use sinew_models::{Network, Operator, ParameterId, ValueId};

/// A convolution or linear layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// The node's name.
    pub name: String,
    /// The weights, `[unit, input / groups, kernel height, kernel width]` or `[unit, input]`.
    pub weight: ParameterId,
    /// Their shape.
    pub shape: Vec<usize>,
    /// What the layer takes: the responses that feed it, whatever has become of them on the way (pooled, added, normalised pixels).
    pub input: ValueId,
    /// What the layer itself gives, bias included.
    pub output: ValueId,
    /// The same behind its batch norm: what the activation function takes.
    pub pre_activation: ValueId,
    /// The same behind the activation function: `a_u`.
    pub response: ValueId,
    groups: usize,
    /// How the elements of `output` and what follows it belong to units.
    pub(super) unit_slots: Slots,
    /// How the elements of `input` belong to inputs.
    pub(super) input_slots: Slots,
}

/// How the elements of a value belong to units or inputs: `[any, slot, elements of one slot]`, in row-major order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slots {
    pub(super) count: usize,
    /// Neighbouring elements that belong to the same slot.
    pub(super) run: usize,
}

/// The layers with prunable weights in node order: the rows of every table in this module.
pub fn layers(network: &Network) -> Vec<Layer> {
    let nodes = network.nodes().iter().enumerate();
    nodes
        .filter_map(|(index, node)| {
            let weight = node.operator.weight()?;
            let output = ValueId::of_node(index);
            let (pre_activation, response) = follow(network, output);
            let shape = network.parameter(weight).shape().to_vec();
            let groups = match node.operator {
                Operator::Convolution { groups, .. } => groups,
                _ => 1,
            };
            // Channels are the first axis of a map, features the last axis of anything.
            let slots = |count: usize, value: ValueId| Slots {
                count,
                run: match shape.len() {
                    2 => 1,
                    _ => network.shape(value).elements() / count,
                },
            };
            Some(Layer {
                name: node.name.clone(),
                weight,
                input: node.inputs[0],
                output,
                pre_activation,
                response,
                groups,
                unit_slots: slots(shape[0], output),
                input_slots: slots(shape[1] * groups, node.inputs[0]),
                shape,
            })
        })
        .collect()
}

/// The prunable parameters, in the order of [`layers`].
pub fn prunable(network: &Network) -> Vec<ParameterId> {
    let nodes = network.nodes().iter();
    nodes.filter_map(|node| node.operator.weight()).collect()
}

/// For every layer, in the order of [`layers`], the value whose channels are its units after the activation function.
pub fn response_values(network: &Network) -> Vec<ValueId> {
    let layers = layers(network).into_iter();
    layers.map(|layer| layer.response).collect()
}

/// From a layer on, batch norm and the activation function are followed as long as nothing else takes the value in between.
/// A residual branch ends before its addition: behind it the units of two branches are one.
fn follow(network: &Network, mut value: ValueId) -> (ValueId, ValueId) {
    loop {
        let mut consumers = network.consumers(value);
        let (Some(next), None) = (consumers.next(), consumers.next()) else {
            return (value, value);
        };
        match network.nodes()[next].operator {
            Operator::BatchNorm { .. } => value = ValueId::of_node(next),
            Operator::Unary(_) => return (value, ValueId::of_node(next)),
            _ => return (value, value),
        }
    }
}

impl Layer {
    /// Number of units.
    pub fn units(&self) -> usize {
        self.shape[0]
    }

    /// Weights of one unit.
    pub fn row(&self) -> usize {
        self.shape[1..].iter().product()
    }

    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.shape.iter().product()
    }

    /// Number of channels or features that feed the layer.
    pub fn inputs(&self) -> usize {
        self.shape[1] * self.groups
    }

    /// The input that a weight multiplies; `weight` counts through all weights of the layer.
    pub fn input_of(&self, weight: usize) -> usize {
        let (unit, position) = (weight / self.row(), weight % self.row());
        let kernel: usize = self.shape[2..].iter().product();
        let group = unit / (self.units() / self.groups);
        group * self.shape[1] + position / kernel
    }
}

impl Slots {
    /// The slot of every run of elements of one image.
    pub(super) fn runs<'v>(&self, image: &'v [f32]) -> impl Iterator<Item = (usize, &'v [f32])> {
        let count = self.count;
        let runs = image.chunks_exact(self.run).enumerate();
        runs.map(move |(index, run)| (index % count, run))
    }
}

#[cfg(test)]
mod tests {
    use sinew_models::builder::NetworkBuilder;
    use sinew_models::{Function, Window};

    use super::*;
    use crate::testing::two_layers;

    #[test]
    fn statistics_read_before_and_behind_batch_norm_and_activation() {
        let network = two_layers();
        let layers = layers(&network);
        let [convolution, linear] = layers.as_slice() else {
            panic!("two layers");
        };
        // Nodes: convolution, batch norm, ReLU, pool, flatten, linear.
        let values = |layer: &Layer| {
            [
                layer.input,
                layer.output,
                layer.pre_activation,
                layer.response,
            ]
        };
        assert_eq!(values(convolution), [0, 1, 2, 3].map(ValueId));
        assert_eq!(values(linear), [5, 6, 6, 6].map(ValueId));
        assert_eq!(
            (convolution.units(), convolution.row(), linear.inputs()),
            (3, 9, 27)
        );
        let weights = layers.iter().map(|layer| layer.weight);
        assert_eq!(prunable(&network), weights.collect::<Vec<_>>());
    }

    #[test]
    fn a_residual_branch_ends_before_its_addition() {
        let mut builder = NetworkBuilder::new("residual", [2, 4, 4], 0);
        let window = Window::square(3, 1, 1);
        let x = builder.convolution_batch_norm("conv", ValueId::INPUT, 2, window, 1);
        let sum = builder.add("add", x, ValueId::INPUT);
        builder.activation("relu", sum, Function::RELU);
        let network = builder.finish(Vec::new()).unwrap();
        assert_eq!(layers(&network)[0].response, x);
    }

    #[test]
    fn weights_know_their_input_in_groups_too() {
        let mut builder = NetworkBuilder::new("groups", [4, 5, 5], 0);
        builder.convolution("conv", ValueId::INPUT, 6, Window::square(3, 1, 1), 2);
        let network = builder.finish(Vec::new()).unwrap();
        let layer = &layers(&network)[0];
        assert_eq!((layer.inputs(), layer.row()), (4, 18));
        // Units 0 to 2 see channels 0 and 1, units 3 to 5 channels 2 and 3; nine weights for each.
        assert_eq!(
            [0, 8, 9, 36, 54, 62, 63].map(|weight| layer.input_of(weight)),
            [0, 0, 1, 0, 2, 2, 3]
        );
    }

    #[test]
    fn channels_are_runs_and_features_are_single_elements() {
        let network = two_layers();
        let layers = layers(&network);
        assert_eq!(layers[0].unit_slots, Slots { count: 3, run: 36 });
        let features = layers[1].input_slots;
        assert_eq!(features, Slots { count: 27, run: 1 });
        let runs: Vec<usize> = Slots { count: 2, run: 1 }
            .runs(&[0.0; 4])
            .map(|(slot, _)| slot)
            .collect();
        assert_eq!(runs, [0, 1, 0, 1]);
    }
}
