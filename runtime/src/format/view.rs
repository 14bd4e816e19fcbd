//! How a step sees the flat array of a tensor. Shapes of tensors mean something only to convolutions, pools and affine steps; every
//! other step brings its own view and asks for nothing but the right number of values. So tensors may have any number of axes, and
//! reshaping is no computation.

use super::little_endian::{read, write};

/// A tensor of any number of axes around the one that a step works along: `[outer, axis, inner]` in row-major order, where `outer`
/// is the product of the axes before it, and `inner` that of those behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The product of the lengths of the axes before.
    pub outer: u32,
    /// The length of the axis itself.
    pub axis: u32,
    /// The product of the lengths of the axes behind.
    pub inner: u32,
}

impl View {
    /// The same with an axis of another length.
    pub fn with_axis(self, axis: u32) -> Self {
        Self { axis, ..self }
    }

    /// The number of values; saturates.
    pub fn elements(&self) -> u64 {
        product(&[self.outer, self.axis, self.inner])
    }

    /// Reads the view of a step record.
    pub(super) fn read(record: &[u8]) -> Self {
        let [outer, axis, inner] = [24, 28, 32].map(|at| u32::from_le_bytes(read(record, at)));
        Self { outer, axis, inner }
    }

    /// Writes the view into a step record.
    pub(super) fn write(&self, record: &mut [u8]) {
        write(record, 24, self.outer.to_le_bytes());
        write(record, 28, self.axis.to_le_bytes());
        write(record, 32, self.inner.to_le_bytes());
    }
}

/// The product of lengths; saturates.
pub(super) fn product(lengths: &[u32]) -> u64 {
    lengths.iter().fold(1, |product: u64, &length| {
        product.saturating_mul(length.into())
    })
}
