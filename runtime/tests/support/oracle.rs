//! The operators as `docs/FORMAT.md` defines them, in 64 bits and in the plainest loops there are.

mod flat;

use sinew_runtime::format::{Bounds, Operator, Shape, Window};

use super::Layer;

/// A value and how far an `f32` computation of it may be off.
pub type Expected = (f64, f64);

/// Computes a layer from its `f32` inputs.
pub fn layer(layer: &Layer, shapes: &[Shape], inputs: &[&[f32]], output: Shape) -> Vec<Expected> {
    let channels = output.channels as usize;
    let positions =
        (0..output.height as i64).flat_map(|y| (0..output.width as i64).map(move |x| [y, x]));
    let everywhere = (0..channels)
        .flat_map(|channel| positions.clone().map(move |position| (channel, position)));
    let image = |window| Image {
        shape: shapes[0],
        values: inputs[0],
        window,
    };
    match layer.operator {
        Operator::Convolution {
            bounds,
            window,
            groups,
            ..
        } => {
            let image = image(window);
            let in_group = (image.shape.channels / groups) as usize;
            let out_group = channels / groups as usize;
            let columns = in_group * window.area() as usize;
            everywhere
                .map(|(channel, position)| {
                    let first = channel / out_group * in_group;
                    let inputs = (first..first + in_group).flat_map(|channel| {
                        image
                            .window(channel, position)
                            .map(|value| value.unwrap_or(0.0))
                    });
                    let row = &layer.weights[channel * columns..][..columns];
                    product(layer.bias[channel], row, inputs, bounds)
                })
                .collect()
        }
        Operator::Linear { bounds, .. } => layer
            .weights
            .chunks_exact(inputs[0].len())
            .zip(&layer.bias)
            .map(|(row, &bias)| product(bias, row, inputs[0].iter().copied(), bounds))
            .collect(),
        Operator::MaxPool { window } => everywhere
            .map(|(channel, position)| {
                let image = image(window);
                let values = image.window(channel, position).flatten();
                exact(values.fold(f32::MIN, f32::max))
            })
            .collect(),
        Operator::AveragePool { window } => everywhere
            .map(|(channel, position)| {
                let values: Vec<f32> = image(window).window(channel, position).flatten().collect();
                mean(&values)
            })
            .collect(),
        Operator::Affine { bounds } => everywhere
            .zip(inputs[0])
            .map(|((channel, _), &value)| {
                let scale = [layer.bias[channel]];
                product(layer.weights[channel], &scale, [value].into_iter(), bounds)
            })
            .collect(),
        Operator::Constant => layer.weights.iter().map(|&value| exact(value)).collect(),
        _ => flat::layer(layer, inputs, output.elements() as usize),
    }
}

/// What is computed without rounding.
fn exact(value: f32) -> Expected {
    (value.into(), 0.0)
}

/// What is rounded to `f32` in the end: by less than a unit in the last place.
fn rounded(value: f64) -> Expected {
    let underflow = f64::from(f32::from_bits(1));
    (value, f64::from(f32::EPSILON) * value.abs() + underflow)
}

/// The mean of some values.
fn mean(values: &[f32]) -> Expected {
    let count = values.len() as f64;
    let ones = vec![1.0; values.len()];
    let (sum, tolerance) = product(0.0, &ones, values.iter().copied(), Bounds::NONE);
    let (mean, rounding) = rounded(sum / count);
    (mean, tolerance / count + rounding)
}

/// bias + Σ weight · input, clamped, with the tolerance of summing in any order.
fn product(
    bias: f32,
    weights: &[f32],
    inputs: impl Iterator<Item = f32>,
    bounds: Bounds,
) -> Expected {
    let (mut sum, mut magnitude) = (f64::from(bias), f64::from(bias.abs()));
    let mut terms = 1.0;
    for (&weight, input) in weights
        .iter()
        .zip(inputs)
        .filter(|(weight, _)| **weight != 0.0)
    {
        let product = f64::from(weight) * f64::from(input);
        sum += product;
        magnitude += product.abs();
        terms += 1.0;
    }
    (
        sum.clamp(bounds.low.into(), bounds.high.into()),
        (terms + 1.0) * f64::from(f32::EPSILON) * magnitude + terms * f64::from(f32::from_bits(1)),
    )
}

struct Image<'a> {
    shape: Shape,
    values: &'a [f32],
    window: Window,
}

impl Image<'_> {
    /// The values in a channel's window in row-major order, `None` in the padding.
    fn window(&self, channel: usize, position: [i64; 2]) -> impl Iterator<Item = Option<f32>> {
        let Window {
            kernel,
            stride,
            padding,
            dilation,
        } = self.window;
        let [_, height, width] = self.shape.dimensions().map(|side| side as i64);
        let [top, left] =
            [0, 1].map(|axis| position[axis] * i64::from(stride[axis]) - i64::from(padding[axis]));
        let [down, right] = dilation.map(i64::from);
        (0..i64::from(kernel[0])).flat_map(move |ky| {
            (0..i64::from(kernel[1])).map(move |kx| {
                let (y, x) = (top + ky * down, left + kx * right);
                let inside = (0..height).contains(&y) && (0..width).contains(&x);
                inside.then(|| self.values[((channel as i64 * height + y) * width + x) as usize])
            })
        })
    }
}
