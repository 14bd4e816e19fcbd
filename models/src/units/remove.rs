//! The network without some of its units.

use super::layout::Layout;
use super::{EmptyLayer, UnitGroups};
use crate::network::{Network, Node, Parameter, ParameterId, ValueId};
use crate::operator::Operator;

impl UnitGroups {
    /// The network without the groups numbered `groups`: smaller parameters, masks included, under the same names, and what takes the
    /// units smaller too. If the groups are [`silent`](Self::silent), all logits stay the same.
    ///
    /// # Errors
    /// If a layer would have no unit left.
    ///
    /// # Panics
    /// For a number that no group has, and for another network.
    pub fn remove(&self, network: &Network, groups: &[usize]) -> Result<Network, EmptyLayer> {
        let removed = self.chosen(groups);
        let layouts = self.layouts_of(network).iter();
        let kept: Vec<Option<Kept>> = layouts
            .map(|layout| Some(Kept::of(layout.as_ref()?, &removed)))
            .collect();
        let mut parameters = network.parameters().to_vec();
        let mut nodes = network.nodes().to_vec();
        for (index, node) in nodes.iter_mut().enumerate() {
            let result = kept[ValueId::of_node(index).0].as_ref();
            let input = node.inputs.first().and_then(|input| kept[input.0].as_ref());
            shrink(node, input, result, &mut parameters)?;
        }
        let input_shape = network.shape(ValueId::INPUT).clone();
        let name = network.name().to_owned();
        let labels = network.labels().to_vec();
        let smaller = Network::new(name, input_shape, labels, nodes, parameters);
        Ok(smaller.expect("groups are removed from everything that has them"))
    }
}

/// Which positions of an axis stay.
struct Kept {
    axis: usize,
    positions: Vec<bool>,
}

impl Kept {
    fn of(layout: &Layout, removed: &[bool]) -> Self {
        Self {
            axis: layout.axis,
            positions: layout.kept(removed),
        }
    }

    fn count(&self) -> usize {
        self.positions.iter().filter(|kept| **kept).count()
    }
}

/// Cuts the parameters and sizes of a node to what stays of its first input and of its result.
fn shrink(
    node: &mut Node,
    input: Option<&Kept>,
    result: Option<&Kept>,
    parameters: &mut [Parameter],
) -> Result<(), EmptyLayer> {
    let Some(result) = result else {
        return Ok(());
    };
    let units = result.positions.len();
    if node.operator.weight().is_some() && result.count() == 0 {
        let layer = node.name.clone();
        return Err(EmptyLayer { layer, units });
    }
    let mut cut = |id: ParameterId, axis: usize, kept: &Kept| {
        let parameter = &mut parameters[id.0];
        *parameter = selected(parameter, axis, &kept.positions);
    };
    // Both kinds of layers take what lies along the axis of their own units; along others nothing is removed before them.
    let input = input.filter(|kept| kept.axis == result.axis);
    match &mut node.operator {
        Operator::Constant { value } => cut(*value, result.axis, result),
        Operator::Convolution {
            weight,
            bias,
            groups,
            ..
        } => {
            match input {
                Some(kept) if *groups == 1 => cut(*weight, 1, kept),
                Some(kept) if *groups == kept.positions.len() => *groups = kept.count(),
                _ => {}
            }
            cut(*weight, 0, result);
            bias.iter().for_each(|bias| cut(*bias, 0, result));
        }
        Operator::Linear { weight, bias } => {
            if let Some(kept) = input {
                cut(*weight, 1, kept);
            }
            cut(*weight, 0, result);
            bias.iter().for_each(|bias| cut(*bias, 0, result));
        }
        batch_norm @ Operator::BatchNorm { .. } if result.axis == 0 => {
            let ids = batch_norm.parameters();
            ids.iter().for_each(|id| cut(*id, 0, result));
        }
        Operator::Reshape { shape } => shape[result.axis] = result.count(),
        _ => {}
    }
    Ok(())
}

/// The positions of an axis of a parameter that are kept, with their masks.
fn selected(parameter: &Parameter, axis: usize, kept: &[bool]) -> Parameter {
    let mut shape = parameter.shape().to_vec();
    let inner: usize = shape[axis + 1..].iter().product();
    shape[axis] = kept.iter().filter(|kept| **kept).count();
    let name = parameter.name().to_owned();
    let values = stay(parameter.values(), kept, inner);
    let mut selected = Parameter::new(name, parameter.role(), shape, values);
    if let Some(mask) = parameter.mask() {
        selected.set_mask(stay(mask, kept, inner));
    }
    selected
}

/// Of runs of `inner` elements those that are kept, over and over.
fn stay<T: Copy>(elements: &[T], kept: &[bool], inner: usize) -> Vec<T> {
    let runs = elements.chunks_exact(inner).zip(kept.iter().cycle());
    let kept = runs.filter(|(_, kept)| **kept);
    kept.flat_map(|(run, _)| run.iter().copied()).collect()
}
