//! A network that is being rewritten: values keep their numbers while nodes come and go, and everybody knows who takes what.
//!
//! A draft queues the nodes whose surroundings have changed, so that rules are tried on those alone. Its budget keeps the work and the
//! memory of all rules together in proportion to the network. Non-goals: knowledge of any operator.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::mem;

use crate::names::Names;
use crate::network::{Network, Node, Parameter, ParameterId, Role, ValueId};
use crate::operator::Operator;
use crate::shape::{Shape, operator_shape};

/// Elements that rules may compute in the smallest network.
const BUDGET: usize = 1 << 24;

/// Elements that rules may compute for each one of the network's parameters.
const BUDGET_PER_ELEMENT: usize = 4;

/// A network that is being rewritten. Its [`ValueId`]s are its own: they never change, and new nodes get the next.
pub(super) struct Draft {
    name: String,
    labels: Vec<String>,
    /// By value; the input comes first.
    slots: Vec<Slot>,
    output: ValueId,
    parameters: Vec<Parameter>,
    node_names: Names,
    parameter_names: Names,
    queue: VecDeque<ValueId>,
    budget: usize,
}

struct Slot {
    /// Nothing for the input and for a node that was removed.
    node: Option<Node>,
    shape: Shape,
    /// Who takes the value, and at which positions among its inputs.
    consumers: BTreeMap<ValueId, Vec<usize>>,
    /// What the node accounts for.
    origins: Vec<usize>,
    /// Neighbours in the order of execution. That of the input is the first node.
    previous: ValueId,
    next: Option<ValueId>,
    is_queued: bool,
}

impl Draft {
    /// `origins[i]` is what node `i` accounts for. All nodes are queued.
    pub(super) fn new(network: Network, origins: Vec<Vec<usize>>) -> Self {
        let output = network.output();
        let (name, labels, nodes, parameters, shapes) = network.into_parts();
        assert_eq!(origins.len(), nodes.len(), "every node has its origins");
        let elements: usize = parameters.iter().map(|p| p.values().len()).sum();
        let mut draft = Self {
            name,
            labels,
            slots: Vec::new(),
            output,
            node_names: Names::new(nodes.iter().map(|node| node.name.as_str())),
            parameter_names: Names::new(parameters.iter().map(Parameter::name)),
            parameters,
            queue: VecDeque::new(),
            budget: elements
                .saturating_mul(BUDGET_PER_ELEMENT)
                .saturating_add(BUDGET),
        };
        let nodes = std::iter::once(None).chain(nodes.into_iter().map(Some));
        let origins = std::iter::once(Vec::new()).chain(origins);
        for (node, (shape, origins)) in nodes.zip(shapes.into_iter().zip(origins)) {
            draft.push(
                node,
                shape,
                origins,
                ValueId(draft.slots.len().saturating_sub(1)),
            );
        }
        draft
    }

    /// The next node whose surroundings have changed.
    pub(super) fn next_changed(&mut self) -> Option<ValueId> {
        while let Some(value) = self.queue.pop_front() {
            let slot = &mut self.slots[value.0];
            slot.is_queued = false;
            if slot.node.is_some() {
                return Some(value);
            }
        }
        None
    }

