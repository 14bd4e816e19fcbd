//! Products with a matrix most of whose elements are zero: what is not there costs nothing.
//!
//! The right side is taken in tiles of columns, so that a tile stays in the cache for all rows and its sums stay in registers while the
//! elements of a row pass by. The loops are plain; they are compiled once for each instruction set, and the processor's is chosen when
//! they are called. Nothing is fused, so the sums are the same to the bit with all of them.

use pulp::{Arch, Simd, WithSimd};

/// Above this density a dense product is faster (`examples/training_speed.rs`).
const DENSITY: f64 = 0.25;

/// Columns of a tile: as many sums as the registers of AVX2 hold beside what is being multiplied.
const TILE: usize = 64;

/// A matrix and its transpose, without their zeros.
#[derive(Debug)]
pub(super) struct Sparse {
    pub(super) matrix: Rows,
    pub(super) transposed: Rows,
}

impl Sparse {
    /// `numbers` as `[row, column]`, if so many of them are zero that it is worth it.
    pub(super) fn new(numbers: &[f32], columns: usize) -> Option<Self> {
        let kept = numbers.iter().filter(|x| **x != 0.0).count();
        if kept as f64 > DENSITY * numbers.len() as f64 {
            return None;
        }
        let rows = numbers.len() / columns;
        let element = |row: usize, column: usize| numbers[row * columns + column];
        Some(Self {
            matrix: Rows::new([rows, columns], kept, element),
            transposed: Rows::new([columns, rows], kept, |row, column| element(column, row)),
        })
    }

    /// Adds those elements of `left · rightᵀ` to `target`, `[row, column]`, where the matrix is not zero: products of rows of so many
    /// `columns`, which begin a stride apart.
    pub(super) fn add_products(
        &self,
        columns: usize,
        target: &mut [f32],
        left: (&[f32], usize),
        right: (&[f32], usize),
    ) {
        Arch::new().dispatch(Products {
            matrix: self,
            columns,
            target,
            left,
            right,
        });
    }
}

/// The elements of a matrix that are not zero, row by row.
#[derive(Debug)]
pub(super) struct Rows {
    /// Where the elements of each row end.
    ends: Vec<usize>,
    /// The column of each element, and its value.
    elements: Vec<(usize, f32)>,
}

impl Rows {
    fn new(
        [rows, columns]: [usize; 2],
        kept: usize,
        element: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let mut elements = Vec::with_capacity(kept);
        let ends = (0..rows).map(|row| {
            let row = (0..columns).map(|column| (column, element(row, column)));
            elements.extend(row.filter(|(_, x)| *x != 0.0));
            elements.len()
        });
        Self {
            ends: ends.collect(),
            elements,
        }
    }

    /// `target = self · right`, or added to what is there: `columns` of both, whose rows begin a stride apart.
    pub(super) fn multiply(
        &self,
        columns: usize,
        target: (&mut [f32], usize),
        add: bool,
        right: (&[f32], usize),
    ) {
        Arch::new().dispatch(Product {
            matrix: self,
            columns,
            target,
            add,
            right,
        });
    }
}

struct Product<'p> {
    matrix: &'p Rows,
    columns: usize,
    target: (&'p mut [f32], usize),
    add: bool,
    right: (&'p [f32], usize),
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) {
        let mut first = 0;
        while self.columns - first >= TILE {
            self.tile::<TILE>(first);
            first += TILE;
        }
        while self.columns - first >= 8 {
            self.tile::<8>(first);
            first += 8;
        }
        while first < self.columns {
            self.tile::<1>(first);
            first += 1;
        }
    }
}

impl Product<'_> {
    /// `N` columns from `first` on.
    #[inline(always)]
    fn tile<const N: usize>(&mut self, first: usize) {
        let ((target, stride), (right, spacing)) = (&mut self.target, self.right);
        let mut start = 0;
        for (row, end) in self.matrix.ends.iter().enumerate() {
            let mut sums = [0.0; N];
            for (column, factor) in &self.matrix.elements[start..*end] {
                let numbers = &right[column * spacing + first..][..N];
                for (sum, x) in sums.iter_mut().zip(numbers) {
                    *sum += factor * x;
                }
            }
            start = *end;
            let target = &mut target[row * *stride + first..][..N];
            if self.add {
                target.iter_mut().zip(sums).for_each(|(y, sum)| *y += sum);
            } else {
                target.copy_from_slice(&sums);
            }
        }
    }
}

