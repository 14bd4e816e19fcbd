//! The last steps: a network from what the walk made, simplified, and what became of every node.

use super::decode::Graph;
use super::walk::{NodeResult, Walked};
use crate::network::Network;
use crate::onnx::{Explained, Fate, Import, ImportOptions, InputLayout, OnnxError};
use crate::simplify::simplify_traced;

/// Puts the network together.
pub(super) fn finish(
    graph: &Graph,
    walked: Walked,
    _options: &ImportOptions,
) -> Result<Import, OnnxError> {
    let Walked { network, results } = walked;
    let origins: Vec<Vec<usize>> = network.origins.iter().map(|origin| vec![*origin]).collect();
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
    let (mut network, origins) = simplify_traced(network, origins);
    if graph.labels.len() == network.classes() {
        network = network.with_labels(graph.labels.clone())?;
    }
    let explanation = explain(graph, &network, &origins, &results);
    Ok(Import {
        network,
        layout: InputLayout::Same,
        explanation,
    })
}

/// What became of every node of the file. `origins` are, for each node of the network, those it was made for.
fn explain(
    graph: &Graph,
    network: &Network,
    origins: &[Vec<usize>],
    results: &[Option<NodeResult>],
) -> Vec<Explained> {
    let mut became = vec![Vec::new(); graph.nodes.len()];
    for (node, origins) in network.nodes().iter().zip(origins) {
        for origin in origins {
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
