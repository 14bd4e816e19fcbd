//! Arrays as ONNX tensors, dense and sparse.

use onnx_protobuf::tensor_proto::DataType;
use onnx_protobuf::{SparseTensorProto, TensorProto};

/// Bytes of a number in a dense tensor.
const DENSE_BYTES: usize = size_of::<f32>();

/// Bytes of a number in a sparse tensor: itself and its position.
const SPARSE_BYTES: usize = size_of::<f32>() + size_of::<i64>();

/// Numbers in row-major order.
pub(super) fn floats(name: &str, shape: &[usize], values: &[f32]) -> TensorProto {
    tensor(name, shape, DataType::FLOAT, |bytes| {
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    })
}

/// Truth values in row-major order, from numbers that are 0 or 1.
pub(super) fn truths(name: &str, shape: &[usize], values: &[f32]) -> TensorProto {
    tensor(name, shape, DataType::BOOL, |bytes| {
        bytes.extend(values.iter().map(|value| u8::from(*value != 0.0)));
    })
}

/// A vector of whole numbers.
pub(super) fn integers(name: &str, values: &[i64]) -> TensorProto {
    tensor(name, &[values.len()], DataType::INT64, |bytes| {
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    })
}

/// The numbers that are not zero, if there are so few that the list of them is shorter than all. Their positions rise and count in
/// row-major order.
pub(super) fn sparse(shape: &[usize], values: &[f32]) -> Option<SparseTensorProto> {
    let (positions, kept): (Vec<i64>, Vec<f32>) = (0..)
        .zip(values.iter().copied())
        .filter(|(_, value)| *value != 0.0)
        .unzip();
    (kept.len() * SPARSE_BYTES < values.len() * DENSE_BYTES).then(|| SparseTensorProto {
        values: Some(floats("", &[kept.len()], &kept)).into(),
        indices: Some(integers("", &positions)).into(),
        dims: dims(shape),
        ..Default::default()
    })
}

/// The numbers of `[rows, columns]` as `[columns, rows]`.
pub(super) fn transposed(columns: usize, values: &[f32]) -> Vec<f32> {
    let column = |column| values.iter().skip(column).step_by(columns).copied();
    (0..columns).flat_map(column).collect()
}

fn tensor(
    name: &str,
    shape: &[usize],
    element: DataType,
    write: impl FnOnce(&mut Vec<u8>),
) -> TensorProto {
    let mut tensor = TensorProto {
        name: name.to_owned(),
        dims: dims(shape),
        data_type: element as i32,
        ..Default::default()
    };
    write(&mut tensor.raw_data);
    tensor
}

fn dims(shape: &[usize]) -> Vec<i64> {
    // Networks bound the number of elements far below i64's.
    shape.iter().map(|length| *length as i64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_little_endian_in_row_major_order() {
        let tensor = floats("w", &[1, 2], &[1.0, -2.0]);
        assert_eq!((tensor.name.as_str(), tensor.data_type), ("w", 1));
        assert_eq!(tensor.dims, [1, 2]);
        assert_eq!(tensor.raw_data, [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
        let tensor = integers("i", &[-2]);
        assert_eq!((tensor.dims.as_slice(), tensor.data_type), (&[1][..], 7));
        assert_eq!(tensor.raw_data, (-2i64).to_le_bytes());
    }

    #[test]
    fn sparse_tensors_list_values_and_rising_positions() {
        let values = [0.0, 0.0, 5.0, 0.0, 0.0, 0.0, -0.0, 7.0];
        let sparse = sparse(&[2, 4], &values).unwrap();
        assert_eq!(sparse.dims, [2, 4]);
        assert_eq!(*sparse.values, floats("", &[2], &[5.0, 7.0]));
        assert_eq!(*sparse.indices, integers("", &[2, 7]));
    }

    #[test]
    fn tensors_stay_dense_where_a_list_is_no_shorter() {
        // Twelve bytes for each number that is not zero, four for each in a dense tensor.
        assert_eq!(sparse(&[3], &[0.0, 1.0, 0.0]), None);
        assert!(sparse(&[4], &[0.0, 1.0, 0.0, 0.0]).is_some());
        let zeros = sparse(&[2], &[0.0; 2]).unwrap();
        assert_eq!(*zeros.indices, integers("", &[]));
    }

    #[test]
    fn matrices_are_transposed() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(transposed(3, &values), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(transposed(1, &values[..2]), [1.0, 2.0]);
    }
}
