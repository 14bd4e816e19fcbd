//! Scales and shifts behind a convolution, a linear layer or a batch norm, which scales and shifts itself: batch norms in pieces, biases
//! apart.

use super::channelwise::Channelwise;
use super::draft::Draft;
use crate::function::BinaryFunction;
use crate::network::{ParameterId, Role, ValueId};
use crate::operator::Operator;

/// Joins a scale and shift of each channel, or feature, into the parameters of the layer before it. Pruned weights stay zero.
pub(super) fn fold(draft: &mut Draft, value: ValueId) -> bool {
    let is_layer = |input: &ValueId| {
        let operator = draft.operator(*input);
        operator.is_some_and(|operator| factors(operator).is_some())
    };
    let Some(layer) = draft.inputs(value).iter().copied().find(is_layer) else {
        return false;
    };
    if draft.only_consumer(layer) != Some(value) {
        return false;
    }
    let mut operator = draft.operator(layer).expect("a layer is a node").clone();
    let axis = match operator {
        Operator::Linear { .. } => draft.shape(layer).0.len() - 1,
        _ => 0,
    };
    let Some(step) = Channelwise::of(draft, value, axis).filter(|step| step.input == layer) else {
        return false;
    };
    let (weight, bias) = factors(&operator).expect("a layer has factors");
    if !draft.spend(draft.parameter(weight).values().len()) {
        return false;
    }
    let weights = draft.parameter(weight).values();
    let rows = weights.chunks_exact(weights.len() / step.scale.len());
    let weights: Vec<f32> = rows
        .zip(&step.scale)
        .flat_map(|(row, scale)| row.iter().map(move |w| (f64::from(*w) * scale) as f32))
        .collect();
    let before = bias.map(|bias| draft.parameter(bias).values());
    let pairs = step.scale.iter().zip(&step.shift).enumerate();
    let biases: Vec<f32> = pairs
        .map(|(channel, (scale, shift))| {
            let before = before.map_or(0.0, |before| f64::from(before[channel]));
            (before * scale + shift) as f32
        })
        .collect();
    if !weights
        .iter()
        .chain(&biases)
        .all(|number| number.is_finite())
    {
        return false;
    }
    // A masked bias stays zero, so nothing can be added to it.
    let mask = bias.and_then(|bias| draft.parameter(bias).mask());
    let mut masked = biases.iter().zip(mask.into_iter().flatten());
    if masked.any(|(number, kept)| !kept && *number != 0.0) {
        return false;
    }
    draft.set_values(weight, weights);
    // What is added is a bias even if it is zero.
    let adds = matches!(
        draft.operator(value),
        Some(Operator::Binary(
            BinaryFunction::Add | BinaryFunction::Subtract
        ))
    );
    match (bias, &mut operator) {
        (Some(bias), _) => draft.set_values(bias, biases),
        (None, Operator::Convolution { bias, .. } | Operator::Linear { bias, .. })
            if adds || biases.iter().any(|number| *number != 0.0) =>
        {
            *bias = Some(add_bias(draft, value, biases));
        }
        _ => {}
    }
    let inputs = draft.inputs(layer).to_vec();
    draft.replace(value, operator, inputs);
    true
}

/// The parameters of a layer that its result is proportional to, and those that are added to that.
fn factors(operator: &Operator) -> Option<(ParameterId, Option<ParameterId>)> {
    match operator {
        Operator::Convolution { weight, bias, .. } | Operator::Linear { weight, bias } => {
            Some((*weight, *bias))
        }
        Operator::BatchNorm { scale, shift, .. } => Some((*scale, Some(*shift))),
        _ => None,
    }
}

