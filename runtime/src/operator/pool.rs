//! Max and average pooling. Positions in the padding do not take part, and the verifier has made sure
//! that every window has a tap inside the image.

use core::ops::Range;

use crate::format::{Shape, Window};

/// A window that slides over each channel on its own.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    pub window: Window,
    pub input: Shape,
    pub output: Shape,
}

impl Pool {
    /// The largest value in each window.
    pub fn max(&self, input: &[f32], output: &mut [f32]) {
        self.reduce(input, output, f32::NEG_INFINITY, f32::max, |largest, _| {
            largest
        });
    }

    /// The sum of each window in row-major order, divided by the number of its values.
    pub fn average(&self, input: &[f32], output: &mut [f32]) {
        self.reduce(
            input,
            output,
            0.0,
            |sum, value| sum + value,
            |sum, count| sum / count as f32,
        );
    }

    fn reduce(
        &self,
        input: &[f32],
        output: &mut [f32],
        start: f32,
        join: impl Fn(f32, f32) -> f32,
        finish: impl Fn(f32, usize) -> f32,
    ) {
        let [_, image_height, image_width] = self.input.dimensions();
        let [down, right] = self.window.dilation.map(usize::from);
        let [_, height, width] = self.output.dimensions();
        let maps = input.chunks_exact(image_height * image_width);
        for (map, results) in maps.zip(output.chunks_exact_mut(height * width)) {
            for (y, results) in results.chunks_exact_mut(width).enumerate() {
                let rows = self.inside(0, y, image_height).step_by(down);
                for (x, result) in results.iter_mut().enumerate() {
                    let columns = self.inside(1, x, image_width);
                    let count = rows.len() * columns.len().div_ceil(right);
                    let values = rows.clone().flat_map(|row| {
                        let row = &map[row * image_width..][columns.clone()];
                        row.iter().step_by(right)
                    });
                    *result = finish(values.copied().fold(start, &join), count);
                }
            }
        }
    }

    /// The part of an image of `size` on `axis` from the first to the last tap of window `index` that
    /// lie inside.
    fn inside(&self, axis: usize, index: usize, size: usize) -> Range<usize> {
        let padding = usize::from(self.window.padding[axis]);
        let dilation = usize::from(self.window.dilation[axis]);
        let start = index * usize::from(self.window.stride[axis]);
        let end = start + self.window.extent()[axis] as usize;
        let outside = padding.saturating_sub(start).div_ceil(dilation) * dilation;
        start + outside - padding..(end - padding).min(size)
    }
}
