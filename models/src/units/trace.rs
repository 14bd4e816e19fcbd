//! Units on their way through a network: where they lie in each value, and which of them meet.

use super::layer_sizes;
use super::layout::Layout;
use super::partition::Partition;
use crate::function::BinaryFunction;
use crate::network::{Network, Node, ValueId};
use crate::operator::Operator;
use crate::reference::elementwise;

/// Where the units lie in each value, and the sets of those that go together.
pub(super) fn follow(network: &Network) -> (Vec<Option<Layout>>, Partition) {
    let mut uses = vec![0; network.nodes().len() + 1];
    for input in network.nodes().iter().flat_map(|node| &node.inputs) {
        uses[input.0] += 1;
    }
    let mut trace = Trace {
        network,
        uses,
        partition: Partition::new(layer_sizes(network).into_iter().sum()),
        layouts: vec![None],
        units: 0,
    };
    for (index, node) in network.nodes().iter().enumerate() {
        let layout = trace.pass(ValueId::of_node(index), node);
        trace.layouts.push(layout);
    }
    trace.pin(network.output());
    (trace.layouts, trace.partition)
}

struct Trace<'a> {
    network: &'a Network,
    /// How many inputs each value is.
    uses: Vec<usize>,
    partition: Partition,
    /// Of all values so far. Nothing where a value has no units, or they cannot be told apart.
    layouts: Vec<Option<Layout>>,
    /// Of all layers so far.
    units: usize,
}

