//! Sums of many numbers: in sixteen lanes, which the processor adds at once, and beyond a block in 64 bits.

/// Numbers that are added side by side.
const LANES: usize = 16;

/// Numbers that are added in 32 bits: the error of a lane stays below that of 32 additions.
const BLOCK: usize = 32 * LANES;

/// The sum of what `each` makes of every number.
pub(super) fn sum(numbers: &[f32], each: impl Fn(f32) -> f32) -> f64 {
    let block = |block: &[f32]| {
        let mut lanes = [0.0f32; LANES];
        let chunks = block.chunks_exact(LANES);
        let rest: f32 = chunks.remainder().iter().map(|x| each(*x)).sum();
        for chunk in chunks {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                *lane += each(*x);
            }
        }
        f64::from(lanes.iter().sum::<f32>() + rest)
    };
    numbers.chunks(BLOCK).map(block).sum()
}

/// The sum of the products of `left` with what `each` makes of `right`.
pub(super) fn product(left: &[f32], right: &[f32], each: impl Fn(f32) -> f32) -> f64 {
    let block = |(left, right): (&[f32], &[f32])| {
        let mut lanes = [0.0f32; LANES];
        let (left, right) = (left.chunks_exact(LANES), right.chunks_exact(LANES));
        let rest = left.remainder().iter().zip(right.remainder());
        let rest: f32 = rest.map(|(a, b)| a * each(*b)).sum();
        for (left, right) in left.zip(right) {
            for ((lane, a), b) in lanes.iter_mut().zip(left).zip(right) {
                *lane += a * each(*b);
            }
        }
        f64::from(lanes.iter().sum::<f32>() + rest)
    };
    left.chunks(BLOCK).zip(right.chunks(BLOCK)).map(block).sum()
}
