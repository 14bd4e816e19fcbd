//! Convolutions and linear layers, forwards and backwards on the runtime's kernels.

use sinew_models::Window;

use super::kernel::{Kernels, Layer, Request, Workspace};
use super::transposed::{Phase, phases};
use crate::pack::PackError;

/// A convolution with its pullback.
#[derive(Debug)]
pub(super) struct Convolution {
    forward: Layer,
    /// One for each phase of the stride that a tap sees.
    backward: Vec<Part>,
    /// Whether no phase computes some elements of the input.
    has_gaps: bool,
    /// `[channel, height, width]` of the input.
    input: [usize; 3],
    stride: [usize; 2],
}

/// A phase of the pullback.
#[derive(Debug)]
struct Part {
    layer: Layer,
    /// Where its elements begin, along both axes.
    first: [usize; 2],
    /// How many there are. The layer may compute more.
    count: [usize; 2],
}

impl Convolution {
    /// Packs a convolution and its pullback.
    pub(super) fn pack(
        request: Request,
        part: usize,
        files: &mut Vec<Vec<u8>>,
    ) -> Result<Self, PackError> {
        let Window { stride, .. } = request.window;
        let [_, height, width] = request.input;
        let [rows, columns] = request
            .window
            .output_size([height, width])
            .expect("a window fits");
        let mut backward = Vec::new();
        let vertical = phases(&request.window, 0, height, rows);
        let horizontal = phases(&request.window, 1, width, columns);
        for (down, right) in vertical
            .iter()
            .flat_map(|down| horizontal.iter().map(move |right| (down, right)))
        {
            let transposed = transposed(&request, [down, right], [rows, columns]);
            backward.push(Part {
                layer: Layer::pack(transposed, part, files)?,
                first: [down.first, right.first],
                count: [down.count, right.count],
            });
        }
        let computed = |phases: &[Phase]| phases.iter().map(|phase| phase.count).sum::<usize>();
        Ok(Self {
            has_gaps: [computed(&vertical), computed(&horizontal)] != [height, width],
            backward,
            input: request.input,
            stride,
            forward: Layer::pack(request, part, files)?,
        })
    }

    pub(super) fn forward(
        &self,
        input: &[f32],
        output: &mut [f32],
        kernels: &Kernels<'_>,
        workspace: &mut Workspace,
    ) {
        let [elements, results] = self
            .forward
            .elements()
            .map(|count| count * self.forward.images);
        for (input, output) in input.chunks(elements).zip(output.chunks_mut(results)) {
            self.forward.run(input, output, kernels, workspace);
        }
    }

    /// Writes the slopes of the input to `targets`, or adds them.
    pub(super) fn backward(
        &self,
        slopes: &[f32],
        targets: &mut [f32],
        add: bool,
        kernels: &Kernels<'_>,
        workspace: &mut Workspace,
    ) {
        if self.has_gaps && !add {
            targets.fill(0.0);
        }
        let elements = self.input.iter().product::<usize>();
        for part in &self.backward {
            let [results, computed] = part.layer.elements();
            let images = part.layer.images;
            let is_whole = part.layer.output == self.input && part.count[..] == self.input[1..];
            for (slopes, targets) in slopes
                .chunks(results * images)
                .zip(targets.chunks_mut(elements * images))
            {
                if is_whole && !add {
                    part.layer.run(slopes, targets, kernels, workspace);
                    continue;
                }
                let mut phase = std::mem::take(&mut workspace.phase);
                phase.resize(slopes.len() / results * computed, 0.0);
                part.layer.run(slopes, &mut phase, kernels, workspace);
                for (phase, target) in phase
                    .chunks_exact(computed)
                    .zip(targets.chunks_exact_mut(elements))
                {
                    self.interleave(part, phase, target, add);
                }
                workspace.phase = phase;
            }
        }
    }

    /// Puts the elements of a phase of one image to their places.
    fn interleave(&self, part: &Part, phase: &[f32], target: &mut [f32], add: bool) {
        let [_, height, width] = self.input;
        let [_, rows, columns] = part.layer.output;
        let maps = phase
            .chunks_exact(rows * columns)
            .zip(target.chunks_exact_mut(height * width));
        for (phase, target) in maps {
            let lines = target
                .chunks_exact_mut(width)
                .skip(part.first[0])
                .step_by(self.stride[0]);
            for (line, phase) in lines.zip(phase.chunks_exact(columns)).take(part.count[0]) {
                let places = line[part.first[1]..].iter_mut().step_by(self.stride[1]);
                let pairs = places.zip(&phase[..part.count[1]]);
                if add {
                    pairs.for_each(|(target, slope)| *target += slope);
                } else {
                    pairs.for_each(|(target, slope)| *target = *slope);
                }
            }
        }
    }
}

