//! The sliding window of convolutions and pools: its measures in a step record, and where it reaches. What is computed in a window
//! is the operators'.

use super::little_endian::{read, write};
use crate::{Error, ErrorKind};

/// The sliding window of convolutions and pools. Pairs are vertical, then horizontal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Height and width of the kernel, counted in taps, at least 1.
    pub kernel: [u16; 2],
    /// Distance between neighbouring windows, at least 1.
    pub stride: [u16; 2],
    /// Padding at the top, left, bottom and right, smaller than the extent on that axis.
    pub padding: [u16; 4],
    /// Distance between neighbouring taps, at least 1, which is where they touch.
    pub dilation: [u16; 2],
}

impl Window {
    /// Height and width that the taps span: (kernel − 1) · dilation + 1.
    pub fn extent(&self) -> [u32; 2] {
        [0, 1].map(|axis| {
            u32::from(self.kernel[axis]).saturating_sub(1) * u32::from(self.dilation[axis]) + 1
        })
    }

    /// Height and width of the output for an image of the given height and width.
    pub fn output_size(&self, image: [u32; 2]) -> Result<[u32; 2], ErrorKind> {
        let extent = self.extent();
        let side = |axis: usize| {
            let padding = u32::from(self.padding[axis]) + u32::from(self.padding[axis + 2]);
            image[axis]
                .checked_add(padding)
                .and_then(|padded| padded.checked_sub(extent[axis]))
                .map(|span| span / u32::from(self.stride[axis]) + 1)
                .ok_or(ErrorKind::WindowTooLarge)
        };
        Ok([side(0)?, side(1)?])
    }

    /// Whether each of the `output` windows has a tap inside an image of the given height and width. Takes logarithmic time.
    pub fn touches_everywhere(&self, image: [u32; 2], output: [u32; 2]) -> bool {
        // The first tap of a window that does not lie before the image comes (start − padding) mod dilation behind its edge, since
        // padding is smaller than the extent. Windows that start inside the image stay inside it, for the same reason.
        let misses = |axis: usize| {
            let [size, output] = [image, output].map(|pair| u64::from(pair[axis]));
            let [stride, dilation] = [self.stride, self.dilation].map(|pair| u64::from(pair[axis]));
            let padding = u64::from(self.padding[axis]);
            let before = padding.div_ceil(stride).min(output);
            if before == 0 || size >= dilation {
                return false;
            }
            // A window misses if its first tap comes `size` to `dilation − 1` behind the edge: if start mod dilation lies between
            // two numbers, the first of which may be larger, and the interval wrap around.
            let low = (padding + size) % dilation;
            let high = (padding + dilation - 1) % dilation;
            let first = if low > high {
                Some(0)
            } else {
                first_between(stride % dilation, dilation, low, high)
            };
            first.is_some_and(|window| window < before)
        };
        !misses(0) && !misses(1)
    }

    /// The number of taps in the kernel.
    pub fn area(&self) -> u64 {
        u64::from(self.kernel[0]) * u64::from(self.kernel[1])
    }

    /// Reads the window of a step record.
    pub(super) fn read(record: &[u8]) -> Result<Self, Error> {
        let field = |at| u16::from_le_bytes(read(record, at));
        let window = Self {
            kernel: [field(24), field(26)],
            stride: [field(28), field(30)],
            padding: [field(32), field(34), field(36), field(38)],
            dilation: [field(44), field(46)],
        };
        for (pair, kind, at) in [
            (window.kernel, ErrorKind::KernelZero, 24),
            (window.stride, ErrorKind::StrideZero, 28),
            (window.dilation, ErrorKind::DilationZero, 44),
        ] {
            if pair.contains(&0) {
                return Err(Error::new(kind, at));
            }
        }
        let [top, left, bottom, right] = window.padding.map(u32::from);
        let [height, width] = window.extent();
        if top.max(bottom) >= height || left.max(right) >= width {
            return Err(Error::new(ErrorKind::PaddingTooLarge, 32));
        }
        Ok(window)
    }

