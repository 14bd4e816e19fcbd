//! Convolution: stages the input of one group at a time, as [`Staging`] describes, and lets the
//! kernels run over it. A layer that needs no padding is staged as well: copying its input costs
//! little against computing with it, and kernels may then read whole vectors past its end.

use crate::Isa;
use crate::arena::words_mut;
use crate::format::{Bounds, Matrix, Shape, Staging, Window};
use crate::kernel::{Staged, dense_convolution, sparse_convolution};

/// A convolution layer.
#[derive(Clone, Copy, Debug)]
pub struct Convolution<'m> {
    pub matrix: Matrix<'m>,
    pub bounds: Bounds,
    pub window: Window,
    pub groups: usize,
    pub input: Shape,
    pub output: Shape,
}

impl Convolution<'_> {
    pub fn run(&self, isa: Isa, input: &[f32], output: &mut [f32], scratch: &mut [u8]) {
        let [channels, image_height, image_width] = self.input.dimensions();
        let [rows, height, width] = self.output.dimensions();
        let (channels, rows) = (channels / self.groups, rows / self.groups);

        let staging = Staging::new(self.window, self.output);
        let (planes, offsets) =
            scratch.split_at_mut(4 * staging.elements(channels as u64) as usize);
        let planes = words_mut(planes);
        let offsets = &mut words_mut(offsets)[..channels * self.window.area() as usize];
        self.list_offsets(&staging, offsets);

        let groups = input
            .chunks_exact(channels * image_height * image_width)
            .zip(output.chunks_exact_mut(rows * height * width));
        for (group, (image, maps)) in groups.enumerate() {
            self.stage(&staging, image, planes);
            let staged = Staged::new(planes, offsets, [height, width, staging.pitch]);
            let group_rows = group * rows..(group + 1) * rows;
            match &self.matrix {
                Matrix::Dense(matrix) => {
                    let matrix = matrix.rows(group_rows);
                    dense_convolution::convolve(isa, &staged, &matrix, self.bounds, maps);
                }
                Matrix::Sparse(matrix) => {
                    let matrix = matrix.rows(group_rows);
                    sparse_convolution::convolve(isa, &staged, &matrix, self.bounds, maps);
                }
            }
        }
    }

    pub fn kernel_name(&self, isa: Isa) -> &'static str {
        match self.matrix {
            Matrix::Dense(_) => dense_convolution::name(isa),
            Matrix::Sparse(_) => sparse_convolution::name(isa),
        }
    }

    /// Lists the offset of each column of the weight matrix in the staged planes.
    fn list_offsets(&self, staging: &Staging, offsets: &mut [u32]) {
        let [kernel_height, kernel_width] = self.window.kernel.map(usize::from);
        let (first, others) = offsets.split_at_mut(kernel_height * kernel_width);
        for (ky, row) in first.chunks_exact_mut(kernel_width).enumerate() {
            for (kx, offset) in row.iter_mut().enumerate() {
                *offset = staging.offset(ky, kx) as u32;
            }
        }
        for (index, channel) in others.chunks_exact_mut(first.len()).enumerate() {
            let start = ((index + 1) * staging.channel()) as u32;
            for (offset, &first) in channel.iter_mut().zip(&*first) {
                *offset = start + first;
            }
        }
    }

    /// Writes every value of the planes: image, zero padding and slack.
    fn stage(&self, staging: &Staging, image: &[f32], planes: &mut [f32]) {
        let [_, height, width] = self.input.dimensions();
        let [top, left, ..] = self.window.padding.map(usize::from);
        let [vertical, horizontal] = self.window.stride.map(usize::from);
        planes.fill(0.0);
        if self.window.kernel == [1, 1] && self.window.stride == [1, 1] {
            // The planes are the image as it is.
            planes[..image.len()].copy_from_slice(image);
            return;
        }
        let mut rows = planes.chunks_exact_mut(staging.pitch);
        for map in image.chunks_exact(height * width) {
            for plane_y in 0..staging.planes[0] {
                for plane_x in 0..staging.planes[1] {
                    let [phase_y, phase_x] = staging.phases([plane_y, plane_x]);
                    // Where the image starts in a row of the plane, and at which of its columns.
                    let start = left.saturating_sub(phase_x).div_ceil(horizontal);
                    let column = start * horizontal + phase_x - left;
                    for (index, row) in rows.by_ref().take(staging.rows).enumerate() {
                        let y = (index * vertical + phase_y).wrapping_sub(top);
                        if y < height && column < width && start < row.len() {
                            let source = &map[y * width + column..(y + 1) * width];
                            copy_strided(source, horizontal, &mut row[start..]);
                        }
                    }
                }
            }
        }
    }
}

