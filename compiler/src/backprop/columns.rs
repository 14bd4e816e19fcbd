//! What windows see, as a matrix: one row for each tap of each channel, one column for each window (im2col; Chellapilla et al., "High
//! Performance Convolutional Neural Networks for Document Processing", 2006), and the way back.
//!
//! Non-goals: the products of such matrices (`convolution`).

use std::ops::Range;

use sinew_models::Window;

/// The outputs along one axis for which a tap lies on the map.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    pub(super) outputs: Range<usize>,
    /// Where the tap lies for the first of them; a stride further for the next.
    pub(super) first: usize,
}

/// The windows on a map.
#[derive(Clone, Debug)]
pub(super) struct Windows {
    /// `[height, width]` of the map.
    pub(super) input: [usize; 2],
    /// `[height, width]` of the result.
    pub(super) output: [usize; 2],
    pub(super) stride: [usize; 2],
    /// For each tap along both axes.
    pub(super) reach: [Vec<Reach>; 2],
    /// Whether window `i` is element `i`.
    pub(super) is_identity: bool,
}

impl Windows {
    pub(super) fn new(window: &Window, input: [usize; 2]) -> Self {
        let output = window.output_size(input).expect("a window fits");
        let reach = [0, 1].map(|axis| {
            let (stride, before) = (window.stride[axis], window.padding[axis]);
            let of_tap = |tap: usize| {
                let shift = tap * window.dilation[axis];
                let start = before.saturating_sub(shift).div_ceil(stride);
                let end = (input[axis] + before)
                    .saturating_sub(shift)
                    .div_ceil(stride);
                let outputs = start.min(output[axis])..end.min(output[axis]);
                let is_empty = outputs.is_empty();
                Reach {
                    first: if is_empty {
                        0
                    } else {
                        start * stride + shift - before
                    },
                    outputs: if is_empty { 0..0 } else { outputs },
                }
            };
            (0..window.kernel[axis]).map(of_tap).collect()
        });
        Self {
            input,
            output,
            stride: window.stride,
            reach,
            is_identity: window.kernel == [1, 1]
                && window.stride == [1, 1]
                && window.padding == [0; 4],
        }
    }

    /// Taps of a window.
    pub(super) fn taps(&self) -> usize {
        self.reach[0].len() * self.reach[1].len()
    }

    /// Elements of a plane of the map.
    pub(super) fn elements(&self) -> usize {
        self.input.iter().product()
    }

    /// Windows of a plane.
    pub(super) fn count(&self) -> usize {
        self.output.iter().product()
    }

    /// The reach of every tap, down and to the right, in the order of weights.
    pub(super) fn reaches(&self) -> impl Iterator<Item = [&Reach; 2]> {
        let [down, right] = &self.reach;
        down.iter()
            .flat_map(move |y| right.iter().map(move |x| [y, x]))
    }

    /// For each line of windows in a tap's reach: where on the plane the first element lies, and which windows see it and those that
    /// follow, a stride apart.
    fn lines(&self, [down, right]: [&Reach; 2]) -> impl Iterator<Item = (usize, Range<usize>)> {
        let ([_, width], [_, columns]) = (self.input, self.output);
        let (first, outputs) = (right.first, right.outputs.clone());
        let places = (down.first * width + first..).step_by(self.stride[0] * width);
        let starts = down.outputs.clone().map(move |row| row * columns);
        places
            .zip(starts)
            .map(move |(place, start)| (place, start + outputs.start..start + outputs.end))
    }

    /// Writes what one tap sees of a plane, zero where it lies beside it.
    pub(super) fn gather(&self, reach: [&Reach; 2], plane: &[f32], seen: &mut [f32]) {
        let [down, right] = reach;
        let columns = self.output[1];
        if down.outputs.len() * right.outputs.len() < self.count() {
            seen[..down.outputs.start * columns].fill(0.0);
            seen[down.outputs.end * columns..].fill(0.0);
            for row in down.outputs.clone() {
                seen[row * columns..][..right.outputs.start].fill(0.0);
                seen[row * columns..(row + 1) * columns][right.outputs.end..].fill(0.0);
            }
        }
        for (place, windows) in self.lines(reach) {
            let seen = &mut seen[windows];
            let line = &plane[place..];
            if self.stride[1] == 1 {
                seen.copy_from_slice(&line[..seen.len()]);
            } else {
                let places = line.iter().step_by(self.stride[1]);
                seen.iter_mut().zip(places).for_each(|(seen, x)| *seen = *x);
            }
        }
    }

    /// Adds `factor` times what one tap sees of a plane.
    pub(super) fn accumulate(
        &self,
        reach: [&Reach; 2],
        factor: f32,
        plane: &[f32],
        sums: &mut [f32],
    ) {
        for (place, windows) in self.lines(reach) {
            let (sums, line) = (&mut sums[windows], &plane[place..]);
            if self.stride[1] == 1 {
                let pairs = sums.iter_mut().zip(line);
                pairs.for_each(|(sum, x)| *sum += factor * x);
            } else {
                let pairs = sums.iter_mut().zip(line.iter().step_by(self.stride[1]));
                pairs.for_each(|(sum, x)| *sum += factor * x);
            }
        }
    }

    /// Adds `factor` times the slopes of what one tap has seen to those of a plane.
    pub(super) fn scatter(
        &self,
        reach: [&Reach; 2],
        factor: f32,
        slopes: &[f32],
        plane: &mut [f32],
    ) {
        for (place, windows) in self.lines(reach) {
            let (slopes, line) = (&slopes[windows], &mut plane[place..]);
            if self.stride[1] == 1 {
                let pairs = line.iter_mut().zip(slopes);
                pairs.for_each(|(x, slope)| *x += factor * slope);
            } else {
                let pairs = line.iter_mut().step_by(self.stride[1]).zip(slopes);
                pairs.for_each(|(x, slope)| *x += factor * slope);
            }
        }
    }

    /// The sum of products of what one tap sees of a plane with the slopes of what it has seen.
    pub(super) fn product(&self, reach: [&Reach; 2], plane: &[f32], slopes: &[f32]) -> f32 {
        let line = |(place, windows): (usize, Range<usize>)| {
            let places = plane[place..].iter().step_by(self.stride[1]);
            places
                .zip(&slopes[windows])
                .map(|(x, slope)| x * slope)
                .sum::<f32>()
        };
        self.lines(reach).map(line).sum()
    }
}
