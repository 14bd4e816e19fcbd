//! What a step needs: the one definition of matrix shape, scratch and multiply-accumulates that the
//! writer and the verifier share.

use super::view::product;
use super::{
    BinaryFunction, Encoding, MAX_EXACT_INDEX, MAX_SPARSE_COLUMNS, MAX_WORK, Operator, Reduction,
    Shape, Staging, TRANSCENDENTAL_WORK, Window,
};
use crate::ErrorKind;

/// What a step needs, given its operator and shapes. Only convolutions and linear steps have a matrix;
/// else `rows`, `columns` and `positions` are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Rows of the weight matrix: output channels or features.
    pub rows: u64,
    /// Columns of the weight matrix: (input channel in its group, kernel row, kernel column) in
    /// row-major order, or input features.
    pub columns: u64,
    /// Outputs that each row computes: height × width of the output map.
    pub positions: u64,
    /// Multiply-accumulates without a weight matrix: batch × rows × depth × columns of a matrix
    /// product; else zero.
    pub products: u64,
    /// Bytes of scratch. For a convolution: 4 × (staged values of one group + columns); else zero.
    pub scratch_bytes: u64,
    /// Elementary operations, at most [`MAX_WORK`]: multiply-accumulates of the dense matrix and values
    /// that are staged; outputs × taps of the kernel for pools; values that are read or written for
    /// others, [`TRANSCENDENTAL_WORK`] times as many if each costs a series.
    pub work: u64,
}

impl Demand {
    /// Checks that `output` and `inputs` go with each other and with the operator, and says what the
    /// step needs.
    ///
    /// # Panics
    /// If there are not [`Operator::arity`] inputs.
    pub fn of(operator: &Operator, inputs: &[Shape], output: Shape) -> Result<Self, ErrorKind> {
        assert_eq!(inputs.len(), operator.arity(), "inputs of {operator:?}");
        let first = inputs.first().copied().unwrap_or(output);
        match *operator {
            Operator::Convolution {
                encoding,
                window,
                groups,
                ..
            } => {
                let divides = |channels: u32| channels.checked_rem(groups) == Some(0);
                if !divides(first.channels) || !divides(output.channels) {
                    return Err(ErrorKind::Groups);
                }
                expect_window(window, first, output)?;
                let channels = u64::from(first.channels / groups);
                let columns = channels * window.area();
                let staged = Staging::new(window, output).elements(channels);
                let demand = Self::matrix(encoding, output, columns)?;
                let staging = staged.saturating_mul(groups.into());
                Ok(Self {
                    scratch_bytes: staged.saturating_add(columns).saturating_mul(4),
                    work: within_limit(demand.work.saturating_add(staging))?,
                    ..demand
                })
            }
            Operator::Linear { encoding, .. } => {
                expect(
                    [output.height, output.width] == [1, 1],
                    ErrorKind::OutputShape,
                )?;
                Self::matrix(encoding, output, first.elements())
            }
            Operator::MaxPool { window } | Operator::AveragePool { window } => {
                expect(output.channels == first.channels, ErrorKind::OutputShape)?;
                expect_window(window, first, output)?;
                let [image, windows] = [first, output].map(|shape| [shape.height, shape.width]);
                expect(
                    window.touches_everywhere(image, windows),
                    ErrorKind::EmptyWindow,
                )?;
                Self::weightless(output.elements().saturating_mul(window.area()))
            }
            Operator::Affine { .. } => {
                expect(output == first, ErrorKind::OutputShape)?;
                Self::weightless(output.elements())
            }
            Operator::Binary { function, view, .. } => {
                let elements = view.elements();
                expect_values([first, output], [elements; 2])?;
                expect_values([inputs[1]], [view.with_axis(1).elements()])?;
                let is_power = function == BinaryFunction::Power;
                Self::weightless(elements.saturating_mul(cost(is_power)))
            }
            Operator::Unary { function, .. } => {
                let elements = output.elements();
                expect_values([first], [elements])?;
                Self::weightless(elements.saturating_mul(cost(function.is_transcendental())))
            }
            Operator::Concat { view, second_axis } => {
                let [one, other] = [view, view.with_axis(second_axis)].map(|view| view.elements());
                let both = one.saturating_add(other);
                expect_values([first, inputs[1], output], [one, other, both])?;
                Self::weightless(both)
            }
            Operator::Gather { view, count, .. } => {
                let gathered = view.with_axis(count).elements();
                expect_values([first, output], [view.elements(), gathered])?;
                Self::weightless(gathered)
            }
            Operator::Swap {
                outer,
                rows,
                columns,
                inner,
            } => {
                let elements = product(&[outer, rows, columns, inner]);
                expect_values([first, output], [elements; 2])?;
                Self::weightless(elements)
            }
            Operator::Reduce { reduction, view } => {
                let reduced = view.with_axis(1).elements();
                expect_values([first, output], [view.elements(), reduced])?;
                let is_index = reduction == Reduction::ArgMaximum;
                expect(
                    !is_index || view.axis <= MAX_EXACT_INDEX,
                    ErrorKind::IndexRange,
                )?;
                Self::weightless(view.elements())
            }
            Operator::Softmax { view } => {
                let elements = view.elements();
                expect_values([first, output], [elements; 2])?;
                Self::weightless(elements.saturating_mul(cost(true)))
            }
            Operator::Constant => Self::weightless(output.elements()),
            Operator::MatMul {
                batch,
                rows,
                depth,
                columns,
            } => {
                for (shape, rows, columns) in [(first, rows, depth), (inputs[1], depth, columns)] {
                    let matrix = product(&[rows, columns]);
                    let one_or_all = [matrix, product(&[batch, rows, columns])];
                    expect(one_or_all.contains(&shape.elements()), ErrorKind::View)?;
                }
                expect_values([output], [product(&[batch, rows, columns])])?;
                let products = output.elements().saturating_mul(depth.into());
                let demand = Self::weightless(products)?;
                Ok(Self { products, ..demand })
            }
        }
    }

