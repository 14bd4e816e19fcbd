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
    /// Whether a map that is cut into the phases of the stride has the result's size: then the elements that a tap sees lie side by
    /// side, but for those that wrap around the edges.
    is_aligned: bool,
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
            is_aligned: [0, 1].map(|axis| input[axis].div_ceil(window.stride[axis])) == output,
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

    /// Numbers of a plane that is cut into phases, or zero where it stays as it is.
    pub(super) fn cut_length(&self) -> usize {
        match self.stride {
            [1, 1] => 0,
            [down, right] if self.is_aligned => down * right * self.count(),
            _ => 0,
        }
    }

    /// For each line of a plane where those begin that it is cut into, one for each phase, in phases of the result's size.
    fn line_phases(&self) -> impl Iterator<Item = usize> {
        let [down, right] = self.stride;
        let (count, columns) = (self.count(), self.output[1]);
        (0..self.input[0]).map(move |y| y % down * right * count + y / down * columns)
    }

    /// Cuts a plane into phases; what lies beside the map is left as it is.
    pub(super) fn cut(&self, plane: &[f32], phases: &mut [f32]) {
        let (stride, count) = (self.stride[1], self.count());
        for (line, start) in plane.chunks_exact(self.input[1]).zip(self.line_phases()) {
            let phases = &mut phases[start..];
            if stride == 2 {
                // Written in pairs, which vector units take apart.
                let (even, odd) = phases.split_at_mut(count);
                let pairs = line.chunks_exact(2);
                if let [last] = pairs.remainder() {
                    even[line.len() / 2] = *last;
                }
                for ((even, odd), pair) in even.iter_mut().zip(odd).zip(pairs) {
                    (*even, *odd) = (pair[0], pair[1]);
                }
                continue;
            }
            for phase in 0..stride.min(line.len()) {
                let elements = line[phase..].iter().step_by(stride);
                let phase = phases[phase * count..].iter_mut();
                phase.zip(elements).for_each(|(to, from)| *to = *from);
            }
        }
    }

    /// Adds phases to the plane that they are cut from.
    pub(super) fn join(&self, phases: &[f32], plane: &mut [f32]) {
        let (stride, count) = (self.stride[1], self.count());
        for (line, start) in plane
            .chunks_exact_mut(self.input[1])
            .zip(self.line_phases())
        {
            let phases = &phases[start..];
            if stride == 2 {
                let (even, odd) = phases.split_at(count);
                let half = line.len() / 2;
                let mut pairs = line.chunks_exact_mut(2);
                for ((even, odd), pair) in even.iter().zip(odd).zip(&mut pairs) {
                    pair[0] += even;
                    pair[1] += odd;
                }
                if let [last] = pairs.into_remainder() {
                    *last += even[half];
                }
                continue;
            }
            for phase in 0..stride.min(line.len()) {
                let elements = line[phase..].iter_mut().step_by(stride);
                elements
                    .zip(&phases[phase * count..])
                    .for_each(|(to, from)| *to += *from);
            }
        }
    }

    /// Where the first element that a tap sees lies in the phases of a plane, and the windows from the first to the last that see one.
    fn run(&self, [down, right]: [&Reach; 2]) -> (usize, Range<usize>) {
        let ([sy, sx], columns) = (self.stride, self.output[1]);
        let phase = down.first % sy * sx + right.first % sx;
        let place = phase * self.count() + down.first / sy * columns + right.first / sx;
        let start = down.outputs.start * columns + right.outputs.start;
        (
            place,
            start..(down.outputs.end - 1) * columns + right.outputs.end,
        )
    }

    /// Clears what wraps around the edges from one line of windows to the next.
    fn clear_edges(&self, [down, right]: [&Reach; 2], numbers: &mut [f32]) {
        let columns = self.output[1];
        let gap = columns - right.outputs.len();
        if gap > 0 {
            let ends = (down.outputs.start..down.outputs.end - 1).map(|row| row * columns);
            for end in ends {
                let gap = &mut numbers[end + right.outputs.end..][..gap];
                // Mostly it is one number, for which a call would take longest.
                match gap {
                    [one] => *one = 0.0,
                    more => more.fill(0.0),
                }
            }
        }
    }

    /// Writes what one tap sees of a plane, or of its phases if it is cut, zero where it lies beside the map.
    pub(super) fn gather(&self, reach: [&Reach; 2], plane: &[f32], seen: &mut [f32]) {
        if reach.iter().any(|along| along.outputs.is_empty()) {
            return seen.fill(0.0);
        }
        if self.is_aligned {
            let (place, windows) = self.run(reach);
            seen[..windows.start].fill(0.0);
            seen[windows.end..].fill(0.0);
            seen[windows.clone()].copy_from_slice(&plane[place..][..windows.len()]);
            return self.clear_edges(reach, seen);
        }
        seen.fill(0.0);
        for (place, windows) in self.lines(reach) {
            let places = plane[place..].iter().step_by(self.stride[1]);
            seen[windows]
                .iter_mut()
                .zip(places)
                .for_each(|(seen, x)| *seen = *x);
        }
    }

    /// Adds what one tap has brought to a plane, or to its phases if it is cut. Leaves zero what it has brought beside the map.
    pub(super) fn bring(&self, reach: [&Reach; 2], brought: &mut [f32], plane: &mut [f32]) {
        if reach.iter().any(|along| along.outputs.is_empty()) {
            return;
        }
        if self.is_aligned {
            self.clear_edges(reach, brought);
            let (place, windows) = self.run(reach);
            let pairs = plane[place..].iter_mut().zip(&brought[windows]);
            return pairs.for_each(|(x, slope)| *x += slope);
        }
        self.scatter(reach, 1.0, brought, plane);
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
