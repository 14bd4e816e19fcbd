//! AVX2 and FMA: up to eight vectors of outputs stay in registers while the stored weights of a row
//! pass by; each costs one broadcast and one load-and-multiply-add per vector. Blocks of positions
//! are the outer loop, so that the inputs of a block stay in the first-level cache for all rows.
//! The order of additions is the scalar kernel's, but products are not rounded.

use core::arch::x86_64::*;

use crate::Avx2;
use crate::format::{Bounds, SparseMatrix};
use crate::kernel::{Block, Staged};

/// Values in a vector.
const LANES: usize = 8;
/// Vectors in a block: enough to hide the latency of additions behind their throughput.
const VECTORS: usize = 8;

pub fn convolve(_: Avx2, staged: &Staged, matrix: &SparseMatrix, bounds: Bounds, maps: &mut [f32]) {
    // SAFETY: the token proves that this CPU has AVX2 and FMA.
    unsafe { blocks(staged, matrix, bounds, maps) }
}

#[target_feature(enable = "avx2,fma")]
fn blocks(staged: &Staged, matrix: &SparseMatrix, bounds: Bounds, maps: &mut [f32]) {
    for at in staged.blocks(LANES, VECTORS) {
        match at.vectors {
            1 => block::<1>(staged, matrix, bounds, &at, maps),
            2 => block::<2>(staged, matrix, bounds, &at, maps),
            3 => block::<3>(staged, matrix, bounds, &at, maps),
            4 => block::<4>(staged, matrix, bounds, &at, maps),
            5 => block::<5>(staged, matrix, bounds, &at, maps),
            6 => block::<6>(staged, matrix, bounds, &at, maps),
            7 => block::<7>(staged, matrix, bounds, &at, maps),
            _ => block::<VECTORS>(staged, matrix, bounds, &at, maps),
        }
    }
}

/// All rows at a block of `V` vectors of positions.
#[target_feature(enable = "avx2,fma")]
fn block<const V: usize>(
    staged: &Staged,
    matrix: &SparseMatrix,
    bounds: Bounds,
    at: &Block,
    maps: &mut [f32],
) {
    let (low, high) = (_mm256_set1_ps(bounds.low), _mm256_set1_ps(bounds.high));
    let offsets = staged.offsets();
    let maps = maps.chunks_exact_mut(staged.map_len());
    for ((bias, values, columns), map) in matrix.iter().zip(maps) {
        let mut sums = [_mm256_set1_ps(bias); V];
        for (&value, &column) in values.iter().zip(columns) {
            let value = _mm256_set1_ps(f32::from_le_bytes(value));
            // This index is checked, which costs nothing: the loads below are what the loop waits for.
            let offset = offsets[usize::from(u16::from_le_bytes(column))];
            let inputs = staged.from(offset, at.start);
            for (vector, sum) in sums.iter_mut().enumerate() {
                // SAFETY: `Staged::new` has checked that whole vectors of positions are there.
                let input = unsafe { _mm256_loadu_ps(inputs.add(LANES * vector)) };
                *sum = _mm256_fmadd_ps(value, input, *sum);
            }
        }
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
