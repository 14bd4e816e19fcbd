//! AVX2 and FMA: tiles of four rows × two vectors of positions, so that each vector of inputs is
//! loaded once for four rows, and eight sums hide the latency of additions. (Three vectors would fill
//! all registers; the compiler then spills, at half the speed.) Rows that are left over, and those of
//! depthwise convolutions, are computed one by one over eight vectors. The order of additions is the
//! scalar kernel's, but products are not rounded.

use core::arch::x86_64::*;

use crate::Avx2;
use crate::format::{Bounds, DenseMatrix};
use crate::kernel::{Block, Staged};

/// Values in a vector.
const LANES: usize = 8;

pub fn convolve(_: Avx2, staged: &Staged, matrix: &DenseMatrix, bounds: Bounds, maps: &mut [f32]) {
    let rows = matrix.bias.len();
    let in_fours = rows - rows % 4;
    let (fours, singles) = maps.split_at_mut(in_fours * staged.map_len());
    // SAFETY: the token proves that this CPU has AVX2 and FMA.
    unsafe {
        if in_fours > 0 {
            four_rows(staged, &matrix.rows(0..in_fours), bounds, fours);
        }
        if in_fours < rows {
            one_row(staged, &matrix.rows(in_fours..rows), bounds, singles);
        }
    }
}

#[target_feature(enable = "avx2,fma")]
fn four_rows(staged: &Staged, matrix: &DenseMatrix, bounds: Bounds, maps: &mut [f32]) {
    for at in staged.blocks(LANES, 2) {
        match at.vectors {
            1 => block::<4, 1>(staged, matrix, bounds, &at, maps),
            _ => block::<4, 2>(staged, matrix, bounds, &at, maps),
        }
    }
}

#[target_feature(enable = "avx2,fma")]
fn one_row(staged: &Staged, matrix: &DenseMatrix, bounds: Bounds, maps: &mut [f32]) {
    for at in staged.blocks(LANES, 8) {
        match at.vectors {
            1 => block::<1, 1>(staged, matrix, bounds, &at, maps),
            2 => block::<1, 2>(staged, matrix, bounds, &at, maps),
            3 => block::<1, 3>(staged, matrix, bounds, &at, maps),
            4 => block::<1, 4>(staged, matrix, bounds, &at, maps),
            5 => block::<1, 5>(staged, matrix, bounds, &at, maps),
            6 => block::<1, 6>(staged, matrix, bounds, &at, maps),
            7 => block::<1, 7>(staged, matrix, bounds, &at, maps),
            _ => block::<1, 8>(staged, matrix, bounds, &at, maps),
        }
    }
}

/// All rows, `R` at a time, at a block of `V` vectors of positions.
#[target_feature(enable = "avx2,fma")]
fn block<const R: usize, const V: usize>(
    staged: &Staged,
    matrix: &DenseMatrix,
    bounds: Bounds,
    at: &Block,
    maps: &mut [f32],
) {
    let (low, high) = (_mm256_set1_ps(bounds.low), _mm256_set1_ps(bounds.high));
    let offsets = staged.offsets();
    let columns = offsets.len();
    let tiles = matrix
        .bias
        .as_chunks::<R>()
        .0
        .iter()
        .zip(matrix.values.chunks_exact(R * columns))
        .zip(maps.chunks_exact_mut(R * staged.map_len()));
    for ((bias, values), maps) in tiles {
        let mut sums = bias.map(|bias| [_mm256_set1_ps(f32::from_le_bytes(bias)); V]);
        for (column, &offset) in offsets.iter().enumerate() {
            let inputs = staged.from(offset, at.start);
            let mut vectors = [_mm256_setzero_ps(); V];
            for (vector, values) in vectors.iter_mut().enumerate() {
                // SAFETY: `Staged::new` has checked that whole vectors of positions are there.
                *values = unsafe { _mm256_loadu_ps(inputs.add(LANES * vector)) };
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: `values` are `R` rows of as many values as there are offsets. A check
                // here costs a seventh of the speed.
                let value = unsafe { *values.get_unchecked(row * columns + column) };
                let value = _mm256_set1_ps(f32::from_le_bytes(value));
                for (sum, vector) in sums.iter_mut().zip(vectors) {
                    *sum = _mm256_fmadd_ps(value, vector, *sum);
                }
            }
        }
        for (sums, map) in sums
            .into_iter()
            .zip(maps.chunks_exact_mut(staged.map_len()))
        {
            let mut results = [[0.0; LANES]; V];
            for (result, sum) in results.iter_mut().zip(sums) {
                // Of numbers that do not compare these keep the second: NaN stays.
                let clamped = _mm256_min_ps(high, _mm256_max_ps(low, sum));
                // SAFETY: the array has room for one vector.
                unsafe { _mm256_storeu_ps(result.as_mut_ptr(), clamped) };
            }
            staged.keep(at, results.as_flattened(), map);
        }
    }
}
