//! Each operator on burn tensors.
//!
//! A value is a tensor of four axes: `[batch, channel, height, width]` for a map, `[batch, elements, 1, 1]` for all else, as
//! [`Shape::as_map`] says. Operators that need other axes see them through a reshape. The batch is 1 where a value is the same for
//! all images.

use burn::tensor::ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, TensorData, activation, module};
use sinew_models::{Network, Operator, ParameterId, Shape, Window};

use super::{elementwise, rearrange};

/// A value: its elements, and its axes without the batch.
#[derive(Clone, Debug)]
pub(super) struct Operand<'n> {
    pub(super) tensor: Tensor<4>,
    pub(super) shape: &'n Shape,
}

impl Operand<'_> {
    pub(super) fn batch(&self) -> usize {
        self.tensor.dims()[0]
    }

    /// `[batch · elements before the axis, axis, elements behind it]`.
    pub(super) fn around(&self, axis: usize) -> Tensor<3> {
        let axes = &self.shape.0;
        let before: usize = axes[..axis].iter().product();
        let behind = axes[axis + 1..].iter().product();
        let outer = self.batch() * before;
        self.tensor.clone().reshape([outer, axes[axis], behind])
    }

    /// `[batch, first axis, all others, 1]`, or the value as it is if it is a map.
    pub(super) fn per_channel(&self) -> Tensor<4> {
        match self.shape.0.as_slice() {
            [_, _, _] => self.tensor.clone(),
            [channels, others @ ..] => {
                let others = others.iter().product();
                let shape = [self.batch(), *channels, others, 1];
                self.tensor.clone().reshape(shape)
            }
            [] => unreachable!("checked by the network"),
        }
    }
}

/// The result of `operator`, of the shape that the network says, for a batch as large as the largest among its inputs.
///
/// Batch norm uses the running statistics.
pub(super) fn apply(
    operator: &Operator,
    mut inputs: Vec<Operand<'_>>,
    shape: &Shape,
    parameters: &[Tensor<1>],
    network: &Network,
) -> Tensor<4> {
    let batch = inputs.iter().map(Operand::batch).max().unwrap_or(1);
    let [channels, height, width] = shape.as_map();
    let axes = [batch, channels, height, width];
    let parameter = |id: &ParameterId| parameters[id.0].clone();
    match operator {
        Operator::Constant { value } => return parameter(value).reshape(axes),
        Operator::Binary(function) => {
            let [left, right] = take(inputs);
            return elementwise::binary(*function, left, right, shape).reshape(axes);
        }
        Operator::Where => {
            let [condition, yes, no] = take(inputs);
            return elementwise::choose(condition, yes, no, shape).reshape(axes);
        }
        Operator::MatMul => {
            let [left, right] = take(inputs);
            return mat_mul(left, right, shape).reshape(axes);
        }
        Operator::Concat { axis } => return rearrange::concat(inputs, *axis).reshape(axes),
        _ => {}
    }
    let input = inputs.swap_remove(0);
    match operator {
        Operator::Normalize { mean, deviation } => {
            let device = input.tensor.device();
            (input.tensor - constants(mean, &device)) / constants(deviation, &device)
        }
        Operator::Convolution {
            weight,
            bias,
            window,
            groups,
        } => {
            let shape = <[usize; 4]>::try_from(network.parameter(*weight).shape());
            let weight = parameter(weight).reshape(shape.expect("checked by the network"));
            let padding = padding_pairs(window);
            let options =
                ConvOptions::new_with_padding(window.stride, padding, window.dilation, *groups);
            module::conv2d(input.tensor, weight, bias.as_ref().map(parameter), options)
        }
        Operator::Linear { weight, bias } => {
            let [outputs, features] = <[usize; 2]>::try_from(network.parameter(*weight).shape())
                .expect("checked by the network");
            let weight: Tensor<2> = parameter(weight).reshape([outputs, features]);
            let rows = batch * input.shape.elements() / features;
            let rows: Tensor<2> = input.tensor.reshape([rows, features]);
            module::linear(rows, weight.transpose(), bias.as_ref().map(parameter)).reshape(axes)
        }
        Operator::BatchNorm {
            scale,
            shift,
            mean,
            variance,
            epsilon,
        } => {
            let [scale, shift, mean, variance] = [scale, shift, mean, variance].map(parameter);
            let epsilon = f64::from(*epsilon);
            module::batch_norm(input.per_channel(), scale, shift, mean, variance, epsilon)
                .reshape(axes)
        }
        Operator::Unary(function) => elementwise::unary(*function, input.tensor),
        Operator::MaxPool(window) => {
            let options = MaxPoolOptions::new(window.kernel)
                .with_stride(window.stride)
                .with_padding_pairs(padding_pairs(window))
                .with_dilation(window.dilation);
            module::max_pool2d(input.tensor, options)
        }
        Operator::AveragePool(window) if window.dilation == [1, 1] => {
            let options = AvgPoolOptions::new(window.kernel)
                .with_stride(window.stride)
                .with_padding_pairs(padding_pairs(window))
                .with_count_include_pad(false);
            module::avg_pool2d(input.tensor, options)
        }
        Operator::AveragePool(window) => dilated_average_pool(input.tensor, window),
        Operator::Reduce {
            reduction,
            axes: over,
        } => match over.as_slice() {
            [1, 2] if input.shape.0.len() == 3 && *reduction == sinew_models::Reduction::Mean => {
                input.tensor.mean_dim(3).mean_dim(2)
            }
            over => elementwise::reduce(*reduction, input, over).reshape(axes),
        },
        Operator::Softmax { axis } => activation::softmax(input.around(*axis), 1).reshape(axes),
        Operator::Reshape { .. } => input.tensor.reshape(axes),
        Operator::Transpose { order } => rearrange::transpose(input, order).reshape(axes),
        Operator::Select {
            axis,
            indices,
            fill,
        } => rearrange::select(input, *axis, indices, *fill).reshape(axes),
        Operator::Constant { .. }
        | Operator::Binary(_)
        | Operator::Where
        | Operator::MatMul
        | Operator::Concat { .. } => unreachable!("handled above"),
    }
}

