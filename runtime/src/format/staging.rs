//! Where the input of a convolution is staged in scratch, so that the inner loop has no edge cases.
//!
//! The zero-padded input is dealt out into *phase planes*: each holds the rows y with the same y mod
//! vertical stride and the columns x with the same x mod horizontal stride. Within a plane the windows
//! move by one value per output, whatever the stride. A tap (ky, kx) of the kernel is then one constant
//! offset in an input channel, and output (y, x) reads at offset + y · pitch + x.
//! Tap k lies at k · dilation, so its phase is k · dilation mod stride. Phases repeat after
//! stride / gcd(stride, dilation) taps: there are as many planes as that on an axis, or as many as taps
//! if those are fewer, and plane p is that of tap p. Without dilation, plane p has phase p.
//! The outputs of all rows together are one run of positions y · pitch + x that passes through the
//! `pitch − width` values between rows; what is computed there is dropped.

use super::{Shape, Window};

/// Values in the widest vector that kernels load. They compute whole vectors of positions, so this
/// many values of slack follow the last plane.
pub const LANES: usize = 16;

/// The measures of staged planes, for a window that fits its image.
#[derive(Clone, Copy, Debug)]
pub struct Staging {
    window: Window,
    /// Number of phase planes, vertically and horizontally.
    pub planes: [usize; 2],
    /// Rows in a plane.
    pub rows: usize,
    /// Values in a row.
    pub pitch: usize,
}

impl Staging {
    pub fn new(window: Window, output: Shape) -> Self {
        let extent = window.extent();
        let side = |axis: usize, outputs: u32| {
            let [kernel, stride, dilation] =
                [window.kernel, window.stride, window.dilation].map(|pair| pair[axis]);
            let period = stride / greatest_common_divisor(stride, dilation);
            let shifts = (extent[axis] - 1) / u32::from(stride);
            (
                usize::from(period.min(kernel)),
                outputs as usize + shifts as usize,
            )
        };
        let (vertical, rows) = side(0, output.height);
        let (horizontal, pitch) = side(1, output.width);
        Self {
            window,
            planes: [vertical, horizontal],
            rows,
            pitch,
        }
    }

    /// Values in all the planes of `channels` channels and the slack; saturates.
    pub fn elements(&self, channels: u64) -> u64 {
        [self.planes[0], self.planes[1], self.rows, self.pitch]
            .iter()
            .fold(channels, |product, &side| {
                product.saturating_mul(side as u64)
            })
            .saturating_add(LANES as u64)
    }

    /// Values in the planes of one channel.
    pub fn channel(&self) -> usize {
        self.planes[0] * self.planes[1] * self.rows * self.pitch
    }

    /// The phases of plane `[vertical, horizontal]`: which rows and columns of the padded image it
    /// begins with.
    pub fn phases(&self, plane: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|axis| self.tap(axis, plane[axis]) % usize::from(self.window.stride[axis]))
    }

    /// The offset of tap (ky, kx) in a channel.
    pub fn offset(&self, ky: usize, kx: usize) -> usize {
        let [vertical, horizontal] = self.planes;
        let plane = ky % vertical * horizontal + kx % horizontal;
        let [down, right] = self.window.stride.map(usize::from);
        (plane * self.rows + self.tap(0, ky) / down) * self.pitch + self.tap(1, kx) / right
    }

    /// How far a tap lies behind the first one.
    fn tap(&self, axis: usize, index: usize) -> usize {
        index * usize::from(self.window.dilation[axis])
    }
}

/// Euclid's algorithm, for numbers that are not both zero.
fn greatest_common_divisor(a: u16, b: u16) -> u16 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}
