//! Input normalisation in pieces.

use super::channelwise::Channelwise;
use super::draft::Draft;
use crate::function::BinaryFunction;
use crate::network::ValueId;
use crate::operator::Operator;

/// The axis of the channels.
const CHANNELS: usize = 0;

/// Joins a scale and shift of each channel at the network's input, and the one before it if there is one, into a normalisation, if its
/// deviations come out above zero. A difference and a quotient give their numbers exactly. Scales and shifts by the same number for all
/// channels, without a quotient, are no normalisation: they stay affine functions.
pub(super) fn join(draft: &mut Draft, value: ValueId) -> bool {
    if draft.shape(ValueId::INPUT).0.len() != 3 {
        return false;
    }
    let Some(last) = Channelwise::of(draft, value, CHANNELS) else {
        return false;
    };
    let first = match last.input {
        ValueId::INPUT => None,
        before if draft.only_consumer(before).is_none() => return false,
        before => match Channelwise::of(draft, before, CHANNELS) {
            Some(first) if first.input == ValueId::INPUT => Some(first),
            _ => return false,
        },
    };
    let is_one_already = first.is_none() && is_normalize(draft, value);
    let normalizes = [value, last.input].iter().any(|step| {
        is_normalize(draft, *step) || is_quotient(draft, *step) || differs_by_channel(draft, *step)
    });
    if is_one_already || !normalizes {
        return false;
    }
    let channels = last.scale.len();
    let (mut mean, mut deviation) = (vec![0.0; channels], vec![1.0; channels]);
    for Channelwise { scale, shift, .. } in first.iter().chain([&last]) {
        // s·(x − m)/d + t = (x − (m − t·d/s)) / (d/s)
        for channel in 0..channels {
            deviation[channel] /= scale[channel];
            mean[channel] -= shift[channel] * deviation[channel];
        }
    }
    let rounded = |numbers: Vec<f64>| -> Vec<f32> { numbers.iter().map(|n| *n as f32).collect() };
    let (mean, deviation) = (rounded(mean), rounded(deviation));
    let positive = deviation.iter().all(|d| d.is_finite() && *d > 0.0);
    if !positive || !mean.iter().all(|mean| mean.is_finite()) {
        return false;
    }
    let operator = Operator::Normalize { mean, deviation };
    draft.replace(value, operator, vec![ValueId::INPUT]);
    true
}

fn is_normalize(draft: &Draft, value: ValueId) -> bool {
    matches!(draft.operator(value), Some(Operator::Normalize { .. }))
}

fn is_quotient(draft: &Draft, value: ValueId) -> bool {
    let quotient = Operator::Binary(BinaryFunction::Divide);
    draft.operator(value) == Some(&quotient)
}