struct Products<'p> {
    matrix: &'p Sparse,
    columns: usize,
    target: &'p mut [f32],
    left: (&'p [f32], usize),
    right: (&'p [f32], usize),
}

impl WithSimd for Products<'_> {
    type Output = ();

    /// Column by column of the matrix: the right side is the larger one, and each of its rows is read once.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let ((left, stride), (right, spacing)) = (self.left, self.right);
        let transposed = &self.matrix.transposed;
        let columns = transposed.ends.len();
        let mut start = 0;
        for (column, end) in transposed.ends.iter().enumerate() {
            let right = &right[column * spacing..][..self.columns];
            for (row, _) in &transposed.elements[start..*end] {
                let left = &left[row * stride..][..self.columns];
                self.target[row * columns + column] += product(left, right);
            }
            start = *end;
        }
    }
}

/// The sum of products of two rows, in as many lanes as hide how long an addition takes.
#[inline(always)]
fn product(left: &[f32], right: &[f32]) -> f32 {
    const LANES: usize = 32;
    let mut sums = [0.0; LANES];
    let (left, right) = (left.chunks_exact(LANES), right.chunks_exact(LANES));
    let rest = left.remainder().iter().zip(right.remainder());
    let rest: f32 = rest.map(|(a, b)| a * b).sum();
    for (left, right) in left.zip(right) {
        for ((sum, a), b) in sums.iter_mut().zip(left).zip(right) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::matrix;
    use super::*;

    fn numbers(count: usize) -> impl Strategy<Value = Vec<f32>> {
        proptest::collection::vec((-3i8..=3).prop_map(f32::from), count)
    }

    fn mostly_zero(count: usize) -> impl Strategy<Value = Vec<f32>> {
        let zeros = proptest::collection::vec(0..8u8, count);
        (numbers(count), zeros).prop_map(|(numbers, zeros)| {
            let pairs = numbers.into_iter().zip(zeros);
            pairs
                .map(|(x, zero)| if zero > 0 { 0.0 } else { x })
                .collect()
        })
    }

    /// Rows and columns of the matrix, and columns of what it is multiplied with.
    fn shapes() -> impl Strategy<Value = (usize, usize, usize)> {
        (1usize..9, 1usize..12, 1usize..160)
    }

    proptest! {
        /// Small integers are exact in any order. Between rows lies what must stay as it is.
        #[test]
        fn products_are_those_of_the_dense_matrix(
            (shape, left, right) in shapes().prop_flat_map(|shape| {
                let (rows, inner, columns) = shape;
                (Just(shape), mostly_zero(rows * inner), numbers(rows.max(inner) * (columns + 2)))
            }),
            add in any::<bool>(),
        ) {
            let (rows, inner, columns) = shape;
            let stride = columns + 2;
            let Some(sparse) = Sparse::new(&left, inner) else { return Ok(()) };
            let dense = matrix::matrix(&left, [rows, inner], inner);
            for (product, dense) in [(&sparse.matrix, dense), (&sparse.transposed, dense.transpose())] {
                let shape = [dense.nrows(), columns];
                let mut targets = [(); 2].map(|()| vec![5.0; shape[0] * stride]);
                let [expected, found] = &mut targets;
                let seen = matrix::matrix(&right, [dense.ncols(), columns], stride);
                matrix::multiply(expected, shape, stride, add, dense, seen);
                product.multiply(columns, (found, stride), add, (&right, stride));
                prop_assert_eq!(&targets[0], &targets[1]);
            }
        }

        #[test]
        fn products_of_rows_are_those_of_the_dense_matrix_where_something_is_kept(
            ((rows, inner, columns), kept, left, right) in shapes().prop_flat_map(|shape| {
                let (rows, inner, columns) = shape;
                let sides = [rows, inner].map(|count| numbers(count * (columns + 2)));
                let [left, right] = sides;
                (Just(shape), mostly_zero(rows * inner), left, right)
            }),
        ) {
            let stride = columns + 2;
            let Some(sparse) = Sparse::new(&kept, inner) else { return Ok(()) };
            let mut expected = vec![5.0; rows * inner];
            let [a, b] = [(&left, rows), (&right, inner)].map(|(side, count)| matrix::matrix(side, [count, columns], stride));
            matrix::multiply(&mut expected, [rows, inner], inner, true, a, b.transpose());
            let mut found = vec![5.0; rows * inner];
            sparse.add_products(columns, &mut found, (&left, stride), (&right, stride));
            for ((expected, found), kept) in expected.iter().zip(&found).zip(&kept) {
                prop_assert_eq!(*found, if *kept == 0.0 { 5.0 } else { *expected });
            }
        }
    }

    #[test]
    fn only_what_is_mostly_zero_is_sparse() {
        assert!(Sparse::new(&[1.0, 0.0, 0.0, 0.0], 2).is_some());
        assert!(Sparse::new(&[1.0, 0.0, 0.0, 2.0], 2).is_none());
    }
}
