//! Nodes that scale and shift each channel by constants.

use super::draft::Draft;
use crate::function::{BinaryFunction, Function};
use crate::network::ValueId;
use crate::operator::Operator;

/// `scale[c]·x + shift[c]` for each channel `c` along an axis.
pub(super) struct Channelwise {
    /// `x`.
    pub(super) input: ValueId,
    pub(super) scale: Vec<f64>,
    pub(super) shift: Vec<f64>,
}

impl Channelwise {
    /// What the node of `value` does to the channels along `axis`, if that is all it does, with finite numbers.
    pub(super) fn of(draft: &mut Draft, value: ValueId, axis: usize) -> Option<Self> {
        let channels = *draft.shape(value).0.get(axis)?;
        let (Operator::Unary(_) | Operator::Normalize { .. } | Operator::Binary(_)) =
            draft.operator(value)?
        else {
            return None;
        };
        if !draft.spend(channels) {
            return None;
        }
        let same = |input: ValueId| draft.shape(input) == draft.shape(value);
        let step = match (draft.operator(value)?, draft.inputs(value)) {
            (Operator::Unary(Function::Affine { scale, shift }), &[input]) => {
                let [scale, shift] =
                    [*scale, *shift].map(|number| vec![f64::from(number); channels]);
                Self {
                    input,
                    scale,
                    shift,
                }
            }
            (Operator::Normalize { mean, deviation }, &[input]) if axis == 0 => {
                let mean = mean.iter().copied().map(f64::from);
                let deviation = deviation.iter().copied().map(f64::from);
                Self {
                    input,
                    shift: mean
                        .zip(deviation.clone())
                        .map(|(mean, d)| -mean / d)
                        .collect(),
                    scale: deviation.map(|d| 1.0 / d).collect(),
                }
            }
            (Operator::Binary(function), &[left, right]) => {
                let (input, constants, reversed) = match (
                    constants(draft, value, left, axis),
                    constants(draft, value, right, axis),
                ) {
                    (None, Some(constants)) if same(left) => (left, constants, false),
                    (Some(constants), None) if same(right) => (right, constants, true),
                    _ => return None,
                };
                let (scale, shift) = binary(*function, constants, reversed)?;
                Self {
                    input,
                    scale,
                    shift,
                }
            }
            _ => return None,
        };
        let finite = step
            .scale
            .iter()
            .chain(&step.shift)
            .all(|number| number.is_finite());
        finite.then_some(step)
    }
}

/// `function(x, constant)`, or the other way round, as scale and shift.
fn binary(
    function: BinaryFunction,
    constants: Vec<f64>,
    reversed: bool,
) -> Option<(Vec<f64>, Vec<f64>)> {
    let [zeros, ones] = [0.0, 1.0].map(|number| vec![number; constants.len()]);
    let each = |function: fn(f64) -> f64| constants.iter().copied().map(function).collect();
    Some(match function {
        BinaryFunction::Add => (ones, constants),
        BinaryFunction::Subtract if reversed => (each(|_| -1.0), constants),
        BinaryFunction::Subtract => (ones, each(|number| -number)),
        BinaryFunction::Multiply => (constants, zeros),
        BinaryFunction::Divide if !reversed => (each(f64::recip), zeros),
        _ => return None,
    })
}

/// The numbers of a constant of one element, or of one for each channel along `axis` of `value`.
fn constants(draft: &Draft, value: ValueId, constant: ValueId, axis: usize) -> Option<Vec<f64>> {
    let constant = draft.constant(constant)?;
    let shape = &draft.shape(value).0;
    // Lengths are aligned at the last axis.
    let missing = shape.len().checked_sub(constant.shape().len())?;
    let mut lengths = constant.shape().iter().enumerate();
    if !lengths.all(|(at, length)| *length == 1 || at + missing == axis) {
        return None;
    }
    let numbers = constant.values().iter().copied().map(f64::from);
    Some(match constant.values().len() {
        1 => vec![f64::from(constant.values()[0]); shape[axis]],
        _ => numbers.collect(),
    })
}
