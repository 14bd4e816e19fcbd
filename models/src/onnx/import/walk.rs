//! The walk over the nodes that the output needs.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::attribute::GraphNode;
use super::decode::{Graph, Initializers};
use super::interface::Interface;
use super::lowering::{Constant, Lowered, Lowering, Refusal, Value};
use super::operator;
use crate::onnx::{ImportOptions, OnnxError};

/// What the walk found.
pub(super) struct Walked {
    pub network: Lowered,
    /// For each node of the file what it gave, or nothing where the output does not need it.
    pub results: Vec<Option<NodeResult>>,
}

/// What a node of the file gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeResult {
    /// Constants only.
    Constant,
    /// Values that depend on the input.
    Computed,
}

/// Lowers every node that the output needs.
pub(super) fn walk(
    graph: &Graph,
    initializers: Initializers,
    interface: &Interface,
    options: &ImportOptions,
) -> Result<Walked, OnnxError> {
    let (mut lowering, input) = Lowering::new(options, &interface.shape, interface.element);
    lowering.fix_batch(interface.fixed_batch);
    lowering.define(interface.input, input);
    for (name, tensor) in &interface.bound {
        let constant = Constant::named((*tensor).clone(), name);
        lowering.define(name, Value::Constant(constant));
    }
    for (name, constant) in initializers {
        lowering.define(&name, Value::Constant(constant));
    }

    let plan = Plan::new(graph, &interface.output.name);
    // What nothing needs any more is let go: a model's weights should not be kept twice.
    let mut uses = plan.uses.clone();
    lowering.retain(|name| uses.contains_key(name));
    let mut results = vec![None; graph.nodes.len()];
    for index in plan.order(graph, &lowering)? {
        let node = &graph.nodes[index];
        let values =
            lower(&mut lowering, index, node).map_err(|refusal| refused(node, &refusal))?;
        let constant = values.iter().all(|value| value.constant().is_some());
        results[index] = Some(if constant {
            NodeResult::Constant
        } else {
            NodeResult::Computed
        });
        for (output, name) in node.outputs.iter().enumerate() {
            let Some(name) = name.as_deref().filter(|name| uses.contains_key(name)) else {
                continue;
            };
            let Some(value) = values.get(output) else {
                let reason = Refusal(format!("its output {output}, \"{name}\", is not supported"));
                return Err(refused(node, &reason));
            };
            lowering.define_result(name, value.clone());
        }
        for name in node.inputs.iter().flatten() {
            let left = uses.get_mut(name.as_str()).expect("inputs were counted");
            *left -= 1;
            if *left == 0 {
                lowering.forget(name);
            }
        }
    }

    let Some(output) = lowering.value(&interface.output.name) else {
        return Err(OnnxError::Malformed(format!(
            "nothing computes the output \"{}\"",
            interface.output.name
        )));
    };
    interface.check_output(output.shape())?;
    let network = lowering.into_network(&output, &interface.output.name);
    let network = network.map_err(|Refusal(problem)| OnnxError::Interface(problem))?;
    Ok(Walked { network, results })
}

/// Lowers one node.
fn lower(lowering: &mut Lowering, index: usize, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let Some(lower) = operator::lowering(&node.operator) else {
        return Err(Refusal::from(
            "the operator is not supported; docs/ONNX.md lists those that are",
        ));
    };
    lowering.begin(index, node);
    let values = lower(lowering, node)?;
    match node.unknown_attribute() {
        Some(name) => Err(Refusal(format!(
            "attribute \"{name}\" is not known for this operator"
        ))),
        None => Ok(values),
    }
}

/// Most characters of a reason: a hostile file's shapes and numbers may have any length.
const MAX_REASON: usize = 500;

fn refused(node: &GraphNode, refusal: &Refusal) -> OnnxError {
    let mut reason = refusal.to_string();
    if let Some((end, _)) = reason.char_indices().nth(MAX_REASON) {
        reason.truncate(end);
        reason.push('…');
    }
    OnnxError::Unsupported {
        node: node.name.clone(),
        operator: node.operator.clone(),
        opset: node.opset,
        reason,
    }
}

/// Which nodes the output needs.
struct Plan<'a> {
    /// For each value the node that makes it.
    makers: HashMap<&'a str, usize>,
    needed: Vec<bool>,
    /// How often needed nodes take each value; the output counts once more.
    uses: HashMap<&'a str, usize>,
}

impl<'a> Plan<'a> {
    fn new(graph: &'a Graph, output: &'a str) -> Self {
        let mut makers = HashMap::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            makers.extend(
                node.outputs
                    .iter()
                    .flatten()
                    .map(|name| (name.as_str(), index)),
            );
        }
        let mut needed = vec![false; graph.nodes.len()];
        let mut uses = HashMap::from([(output, 1)]);
        let mut open: Vec<usize> = makers.get(output).copied().into_iter().collect();
        while let Some(index) = open.pop() {
            if std::mem::replace(&mut needed[index], true) {
                continue;
            }
            for name in graph.nodes[index].inputs.iter().flatten() {
                *uses.entry(name).or_default() += 1;
                open.extend(makers.get(name.as_str()));
            }
        }
        Self {
            makers,
            needed,
            uses,
        }
    }

    /// The needed nodes, each after those whose values it takes, and otherwise in the file's order.
    fn order(&self, graph: &Graph, known: &Lowering) -> Result<Vec<usize>, OnnxError> {
        let mut missing = vec![0usize; graph.nodes.len()];
        let mut consumers = vec![Vec::new(); graph.nodes.len()];
        let needed = (0..graph.nodes.len()).filter(|index| self.needed[*index]);
        let mut ready = BinaryHeap::new();
        for index in needed.clone() {
            let node = &graph.nodes[index];
            for name in node.inputs.iter().flatten() {
                match self.makers.get(name.as_str()) {
                    Some(maker) => {
                        missing[index] += 1;
                        consumers[*maker].push(index);
                    }
                    None if known.is_defined(name) => {}
                    None => {
                        return Err(OnnxError::Malformed(format!(
                            "node \"{}\" ({}) takes the value \"{name}\", which nothing makes",
                            node.name, node.operator
                        )));
                    }
                }
            }
            if missing[index] == 0 {
                ready.push(Reverse(index));
            }
        }
        let mut order = Vec::new();
        while let Some(Reverse(index)) = ready.pop() {
            order.push(index);
            for consumer in &consumers[index] {
                missing[*consumer] -= 1;
                if missing[*consumer] == 0 {
                    ready.push(Reverse(*consumer));
                }
            }
        }
        match needed.clone().find(|index| missing[*index] > 0) {
            Some(index) => Err(OnnxError::Malformed(format!(
                "node \"{}\" ({}) takes a value that depends on its own result",
                graph.nodes[index].name, graph.nodes[index].operator
            ))),
            None => Ok(order),
        }
    }
}

#[cfg(test)]
mod tests;
