//! What a step needs: the one definition of matrix shape, scratch and multiply-accumulates that the
//! writer and the verifier share.

use super::{Encoding, MAX_SPARSE_COLUMNS, MAX_WORK, Operator, Shape, Staging};
use crate::ErrorKind;

/// What a step needs, given its operator and shapes. A pool, addition or affine step has no matrix:
/// its `rows`, `columns` and `positions` are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Rows of the weight matrix: output channels or features.
    pub rows: u64,
    /// Columns of the weight matrix: (input channel in its group, kernel row, kernel column) in
    /// row-major order, or input features.
    pub columns: u64,
    /// Outputs that each row computes: height × width of the output map.
    pub positions: u64,
    /// Bytes of scratch. For a convolution: 4 × (staged values of one group + columns); else zero.
    pub scratch_bytes: u64,
    /// Elementary operations: multiply-accumulates of the dense matrix, or outputs × kernel area for
    /// pools, or outputs. At most [`MAX_WORK`].
    pub work: u64,
}

impl Demand {
    /// Checks that `output` follows from `operator` and `input`, and says what the step needs.
    /// Dimensions lie within [`super::MAX_DIMENSION`].
    pub fn of(operator: &Operator, input: Shape, output: Shape) -> Result<Self, ErrorKind> {
        match *operator {
            Operator::Convolution {
                encoding,
                window,
                groups,
                ..
            } => {
                let divides = |channels: u32| channels.checked_rem(groups) == Some(0);
                if !divides(input.channels) || !divides(output.channels) {
                    return Err(ErrorKind::Groups);
                }
                expect_size(output, window.output_size([input.height, input.width])?)?;
                let channels = u64::from(input.channels / groups);
                let columns = channels * window.area();
                let staged = Staging::new(window, output).elements(channels);
                Self::matrix(encoding, output, columns, 4 * (staged + columns))
            }
            Operator::Linear { encoding, .. } => {
                expect_size(output, [1, 1])?;
                Self::matrix(encoding, output, input.elements(), 0)
            }
            Operator::MaxPool { window } | Operator::AveragePool { window } => {
                expect_channels(output, input)?;
                expect_size(output, window.output_size([input.height, input.width])?)?;
                Self::weightless(output.elements().checked_mul(window.area()))
            }
            Operator::Add { .. } | Operator::Affine { .. } => {
                expect_channels(output, input)?;
                expect_size(output, [input.height, input.width])?;
                Self::weightless(Some(output.elements()))
            }
        }
    }

    /// Multiply-accumulates with a dense matrix: rows × columns × positions.
    pub fn macs_dense(&self) -> u64 {
        self.rows * self.columns * self.positions
    }

    /// Multiply-accumulates with `stored` weights in the matrix: a dense matrix stores all, a sparse
    /// one those it names.
    pub fn macs_effective(&self, stored: u64) -> u64 {
        stored * self.positions
    }

    fn matrix(
        encoding: Encoding,
        output: Shape,
        columns: u64,
        scratch_bytes: u64,
    ) -> Result<Self, ErrorKind> {
        if encoding == Encoding::Sparse && columns > MAX_SPARSE_COLUMNS {
            return Err(ErrorKind::SparseColumns);
        }
        Ok(Self {
            rows: output.channels.into(),
            columns,
            positions: output.area(),
            scratch_bytes,
            work: within_limit(output.elements().checked_mul(columns))?,
        })
    }

    fn weightless(work: Option<u64>) -> Result<Self, ErrorKind> {
        Ok(Self {
            rows: 0,
            columns: 0,
            positions: 0,
            scratch_bytes: 0,
            work: within_limit(work)?,
        })
    }
}

fn within_limit(work: Option<u64>) -> Result<u64, ErrorKind> {
    work.filter(|&work| work <= MAX_WORK)
        .ok_or(ErrorKind::WorkLimit)
}

fn expect_size(output: Shape, size: [u32; 2]) -> Result<(), ErrorKind> {
    if [output.height, output.width] == size {
        Ok(())
    } else {
        Err(ErrorKind::OutputShape)
    }
}

fn expect_channels(output: Shape, input: Shape) -> Result<(), ErrorKind> {
    if output.channels == input.channels {
        Ok(())
    } else {
        Err(ErrorKind::OutputShape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Bounds, Window};

    const IMAGE: Shape = Shape {
        channels: 4,
        height: 5,
        width: 7,
    };

    #[test]
    fn convolution_counts_groups_strides_and_padding() {
        let operator = Operator::Convolution {
            encoding: Encoding::Dense,
            bounds: Bounds::NONE,
            window: Window {
                kernel: [3, 2],
                stride: [2, 1],
                padding: [1, 0, 1, 1],
            },
            groups: 2,
        };
        let output = Shape {
            channels: 6,
            height: 3,
            width: 7,
        };
        let demand = Demand::of(&operator, IMAGE, output).unwrap();
        assert_eq!((demand.rows, demand.columns, demand.positions), (6, 12, 21));
        assert_eq!(demand.macs_dense(), 6 * 12 * 21);
        assert_eq!(demand.macs_effective(10), 210);
        // Two channels × two vertical phases × 4 rows × pitch 8, slack, and the columns' offsets.
        assert_eq!(demand.scratch_bytes, 4 * (2 * 2 * 4 * 8 + 16 + 12));
    }

    #[test]
    fn pools_and_sums_have_no_matrix() {
        let demand = Demand::of(
            &Operator::Affine {
                bounds: Bounds::RELU,
            },
            IMAGE,
            IMAGE,
        )
        .unwrap();
        assert_eq!((demand.macs_dense(), demand.work), (0, 140));
    }
}
