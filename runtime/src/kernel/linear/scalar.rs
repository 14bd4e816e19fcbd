//! The normative dot products. Product `k` of a row is added to partial sum `k mod n`, in the order of
//! the columns; then the upper half of the partial sums is added to the lower half until one is left.
//! Several partial sums are what lets a processor overlap additions.

/// The dot product of a dense row and the input, with eight partial sums.
pub fn dense(values: &[[u8; 4]], input: &[f32]) -> f32 {
    let mut sums = [0.0; 8];
    let (value_chunks, value_rest) = values.as_chunks::<8>();
    let (input_chunks, input_rest) = input.as_chunks::<8>();
    for (values, inputs) in value_chunks.iter().zip(input_chunks) {
        for ((sum, &value), input) in sums.iter_mut().zip(values).zip(inputs) {
            *sum += f32::from_le_bytes(value) * input;
        }
    }
    for ((sum, &value), input) in sums.iter_mut().zip(value_rest).zip(input_rest) {
        *sum += f32::from_le_bytes(value) * input;
    }
    let [a, b, c, d, e, f, g, h] = sums;
    join([a + e, b + f, c + g, d + h])
}

/// The dot product of a sparse row and the input, with four partial sums.
pub fn sparse(values: &[[u8; 4]], columns: &[[u8; 2]], input: &[f32]) -> f32 {
    let product = |value: [u8; 4], column: [u8; 2]| {
        f32::from_le_bytes(value) * input[usize::from(u16::from_le_bytes(column))]
    };
    let mut sums = [0.0; 4];
    let (value_chunks, value_rest) = values.as_chunks::<4>();
    let (column_chunks, column_rest) = columns.as_chunks::<4>();
    for (values, columns) in value_chunks.iter().zip(column_chunks) {
        for ((sum, &value), &column) in sums.iter_mut().zip(values).zip(columns) {
            *sum += product(value, column);
        }
    }
    for ((sum, &value), &column) in sums.iter_mut().zip(value_rest).zip(column_rest) {
        *sum += product(value, column);
    }
    join(sums)
}

fn join([a, b, c, d]: [f32; 4]) -> f32 {
    (a + c) + (b + d)
}
