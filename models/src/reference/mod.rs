//! Reference execution: what a network computes, in plain loops. The oracle of every other engine.
//!
//! Each element of a value is computed in f64 from the f32 elements of the values before it and rounded to f32 once. What only moves or
//! compares elements is exact. A convolution adds input channels in order, and within a channel the rows and columns of the kernel; a
//! linear layer adds its features in order; both start from the bias. Matrix products and reductions add in order too.
//! Non-goals: speed, and batch statistics: batch norms use the running ones.

pub(crate) mod elementwise;
pub(crate) mod layout;
mod product;
pub(crate) mod rearrange;
mod reduce;
mod sliding;

use crate::function::BinaryFunction;
use crate::network::{Network, Parameter, ParameterId, ValueId};
use crate::operator::Operator;
use crate::shape::Shape;

/// A value for one image: its shape and its elements in row-major order.
pub(crate) type Input<'a> = (&'a Shape, &'a [f32]);

/// Logits `[batch, class]` of images `[batch, channel, height, width]`.
///
/// # Panics
/// If `input` does not hold exactly `batch` images.
pub fn evaluate(network: &Network, input: &[f32], batch: usize) -> Vec<f32> {
    images(network, input, batch)
        .flat_map(|image| run(network, image).pop().expect("a network has nodes"))
        .collect()
}

/// All values of a network for images `[batch, channel, height, width]`, each `[batch, …]` with the axes of
/// [`Network::shape`]. Element `i` is value `i`: the input comes first, the logits last.
///
/// # Panics
/// If `input` does not hold exactly `batch` images.
pub fn evaluate_all(network: &Network, input: &[f32], batch: usize) -> Vec<Vec<f32>> {
    let mut all = vec![Vec::new(); network.nodes().len() + 1];
    for image in images(network, input, batch) {
        for (values, value) in all.iter_mut().zip(run(network, image)) {
            values.extend(value);
        }
    }
    all
}

fn images<'a>(
    network: &Network,
    input: &'a [f32],
    batch: usize,
) -> impl Iterator<Item = &'a [f32]> + use<'a> {
    let elements = network.shape(ValueId::INPUT).elements();
    assert_eq!(
        input.len(),
        batch * elements,
        "the input must hold {batch} images of {elements} values"
    );
    input.chunks_exact(elements)
}

/// All values for one image.
fn run(network: &Network, image: &[f32]) -> Vec<Vec<f32>> {
    let mut values = vec![image.to_vec()];
    for (index, node) in network.nodes().iter().enumerate() {
        let input = |id: &ValueId| (network.shape(*id), values[id.0].as_slice());
        let inputs: Vec<Input> = node.inputs.iter().map(input).collect();
        let result = network.shape(ValueId::of_node(index));
        values.push(compute(
            &node.operator,
            network.parameters(),
            &inputs,
            result,
        ));
    }
    values
}

/// The result of one operator, whose shape is `result`. Shapes must have been checked.
pub(crate) fn compute(
    operator: &Operator,
    parameters: &[Parameter],
    inputs: &[Input],
    result: &Shape,
) -> Vec<f32> {
    let parameter = |id: &ParameterId| &parameters[id.0];
    match (operator, inputs) {
        (Operator::Constant { value }, []) => parameter(value).values().to_vec(),
        (Operator::Normalize { mean, deviation }, [input]) => {
            elementwise::by_channel(*input, |channel, x| {
                (x - f64::from(mean[channel])) / f64::from(deviation[channel])
            })
        }
        (
            Operator::Convolution {
                weight,
                bias,
                window,
                groups,
            },
            [input],
        ) => {
            let bias = bias.as_ref().map(parameter);
            sliding::convolution(*input, parameter(weight), bias, window, *groups, result)
        }
        (Operator::Linear { weight, bias }, [input]) => {
            product::linear(*input, parameter(weight), bias.as_ref().map(parameter))
        }
        (Operator::MatMul, [left, right]) => product::mat_mul([*left, *right], result),
        (
            Operator::BatchNorm {
                scale,
                shift,
                mean,
                variance,
                epsilon,
            },
            [input],
        ) => {
            let of = |id: &ParameterId, channel: usize| f64::from(parameter(id).values()[channel]);
            elementwise::by_channel(*input, |channel, x| {
                let deviation = (of(variance, channel) + f64::from(*epsilon)).sqrt();
                (x - of(mean, channel)) / deviation * of(scale, channel) + of(shift, channel)
            })
        }
        (Operator::Unary(function), [(_, values)]) => {
            let values = values.iter();
            values.map(|x| elementwise::unary(*function, *x)).collect()
        }
        (Operator::Binary(function), [left, right]) => {
            elementwise::zip(*function, [*left, *right], result)
        }
        (Operator::Where, [condition, yes, no]) => {
            elementwise::choose([*condition, *yes, *no], result)
        }
        (Operator::MaxPool(window), [input]) => sliding::pool(*input, window, result, |taps| {
            let larger = |x, y| elementwise::binary(BinaryFunction::Maximum, x, y);
            taps.reduce(larger).expect("every window touches the map")
        }),
        (Operator::AveragePool(window), [input]) => sliding::pool(*input, window, result, |taps| {
            let (count, sum) = taps.fold((0.0, 0.0), |(count, sum), x| {
                (count + 1.0, sum + f64::from(x))
            });
            (sum / count) as f32
        }),
        (Operator::Reduce { reduction, axes }, [input]) => {
            reduce::reduce(*input, *reduction, axes, result)
        }
        (Operator::Softmax { axis }, [input]) => reduce::softmax(*input, *axis),
        (Operator::Concat { axis }, inputs) => rearrange::concat(inputs, *axis, result),
        (Operator::Reshape { .. }, [(_, values)]) => values.to_vec(),
        (Operator::Transpose { order }, [input]) => rearrange::transpose(*input, order, result),
        (
            Operator::Select {
                axis,
                indices,
                fill,
            },
            [input],
        ) => rearrange::select(*input, *axis, indices, *fill),
        _ => unreachable!("the number of inputs was checked"),
    }
}

#[cfg(test)]
mod tests;
