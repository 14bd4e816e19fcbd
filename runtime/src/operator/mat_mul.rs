//! The product of two activations, matrix by matrix. Each row of the result is the sum of the rows of the right matrix, weighted by a
//! row of the left one: so both are read in the order in which they lie.

/// `[batch, rows, depth] · [batch, depth, columns]`; an operand with one matrix is used for the whole batch.
#[derive(Clone, Copy, Debug)]
pub struct MatMul {
    pub rows: usize,
    pub depth: usize,
    pub columns: usize,
}

impl MatMul {
    pub fn run(&self, left: &[f32], right: &[f32], output: &mut [f32]) {
        let lefts = left.chunks_exact(self.rows * self.depth).cycle();
        let rights = right.chunks_exact(self.depth * self.columns).cycle();
        let products = output.chunks_exact_mut(self.rows * self.columns);
        for ((left, right), product) in lefts.zip(rights).zip(products) {
            let rows = left.chunks_exact(self.depth);
            for (weights, sums) in rows.zip(product.chunks_exact_mut(self.columns)) {
                sums.fill(0.0);
                for (&weight, values) in weights.iter().zip(right.chunks_exact(self.columns)) {
                    for (sum, &value) in sums.iter_mut().zip(values) {
                        *sum += weight * value;
                    }
                }
            }
        }
    }
}
