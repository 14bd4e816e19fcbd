//! Units of a network, and which of them can only go together: structured pruning that really makes layers smaller.
//!
//! A *unit* is one output channel of a convolution or one output feature of a linear layer. Units whose responses are added, multiplied or
//! normalised together, or passed on by a depthwise convolution, form a group, as in "DepGraph: Towards Any Structural Pruning" (Fang et
//! al., 2023). Groups here are held to more: a group that is silent, with all of its own parameters at zero, must not change any logit
//! when it is removed. What breaks that has no group: units of the last layer; those that meet the input or a product of values;
//! those whose response a function moves away from zero. Non-goals: which groups should go.

mod layout;
mod partition;
mod remove;
mod trace;

use std::ops::Range;

use crate::network::{Network, ParameterId, ValueId};
use crate::operator::Operator;
use layout::Layout;

/// An output channel of a convolution, or an output feature of a linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Unit {
    /// Number of the layer among all convolutions and linear layers, in node order.
    pub layer: usize,
    /// Its row of the layer's weights.
    pub index: usize,
}

/// The units of a network that can be removed, in groups that go together.
///
/// Its methods take the network that the groups were found in, or the same with other numbers and masks.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitGroups {
    groups: Vec<Vec<Unit>>,
    /// By value: where the groups lie in it.
    layouts: Vec<Option<Layout>>,
}

/// Why groups cannot be removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "none of the {units} units of layer \"{layer}\" would be left: keep at least one of each layer"
)]
pub struct EmptyLayer {
    /// The layer's name.
    pub layer: String,
    /// How many units it has.
    pub units: usize,
}

impl UnitGroups {
    /// Finds the groups. Takes time and memory in proportion to the values of the network for one image.
    pub fn of(network: &Network) -> Self {
        let (mut layouts, mut partition) = trace::follow(network);
        let mut groups: Vec<Vec<Unit>> = Vec::new();
        // By unit, counted over all layers.
        let mut group_of: Vec<Option<usize>> = Vec::new();
        let mut group_of_first = vec![None; partition.len()];
        for (layer, units) in layer_sizes(network).into_iter().enumerate() {
            for index in 0..units {
                let first = partition.first(group_of.len());
                let group = first.map(|first| {
                    *group_of_first[first].get_or_insert_with(|| {
                        groups.push(Vec::new());
                        groups.len() - 1
                    })
                });
                if let Some(group) = group {
                    groups[group].push(Unit { layer, index });
                }
                group_of.push(group);
            }
        }
        for layout in layouts.iter_mut().flatten() {
            for label in &mut layout.labels {
                *label = label.and_then(|unit| group_of[unit]);
            }
        }
        Self { groups, layouts }
    }

    /// The groups, by their first unit. Each has its units in order, and no unit is in two.
    pub fn groups(&self) -> &[Vec<Unit>] {
        &self.groups
    }

    /// Masks the groups numbered `groups` out: weights, biases, and scales and shifts of batch norms. What was masked before stays so.
    ///
    /// Their responses are zero from then on, in training too.
    ///
    /// # Panics
    /// For a number that no group has, and for another network.
    pub fn silence(&self, network: &mut Network, groups: &[usize]) {
        let chosen = self.chosen(groups);
        for index in 0..network.nodes().len() {
            for (id, slices) in self.own_slices(network, index) {
                let parameter = &mut network.parameters_mut()[id.0];
                let mask = parameter.mask().map(<[bool]>::to_vec);
                let mut mask = mask.unwrap_or_else(|| vec![true; parameter.values().len()]);
                let slices = slices.filter(|(group, _)| chosen[*group]);
                slices.for_each(|(_, slice)| mask[slice].fill(false));
                if mask.contains(&false) {
                    parameter.set_mask(mask);
                }
            }
        }
    }

    /// The groups whose own parameters are all zero, as [`silence`](Self::silence) leaves them: their numbers, rising.
    ///
    /// # Panics
    /// For another network.
    pub fn silent(&self, network: &Network) -> Vec<usize> {
        let mut silent = vec![true; self.groups.len()];
        for index in 0..network.nodes().len() {
            for (id, slices) in self.own_slices(network, index) {
                let values = network.parameter(id).values();
                for (group, slice) in slices {
                    silent[group] &= values[slice].iter().all(|value| *value == 0.0);
                }
            }
        }
        (0..silent.len()).filter(|group| silent[*group]).collect()
    }

    /// The parameters of node `index` that belong to its result's units, and for each group the slices of their numbers.
    fn own_slices<'a>(
        &'a self,
        network: &Network,
        index: usize,
    ) -> Vec<(
        ParameterId,
        impl Iterator<Item = (usize, Range<usize>)> + use<'a>,
    )> {
        let Some(layout) = &self.layouts_of(network)[ValueId::of_node(index).0] else {
            return Vec::new();
        };
        let ids = match &network.nodes()[index].operator {
            Operator::Convolution { weight, bias, .. } | Operator::Linear { weight, bias } => {
                std::iter::once(*weight).chain(*bias).collect()
            }
            Operator::BatchNorm { scale, shift, .. } if layout.axis == 0 => vec![*scale, *shift],
            _ => Vec::new(),
        };
        let slices = |id: ParameterId| {
            let parameter = network.parameter(id);
            let size = parameter.values().len() / parameter.shape()[0];
            let groups = layout.positions().enumerate();
            let slices = groups.filter_map(move |(position, group)| {
                Some((group?, position * size..(position + 1) * size))
            });
            (id, slices)
        };
        ids.into_iter().map(slices).collect()
    }

    fn layouts_of(&self, network: &Network) -> &[Option<Layout>] {
        let is_the_same = self.layouts.len() == network.nodes().len() + 1;
        assert!(is_the_same, "the groups are those of another network");
        &self.layouts
    }

    /// By group, whether `groups` has it.
    fn chosen(&self, groups: &[usize]) -> Vec<bool> {
        let mut chosen = vec![false; self.groups.len()];
        for group in groups {
            chosen[*group] = true;
        }
        chosen
    }
}

/// How many units each convolution and linear layer has, in node order.
fn layer_sizes(network: &Network) -> Vec<usize> {
    let nodes = network.nodes().iter();
    let weights = nodes.filter_map(|node| node.operator.weight());
    weights
        .map(|weight| network.parameter(weight).shape()[0])
        .collect()
}

#[cfg(test)]
mod tests;
