//! Windows as the format takes them: within 16 bits, with no more padding than a window can overlap.

use sinew_models::{Node, Window};
use sinew_runtime::format;

use super::{Lowering, PackError, narrow};

impl Lowering<'_> {
    /// The window of a convolution or pool on the map in tensor `input`, and the tensor it slides over: a convolution's padding that
    /// reaches beyond the kernel is made by steps of its own.
    pub(super) fn window(
        &mut self,
        node: &Node,
        window: &Window,
        input: usize,
    ) -> Result<(format::Window, usize), PackError> {
        let [_, height, width] = self.map_of(input);
        let mut window = trimmed(window, [height, width]);
        let extent = window.extent().expect("checked by the network");
        let mut tensor = input;
        for axis in [0, 1] {
            let (before, after) = (window.padding[axis], window.padding[axis + 2]);
            if before.max(after) >= extent[axis] {
                let length = [height, width][axis];
                let padded = std::iter::repeat_n(None, before)
                    .chain((0..length).map(Some))
                    .chain(std::iter::repeat_n(None, after));
                let indices: Vec<Option<usize>> = padded.collect();
                tensor =
                    self.gather(node, tensor, &self.map_of(tensor), axis + 1, &indices, 0.0)?;
                window.padding[axis] = 0;
                window.padding[axis + 2] = 0;
            }
        }
        let pair = |[down, right]: [usize; 2]| -> Result<[u16; 2], PackError> {
            Ok([narrow(node, down)?, narrow(node, right)?])
        };
        let mut padding = [0; 4];
        for (narrowed, padding) in padding.iter_mut().zip(window.padding) {
            *narrowed = narrow(node, padding)?;
        }
        let window = format::Window {
            kernel: pair(window.kernel)?,
            stride: pair(window.stride)?,
            padding,
            dilation: pair(window.dilation)?,
        };
        Ok((window, tensor))
    }
}

/// The same windows with no padding behind the last.
fn trimmed(window: &Window, size: [usize; 2]) -> Window {
    let mut trimmed = *window;
    let extent = window.extent().expect("checked by the network");
    let output = window.output_size(size).expect("checked by the network");
    for axis in [0, 1] {
        let end = (output[axis] - 1) * window.stride[axis] + extent[axis];
        let reached = end.saturating_sub(window.padding[axis] + size[axis]);
        trimmed.padding[axis + 2] = reached;
    }
    trimmed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_that_no_window_reaches_is_cut_off() {
        let window = Window {
            kernel: [2, 2],
            stride: [8, 2],
            padding: [1, 0, 5, 3],
            dilation: [1, 1],
        };
        let trimmed = trimmed(&window, [10, 5]);
        assert_eq!(trimmed.padding, [1, 0, 0, 3]);
        assert_eq!(trimmed.output_size([10, 5]), window.output_size([10, 5]));
    }
}