    /// Writes the window into a step record.
    pub(super) fn write(&self, record: &mut [u8]) {
        let fields = [self.kernel, self.stride].into_iter().flatten();
        for (index, field) in fields.chain(self.padding).enumerate() {
            write(record, 24 + 2 * index, field.to_le_bytes());
        }
        write(record, 44, self.dilation[0].to_le_bytes());
        write(record, 46, self.dilation[1].to_le_bytes());
    }
}

/// The least n with `low` ≤ (n · `step`) mod `modulus` ≤ `high`, for `step` < `modulus` and `low` ≤ `high` < `modulus`. Euclid's
/// algorithm: until a multiple of the step lies in the interval, count how often the modulus is passed, which is the same question
/// with the step as modulus.
fn first_between(step: u64, modulus: u64, low: u64, high: u64) -> Option<u64> {
    if low == 0 {
        return Some(0);
    }
    if step == 0 {
        return None;
    }
    let first = low.div_ceil(step);
    if first * step <= high {
        return Some(first);
    }
    let behind = |value: u64| (step - value % step) % step;
    let passes = first_between(modulus % step, step, behind(high), behind(low))?;
    Some((low + modulus * passes).div_ceil(step))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Windows on one axis with all measures small, so that every case occurs.
    fn windows() -> impl Strategy<Value = (Window, u32)> {
        let measures = (1_u16..6, 1_u16..12, 0_u16..40, 0_u16..40, 1_u16..12);
        (measures, 1_u32..14).prop_map(|((kernel, stride, before, after, dilation), size)| {
            let window = Window {
                kernel: [kernel, 1],
                stride: [stride, 1],
                padding: [before, 0, after, 0],
                dilation: [dilation, 1],
            };
            (window, size)
        })
    }

    proptest! {
        #[test]
        fn output_size_counts_the_windows_that_fit((window, size) in windows()) {
            let [before, _, after, _] = window.padding.map(u32::from);
            let span = u32::from(window.kernel[0] - 1) * u32::from(window.dilation[0]);
            let padded = before + size + after;
            let starts = (0..padded).step_by(window.stride[0].into());
            let count = starts.filter(|start| start + span < padded).count() as u32;
            let expected = if count > 0 { Ok([count, 1]) } else { Err(ErrorKind::WindowTooLarge) };
            prop_assert_eq!(window.output_size([size, 1]), expected);
        }

        #[test]
        fn windows_touch_an_image_where_a_tap_lies_inside((mut window, size) in windows()) {
            let most = window.extent()[0] as u16 - 1;
            window.padding = window.padding.map(|side| side.min(most));
            if let Ok([output, _]) = window.output_size([size, 1]) {
                let before = u32::from(window.padding[0]);
                let touches = |index| {
                    (0..u32::from(window.kernel[0])).any(|tap| {
                        let at = index * u32::from(window.stride[0]) + tap * u32::from(window.dilation[0]);
                        (before..before + size).contains(&at)
                    })
                };
                let expected = (0..output).all(touches);
                prop_assert_eq!(window.touches_everywhere([size, 1], [output, 1]), expected);
                let [top, left, bottom, right] = window.padding;
                let transposed = Window {
                    kernel: [1, window.kernel[0]],
                    stride: [1, window.stride[0]],
                    padding: [left, top, right, bottom],
                    dilation: [1, window.dilation[0]],
                };
                prop_assert_eq!(transposed.touches_everywhere([1, size], [1, output]), expected);
            }
        }

        #[test]
        fn first_multiples_in_an_interval(modulus in 1_u64..200, step: u64, ends: [u64; 2]) {
            let step = step % modulus;
            let ends = ends.map(|end| end % modulus);
            let [low, high] = [ends[0].min(ends[1]), ends[0].max(ends[1])];
            let expected = (0..modulus).find(|n| (low..=high).contains(&(n * step % modulus)));
            prop_assert_eq!(first_between(step, modulus, low, high), expected);
        }

        #[test]
        fn no_measures_overflow(
            kernel: [u16; 2], stride in prop::array::uniform2(1_u16..), padding: [u16; 4], dilation in prop::array::uniform2(1_u16..),
            image: [u32; 2],
        ) {
            let window = Window { kernel, stride, padding, dilation };
            if let Ok(output) = window.output_size(image) {
                window.touches_everywhere(image, output);
            }
        }
    }
}
