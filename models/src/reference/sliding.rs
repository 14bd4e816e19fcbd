//! Windows on maps: convolution and pooling.

use std::ops::Range;

use super::Input;
use crate::network::Parameter;
use crate::shape::Shape;
use crate::window::Window;

/// Cross-correlation of a map with `weight`. The loops over the taps stand outside those over the output's elements, so that the inner
/// one is over rows of memory.
pub(super) fn convolution(
    (shape, values): Input,
    weight: &Parameter,
    bias: Option<&Parameter>,
    window: &Window,
    groups: usize,
    result: &Shape,
) -> Vec<f32> {
    let [channels, height, width] = shape.as_map();
    let [outputs, rows, columns] = result.as_map();
    let depth = channels / groups;
    let runs = runs(window, [height, width], [rows, columns]);
    let kernels = weight.values().chunks_exact(window.kernel.iter().product());
    let kernels: Vec<&[f32]> = kernels.collect();
    let planes: Vec<&[f32]> = values.chunks_exact(height * width).collect();
    let plane = |output: usize| {
        let start = bias.map_or(0.0, |bias| f64::from(bias.values()[output]));
        let mut sums = vec![start; rows * columns];
        let first = output / (outputs / groups) * depth;
        for channel in 0..depth {
            let (kernel, plane) = (kernels[output * depth + channel], planes[first + channel]);
            for run in &runs {
                let weight = f64::from(kernel[run.tap]);
                let inputs = plane[run.input..].iter().step_by(window.stride[1]);
                for (sum, input) in sums[run.output.clone()].iter_mut().zip(inputs) {
                    *sum += weight * f64::from(*input);
                }
            }
        }
        sums
    };
    (0..outputs)
        .flat_map(|output| plane(output).into_iter().map(|sum| sum as f32))
        .collect()
}

/// Neighbours in a row of the output for which one tap lies on the map.
struct Run {
    /// The tap's position in the kernel.
    tap: usize,
    /// Their positions in the output's plane.
    output: Range<usize>,
    /// Where the tap of the first of them lies in the input's plane. That of the next lies one stride further.
    input: usize,
}

/// All runs on a map of `size` with an output of `result`, by rows and columns of the kernel.
fn runs(window: &Window, size: [usize; 2], result: [usize; 2]) -> Vec<Run> {
    let mut runs = Vec::new();
    let [width, columns] = [size[1], result[1]];
    let at = |axis: usize, output: usize, tap: usize| {
        output * window.stride[axis] + tap * window.dilation[axis] - window.padding[axis]
    };
    for tap_y in 0..window.kernel[0] {
        let inside_y = outputs_inside(window, 0, tap_y, size, result);
        for tap_x in 0..window.kernel[1] {
            let inside_x = outputs_inside(window, 1, tap_x, size, result);
            if inside_x.is_empty() {
                continue;
            }
            runs.extend(inside_y.clone().map(|y| Run {
                tap: tap_y * window.kernel[1] + tap_x,
                output: y * columns + inside_x.start..y * columns + inside_x.end,
                input: at(0, y, tap_y) * width + at(1, inside_x.start, tap_x),
            }));
        }
    }
    runs
}

/// The windows along `axis` whose tap number `tap` lies on the map.
fn outputs_inside(
    window: &Window,
    axis: usize,
    tap: usize,
    size: [usize; 2],
    result: [usize; 2],
) -> Range<usize> {
    let (tap, before, stride) = (
        tap * window.dilation[axis],
        window.padding[axis],
        window.stride[axis],
    );
    let first = before.saturating_sub(tap).div_ceil(stride);
    let end = (before + size[axis]).saturating_sub(tap).div_ceil(stride);
    first..end.min(result[axis]).max(first)
}

/// One number from the elements of every channel under each window, without the padding.
pub(super) fn pool(
    (shape, values): Input,
    window: &Window,
    result: &Shape,
    pooled: impl Fn(&mut dyn Iterator<Item = f32>) -> f32,
) -> Vec<f32> {
    let [channels, height, width] = shape.as_map();
    let [_, rows, columns] = result.as_map();
    let mut elements = Vec::with_capacity(channels * rows * columns);
    for plane in values.chunks_exact(height * width) {
        for y in 0..rows {
            for x in 0..columns {
                let ys = positions_inside(window, 0, y, height);
                let xs = positions_inside(window, 1, x, width);
                let mut taps = ys.flat_map(|y| xs.clone().map(move |x| plane[y * width + x]));
                elements.push(pooled(&mut taps));
            }
        }
    }
    elements
}

