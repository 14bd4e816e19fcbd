//! Weight matrices, dense and sparse, read in place. Weights that are plain lists are in `list.rs`.

use core::ops::Range;

use super::list::{Word, split_words, verify_finite, word};
use crate::{Error, ErrorKind};

/// A weight matrix with one bias for each row.
#[derive(Clone, Copy, Debug)]
pub enum Matrix<'m> {
    Dense(DenseMatrix<'m>),
    Sparse(SparseMatrix<'m>),
}

impl<'m> Matrix<'m> {
    /// The number of weights that are stored.
    pub fn stored(&self) -> u64 {
        match self {
            Self::Dense(matrix) => matrix.values.len() as u64,
            Self::Sparse(matrix) => matrix.values.len() as u64,
        }
    }
}

/// Every value, in row-major order.
#[derive(Clone, Copy, Debug)]
pub struct DenseMatrix<'m> {
    pub bias: &'m [Word],
    pub values: &'m [Word],
}

impl<'m> DenseMatrix<'m> {
    /// Splits a blob, if its length is that of a matrix of `rows` × `columns`.
    pub fn from_blob(blob: &'m [u8], rows: usize, columns: usize) -> Option<Self> {
        let (bias, rest) = split_words(blob, rows)?;
        let (values, rest) = split_words(rest, rows.checked_mul(columns)?)?;
        rest.is_empty().then_some(Self { bias, values })
    }

    /// Checks what the blob contains. Offsets of errors count from its start.
    pub fn verify(&self) -> Result<(), Error> {
        verify_finite(self.bias, 0)?;
        verify_finite(self.values, size_of_val(self.bias))
    }

    /// The number of columns, which like the number of rows is not zero.
    pub fn columns(&self) -> usize {
        self.values.len() / self.bias.len()
    }

    /// The matrix of some of the rows.
    pub fn rows(&self, rows: Range<usize>) -> Self {
        let columns = self.columns();
        Self {
            bias: &self.bias[rows.clone()],
            values: &self.values[rows.start * columns..rows.end * columns],
        }
    }

    /// Each row's bias and values.
    pub fn iter(&self) -> impl Iterator<Item = (f32, &'m [Word])> + use<'m> {
        self.bias
            .iter()
            .zip(self.values.chunks_exact(self.columns()))
            .map(|(&bias, values)| (f32::from_le_bytes(bias), values))
    }
}

/// Compressed sparse rows: row `r` has the values and columns from `row_pointers[r]` to
/// `row_pointers[r + 1]`.
#[derive(Clone, Copy, Debug)]
pub struct SparseMatrix<'m> {
    pub bias: &'m [Word],
    pub row_pointers: &'m [Word],
    pub values: &'m [Word],
    pub columns: &'m [[u8; 2]],
    padding: &'m [u8],
}

impl<'m> SparseMatrix<'m> {
    /// Splits a blob, if its length is that of a matrix of `rows` rows with as many stored values as
    /// its last row pointer says.
    pub fn from_blob(blob: &'m [u8], rows: usize) -> Option<Self> {
        let (bias, rest) = split_words(blob, rows)?;
        let (row_pointers, rest) = split_words(rest, rows.checked_add(1)?)?;
        let stored = word(row_pointers.last()?);
        let (values, rest) = split_words(rest, stored)?;
        let (columns, padding) = rest.split_at_checked(stored.checked_mul(2)?)?;
        let (columns, _) = columns.as_chunks();
        (padding.len() == stored % 2 * 2).then_some(Self {
            bias,
            row_pointers,
            values,
            columns,
            padding,
        })
    }

    /// Checks what the blob contains, for a matrix of `columns` columns. Offsets of errors count from
    /// its start.
    pub fn verify(&self, columns: usize) -> Result<(), Error> {
        let pointers_at = size_of_val(self.bias);
        let values_at = pointers_at + size_of_val(self.row_pointers);
        let columns_at = values_at + size_of_val(self.values);
        verify_finite(self.bias, 0)?;
        verify_finite(self.values, values_at)?;
        if self.row_pointers.first() != Some(&[0; 4]) {
            return Err(Error::new(ErrorKind::RowPointers, pointers_at));
        }
        for (row, pair) in self.row_pointers.windows(2).enumerate() {
            let (start, end) = (word(&pair[0]), word(&pair[1]));
            if start > end || end > self.columns.len() {
                return Err(Error::new(
                    ErrorKind::RowPointers,
                    pointers_at + 4 * (row + 1),
                ));
            }
            let mut least = 0;
            for index in start..end {
                let column = usize::from(u16::from_le_bytes(self.columns[index]));
                let fail = |kind| Err(Error::new(kind, columns_at + 2 * index));
                if column >= columns {
                    return fail(ErrorKind::ColumnRange);
                }
                if column < least {
                    return fail(ErrorKind::ColumnOrder);
                }
                least = column + 1;
            }
        }
        if self.padding.iter().any(|&byte| byte != 0) {
            let at = columns_at + size_of_val(self.columns);
            return Err(Error::new(ErrorKind::WeightsPadding, at));
        }
        Ok(())
    }

    /// The matrix of some of the rows.
    pub fn rows(&self, rows: Range<usize>) -> Self {
        Self {
            bias: &self.bias[rows.clone()],
            row_pointers: &self.row_pointers[rows.start..=rows.end],
            ..*self
        }
    }

    /// Each row's bias, values and columns.
    pub fn iter(&self) -> impl Iterator<Item = (f32, &'m [Word], &'m [[u8; 2]])> + use<'m> {
        let Self {
            values, columns, ..
        } = *self;
        self.bias
            .iter()
            .zip(self.row_pointers.windows(2))
            .map(move |(&bias, pair)| {
                let row = word(&pair[0])..word(&pair[1]);
                (
                    f32::from_le_bytes(bias),
                    &values[row.clone()],
                    &columns[row],
                )
            })
    }
}
