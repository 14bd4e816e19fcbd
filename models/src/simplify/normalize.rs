//! Input normalisation in pieces.

use super::channelwise::Channelwise;
use super::draft::Draft;
use crate::function::BinaryFunction;
use crate::network::ValueId;
use crate::operator::Operator;

/// The axis of the channels.
const CHANNELS: usize = 0;

/// Joins the scales and shifts of channels that stand one behind the other at the network's input into one normalisation, if its
/// deviations come out above zero. A difference and a quotient give their numbers exactly. Scales and shifts by the same number for all
/// channels, without a quotient, are no normalisation: they stay affine functions.
pub(super) fn join(draft: &mut Draft, value: ValueId) -> bool {
    let is_map = draft.shape(ValueId::INPUT).0.len() == 3;
    if !is_map || Channelwise::of(draft, value, CHANNELS).is_none() || continues(draft, value) {
        return false;
    }
    let Some(steps) = steps(draft, value) else {
        return false;
    };
    let channels = draft.shape(ValueId::INPUT).0[CHANNELS];
    let (mut mean, mut deviation) = (vec![0.0; channels], vec![1.0; channels]);
    for Channelwise { scale, shift, .. } in steps.iter().rev() {
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

/// Whether the next node is another step.
fn continues(draft: &mut Draft, value: ValueId) -> bool {
    let next = draft.only_consumer(value);
    let step = next.and_then(|next| Channelwise::of(draft, next, CHANNELS));
    step.is_some_and(|step| step.input == value)
}

/// All steps from `value` back to the input, if they make up a normalisation that is not one node already.
fn steps(draft: &mut Draft, value: ValueId) -> Option<Vec<Channelwise>> {
    let mut steps = Vec::new();
    let mut normalizes = false;
    let mut at = value;
    while at != ValueId::INPUT {
        if at != value && draft.only_consumer(at).is_none() {
            return None;
        }
        normalizes |= match draft.operator(at)? {
            Operator::Normalize { .. } => at != value || draft.inputs(at) != [ValueId::INPUT],
            Operator::Binary(BinaryFunction::Divide) => true,
            Operator::Binary(_) => {
                let per_channel = |input: &ValueId| {
                    let constant = draft.constant(*input);
                    constant.is_some_and(|constant| constant.values().len() > 1)
                };
                draft.inputs(at).iter().any(per_channel)
            }
            _ => false,
        };
        let step = Channelwise::of(draft, at, CHANNELS)?;
        at = step.input;
        steps.push(step);
    }
    normalizes.then_some(steps)
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
        let steps = [
            (Subtract, &[2, 1, 1][..], &[0.5, 0.5][..]),
            (Divide, &[2, 1, 1], &[0.5, -0.5]),
        ];
        assert_kept(&chain(2, &steps).finish());
        assert_kept(&chain(2, &[(Multiply, &[2, 1, 1], &[0.0, 1.0])]).finish());
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
