//! Where elements lie: strides, and the walk over an array in another order than its own.

/// Distance in memory between neighbours along each axis of a row-major array.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Strides that repeat an array of `shape` over `result`: aligned at the last axis, 0 along axes of length 1.
pub(crate) fn broadcast_strides(shape: &[usize], result: &[usize]) -> Vec<usize> {
    let own = shape.iter().zip(strides(shape));
    let own = own.map(|(length, stride)| if *length == 1 { 0 } else { stride });
    let missing = std::iter::repeat_n(0, result.len() - shape.len());
    missing.chain(own).collect()
}

/// Offsets of the elements of an array of `shape`, in row-major order, where a step along axis `i` moves `strides[i]` elements.
pub(crate) struct Offsets {
    shape: Vec<usize>,
    strides: Vec<usize>,
    index: Vec<usize>,
    offset: usize,
    left: usize,
}

impl Offsets {
    pub(crate) fn new(shape: &[usize], strides: Vec<usize>) -> Self {
        Self {
            shape: shape.to_vec(),
            strides,
            index: vec![0; shape.len()],
            offset: 0,
            left: shape.iter().product(),
        }
    }
}

impl Iterator for Offsets {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let offset = self.offset;
        for axis in (0..self.shape.len()).rev() {
            self.index[axis] += 1;
            self.offset += self.strides[axis];
            if self.index[axis] < self.shape[axis] {
                break;
            }
            self.offset -= self.strides[axis] * self.shape[axis];
            self.index[axis] = 0;
        }
        Some(offset)
    }
}
