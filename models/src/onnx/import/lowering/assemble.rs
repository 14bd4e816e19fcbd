//! From the nodes a lowering made to a network: what the walk does between two nodes and at the end.

use std::collections::HashMap;
use std::rc::Rc;

use super::{GraphNode, Lowering, Refusal, Value};
use crate::names::Names;
use crate::network::{Node, Parameter, ParameterId, ValueId};
use crate::operator::Operator;
use crate::shape::Shape;

/// The nodes and parameters of a network; the last node's result is the output.
pub(in crate::onnx::import) struct Lowered {
    pub input: Shape,
    pub nodes: Vec<Node>,
    pub parameters: Vec<Parameter>,
    /// For each node the number of the ONNX node it was made for, if it was made for one.
    pub origins: Vec<Option<usize>>,
}

impl Lowering {
    /// Names a value.
    pub(in crate::onnx::import) fn define(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }

    /// Names what the node at work made. Nodes and parameters get the name too, unless they have one.
    pub(in crate::onnx::import) fn define_result(&mut self, name: &str, mut value: Value) {
        match &mut value {
            Value::Constant(constant) => {
                constant.name.get_or_insert_with(|| name.into());
            }
            Value::Computed(computed) => {
                let node = computed.id.node();
                if node.is_some_and(|node| node >= self.first_node) {
                    self.rename(computed.id, name);
                }
            }
        }
        self.define(name, value);
    }

    /// Lets go of a value that nothing needs any more.
    pub(in crate::onnx::import) fn forget(&mut self, name: &str) {
        self.values.remove(name);
    }

    /// Lets go of all values but those that are needed.
    pub(in crate::onnx::import) fn retain(&mut self, needed: impl Fn(&str) -> bool) {
        self.values.retain(|name, _| needed(name));
    }

    /// Whether the name has a value.
    pub(in crate::onnx::import) fn is_defined(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The value of a name.
    pub(in crate::onnx::import) fn value(&self, name: &str) -> Option<Value> {
        self.values.get(name).cloned()
    }

    /// Begins with the node `index` of the file.
    pub(in crate::onnx::import) fn begin(&mut self, index: usize, node: &GraphNode) {
        let output = node.outputs.iter().flatten().next();
        self.current = (Some(index), output.unwrap_or(&node.name).clone());
        self.first_node = self.nodes.len();
    }

    /// The nodes that `output` needs. If no node computes it, one is made that does.
    pub(in crate::onnx::import) fn into_network(
        mut self,
        output: &Value,
        name: &str,
    ) -> Result<Lowered, Refusal> {
        self.current = (None, name.to_owned());
        let mut id = self.place(output)?;
        if id == ValueId::INPUT {
            let shape = self.shapes[0].0.clone();
            id = self.emit(Operator::Reshape { shape }, vec![id])?;
            self.rename(id, name);
        }

        let last = id.node().expect("a node computes it");
        let mut needed = vec![false; last + 1];
        needed[last] = true;
        for index in (0..=last).rev() {
            if needed[index] {
                let inputs = self.nodes[index].inputs.iter();
                inputs
                    .filter_map(|id| id.node())
                    .for_each(|node| needed[node] = true);
            }
        }
        self.nodes.truncate(last + 1);
        let nodes = self.nodes.into_iter().zip(self.origins);
        let kept = nodes
            .zip(&needed)
            .filter(|(_, needed)| **needed)
            .map(|(node, _)| node);
        let (mut nodes, origins): (Vec<Node>, Vec<_>) = kept.unzip();

        let mut numbers = vec![ValueId::INPUT];
        let mut count = 0;
        for needed in needed {
            count += usize::from(needed);
            numbers.push(ValueId(count));
        }
        let parameters = self.parameters.into_iter().zip(self.sources);
        let mut pool: Vec<_> = parameters.map(Some).collect();
        let mut parameters = Vec::new();
        for node in &mut nodes {
            for input in &mut node.inputs {
                *input = numbers[input.0];
            }
            for id in node.operator.parameters_mut() {
                let (parameter, source) = pool[id.0].take().expect("each is used once");
                *id = ParameterId(parameters.len());
                parameters.push((parameter, source, node.name.clone()));
            }
        }
        Ok(Lowered {
            input: self.shapes.swap_remove(0),
            parameters: named(parameters),
            nodes,
            origins,
        })
    }
}

/// Parameters under the names of the file, where that name means one parameter, else under their node's.
fn named(parameters: Vec<(Parameter, Option<Rc<str>>, String)>) -> Vec<Parameter> {
    let mut uses: HashMap<Rc<str>, usize> = HashMap::new();
    for source in parameters
        .iter()
        .filter_map(|(_, source, _)| source.clone())
    {
        *uses.entry(source).or_default() += 1;
    }
    // A node's name for a parameter must not take one of the file's.
    let mut names = Names::new(uses.keys().map(|name| &**name));
    let parameters = parameters.into_iter().map(|(parameter, source, node)| {
        let name = match source.filter(|source| uses[source] == 1) {
            Some(source) => source.to_string(),
            None => names.unique(format!("{node}.{}", parameter.role().name())),
        };
        parameter.renamed(name)
    });
    parameters.collect()
}
