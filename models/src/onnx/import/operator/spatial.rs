//! The attributes that convolutions and pools share: kernel, strides, dilations and padding along each spatial axis.
//!
//! Non-goals: output sizes; those follow from the resolved window.

use super::{GraphNode, Lowering, Refusal, Value};
use crate::window::Window;

/// Largest kernel, stride, dilation or padding along one axis. Beyond it nothing fits a value that a network may have, and sums and
/// products of two stay far from overflow.
const MAX_EXTENT: i64 = 1 << 29;

/// A window along one spatial axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slide {
    /// Number of taps.
    pub kernel: usize,
    /// Distance between windows.
    pub stride: usize,
    /// Distance between taps.
    pub dilation: usize,
    /// Padding at the beginning.
    pub before: usize,
    /// Padding at the end.
    pub after: usize,
}

impl Slide {
    /// One tap on every position.
    pub const UNIT: Self = Self {
        kernel: 1,
        stride: 1,
        dilation: 1,
        before: 0,
        after: 0,
    };

    /// Positions that the taps span.
    pub fn extent(&self) -> usize {
        (self.kernel - 1) * self.dilation + 1
    }

    /// How much longer the padding at the end has to be for the number of windows on an axis of `length` to be rounded up instead of
    /// down. A window that would begin in the padding at the end does not count.
    pub fn round_up(&self, length: usize) -> usize {
        let padded = self.before + length + self.after;
        let Some(room) = padded.checked_sub(self.extent()) else {
            return 0;
        };
        let start = room.div_ceil(self.stride) * self.stride;
        if start >= self.before + length {
            return 0;
        }
        start - room
    }
}

/// The window of two spatial axes.
pub(super) fn window(vertical: Slide, horizontal: Slide) -> Window {
    Window {
        kernel: [vertical.kernel, horizontal.kernel],
        stride: [vertical.stride, horizontal.stride],
        padding: [
            vertical.before,
            horizontal.before,
            vertical.after,
            horizontal.after,
        ],
        dilation: [vertical.dilation, horizontal.dilation],
    }
}

/// How a node wants its spatial axes padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AutoPad {
    /// As its attribute `pads` says.
    Explicit,
    /// So that the stride alone decides the size; odd padding is longer at the end.
    SameUpper,
    /// The same; odd padding is longer at the beginning.
    SameLower,
    /// Not at all.
    Valid,
}

impl AutoPad {
    pub fn of(node: &GraphNode) -> Result<Self, Refusal> {
        match node.string("auto_pad", "NOTSET")?.as_str() {
            "NOTSET" => Ok(Self::Explicit),
            "SAME_UPPER" => Ok(Self::SameUpper),
            "SAME_LOWER" => Ok(Self::SameLower),
            "VALID" => Ok(Self::Valid),
            other => Err(format!("auto_pad \"{other}\" is not in the standard").into()),
        }
    }

    /// Padding of `total` positions at the beginning and at the end.
    pub fn split(self, total: usize) -> (usize, usize) {
        let short = total / 2;
        match self {
            Self::SameUpper => (short, total - short),
            _ => (total - short, short),
        }
    }
}

/// The node's windows along spatial axes of `lengths`, with kernels of `kernel` taps. `auto_pad` is resolved as for a window that slides
/// over a padded input.
pub(super) fn slides(
    node: &GraphNode,
    kernel: &[usize],
    lengths: &[usize],
) -> Result<Vec<Slide>, Refusal> {
    let mut slides = unpadded(node, kernel)?;
    let mode = AutoPad::of(node)?;
    match mode {
        AutoPad::Valid => {}
        AutoPad::Explicit => {
            let pads = sizes(node, "pads", 2 * kernel.len(), 0, 0)?;
            for (axis, slide) in slides.iter_mut().enumerate() {
                (slide.before, slide.after) = (pads[axis], pads[kernel.len() + axis]);
            }
        }
        AutoPad::SameUpper | AutoPad::SameLower => {
            for (slide, length) in slides.iter_mut().zip(lengths) {
                let last = length.div_ceil(slide.stride).saturating_sub(1) * slide.stride;
                let total = (last + slide.extent()).saturating_sub(*length);
                (slide.before, slide.after) = mode.split(total);
            }
        }
    }
    Ok(slides)
}

/// The node's windows with strides and dilations, and no padding.
pub(super) fn unpadded(node: &GraphNode, kernel: &[usize]) -> Result<Vec<Slide>, Refusal> {
    let rank = kernel.len();
    if let Some(taps) = kernel
        .iter()
        .find(|taps| !(1..=MAX_EXTENT as usize).contains(*taps))
    {
        return Err(format!("a kernel of {taps} taps is not possible").into());
    }
    let strides = sizes(node, "strides", rank, 1, 1)?;
    let dilations = sizes(node, "dilations", rank, 1, 1)?;
    Ok((0..rank)
        .map(|axis| Slide {
            kernel: kernel[axis],
            stride: strides[axis],
            dilation: dilations[axis],
            before: 0,
            after: 0,
        })
        .collect())
}

/// The `kernel_shape` of a pool with `rank` spatial axes.
pub(super) fn kernel_shape(node: &GraphNode, rank: usize) -> Result<Vec<usize>, Refusal> {
    if node.ints("kernel_shape")?.is_none() {
        return Err("has no kernel_shape".into());
    }
    sizes(node, "kernel_shape", rank, 1, 1)
}

/// Attribute `name` as `count` numbers of at least `least`; `default` for each where it is not given.
pub(super) fn sizes(
    node: &GraphNode,
    name: &'static str,
    count: usize,
    least: i64,
    default: usize,
) -> Result<Vec<usize>, Refusal> {
    let Some(numbers) = node.ints(name)? else {
        return Ok(vec![default; count]);
    };
    if numbers.len() != count {
        return Err(format!("{name} has {} numbers instead of {count}", numbers.len()).into());
    }
    let fits = |number: &i64| (least..=MAX_EXTENT).contains(number);
    if let Some(number) = numbers.iter().find(|number| !fits(number)) {
        return Err(format!("{name} has {number}; it must lie in {least}..={MAX_EXTENT}").into());
    }
    Ok(numbers.iter().map(|number| *number as usize).collect())
}

/// `x` with zeros at the beginning and at the end of an axis.
pub(super) fn pad(
    lowering: &mut Lowering,
    x: &Value,
    axis: usize,
    before: usize,
    after: usize,
) -> Result<Value, Refusal> {
    let length = x.shape()[axis];
    lowering.claim(&[before.saturating_add(length).saturating_add(after)])?;
    let outside = |count| std::iter::repeat_n(None, count);
    let inside = (0..length).map(Some);
    let indices = outside(before)
        .chain(inside)
        .chain(outside(after))
        .collect();
    lowering.select(x, axis, indices, 0.0)
}
