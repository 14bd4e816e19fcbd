//! Where the input of a convolution is staged in scratch, so that the inner loop has no edge cases.
//!
//! The zero-padded input is dealt out into `stride` × `stride` *phase planes*: plane (i, j) holds the
//! rows y with y mod vertical stride = i and the columns x with x mod horizontal stride = j. Within a
//! plane the windows move by one value per output, whatever the stride. A kernel position (ky, kx) of
//! an input channel is then one constant offset, and output (y, x) reads at offset + y · pitch + x.
//! The outputs of all rows together are one run of positions y · pitch + x that passes through the
//! `pitch − width` values between rows; what is computed there is dropped.

use super::{Shape, Window};

/// Values in the widest vector that kernels load. They compute whole vectors of positions, so this
/// many values of slack follow the last plane.
pub const LANES: usize = 16;

/// The measures of staged planes, for dimensions within [`super::MAX_DIMENSION`].
#[derive(Clone, Copy, Debug)]
pub struct Staging {
    window: Window,
    /// Number of phase planes, vertically and horizontally: phases that no kernel position reads
    /// are not staged.
    pub phases: [usize; 2],
    /// Rows in a plane.
    pub rows: usize,
    /// Values in a row.
    pub pitch: usize,
}

impl Staging {
    pub fn new(window: Window, output: Shape) -> Self {
        let side = |axis: usize, outputs: u32| {
            let [kernel, stride] =
                [window.kernel, window.stride].map(|pair| usize::from(pair[axis]));
            (stride.min(kernel), outputs as usize + (kernel - 1) / stride)
        };
        let (vertical, rows) = side(0, output.height);
        let (horizontal, pitch) = side(1, output.width);
        Self {
            window,
            phases: [vertical, horizontal],
            rows,
            pitch,
        }
    }

    /// Values in all the planes of `channels` channels and the slack.
    pub fn elements(&self, channels: u64) -> u64 {
        let planes = self.phases[0] as u64 * self.phases[1] as u64;
        channels * planes * self.rows as u64 * self.pitch as u64 + LANES as u64
    }

    /// Values in the planes of one channel.
    pub fn channel(&self) -> usize {
        self.phases[0] * self.phases[1] * self.rows * self.pitch
    }

    /// The offset of kernel position (ky, kx) in a channel.
    pub fn offset(&self, ky: usize, kx: usize) -> usize {
        let [vertical, horizontal] = self.window.stride.map(usize::from);
        let plane = ky % vertical * self.phases[1] + kx % horizontal;
        (plane * self.rows + ky / vertical) * self.pitch + kx / horizontal
    }
}