    /// Multiply-accumulates with a dense matrix: rows × columns × positions, or those without a matrix.
    pub fn macs_dense(&self) -> u64 {
        self.rows * self.columns * self.positions + self.products
    }

    /// Multiply-accumulates with `stored` weights in the matrix: a dense matrix stores all, a sparse
    /// one those it names.
    pub fn macs_effective(&self, stored: u64) -> u64 {
        stored * self.positions + self.products
    }

    fn matrix(encoding: Encoding, output: Shape, columns: u64) -> Result<Self, ErrorKind> {
        if encoding == Encoding::Sparse && columns > MAX_SPARSE_COLUMNS {
            return Err(ErrorKind::SparseColumns);
        }
        Ok(Self {
            rows: output.channels.into(),
            columns,
            positions: output.area(),
            ..Self::weightless(output.elements().saturating_mul(columns))?
        })
    }

    fn weightless(work: u64) -> Result<Self, ErrorKind> {
        Ok(Self {
            work: within_limit(work)?,
            ..Self::default()
        })
    }
}

/// What one value costs.
fn cost(is_transcendental: bool) -> u64 {
    if is_transcendental {
        TRANSCENDENTAL_WORK
    } else {
        1
    }
}

fn within_limit(work: u64) -> Result<u64, ErrorKind> {
    expect(work <= MAX_WORK, ErrorKind::WorkLimit)?;
    Ok(work)
}

/// Height and width of `output` are those that the window gives.
fn expect_window(window: Window, input: Shape, output: Shape) -> Result<(), ErrorKind> {
    let size = window.output_size([input.height, input.width])?;
    expect(
        [output.height, output.width] == size,
        ErrorKind::OutputShape,
    )
}

/// The tensors have as many values as a step's view has for them.
fn expect_values<const N: usize>(shapes: [Shape; N], values: [u64; N]) -> Result<(), ErrorKind> {
    expect(
        shapes.map(|shape| shape.elements()) == values,
        ErrorKind::View,
    )
}

fn expect(condition: bool, otherwise: ErrorKind) -> Result<(), ErrorKind> {
    if condition { Ok(()) } else { Err(otherwise) }
}

#[cfg(test)]
mod tests;