fn take<const COUNT: usize>(inputs: Vec<Operand<'_>>) -> [Operand<'_>; COUNT] {
    inputs.try_into().expect("checked by the network")
}

/// The product, `[batch · leading axes, row, column]`.
fn mat_mul(left: Operand<'_>, right: Operand<'_>, shape: &Shape) -> Tensor<3> {
    let batch = left.batch().max(right.batch());
    let rank = shape.0.len();
    let leading = &shape.0[..rank - 2];
    let matrices = |operand: Operand<'_>| {
        let own = &operand.shape.0;
        let [rows, columns] = [own[own.len() - 2], own[own.len() - 1]];
        let wanted = [leading, &[rows, columns]].concat();
        let count = batch * leading.iter().product::<usize>();
        rearrange::broadcast(operand, batch, &wanted).reshape([count, rows, columns])
    };
    matrices(left).matmul(matrices(right))
}

/// The sum of the taps inside the map, divided by their number: two convolutions with ones, one of which sees a map of ones.
fn dilated_average_pool(input: Tensor<4>, window: &Window) -> Tensor<4> {
    let [_, channels, height, width] = input.dims();
    let [rows, columns] = window.kernel;
    let device = input.device();
    let sum = |maps: Tensor<4>, channels: usize| {
        let options = ConvOptions::new_with_padding(
            window.stride,
            padding_pairs(window),
            window.dilation,
            channels,
        );
        let ones = Tensor::ones([channels, 1, rows, columns], &device);
        module::conv2d(maps, ones, None, options)
    };
    let counts = sum(Tensor::ones([1, 1, height, width], &device), 1);
    sum(input, channels) / counts
}

/// Constants that broadcast over `[batch, channel, height, width]`.
fn constants(values: &[f32], device: &Device) -> Tensor<4> {
    let data = TensorData::new(values.to_vec(), [1, values.len(), 1, 1]);
    Tensor::from_data(data, device)
}

fn padding_pairs(window: &Window) -> [(usize, usize); 2] {
    let [top, left, bottom, right] = window.padding;
    [(top, bottom), (left, right)]
}
