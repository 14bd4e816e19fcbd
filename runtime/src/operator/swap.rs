//! Two neighbouring axes in the other order. Every other order of axes is a few of these in a row.

/// `[outer, rows, columns, inner]` becomes `[outer, columns, rows, inner]`.
#[derive(Clone, Copy, Debug)]
pub struct Swap {
    pub rows: usize,
    pub columns: usize,
    pub inner: usize,
}

impl Swap {
    pub fn run(&self, input: &[f32], output: &mut [f32]) {
        let Self {
            rows,
            columns,
            inner,
        } = *self;
        let length = rows * columns * inner;
        let matrices = input.chunks_exact(length);
        for (values, results) in matrices.zip(output.chunks_exact_mut(length)) {
            for (column, results) in results.chunks_exact_mut(rows * inner).enumerate() {
                let values = values[column * inner..].chunks(columns * inner);
                for (result, values) in results.chunks_exact_mut(inner).zip(values) {
                    result.copy_from_slice(&values[..inner]);
                }
            }
        }
    }
}