    /// All nodes in the order of execution.
    pub(super) fn order(&self) -> impl Iterator<Item = ValueId> + '_ {
        let next = |value: &ValueId| self.slots[value.0].next;
        std::iter::successors(next(&ValueId::INPUT), next)
    }

    /// The operator that computes `value`; nothing for the input.
    pub(super) fn operator(&self, value: ValueId) -> Option<&Operator> {
        Some(&self.slots[value.0].node.as_ref()?.operator)
    }

    /// What the node takes; nothing for the input.
    pub(super) fn inputs(&self, value: ValueId) -> &[ValueId] {
        let node = self.slots[value.0].node.as_ref();
        node.map_or(&[], |node| &node.inputs)
    }

    pub(super) fn shape(&self, value: ValueId) -> &Shape {
        &self.slots[value.0].shape
    }

    pub(super) fn output(&self) -> ValueId {
        self.output
    }

    /// Whether nothing needs the value.
    pub(super) fn is_dead(&self, value: ValueId) -> bool {
        value != self.output && self.slots[value.0].consumers.is_empty()
    }

    /// The node that takes `value`, where it is one alone.
    pub(super) fn only_consumer(&self, value: ValueId) -> Option<ValueId> {
        let consumers = &self.slots[value.0].consumers;
        let alone = consumers.len() == 1 && value != self.output;
        consumers.keys().next().copied().filter(|_| alone)
    }

    pub(super) fn parameter(&self, id: ParameterId) -> &Parameter {
        &self.parameters[id.0]
    }

    pub(super) fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The value of a [`Operator::Constant`].
    pub(super) fn constant(&self, value: ValueId) -> Option<&Parameter> {
        match self.operator(value)? {
            Operator::Constant { value } => Some(self.parameter(*value)),
            _ => None,
        }
    }

    /// Replaces a parameter's numbers.
    pub(super) fn set_values(&mut self, id: ParameterId, values: Vec<f32>) {
        self.parameters[id.0].set_values(values);
    }

    /// A new parameter called `name` of the node of `owner`, or something similar.
    pub(super) fn add_parameter(
        &mut self,
        owner: ValueId,
        name: &str,
        role: Role,
        shape: Vec<usize>,
        values: Vec<f32>,
    ) -> ParameterId {
        let name = format!("{}.{name}", self.node(owner).name);
        let name = self.parameter_names.unique(name);
        self.parameters
            .push(Parameter::new(name, role, shape, values));
        ParameterId(self.parameters.len() - 1)
    }

    /// Gives the parameter of a constant that nothing will take any more another role and other numbers; it keeps its name.
    pub(super) fn repurpose(
        &mut self,
        constant: ValueId,
        role: Role,
        values: Vec<f32>,
    ) -> ParameterId {
        let Some(Operator::Constant { value: id }) = self.operator(constant) else {
            unreachable!("only constants are given another purpose");
        };
        let id = *id;
        let name = self.parameter(id).name().to_owned();
        self.parameters[id.0] = Parameter::new(name, role, vec![values.len()], values);
        id
    }

    /// Pays for the computation of `elements`; false if the budget does not allow it.
    pub(super) fn spend(&mut self, elements: usize) -> bool {
        let left = self.budget.checked_sub(elements);
        self.budget = left.unwrap_or(self.budget);
        left.is_some()
    }

    /// Has the node of `value` compute something else. It also accounts for the nodes that nothing takes any more thereby; they are
    /// removed.
    pub(super) fn replace(&mut self, value: ValueId, operator: Operator, inputs: Vec<ValueId>) {
        let shape = self.infer(&operator, &inputs);
        let mut left = self.disconnect(value);
        self.slots[value.0].shape = shape;
        let node = self.node_mut(value);
        node.operator = operator;
        node.inputs = inputs;
        self.connect(value);
        self.touch_around(value);
        // A node that dies leaves its own inputs.
        while let Some(input) = left.pop() {
            if self.slots[input.0].node.is_some() && self.is_dead(input) {
                left.extend(self.unlink(input).inputs);
                self.account(input, value);
            } else {
                self.touch_last_consumer(input);
            }
        }
    }

    /// Has everybody take the only input of the node of `value` instead of its result, and removes the node. False where that cannot be,
    /// because the network's input would be its output.
    pub(super) fn bypass(&mut self, value: ValueId) -> bool {
        let &[input] = self.inputs(value) else {
            unreachable!("only nodes with one input are bypassed");
        };
        if value == self.output {
            if input == ValueId::INPUT {
                return false;
            }
            self.output = input;
        }
        let consumers = mem::take(&mut self.slots[value.0].consumers);
        let first = consumers.keys().next().copied();
        for (consumer, positions) in consumers {
            for position in &positions {
                self.node_mut(consumer).inputs[*position] = input;
            }
            let known = self.slots[input.0].consumers.entry(consumer);
            known.or_default().extend(positions);
            self.touch(consumer);
        }
        let removed = self.unlink(value);
        if input == self.output {
            self.node_mut(input).name = removed.name;
        }
        // What vanishes is accounted for by the node that computes its value, or at the input by one that takes it.
        match first {
            Some(consumer) if input == ValueId::INPUT => self.account(value, consumer),
            _ => self.account(value, input),
        }
        true
    }

    /// Removes a dead node; what it accounted for is lost.
    pub(super) fn remove(&mut self, value: ValueId) {
        for input in self.unlink(value).inputs {
            self.touch(input);
            self.touch_last_consumer(input);
        }
    }

    /// A new node behind `after` in the order of execution, called after its node.
    pub(super) fn insert(
        &mut self,
        after: ValueId,
        part: &str,
        operator: Operator,
        inputs: Vec<ValueId>,
    ) -> ValueId {
        let name = match &self.slots[after.0].node {
            Some(node) => format!("{}/{part}", node.name),
            None => part.to_owned(),
        };
        let name = self.node_names.unique(name);
        let shape = self.infer(&operator, &inputs);
        let node = Node {
            name,
            operator,
            inputs,
        };
        self.push(Some(node), shape, Vec::new(), after)
    }

    /// Has `value` be the output, with the name of the one before.
    pub(super) fn set_output(&mut self, value: ValueId) {
        let before = mem::replace(&mut self.output, value);
        let name = mem::take(&mut self.node_mut(value).name);
        let name = mem::replace(&mut self.node_mut(before).name, name);
        self.node_mut(value).name = name;
    }

    /// The network without whatever nothing takes, and what its nodes account for. Parameters are in the order of use.
    pub(super) fn finish(mut self) -> (Network, Vec<Vec<usize>>) {
        let order = self.final_order();
        let mut numbers = vec![ValueId::INPUT; self.slots.len()];
        let mut parameters = Vec::new();
        let mut nodes = Vec::with_capacity(order.len());
        let mut origins = Vec::with_capacity(order.len());
        for (index, value) in order.into_iter().enumerate() {
            numbers[value.0] = ValueId::of_node(index);
            let slot = &mut self.slots[value.0];
            let mut node = slot.node.take().expect("nodes in order are there");
            for input in &mut node.inputs {
                *input = numbers[input.0];
            }
            for id in node.operator.parameters_mut() {
                let blank = Parameter::new(String::new(), Role::Constant, vec![0], Vec::new());
                parameters.push(mem::replace(&mut self.parameters[id.0], blank));
                *id = ParameterId(parameters.len() - 1);
            }
            nodes.push(node);
            let mut accounted = mem::take(&mut slot.origins);
            accounted.sort_unstable();
            accounted.dedup();
            origins.push(accounted);
        }
        let input = self.slots[0].shape.clone();
        let network = Network::new(self.name, input, self.labels, nodes, parameters);
        (network.expect("rules keep networks whole"), origins)
    }

    /// The order of execution with each constant right before the first node that takes it, wherever it was made. So the order does not
    /// depend on what has been simplified.
    fn final_order(&self) -> Vec<ValueId> {
        let is_constant = |value: &ValueId| self.constant(*value).is_some();
        let mut placed = HashSet::new();
        let mut order = Vec::new();
        for value in self.order() {
            if is_constant(&value) && value != self.output {
                continue;
            }
            let inputs = self.inputs(value).iter().copied();
            order.extend(inputs.filter(|input| is_constant(input) && placed.insert(*input)));
            order.push(value);
        }
        order
    }

    fn node(&self, value: ValueId) -> &Node {
        self.slots[value.0]
            .node
            .as_ref()
            .expect("the node is there")
    }

    fn node_mut(&mut self, value: ValueId) -> &mut Node {
        self.slots[value.0]
            .node
            .as_mut()
            .expect("the node is there")
    }

    fn infer(&self, operator: &Operator, inputs: &[ValueId]) -> Shape {
        let shapes: Vec<&Shape> = inputs.iter().map(|input| self.shape(*input)).collect();
        operator_shape(operator, &shapes, &self.parameters).expect("rules keep networks whole")
    }

    /// Puts a node behind `previous` in the order of execution.
    fn push(
        &mut self,
        node: Option<Node>,
        shape: Shape,
        origins: Vec<usize>,
        previous: ValueId,
    ) -> ValueId {
        let value = ValueId(self.slots.len());
        let next = match self.slots.get_mut(previous.0) {
            Some(slot) => slot.next.replace(value),
            None => None,
        };
        if let Some(next) = next {
            self.slots[next.0].previous = value;
        }
        self.slots.push(Slot {
            node,
            shape,
            consumers: BTreeMap::new(),
            origins,
            previous,
            next,
            is_queued: false,
        });
        self.connect(value);
        self.touch(value);
        value
    }

    /// Takes a node out of the network. What it took may be dead now.
    fn unlink(&mut self, value: ValueId) -> Node {
        self.disconnect(value);
        let slot = &mut self.slots[value.0];
        let (previous, next) = (slot.previous, slot.next);
        let node = slot.node.take().expect("the node is there");
        self.slots[previous.0].next = next;
        if let Some(next) = next {
            self.slots[next.0].previous = previous;
        }
        node
    }

    /// Makes a node known to what it takes.
    fn connect(&mut self, value: ValueId) {
        let inputs = self.inputs(value).to_vec();
        for (position, input) in inputs.into_iter().enumerate() {
            let consumers = &mut self.slots[input.0].consumers;
            consumers.entry(value).or_default().push(position);
        }
    }

    /// Makes a node unknown to what it takes, and returns that.
    fn disconnect(&mut self, value: ValueId) -> Vec<ValueId> {
        let inputs = self.inputs(value).to_vec();
        for input in &inputs {
            self.slots[input.0].consumers.remove(&value);
        }
        inputs
    }

    /// The node of `to` accounts for what that of `from` did.
    fn account(&mut self, from: ValueId, to: ValueId) {
        let mut moved = mem::take(&mut self.slots[from.0].origins);
        let origins = &mut self.slots[to.0].origins;
        // The shorter joins the longer: long chains of nodes vanish one by one.
        if moved.len() > origins.len() {
            mem::swap(&mut moved, origins);
        }
        origins.append(&mut moved);
    }

    fn touch(&mut self, value: ValueId) {
        let slot = &mut self.slots[value.0];
        if slot.node.is_some() && !mem::replace(&mut slot.is_queued, true) {
            self.queue.push_back(value);
        }
    }

    fn touch_around(&mut self, value: ValueId) {
        self.touch(value);
        let consumers: Vec<ValueId> = self.slots[value.0].consumers.keys().copied().collect();
        for consumer in consumers {
            self.touch(consumer);
        }
    }

    /// Some rules look at what is taken by one node alone.
    fn touch_last_consumer(&mut self, value: ValueId) {
        if let Some(last) = self.only_consumer(value) {
            self.touch(last);
        }
    }
}
