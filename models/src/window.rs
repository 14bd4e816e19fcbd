//! Windows that slide over maps.

use serde::{Deserialize, Serialize};

/// A window that slides over a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Height and width, counted in taps.
    pub kernel: [usize; 2],
    /// Steps down and to the right.
    pub stride: [usize; 2],
    /// Padding at the top, left, bottom and right.
    pub padding: [usize; 4],
    /// Distance between neighbouring taps, down and to the right; 1 where they touch.
    pub dilation: [usize; 2],
}

impl Window {
    /// A square window with the same padding on all four sides.
    pub fn square(kernel: usize, stride: usize, padding: usize) -> Self {
        Self {
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [padding; 4],
            dilation: [1; 2],
        }
    }

    /// Height and width that the taps span; `None` where the kernel or the dilation is zero, or the numbers are too large.
    pub fn extent(&self) -> Option<[usize; 2]> {
        let along = |axis: usize| {
            let gaps = self.kernel[axis].checked_sub(1)?;
            (self.dilation[axis] > 0).then_some(())?;
            gaps.checked_mul(self.dilation[axis])?.checked_add(1)
        };
        Some([along(0)?, along(1)?])
    }

    /// Height and width of the result on a map of `size`; `None` where no window fits, or a stride, a dilation or the kernel is
    /// zero.
    pub fn output_size(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let [top, left, bottom, right] = self.padding;
        let extent = self.extent()?;
        let along = |axis: usize, before: usize, after: usize| {
            let room = size[axis].checked_add(before)?.checked_add(after)?;
            let steps = room.checked_sub(extent[axis])?;
            Some(steps.checked_div(self.stride[axis])? + 1)
        };
        Some([along(0, top, bottom)?, along(1, left, right)?])
    }

    /// Whether every window on a map of `size`, where the result has `output` windows, has a tap inside the map: then a maximum or a
    /// mean over the map's part of it exists.
    pub(crate) fn touches_everywhere(&self, size: [usize; 2], output: [usize; 2]) -> bool {
        let along = |axis: usize| {
            let (before, dilation) = (self.padding[axis], self.dilation[axis]);
            // The windows that begin before the map, and the last. The others lie before that one and begin on the map.
            let early = before.div_ceil(self.stride[axis]).min(output[axis]);
            (0..early).chain([output[axis] - 1]).all(|window| {
                let start = window * self.stride[axis];
                // Taps that lie before the map.
                let skipped = before.saturating_sub(start).div_ceil(dilation);
                skipped < self.kernel[axis] && start + skipped * dilation < before + size[axis]
            })
        };
        along(0) && along(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn output_size_counts_the_windows_that_fit(
            size in 0usize..12,
            kernel in 0usize..6,
            stride in 0usize..4,
            dilation in 0usize..4,
            before in 0usize..4,
            after in 0usize..4,
        ) {
            let window = Window {
                kernel: [kernel, 1],
                stride: [stride, 1],
                padding: [before, 0, after, 0],
                dilation: [dilation, 1],
            };
            let padded = before + size + after;
            let last = (kernel.max(1) - 1) * dilation;
            let count = (0..padded)
                .filter(|start| stride > 0 && start % stride == 0 && start + last < padded)
                .count();
            let expected = (kernel > 0 && dilation > 0 && count > 0).then_some([count, 1]);
            prop_assert_eq!(window.output_size([size, 1]), expected);
        }

        #[test]
        fn windows_touch_the_map_where_a_tap_lies_inside(
            size in 1usize..8,
            kernel in 1usize..4,
            stride in 1usize..4,
            dilation in 1usize..4,
            before in 0usize..8,
            after in 0usize..8,
        ) {
            let window = Window {
                kernel: [kernel, 1],
                stride: [stride, 1],
                padding: [before, 0, after, 0],
                dilation: [dilation, 1],
            };
            if let Some(output) = window.output_size([size, 1]) {
                let expected = (0..output[0]).all(|window| {
                    (0..kernel).any(|tap| {
                        let position = window * stride + tap * dilation;
                        (before..before + size).contains(&position)
                    })
                });
                prop_assert_eq!(window.touches_everywhere([size, 1], output), expected);
            }
        }

        #[test]
        fn output_size_never_overflows(
            size: [usize; 2], kernel: [usize; 2], stride: [usize; 2], padding: [usize; 4], dilation: [usize; 2],
        ) {
            Window { kernel, stride, padding, dilation }.output_size(size);
        }
    }
}
