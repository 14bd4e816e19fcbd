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
    /// mean over the map's part of it exists. Takes logarithmic time.
    pub(crate) fn touches_everywhere(&self, size: [usize; 2], output: [usize; 2]) -> bool {
        let along = |axis: usize| {
            let (before, dilation) = (self.padding[axis], self.dilation[axis]);
            let (stride, size) = (self.stride[axis], size[axis]);
            // The first window has the most taps before the map.
            let reaches = before.div_ceil(dilation) < self.kernel[axis];
            // The last window reaches farthest; if it begins on the map, so do those since the map's beginning.
            let stays = (output[axis] - 1) * stride < before + size;
            // Windows that begin before the map have their first tap at or after its beginning at
            // (window · stride − before) modulo dilation.
            let early = before.div_ceil(stride).min(output[axis]);
            let first = (dilation - before % dilation) % dilation;
            let skips = dilation > size && any_residue(early, dilation, stride, first, size);
            reaches && stays && !skips
        };
        along(0) && along(1)
    }
}

/// Whether `(factor·i + summand) mod modulus` is at least `least` for some `i` below `count`, with `least` below `modulus`.
fn any_residue(count: usize, modulus: usize, factor: usize, summand: usize, least: usize) -> bool {
    // Such a sum crosses one more multiple of the modulus when the rest is added.
    let rest = modulus - least;
    let [count, modulus, factor, summand, rest] =
        [count, modulus, factor, summand, rest].map(|number| number as u128);
    let crossed = |summand| floor_sum(count, modulus, factor, summand);
    crossed(summand + rest) != crossed(summand)
}

/// `Σ ⌊(factor·i + summand) / divisor⌋` over all `i` below `count`, modulo 2¹²⁸. In the manner of Euclid's algorithm, on the lattice points
/// below a line (Graham, Knuth and Patashnik, "Concrete Mathematics", section 3.5). All arguments are below 2⁶⁵.
fn floor_sum(mut count: u128, mut divisor: u128, mut factor: u128, mut summand: u128) -> u128 {
    let mut sum = 0u128;
    while count > 0 {
        let pairs = match count % 2 {
            0 => (count / 2).wrapping_mul(count - 1),
            _ => count.wrapping_mul((count - 1) / 2),
        };
        sum = sum.wrapping_add(pairs.wrapping_mul(factor / divisor));
        sum = sum.wrapping_add(count.wrapping_mul(summand / divisor));
        // What is left counts the points below a flatter line: by rows instead of columns.
        let end = factor % divisor * count + summand % divisor;
        count = end / divisor;
        summand = end % divisor;
        (divisor, factor) = (factor % divisor, divisor);
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn huge_windows_take_no_time() {
        let huge = 1 << 28;
        for (stride, dilation, size, expected) in [
            (1, 1, 1, true),
            (2, 2, 1, true),
            // The window 2²⁹/3 steps down has the map between two of its taps.
            (huge - 3, huge, huge - 1, false),
        ] {
            let padding = (huge - 1) * dilation;
            let window = Window {
                kernel: [huge, 1],
                stride: [stride, 1],
                padding: [padding, 0, padding, 0],
                dilation: [dilation, 1],
            };
            let output = window.output_size([size, 1]).unwrap();
            for _ in 0..10_000 {
                assert_eq!(window.touches_everywhere([size, 1], output), expected);
            }
        }
    }

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
        fn floors_are_summed(count in 0u128..50, divisor in 1u128..20, factor in 0u128..50, summand in 0u128..50) {
            let floors = (0..count).map(|i| (factor * i + summand) / divisor);
            prop_assert_eq!(floor_sum(count, divisor, factor, summand), floors.sum::<u128>());
        }

        #[test]
        fn sizes_never_overflow(
            size: [usize; 2], kernel: [usize; 2], stride: [usize; 2], padding: [usize; 4], dilation: [usize; 2],
            shift in 0u32..64,
        ) {
            let small = |numbers: [usize; 2]| numbers.map(|number| number >> shift);
            let window = Window {
                kernel: small(kernel),
                stride: small(stride),
                padding: padding.map(|number| number >> shift),
                dilation: small(dilation),
            };
            let size = small(size);
            if let Some(output) = window.output_size(size) {
                window.touches_everywhere(size, output);
            }
        }
    }
}
