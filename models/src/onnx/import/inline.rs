//! Calls of functions that the model itself defines, replaced by the nodes of the function.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use onnx_protobuf::{AttributeProto, FunctionProto, Message, NodeProto};

use super::decode;
use crate::onnx::OnnxError;

/// Versions of operator sets by domain; the standard domain is empty.
pub(super) type Opsets = BTreeMap<String, i64>;

/// Most nodes a file may have, those of every call counted anew.
const MAX_NODES: usize = 1 << 18;

/// Most bytes of nodes that may be copied for calls.
const MAX_COPIED: u64 = 1 << 28;

/// Most calls within calls.
const MAX_DEPTH: usize = 16;

/// The nodes of a graph without calls of `functions`, each with the operator sets that give it its meaning.
pub(super) fn expand(
    nodes: Vec<NodeProto>,
    functions: &[FunctionProto],
    opsets: Opsets,
) -> Result<Vec<(NodeProto, Rc<Opsets>)>, OnnxError> {
    let mut expansion = Expansion {
        functions: HashMap::new(),
        nodes: Vec::new(),
        seen: 0,
        copied: 0,
    };
    for function in functions {
        let key = (
            decode::plain_domain(&function.domain),
            function.name.as_str(),
            function.overload.as_str(),
        );
        let opsets = Rc::new(decode::opsets(&function.opset_import)?);
        expansion.functions.insert(key, (function, opsets));
    }
    let opsets = Rc::new(opsets);
    for node in nodes {
        expansion.add(node, &opsets, 0)?;
    }
    Ok(expansion.nodes)
}

struct Expansion<'a> {
    functions: HashMap<(&'a str, &'a str, &'a str), (&'a FunctionProto, Rc<Opsets>)>,
    nodes: Vec<(NodeProto, Rc<Opsets>)>,
    /// Nodes and calls so far.
    seen: usize,
    /// Bytes that were copied for calls.
    copied: u64,
}

impl Expansion<'_> {
    fn add(&mut self, node: NodeProto, opsets: &Rc<Opsets>, depth: usize) -> Result<(), OnnxError> {
        self.seen += 1;
        if self.seen > MAX_NODES {
            return Err(OnnxError::Limit(format!(
                "the model has more than {MAX_NODES} nodes and calls of functions"
            )));
        }
        for name in node.input.iter().chain(&node.output).chain([&node.name]) {
            decode::check_name(name)?;
        }
        let key = (
            decode::plain_domain(&node.domain),
            node.op_type.as_str(),
            node.overload.as_str(),
        );
        if let Some((function, opsets)) = self.functions.get(&key).cloned() {
            return self.call(&node, function, &opsets, depth);
        }
        self.nodes.push((node, opsets.clone()));
        Ok(())
    }

    fn call(
        &mut self,
        call: &NodeProto,
        function: &FunctionProto,
        opsets: &Rc<Opsets>,
        depth: usize,
    ) -> Result<(), OnnxError> {
        if depth >= MAX_DEPTH {
            return Err(OnnxError::Limit(format!(
                "function \"{}\": more than {MAX_DEPTH} calls within calls",
                function.name
            )));
        }
        let prefix = call.output.iter().find(|name| !name.is_empty());
        let prefix = prefix.unwrap_or(&call.name);
        // Inputs and outputs are the caller's; one that is left out has no name.
        let formal = function
            .input
            .iter()
            .zip(call.input.iter().map(Some).chain(std::iter::repeat(None)));
        // One that the caller does not want may be needed inside, and keeps its own name.
        let results = function.output.iter().zip(&call.output);
        let results = results.filter(|(_, actual)| !actual.is_empty());
        let names: HashMap<&str, &str> = formal
            .map(|(formal, actual)| (formal.as_str(), actual.map_or("", String::as_str)))
            .chain(results.map(|(formal, actual)| (formal.as_str(), actual.as_str())))
            .collect();
        for body in &function.node {
            let given: u64 = call.attribute.iter().map(Message::compute_size).sum();
            self.copied = self.copied.saturating_add(body.compute_size() + given);
            if self.copied > MAX_COPIED {
                return Err(OnnxError::Limit(format!(
                    "the model's calls of functions copy more than {MAX_COPIED} bytes"
                )));
            }
            let mut node = body.clone();
            for name in node.input.iter_mut().chain(&mut node.output) {
                if let Some(actual) = names.get(name.as_str()) {
                    *name = (*actual).to_owned();
                } else if !name.is_empty() {
                    *name = format!("{prefix}/{name}");
                }
            }
            node.name = match body.name.as_str() {
                "" => String::new(),
                name => format!("{prefix}/{name}"),
            };
            node.attribute
                .retain_mut(|attribute| fill_in(attribute, call, function));
            self.add(node, opsets, depth + 1)?;
        }
        Ok(())
    }
}

/// Replaces a reference to an attribute of the function by the one the call gives, or by its default. `false` where there is neither.
fn fill_in(attribute: &mut AttributeProto, call: &NodeProto, function: &FunctionProto) -> bool {
    if attribute.ref_attr_name.is_empty() {
        return true;
    }
    let mut given = call.attribute.iter().chain(&function.attribute_proto);
    let Some(value) = given.find(|value| value.name == attribute.ref_attr_name) else {
        return false;
    };
    let name = std::mem::take(&mut attribute.name);
    attribute.clone_from(value);
    attribute.name = name;
    true
}

#[cfg(test)]
mod tests;