/// Whether the node takes a constant of several numbers.
fn differs_by_channel(draft: &Draft, value: ValueId) -> bool {
    let constants = draft
        .inputs(value)
        .iter()
        .filter_map(|input| draft.constant(*input));
    constants
        .into_iter()
        .any(|constant| constant.values().len() > 1)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Graph, assert_kept, nodes, origins, simplified};
    use super::*;
    use crate::function::Function;

    /// Functions of the input and constants of these shapes and numbers, one behind the other, under a hyperbolic tangent.
    fn chain(channels: usize, steps: &[(BinaryFunction, &[usize], &[f32])]) -> Graph {
        let mut graph = Graph::new(&[channels, 2, 2]);
        let mut x = ValueId::INPUT;
        for (index, (function, shape, values)) in steps.iter().enumerate() {
            let constant = graph.constant(&format!("constant{index}"), shape, values);
            x = graph.binary(&format!("step{index}"), *function, [x, constant]);
        }
        graph.unary("tanh", Function::Tanh, x);
        graph
    }

    /// The operator that the chain becomes.
    fn joined(channels: usize, steps: &[(BinaryFunction, &[usize], &[f32])]) -> Operator {
        let after = simplified(&chain(channels, steps).finish());
        let [first, _] = after.nodes() else {
            panic!("two nodes are left, not {:?}", nodes(&after));
        };
        first.operator.clone()
    }

    fn normalize(mean: &[f32], deviation: &[f32]) -> Operator {
        Operator::Normalize {
            mean: mean.to_vec(),
            deviation: deviation.to_vec(),
        }
    }

    use BinaryFunction::{Add, Divide, Multiply, Subtract};

    const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
    const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

    #[test]
    fn a_difference_and_a_quotient_give_their_numbers() {
        let steps = [
            (Subtract, &[3, 1, 1][..], &MEAN[..]),
            (Divide, &[3, 1, 1], &DEVIATION),
        ];
        assert_eq!(joined(3, &steps), normalize(&MEAN, &DEVIATION));
        let network = chain(3, &steps).finish();
        assert_eq!(
            nodes(&simplified(&network)),
            ["step1: normalize", "tanh: tanh"]
        );
        assert_eq!(origins(&network), [vec![0, 1, 2, 3], vec![4]]);
        for (mean, deviation) in [(0.1307, 0.3081), (0.0, 0.5), (0.5, 1.0), (0.0, 1.0)] {
            let steps = [
                (Subtract, &[1, 1, 1][..], &[mean][..]),
                (Divide, &[1, 1, 1], &[deviation]),
            ];
            assert_eq!(joined(1, &steps), normalize(&[mean], &[deviation]));
        }
    }

    #[test]
    fn longer_chains_are_computed() {
        let steps = [
            (Multiply, &[][..], &[0.25][..]),
            (Add, &[3, 1, 1], &[1.0, 2.0, -4.0]),
            (Divide, &[3, 1, 1], &[0.5, 0.25, 2.0]),
            (Multiply, &[3, 1, 1], &[2.0, 1.0, 4.0]),
        ];
        // (x/4 + 1)·4, (x/4 + 2)·4, (x/4 − 4)·2.
        let expected = normalize(&[-4.0, -8.0, 16.0], &[1.0, 1.0, 2.0]);
        assert_eq!(joined(3, &steps), expected);
    }

    #[test]
    fn one_number_for_all_channels_stays_affine() {
        let steps = [(Multiply, &[][..], &[2.0][..]), (Add, &[1, 1, 1], &[-1.0])];
        let expected = Function::Affine {
            scale: 2.0,
            shift: -1.0,
        };
        assert_eq!(joined(3, &steps), Operator::Unary(expected));
    }

    #[test]
    fn a_normalisation_takes_in_what_stands_around_it() {
        let mut graph = Graph::new(&[1, 2, 2]);
        let bytes = Function::Affine {
            scale: 0.25,
            shift: 0.0,
        };
        let x = graph.unary("bytes", bytes, ValueId::INPUT);
        let x = graph.node("normalize", normalize(&[1.0], &[0.5]), &[x]);
        let x = graph.unary(
            "twice",
            Function::Affine {
                scale: 2.0,
                shift: 1.0,
            },
            x,
        );
        graph.unary("tanh", Function::Tanh, x);
        let after = simplified(&graph.finish());
        assert_eq!(nodes(&after), ["twice: normalize", "tanh: tanh"]);
        // ((x/4 − 1)/0.5)·2 + 1 = x − 3
        assert_eq!(after.nodes()[0].operator, normalize(&[3.0], &[1.0]));
    }

    #[test]
    fn deviations_are_above_zero() {
        let quotient = (Divide, &[2, 1, 1][..], &[0.5, -0.5][..]);
        assert_kept(&chain(2, &[quotient]).finish());
        assert_kept(&chain(2, &[(Multiply, &[2, 1, 1], &[0.0, 1.0])]).finish());
        let difference = (Subtract, &[2, 1, 1][..], &[0.5, 0.25][..]);
        let after = simplified(&chain(2, &[difference, quotient]).finish());
        assert_eq!(
            nodes(&after),
            [
                "step0: normalize",
                "constant1: constant",
                "step1: divide",
                "tanh: tanh"
            ]
        );
    }

    #[test]
    fn pixels_are_no_channels() {
        let steps = [
            (Subtract, &[2][..], &[0.5, 0.25][..]),
            (Divide, &[2, 1, 1], &[0.5, 2.0]),
        ];
        assert_kept(&chain(2, &steps).finish());
    }

    #[test]
    fn what_others_take_stays() {
        let mut graph = Graph::new(&[2, 2, 2]);
        let constant = graph.constant("constant", &[2, 1, 1], &[1.0, 2.0]);
        let x = graph.binary("subtract", Subtract, [ValueId::INPUT, constant]);
        let constant = graph.constant("divisor", &[2, 1, 1], &[3.0, 4.0]);
        let y = graph.binary("divide", Divide, [x, constant]);
        graph.binary("multiply", Multiply, [x, y]);
        let after = simplified(&graph.finish());
        assert_eq!(
            nodes(&after),
            [
                "subtract: normalize",
                "divisor: constant",
                "divide: divide",
                "multiply: multiply"
            ]
        );
    }

    #[test]
    fn inputs_that_are_no_maps_are_not_normalised() {
        let mut graph = Graph::new(&[2, 2]);
        let constant = graph.constant("constant", &[2, 1], &[3.0, 5.0]);
        graph.binary("divide", Divide, [ValueId::INPUT, constant]);
        assert_kept(&graph.finish());
    }
}