impl Trace<'_> {
    /// What `node` does with the units of its inputs, and where they lie in its result.
    fn pass(&mut self, result: ValueId, node: &Node) -> Option<Layout> {
        let input = node.inputs.first().copied().unwrap_or(ValueId::INPUT);
        match &node.operator {
            Operator::Constant { .. } => None,
            Operator::Convolution { groups, .. } => {
                let outputs = self.new_units(result, 0);
                let [channels, ..] = self.network.shape(input).as_map();
                match *groups {
                    1 => self.read(input, 0),
                    groups if groups == channels => self.pass_on(input, &outputs, channels),
                    // All groups must stay of one size.
                    _ => {
                        self.pin(input);
                        self.pin_all(&outputs);
                    }
                }
                Some(outputs)
            }
            Operator::Linear { .. } => {
                let last = self.network.shape(input).0.len() - 1;
                self.read(input, last);
                Some(self.new_units(result, last))
            }
            Operator::BatchNorm { .. } => {
                let mut layout = self.layouts[input.0].clone()?;
                // A batch norm of the units is silent with them, whatever it takes.
                let is_theirs = layout.axis == 0;
                layout.silent.fill(is_theirs);
                Some(layout)
            }
            Operator::Unary(function) => {
                let layout = self.layouts[input.0].clone()?;
                Some(layout.silent_if(elementwise::unary(*function, 0.0) == 0.0))
            }
            Operator::Binary(function) => {
                let stays = elementwise::binary(*function, 0.0, 0.0) == 0.0;
                let is_product = *function == BinaryFunction::Multiply;
                self.meet(result, &node.inputs, |silent| match is_product {
                    true => silent.contains(&true),
                    false => stays && !silent.contains(&false),
                })
            }
            Operator::Where => {
                self.meet(result, &node.inputs, |silent| !silent[1..].contains(&false))
            }
            Operator::MaxPool(_) | Operator::AveragePool(_) => self.keep(input, &[1, 2]),
            Operator::Reduce { axes, .. } => self.keep(input, axes),
            Operator::Concat { axis } => self.concat(result, &node.inputs, *axis),
            Operator::Reshape { .. } => {
                let before = self.network.shape(input);
                let layout = self.layouts[input.0].clone()?;
                let reshaped = layout.reshaped(before, self.network.shape(result));
                if reshaped.is_none() {
                    self.pin(input);
                }
                reshaped
            }
            Operator::Transpose { order } => {
                let mut layout = self.layouts[input.0].clone()?;
                layout.axis = order.iter().position(|axis| *axis == layout.axis)?;
                Some(layout)
            }
            Operator::Select {
                axis,
                indices,
                fill,
            } => {
                let layout = self.keep(input, &[*axis])?;
                Some(layout.silent_if(*fill == 0.0 || !indices.contains(&None)))
            }
            Operator::Normalize { .. } | Operator::MatMul | Operator::Softmax { .. } => {
                node.inputs.iter().for_each(|input| self.pin(*input));
                None
            }
        }
    }

    /// The units of the next layer, along `axis` of its result.
    fn new_units(&mut self, result: ValueId, axis: usize) -> Layout {
        let count = self.network.shape(result).0[axis];
        let first = self.units;
        self.units += count;
        Layout {
            axis,
            block: 1,
            labels: (first..self.units).map(Some).collect(),
            silent: vec![true; count],
        }
    }

    /// A layer takes all positions of `axis`: what is not zero there when it is silent must stay.
    fn read(&mut self, input: ValueId, axis: usize) {
        let Some(layout) = &self.layouts[input.0] else {
            return;
        };
        let is_fit = layout.axis == axis;
        for (label, silent) in layout.labels.iter().zip(&layout.silent) {
            if let Some(unit) = label.filter(|_| !(is_fit && *silent)) {
                self.partition.pin(unit);
            }
        }
    }

    /// A depthwise convolution: each channel of the input has its own output channels.
    fn pass_on(&mut self, input: ValueId, outputs: &Layout, channels: usize) {
        let inputs = self.layouts[input.0].clone();
        let Some(inputs) = inputs.filter(|layout| layout.axis == 0) else {
            self.pin(input);
            self.pin_all(outputs);
            return;
        };
        let multiplier = outputs.labels.len() / channels;
        for (label, units) in inputs.positions().zip(outputs.labels.chunks(multiplier)) {
            for unit in units {
                self.unite(label, *unit);
            }
        }
    }

    /// The units of an input whose other axes are changed: those along one of `axes` must stay.
    fn keep(&mut self, input: ValueId, axes: &[usize]) -> Option<Layout> {
        let layout = self.layouts[input.0].clone()?;
        if axes.contains(&layout.axis) {
            self.pin(input);
            return None;
        }
        Some(layout)
    }

    /// Values of which each element of the result takes one element: units that meet go together. `is_silent` says of a position whether
    /// the result is zero there by whether each input is.
    fn meet(
        &mut self,
        result: ValueId,
        inputs: &[ValueId],
        is_silent: impl Fn(&[bool]) -> bool,
    ) -> Option<Layout> {
        let network = self.network;
        let rank = network.shape(result).0.len();
        // Axes are aligned at the last.
        let missing = |value: ValueId| rank - network.shape(value).0.len();
        let length = |value: ValueId, axis: usize| {
            let axis = axis.checked_sub(missing(value));
            axis.map_or(1, |axis| network.shape(value).0[axis])
        };
        // The first input that has units along a whole axis of the result.
        let lead = inputs.iter().find_map(|input| {
            let mut layout = self.layouts[input.0].clone()?;
            layout.axis += missing(*input);
            let is_whole = length(*input, layout.axis) == length(result, layout.axis);
            is_whole.then_some(layout)
        });
        let Some(mut lead) = lead else {
            inputs.iter().for_each(|input| self.pin(*input));
            return None;
        };
        // What each input brings to the units: units of its own, or nothing.
        let mut partners = Vec::new();
        let mut constants = Vec::new();
        for input in inputs {
            let positions = length(*input, lead.axis);
            let is_whole = positions == length(result, lead.axis);
            let place = (lead.axis, lead.block);
            partners.push(match self.layouts[input.0].clone() {
                Some(layout)
                    if is_whole && (layout.axis + missing(*input), layout.block) == place =>
                {
                    Some(layout)
                }
                // One position for all units.
                Some(_) if !is_whole => {
                    self.pin(*input);
                    None
                }
                None if positions == 1 => None,
                None if self.is_own_constant(*input) => {
                    constants.push(*input);
                    None
                }
                _ => {
                    inputs.iter().for_each(|input| self.pin(*input));
                    return None;
                }
            });
        }
        for (index, label) in lead.labels.iter_mut().enumerate() {
            let mut silent = vec![false; inputs.len()];
            for (silent, partner) in silent.iter_mut().zip(&partners) {
                if let Some(partner) = partner {
                    *label = self.unite(*label, partner.labels[index]);
                    *silent = partner.silent[index];
                }
            }
            lead.silent[index] = is_silent(&silent);
        }
        for constant in constants {
            let axis = lead.axis - missing(constant);
            let layout = lead.clone();
            self.layouts[constant.0] = Some(Layout { axis, ..layout });
        }
        Some(lead)
    }

    /// Whether a value is a constant that nobody else takes, so that it can be cut with the units that it meets.
    fn is_own_constant(&self, value: ValueId) -> bool {
        let node = value.node().map(|node| &self.network.nodes()[node]);
        let is_constant =
            node.is_some_and(|node| matches!(node.operator, Operator::Constant { .. }));
        is_constant && self.uses[value.0] == 1
    }

    /// Units one after the other along their own axis, or side by side along another.
    fn concat(&mut self, result: ValueId, inputs: &[ValueId], axis: usize) -> Option<Layout> {
        let layouts: Vec<Option<Layout>> = inputs
            .iter()
            .map(|input| self.layouts[input.0].clone())
            .collect();
        let first = layouts.iter().flatten().next()?;
        if first.axis != axis {
            return self.meet(result, inputs, |silent| !silent.contains(&false));
        }
        let mut joined = Layout {
            axis,
            block: first.block,
            labels: Vec::new(),
            silent: Vec::new(),
        };
        for (input, layout) in inputs.iter().zip(&layouts) {
            let length = self.network.shape(*input).0[axis];
            match layout {
                Some(layout) if (layout.axis, layout.block) == (axis, joined.block) => {
                    joined.labels.extend(&layout.labels);
                    joined.silent.extend(&layout.silent);
                }
                None if length.is_multiple_of(joined.block) => {
                    let count = joined.labels.len() + length / joined.block;
                    joined.labels.resize(count, None);
                    joined.silent.resize(count, false);
                }
                _ => {
                    inputs.iter().for_each(|input| self.pin(*input));
                    return None;
                }
            }
        }
        Some(joined)
    }

    /// Joins the sets of two labels and returns what both are now.
    fn unite(&mut self, one: Option<usize>, other: Option<usize>) -> Option<usize> {
        match (one, other) {
            (Some(one), Some(other)) => self.partition.join(one, other),
            (Some(unit), None) | (None, Some(unit)) => self.partition.pin(unit),
            (None, None) => {}
        }
        one.and(other)
    }

    /// Has all units of a value stay.
    fn pin(&mut self, value: ValueId) {
        if let Some(layout) = self.layouts[value.0].take() {
            self.pin_all(&layout);
            self.layouts[value.0] = Some(layout);
        }
    }

    fn pin_all(&mut self, layout: &Layout) {
        for unit in layout.labels.iter().flatten() {
            self.partition.pin(*unit);
        }
    }
}
