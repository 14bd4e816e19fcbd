//! One forward pass of a `Network` on burn tensors.

use burn::tensor::ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, TensorData, module};
use sinew_models::{Network, Operator, ParameterId, ValueId, Window};

/// Which statistics batch norm uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Normalization {
    /// The running ones: evaluation, and crafting attacks.
    Running,
    /// Those of the batch: training steps.
    Batch,
}

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
    let mut statistics = Vec::new();
    let mut values: Vec<Option<Tensor<4>>> = vec![Some(observer(ValueId::INPUT, images))];
    for (index, node) in network.nodes().iter().enumerate() {
        // The last use takes the tensor, so that its memory can be reused.
        let mut take = |value: ValueId| {
            uses[value.0] -= 1;
            let slot = &mut values[value.0];
            let tensor = if uses[value.0] == 0 {
                slot.take()
            } else {
                slot.clone()
            };
            tensor.expect("a value lives until its last use")
        };
        let input = take(node.inputs[0]);
        let result = match &node.operator {
            Operator::Add => input + take(node.inputs[1]),
            Operator::BatchNorm {
                scale,
                shift,
                mean,
                variance,
                epsilon,
            } => {
                let [scale, shift] = [scale, shift].map(|id| parameters[id.0].clone());
                match normalization {
                    Normalization::Running => {
                        let [mean, variance] = [mean, variance].map(|id| parameters[id.0].clone());
                        module::batch_norm(input, scale, shift, mean, variance, f64::from(*epsilon))
                    }
                    Normalization::Batch => {
                        let out =
                            module::batch_norm_train(input, scale, shift, f64::from(*epsilon));
                        statistics.push(BatchStatistics {
                            mean: (*mean, out.mean.inner()),
                            variance: (*variance, out.variance.inner()),
                        });
                        out.output
                    }
                }
            }
            operator => apply(operator, input, parameters, network),
        };
        values.push(Some(observer(ValueId::of_node(index), result)));
    }
    let output = values
        .pop()
        .flatten()
        .expect("the last node's result is the output");
    let batch = output.dims()[0];
    Pass {
        logits: output.reshape([batch, network.classes()]),
        statistics,
    }
}

/// Operators of one input whose result does not depend on the mode.
fn apply(
    operator: &Operator,
    input: Tensor<4>,
    parameters: &[Tensor<1>],
    network: &Network,
) -> Tensor<4> {
    let bias = |id: &Option<ParameterId>| id.map(|id| parameters[id.0].clone());
    match operator {
        Operator::Normalize { mean, deviation } => {
            let device = input.device();
            (input - per_channel(mean, &device)) / per_channel(deviation, &device)
        }
        Operator::Convolution {
            weight,
            bias: shift,
            window,
            groups,
        } => {
            let shape = <[usize; 4]>::try_from(network.parameter(*weight).shape());
            let weight = parameters[weight.0]
                .clone()
                .reshape(shape.expect("checked by the network"));
            let options = ConvOptions::new_with_padding(
                window.stride,
                padding_pairs(window),
                [1, 1],
                *groups,
            );
            module::conv2d(input, weight, bias(shift), options)
        }
        Operator::Linear {
            weight,
            bias: shift,
        } => {
            let [outputs, features] = <[usize; 2]>::try_from(network.parameter(*weight).shape())
                .expect("checked by the network");
            let weight: Tensor<2> = parameters[weight.0].clone().reshape([outputs, features]);
            let batch = input.dims()[0];
            let flat: Tensor<2> = input.reshape([batch, features]);
            module::linear(flat, weight.transpose(), bias(shift)).reshape([batch, outputs, 1, 1])
        }
        Operator::Activation(activation) => match activation.bounds() {
            (0.0, f32::INFINITY) => burn::tensor::activation::relu(input),
            (low, high) => input.clamp(low, high),
        },
        Operator::MaxPool(window) => {
            let options = MaxPoolOptions::new(window.kernel)
                .with_stride(window.stride)
                .with_padding_pairs(padding_pairs(window));
            module::max_pool2d(input, options)
        }
        Operator::AveragePool(window) => {
            let options = AvgPoolOptions::new(window.kernel)
                .with_stride(window.stride)
                .with_padding_pairs(padding_pairs(window))
                .with_count_include_pad(false);
            module::avg_pool2d(input, options)
        }
        Operator::GlobalAveragePool => input.mean_dim(3).mean_dim(2),
        Operator::Flatten => {
            let [batch, channels, height, width] = input.dims();
            input.reshape([batch, channels * height * width, 1, 1])
        }
        Operator::Add | Operator::BatchNorm { .. } => unreachable!("handled by the caller"),
    }
}

/// Constants that broadcast over `[batch, channel, height, width]`.
fn per_channel(values: &[f32], device: &Device) -> Tensor<4> {
    let data = TensorData::new(values.to_vec(), [1, values.len(), 1, 1]);
    Tensor::from_data(data, device)
}

fn padding_pairs(window: &Window) -> [(usize, usize); 2] {
    let [top, left, bottom, right] = window.padding;
    [(top, bottom), (left, right)]
}