/// Copies every `stride`-th value of `source`, from its first, until one of the two ends.
fn copy_strided(source: &[f32], stride: usize, target: &mut [f32]) {
    if stride == 1 {
        for (target, &value) in target.iter_mut().zip(source) {
            *target = value;
        }
    } else {
        for (target, &value) in target.iter_mut().zip(source.iter().step_by(stride)) {
            *target = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::format::DenseMatrix;

    /// Every offset leads to the value that the definition of convolution asks for.
    #[test]
    fn staging_finds_what_the_definition_asks_for() {
        for (kernel, stride, padding, dilation) in [
            ([1, 1], [1, 1], [0, 0, 0, 0], [1, 1]),
            ([3, 3], [1, 1], [1, 1, 1, 1], [1, 1]),
            ([3, 5], [2, 3], [2, 0, 1, 4], [1, 1]),
            ([1, 2], [3, 2], [0, 1, 0, 0], [1, 1]),
            ([7, 7], [2, 2], [6, 6, 6, 6], [1, 1]),
            ([5, 1], [7, 1], [0, 0, 4, 0], [1, 9]),
            ([3, 3], [1, 1], [2, 2, 2, 2], [2, 2]),
            ([3, 3], [2, 2], [2, 2, 2, 2], [2, 2]),
            ([3, 4], [2, 3], [4, 6, 3, 5], [3, 2]),
            ([5, 3], [4, 6], [7, 8, 8, 7], [2, 4]),
            ([2, 3], [6, 4], [9, 1, 2, 12], [10, 6]),
        ] {
            check(Window {
                kernel,
                stride,
                padding,
                dilation,
            });
        }
    }

    fn check(window: Window) {
        let input = Shape {
            channels: 2,
            height: 6,
            width: 5,
        };
        let [height, width] = window.output_size([input.height, input.width]).unwrap();
        let output = Shape {
            channels: 1,
            height,
            width,
        };
        let convolution = Convolution {
            matrix: Matrix::Dense(DenseMatrix {
                bias: &[],
                values: &[],
            }),
            bounds: Bounds::NONE,
            window,
            groups: 1,
            input,
            output,
        };
        let image: Vec<f32> = (1..=60).map(|value| value as f32).collect();
        let staging = Staging::new(window, output);
        let mut planes = vec![f32::NAN; staging.elements(2) as usize];
        let mut offsets = vec![0; 2 * window.area() as usize];
        convolution.stage(&staging, &image, &mut planes);
        convolution.list_offsets(&staging, &mut offsets);
        assert!(planes.iter().all(|value| !value.is_nan()), "{window:?}");

        let [kernel_height, kernel_width] = window.kernel.map(usize::from);
        let mut column = 0;
        for channel in 0..2 {
            for ky in 0..kernel_height {
                for kx in 0..kernel_width {
                    for oy in 0..height as usize {
                        for ox in 0..width as usize {
                            let [y, x] = [(oy, ky, 0), (ox, kx, 1)].map(|(output, tap, axis)| {
                                output * usize::from(window.stride[axis])
                                    + tap * usize::from(window.dilation[axis])
                            });
                            let [top, left, ..] = window.padding.map(usize::from);
                            let expected = match (y.checked_sub(top), x.checked_sub(left)) {
                                (Some(y), Some(x)) if y < 6 && x < 5 => {
                                    image[(channel * 6 + y) * 5 + x]
                                }
                                _ => 0.0,
                            };
                            let at = offsets[column] as usize + oy * staging.pitch + ox;
                            assert_eq!(planes[at], expected, "{window:?} {channel} {ky} {kx}");
                        }
                    }
                    column += 1;
                }
            }
        }
    }
}