/// The convolution of slopes that gives one phase: input and output channels swapped within each group.
fn transposed(
    request: &Request,
    [down, right]: [&Phase; 2],
    [rows, columns]: [usize; 2],
) -> Request {
    let groups = request.groups;
    let [kernel_height, kernel_width] = request.window.kernel;
    let [channels, ..] = request.input;
    let (depth, units) = (channels / groups, request.outputs / groups);
    let mut weights = Vec::with_capacity(channels * units * down.taps.len() * right.taps.len());
    for channel in 0..channels {
        for unit in 0..units {
            let output = channel / depth * units + unit;
            let kernel = (output * depth + channel % depth) * kernel_height * kernel_width;
            for y in &down.taps {
                weights.extend(right.taps.iter().map(|x| match (y, x) {
                    (Some(y), Some(x)) => request.weights[kernel + y * kernel_width + x],
                    _ => 0.0,
                }));
            }
        }
    }
    Request {
        input: [request.outputs, rows, columns],
        weights,
        bias: Vec::new(),
        outputs: channels,
        window: Window {
            kernel: [down.taps.len(), right.taps.len()],
            stride: [1, 1],
            padding: [
                down.padding[0],
                right.padding[0],
                down.padding[1],
                right.padding[1],
            ],
            dilation: [down.dilation, right.dilation],
        },
        groups,
        bounds: None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn small_integers(count: usize) -> impl Strategy<Value = Vec<f32>> {
        proptest::collection::vec((-3i8..=3).prop_map(f32::from), count)
    }

    /// Some images, a convolution of them, and slopes of its results.
    fn cases() -> impl Strategy<Value = (Request, Vec<f32>, Vec<f32>)> {
        let pair = |end: usize| [1..end, 1..end];
        let window = (
            pair(4),
            pair(4),
            pair(3),
            [0usize..4, 0usize..4, 0usize..4, 0usize..4],
        );
        let channels = (1usize..3, 1usize..3, 1usize..6);
        let sizes = (window, pair(9), channels, 1usize..6).prop_filter_map(
            "no window fits",
            |((kernel, stride, dilation, padding), size, channels, images)| {
                let window = Window {
                    kernel,
                    stride,
                    padding,
                    dilation,
                };
                Some((window, size, window.output_size(size)?, channels, images))
            },
        );
        sizes.prop_flat_map(
            |(window, [height, width], [rows, columns], (groups, depth, units), images)| {
                let [channels, outputs] = [groups * depth, groups * units];
                let weights =
                    small_integers(outputs * depth * window.kernel.iter().product::<usize>());
                let inputs = small_integers(images * channels * height * width);
                let slopes = small_integers(images * outputs * rows * columns);
                let request = move |weights| Request {
                    input: [channels, height, width],
                    weights,
                    bias: Vec::new(),
                    outputs,
                    window,
                    groups,
                    bounds: None,
                };
                (weights.prop_map(request), inputs, slopes)
            },
        )
    }

    fn product(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    proptest! {
        /// `⟨slopes, layer(images)⟩ = ⟨pullback(slopes), images⟩` for each image: what makes one linear map the pullback of another.
        /// Small integers are exact in any order.
        #[test]
        fn a_convolution_and_its_pullback_are_adjoint((request, images, slopes) in cases()) {
            let elements = request.input.iter().product();
            let mut files = Vec::new();
            let layer = Convolution::pack(request, 4, &mut files).unwrap();
            let kernels = Kernels::new(&files);
            let mut workspace = Workspace::default();
            let mut results = vec![f32::NAN; slopes.len()];
            // Only as many at once as were packed for.
            let [many, more] = [elements, slopes.len() / (images.len() / elements)].map(|count| 4 * count);
            let mut pulled = vec![f32::NAN; images.len()];
            let parts = images.chunks(many).zip(results.chunks_mut(more));
            for ((images, results), (slopes, pulled)) in parts.zip(slopes.chunks(more).zip(pulled.chunks_mut(many))) {
                layer.forward(images, results, &kernels, &mut workspace);
                layer.backward(slopes, pulled, false, &kernels, &mut workspace);
                let once = pulled.to_vec();
                layer.backward(slopes, pulled, true, &kernels, &mut workspace);
                for (twice, once) in pulled.iter_mut().zip(once) {
                    prop_assert_eq!(*twice, 2.0 * once);
                    *twice = once;
                }
            }
            let pairs = images.chunks(elements).zip(pulled.chunks(elements));
            for ((image, pulled), (slopes, results)) in pairs.zip(slopes.chunks(more / 4).zip(results.chunks(more / 4))) {
                prop_assert_eq!(product(slopes, results), product(pulled, image));
            }
        }
    }
}
