//! One forward pass of a `Network` on burn tensors.

use burn::tensor::{Tensor, module};
use sinew_models::{Network, Operator, ParameterId, ValueId};

use super::operator::{Operand, apply};
use crate::trainable::Normalization;

/// Called with every value after it is computed; what it returns takes the value's place.
pub(crate) type Observer<'a> = &'a mut dyn FnMut(ValueId, Tensor<4>) -> Tensor<4>;

/// Mean and biased variance of a batch at one batch norm, both `[channel]` and without a tape.
#[derive(Debug)]
pub(crate) struct BatchStatistics {
    pub(crate) mean: (ParameterId, Tensor<1>),
    pub(crate) variance: (ParameterId, Tensor<1>),
}

/// What a forward pass gives.
#[derive(Debug)]
pub(crate) struct Pass {
    /// `[batch, class]`.
    pub(crate) logits: Tensor<2>,
    /// One entry per batch norm with [`Normalization::Batch`], else none.
    pub(crate) statistics: Vec<BatchStatistics>,
}

/// Runs `network` with the given flat parameters on images `[batch, channel, height, width]`.
///
/// A tape grows from whatever among images and parameters requires gradients.
pub(crate) fn forward(
    network: &Network,
    parameters: &[Tensor<1>],
    images: Tensor<4>,
    normalization: Normalization,
    observer: Observer<'_>,
) -> Pass {
    let mut uses = vec![0usize; network.nodes().len() + 1];
    for value in network.nodes().iter().flat_map(|node| &node.inputs) {
        uses[value.0] += 1;
    }
    let batch = images.dims()[0];
    let mut statistics = Vec::new();
    let mut values: Vec<Option<Tensor<4>>> = vec![Some(observer(ValueId::INPUT, images))];
    for (index, node) in network.nodes().iter().enumerate() {
        // The last use takes the tensor, so that its memory can be reused.
        let mut take = |value: &ValueId| {
            uses[value.0] -= 1;
            let slot = &mut values[value.0];
            let tensor = if uses[value.0] == 0 {
                slot.take()
            } else {
                slot.clone()
            };
            Operand {
                tensor: tensor.expect("a value lives until its last use"),
                shape: network.shape(*value),
            }
        };
        let inputs: Vec<Operand<'_>> = node.inputs.iter().map(&mut take).collect();
        let shape = network.shape(ValueId::of_node(index));
        let result = match (&node.operator, normalization) {
            (
                Operator::BatchNorm {
                    scale,
                    shift,
                    mean,
                    variance,
                    epsilon,
                },
                Normalization::Batch,
            ) => {
                let [scale, shift] = [scale, shift].map(|id| parameters[id.0].clone());
                let input = inputs[0].per_channel();
                let out = module::batch_norm_train(input, scale, shift, f64::from(*epsilon));
                statistics.push(BatchStatistics {
                    mean: (*mean, out.mean.inner()),
                    variance: (*variance, out.variance.inner()),
                });
                let [channels, height, width] = shape.as_map();
                out.output.reshape([batch, channels, height, width])
            }
            (operator, _) => apply(operator, inputs, shape, parameters, network),
        };
        values.push(Some(observer(ValueId::of_node(index), result)));
    }
    let output = values
        .pop()
        .flatten()
        .expect("the last node's result is the output");
    let classes = network.classes();
    // A network may be the same for all images.
    let logits = output.reshape([-1, classes as i64]);
    Pass {
        logits: logits.expand([batch, classes]),
        statistics,
    }
}