/// The positions along `axis`, on a map of `size`, that window number `output` covers.
fn positions_inside(
    window: &Window,
    axis: usize,
    output: usize,
    size: usize,
) -> impl Iterator<Item = usize> + Clone + use<> {
    let (before, dilation) = (window.padding[axis], window.dilation[axis]);
    let start = output * window.stride[axis];
    let first = before.saturating_sub(start).div_ceil(dilation);
    let end = (before + size).saturating_sub(start).div_ceil(dilation);
    let taps = first..end.min(window.kernel[axis]);
    taps.map(move |tap| start + tap * dilation - before)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests;
    use super::super::tests::{apply, at, index_of, parameter, pattern};
    use crate::network::{ParameterId, Role};
    use crate::operator::Operator;
    use crate::window::Window;

    fn windows() -> impl Strategy<Value = Window> {
        let pair = || [1usize..4, 1usize..4];
        let padding = [0usize..4, 0usize..4, 0usize..4, 0usize..4];
        (pair(), pair(), padding, pair()).prop_map(|(kernel, stride, padding, dilation)| Window {
            kernel,
            stride,
            padding,
            dilation,
        })
    }

    /// A window and the size of a map that it fits on.
    fn fitting_windows() -> impl Strategy<Value = (Window, [usize; 2])> {
        let sizes = [1usize..6, 1usize..6];
        let fits = |(window, size): &(Window, [usize; 2])| window.output_size(*size).is_some();
        (windows(), sizes).prop_filter("no window fits", fits)
    }

    /// A window of a pool and the size of its map.
    fn pools() -> impl Strategy<Value = (Window, [usize; 2])> {
        fitting_windows().prop_filter("a window lies in the padding", |(window, size)| {
            let output = window.output_size(*size).unwrap();
            window.touches_everywhere(*size, output)
        })
    }

    /// The element under tap `[y, x]` of the window at `[row, column]`; `None` in the padding.
    fn tap(
        map: &tests::Value,
        channel: usize,
        window: &Window,
        at_output: [usize; 2],
        tap: [usize; 2],
    ) -> Option<f32> {
        let mut index = vec![channel];
        for axis in 0..2 {
            let position =
                at_output[axis] * window.stride[axis] + tap[axis] * window.dilation[axis];
            let position = position.checked_sub(window.padding[axis])?;
            (position < map.0.0[axis + 1]).then_some(())?;
            index.push(position);
        }
        Some(at(map, &index))
    }

    fn taps(window: &Window) -> impl Iterator<Item = [usize; 2]> + use<> {
        let [height, width] = window.kernel;
        (0..height).flat_map(move |y| (0..width).map(move |x| [y, x]))
    }

    proptest! {
        #[test]
        fn convolutions_add_every_tap_of_their_group(
            (window, [height, width]) in fitting_windows(),
            [groups, depth, outputs] in [1usize..3, 1usize..3, 1usize..3],
        ) {
            let map = pattern(&[groups * depth, height, width]);
            let kernels = pattern(&[groups * outputs, depth, window.kernel[0], window.kernel[1]]);
            let weight = parameter(Role::Weight, &kernels.0.0, &kernels.1);
            let operator = Operator::Convolution { weight: ParameterId(0), bias: None, window, groups };
            let (shape, elements) = apply(&operator, std::slice::from_ref(&map), &[weight]);
            for (flat, element) in elements.iter().enumerate() {
                let index = index_of(&shape.0, flat);
                let group = index[0] / outputs;
                let products = (0..depth).flat_map(|channel| taps(&window).map(move |tap| (channel, tap)));
                let products = products.filter_map(|(channel, [y, x])| {
                    let input = tap(&map, group * depth + channel, &window, [index[1], index[2]], [y, x])?;
                    Some(at(&kernels, &[index[0], channel, y, x]) * input)
                });
                // Small integers: exact in any order.
                prop_assert_eq!(*element, products.sum::<f32>());
            }
        }

        #[test]
        fn pools_take_the_taps_on_the_map((window, size) in pools()) {
            let map = pattern(&[2, size[0], size[1]]);
            let (shape, largest) = apply(&Operator::MaxPool(window), std::slice::from_ref(&map), &[]);
            let (_, means) = apply(&Operator::AveragePool(window), std::slice::from_ref(&map), &[]);
            for (flat, (largest, mean)) in largest.iter().zip(means).enumerate() {
                let index = index_of(&shape.0, flat);
                let inside: Vec<f32> = taps(&window)
                    .filter_map(|position| tap(&map, index[0], &window, [index[1], index[2]], position))
                    .collect();
                let expected = inside.iter().copied().reduce(f32::max);
                prop_assert_eq!(Some(*largest), expected);
                let sum: f64 = inside.iter().copied().map(f64::from).sum();
                prop_assert_eq!(mean, (sum / inside.len() as f64) as f32);
            }
        }
    }
}