/// A bias for the layer that the node of `value` is joined to. If the node's constant ends with it, the bias takes its name.
fn add_bias(draft: &mut Draft, value: ValueId, biases: Vec<f32>) -> ParameterId {
    let ends = |input: &ValueId| {
        draft.constant(*input).is_some() && draft.only_consumer(*input) == Some(value)
    };
    match draft.inputs(value).iter().copied().find(ends) {
        Some(constant) => draft.repurpose(constant, Role::Bias, biases),
        None => draft.add_parameter(value, "bias", Role::Bias, vec![biases.len()], biases),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Graph, assert_kept, nodes, origins, simplified};
    use super::*;
    use crate::function::Function;
    use crate::network::Network;
    use crate::window::Window;

    #[test]
    fn a_batch_norm_in_pieces_joins_the_convolution() {
        let mut graph = Graph::new(&[2, 3, 3]);
        let x = graph.convolution("conv", [2, 2], Window::square(2, 1, 0), ValueId::INPUT);
        let mean = graph.constant("mean", &[2, 1, 1], &[0.5, -1.0]);
        let x = graph.binary("subtract", BinaryFunction::Subtract, [x, mean]);
        let deviation = graph.constant("deviation", &[2, 1, 1], &[2.0, 0.5]);
        let x = graph.binary("divide", BinaryFunction::Divide, [x, deviation]);
        let scale = graph.constant("scale", &[1, 2, 1, 1][1..], &[-3.0, 4.0]);
        let x = graph.binary("multiply", BinaryFunction::Multiply, [scale, x]);
        let shift = graph.constant("shift", &[2, 1, 1], &[0.25, 8.0]);
        graph.binary("norm", BinaryFunction::Add, [shift, x]);
        let network = graph.finish();
        let after = simplified(&network);
        assert_eq!(nodes(&after), ["norm: convolution"]);
        let [weight, bias] = after.parameters() else {
            panic!("weights and bias are left");
        };
        // (x − 0.5)/2·(−3) + 0.25 and (x + 1)/0.5·4 + 8.
        assert_eq!(bias.values(), [1.0, 16.0]);
        assert_eq!(bias.role(), Role::Bias);
        let before = network.parameters()[0].values();
        assert_eq!(weight.values()[0], before[0] * -1.5);
        assert_eq!(weight.values()[15], before[15] * 8.0);
        assert_eq!(origins(&network), [[0, 1, 2, 3, 4, 5, 6, 7, 8]]);
    }

    #[test]
    fn a_batch_norm_takes_in_what_follows() {
        let mut graph = Graph::new(&[2, 3]);
        let x = graph.batch_norm("norm", 2, ValueId::INPUT);
        let scale = graph.constant("scale", &[2, 1], &[2.0, -1.0]);
        let x = graph.binary("scaled", BinaryFunction::Multiply, [x, scale]);
        let shift = graph.constant("shift", &[2, 1], &[0.5, 0.25]);
        graph.binary("shifted", BinaryFunction::Subtract, [x, shift]);
        let network = graph.finish();
        let after = simplified(&network);
        assert_eq!(nodes(&after), ["shifted: batch norm"]);
        let [scale, shift, mean, variance] = after.parameters() else {
            panic!("a batch norm has four parameters");
        };
        let before: Vec<&[f32]> = network.parameters().iter().map(|p| p.values()).collect();
        assert_eq!(scale.values(), [before[0][0] * 2.0, -before[0][1]]);
        assert_eq!(
            shift.values(),
            [before[1][0] * 2.0 - 0.5, -before[1][1] - 0.25]
        );
        assert_eq!((mean.values(), variance.values()), (before[2], before[3]));
    }

    #[test]
    fn a_new_bias_is_called_as_the_constant_that_it_was() {
        let mut graph = Graph::new(&[1, 2, 2]);
        let window = Window::square(1, 1, 0);
        let x = graph.convolution("conv", [2, 1], window, ValueId::INPUT);
        let shift = graph.constant("shift", &[2, 1, 1], &[0.5, 0.25]);
        graph.binary("shifted", BinaryFunction::Add, [x, shift]);
        let after = simplified(&graph.finish());
        assert_eq!(after.parameters()[1].name(), "shift.value");
        assert_eq!(after.parameters()[1].role(), Role::Bias);
    }

    #[test]
    fn features_are_the_last_axis() {
        let mut graph = Graph::new(&[2, 3]);
        let x = graph.linear("linear", [4, 3], ValueId::INPUT);
        let shift = graph.constant("shift", &[4], &[1.0, 2.0, 3.0, 4.0]);
        let x = graph.binary("shifted", BinaryFunction::Subtract, [shift, x]);
        let affine = Function::Affine {
            scale: 3.0,
            shift: 0.5,
        };
        graph.unary("out", affine, x);
        let after = simplified(&graph.finish());
        assert_eq!(nodes(&after), ["out: linear"]);
        assert_eq!(after.parameters()[1].name(), "linear.bias");
        // The bias of `linear` is 1, 2, 3, 4.
        assert_eq!(after.parameters()[1].values(), [0.5; 4]);
    }

    #[test]
    fn what_is_added_is_a_bias_under_its_own_name() {
        let parameters = |function, number: f32| -> Vec<(String, Vec<f32>)> {
            let mut graph = Graph::new(&[2, 3, 3]);
            let x = graph.convolution("conv", [2, 2], Window::square(2, 1, 0), ValueId::INPUT);
            let numbers = graph.constant("numbers", &[2, 1, 1], &[number; 2]);
            graph.binary("out", function, [x, numbers]);
            let after = simplified(&graph.finish());
            let parameters = after.parameters()[1..].iter();
            parameters
                .map(|p| (p.name().to_owned(), p.values().to_vec()))
                .collect()
        };
        let bias = |number: f32| [("numbers.value".to_owned(), vec![number; 2])];
        assert_eq!(parameters(BinaryFunction::Add, 3.0), bias(3.0));
        assert_eq!(parameters(BinaryFunction::Add, 0.0), bias(0.0));
        assert_eq!(parameters(BinaryFunction::Subtract, 3.0), bias(-3.0));
        assert_eq!(parameters(BinaryFunction::Multiply, 3.0), []);
    }

    #[test]
    fn nothing_is_added_to_a_masked_bias() {
        let before = |function| {
            let mut graph = Graph::new(&[2]);
            let x = graph.linear("linear", [2, 2], ValueId::INPUT);
            let numbers = graph.constant("numbers", &[2], &[0.5, 0.5]);
            graph.binary("out", function, [x, numbers]);
            let mut network = graph.finish();
            network.parameters_mut()[1].set_mask(vec![true, false]);
            network
        };
        assert_kept(&before(BinaryFunction::Add));
        let after = simplified(&before(BinaryFunction::Multiply));
        assert_eq!(after.parameters()[1].values(), [0.5, 0.0]);
        assert_eq!(after.parameters()[1].mask(), Some(&[true, false][..]));
    }

    #[test]
    fn masks_and_zeros_stay() {
        let mut graph = Graph::new(&[2]);
        let x = graph.linear("linear", [2, 2], ValueId::INPUT);
        let number = graph.constant("number", &[], &[-2.0]);
        graph.binary("out", BinaryFunction::Multiply, [x, number]);
        let mut network = graph.finish();
        let mask = vec![true, false, false, true];
        network.parameters_mut()[0].set_mask(mask.clone());
        let after = simplified(&network);
        assert_eq!(after.parameters()[0].mask(), Some(mask.as_slice()));
        assert_eq!(after.nonzero_count(), 4);
    }

    #[test]
    fn a_bias_has_a_name_of_its_own() {
        let one = Function::Affine {
            scale: 1.0,
            shift: 1.0,
        };
        let mut graph = Graph::new(&[1, 2, 2]);
        let window = Window::square(1, 1, 0);
        let x = graph.convolution("conv", [1, 1], window, ValueId::INPUT);
        let x = graph.unary("shifted", one, x);
        // Its value is called as the new bias would be.
        let other = graph.constant("shifted.bias", &[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]);
        graph.binary("out", BinaryFunction::Multiply, [x, other]);
        let network = graph.finish();
        let names = |network: &Network| -> Vec<String> {
            let parameters = network.parameters().iter();
            parameters.map(|p| p.name().to_owned()).collect()
        };
        assert_eq!(
            names(&simplified(&network)),
            ["conv.weight", "shifted.bias", "shifted.bias.value"]
        );
    }

    #[test]
    fn numbers_that_overflow_stay_outside() {
        let mut graph = Graph::new(&[2]);
        let x = graph.linear("linear", [2, 2], ValueId::INPUT);
        let large = Function::Affine {
            scale: 3e38,
            shift: 0.0,
        };
        graph.unary("out", large, x);
        assert_kept(&graph.finish());
    }

    #[test]
    fn what_is_not_by_channel_stays() {
        let multiply = |shape: &[usize]| {
            let mut graph = Graph::new(&[2, 2, 2]);
            let x = graph.convolution("conv", [2, 2], Window::square(1, 1, 0), ValueId::INPUT);
            let values = vec![3.0; shape.iter().product()];
            let constant = graph.constant("constant", shape, &values);
            graph.binary("out", BinaryFunction::Multiply, [x, constant]);
            graph.finish()
        };
        for shape in [&[2][..], &[2, 1], &[2, 2, 2], &[2, 1, 1, 1]] {
            assert_kept(&multiply(shape));
        }
        let mut graph = Graph::new(&[2]);
        let x = graph.linear("linear", [2, 2], ValueId::INPUT);
        let numbers = graph.constant("numbers", &[2], &[1.0, 2.0]);
        graph.binary("out", BinaryFunction::Divide, [numbers, x]);
        assert_kept(&graph.finish());
    }

    #[test]
    fn a_layer_that_others_take_keeps_its_numbers() {
        let mut graph = Graph::new(&[2]);
        let x = graph.linear("linear", [2, 2], ValueId::INPUT);
        let twice = Function::Affine {
            scale: 2.0,
            shift: 0.0,
        };
        let y = graph.unary("twice", twice, x);
        graph.binary("out", BinaryFunction::Multiply, [x, y]);
        assert_kept(&graph.finish());
    }
}
