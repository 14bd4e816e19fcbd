//! Where a unit's response is read: the value that holds `a_u`, the unit's output after its activation function.

use sinew_models::{Network, Operator, ValueId};

/// For every convolution and linear layer, in node order: the value whose channels are the layer's units.
///
/// From the layer on, batch norm and the activation function are followed as long as nothing else takes the value in between.
/// A residual branch ends before its addition: behind it the units of two branches are one.
pub fn response_values(network: &Network) -> Vec<ValueId> {
    let layers = network.nodes().iter().enumerate();
    layers
        .filter(|(_, node)| node.operator.weight().is_some())
        .map(|(index, _)| response_value(network, ValueId::of_node(index)))
        .collect()
}

fn response_value(network: &Network, mut value: ValueId) -> ValueId {
    loop {
        let mut consumers = network.consumers(value);
        let (Some(next), None) = (consumers.next(), consumers.next()) else {
            return value;
        };
        match network.nodes()[next].operator {
            Operator::BatchNorm { .. } => value = ValueId::of_node(next),
            Operator::Unary(_) => return ValueId::of_node(next),
            _ => return value,
        }
    }
}
