//! The last steps: a network from what the walk made, simplified, and what became of every node.

use std::collections::BTreeSet;

use super::decode::Graph;
use super::walk::{NodeResult, Walked};
use crate::names::Names;
use crate::network::{Network, Node, ValueId};
use crate::onnx::{Explained, Fate, Import, InputLayout, OnnxError};
use crate::operator::Operator;
use crate::shape::Shape;
use crate::simplify::simplify_traced;

/// For each node of a network the nodes of the file that it accounts for.
type Origins = Vec<Vec<usize>>;

/// Puts the network together.
pub(super) fn finish(graph: &Graph, walked: Walked) -> Result<Import, OnnxError> {
    let Walked { network, results } = walked;
    let origins = network
        .origins
        .iter()
        .map(|origin| origin.iter().copied().collect())
        .collect();
    let name = match graph.name.as_str() {
        "" => "onnx".to_owned(),
        name => name.to_owned(),
    };
    let network = Network::new(
        name,
        network.input,
        Vec::new(),
        network.nodes,
        network.parameters,
    )?;
    let (network, origins) = simplify_traced(network, origins);
    let (network, origins, layout) = match channels_first(&network, &origins) {
        Some((network, origins)) => (network, origins, InputLayout::ChannelsLast),
        None => (network, origins, InputLayout::Same),
    };
    let explanation = explain(graph, &network, &origins, &results);
    Ok(Import {
        network,
        layout,
        explanation,
    })
}

/// The same network for an input with the channels first, if its input is an image with the channels last and it turns that around
/// anyway.
fn channels_first(network: &Network, origins: &Origins) -> Option<(Network, Origins)> {
    let &[height, width, channels] = &network.shape(ValueId::INPUT).0[..] else {
        return None;
    };
    if !matches!(channels, 1 | 3 | 4) || height <= channels || width <= channels {
        return None;
    }
    // Turned at its input and simplified, the network has fewer transpositions only where the two meet.
    let transpositions = |network: &Network| {
        let nodes = network.nodes().iter();
        nodes
            .filter(|node| matches!(node.operator, Operator::Transpose { .. }))
            .count()
    };
    let before = transpositions(network);
    if before == 0 {
        return None;
    }
    let (name, labels, nodes, parameters, _) = network.clone().into_parts();
    let mut names = Names::new(nodes.iter().map(|node| node.name.as_str()));
    let turn = Node {
        name: names.unique("input".to_owned()),
        operator: Operator::Transpose {
            order: vec![1, 2, 0],
        },
        inputs: vec![ValueId::INPUT],
    };
    let later = nodes.into_iter().map(|mut node| {
        for ValueId(input) in &mut node.inputs {
            *input += 1;
        }
        node
    });
    let nodes = std::iter::once(turn).chain(later).collect();
    let shape = Shape(vec![channels, height, width]);
    let turned = Network::new(name, shape, labels, nodes, parameters).ok()?;
    let origins = std::iter::once(Vec::new()).chain(origins.iter().cloned());
    let (turned, origins) = simplify_traced(turned, origins.collect());
    (transpositions(&turned) < before).then_some((turned, origins))
}

/// What became of every node of the file.
fn explain(
    graph: &Graph,
    network: &Network,
    origins: &Origins,
    results: &[Option<NodeResult>],
) -> Vec<Explained> {
    let mut became = vec![Vec::new(); graph.nodes.len()];
    for (node, origins) in network.nodes().iter().zip(origins) {
        // A node may account for one of the file in several ways.
        for origin in origins.iter().collect::<BTreeSet<_>>() {
            became[*origin].push(format!("{} ({})", node.name, node.operator.name()));
        }
    }
    let nodes = graph.nodes.iter().zip(became.into_iter().zip(results));
    nodes
        .map(|(node, (became, result))| Explained {
            node: node.name.clone(),
            operator: node.operator.clone(),
            fate: match result {
                None => Fate::Unused,
                Some(NodeResult::Constant) => Fate::Constant,
                Some(NodeResult::Computed) if became.is_empty() => Fate::Vanished,
                Some(NodeResult::Computed) => Fate::Became(became),
            },
        })
        .collect()
}

#[cfg(test)]
mod tests;
