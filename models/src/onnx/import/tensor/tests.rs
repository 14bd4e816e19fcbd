//! Tests of tensors from bytes.

use onnx_protobuf::Message;
use onnx_protobuf::TensorProto;
use onnx_protobuf::tensor_proto::{DataLocation, DataType, Segment};

use super::*;
use crate::onnx::import::testing::{floats, ints, small_ints};

fn raw(element: DataType, dims: &[i64], raw_data: &[u8]) -> TensorProto {
    TensorProto {
        name: "t".to_owned(),
        data_type: element as i32,
        dims: dims.to_vec(),
        raw_data: raw_data.to_vec(),
        ..TensorProto::default()
    }
}

fn data(proto: TensorProto) -> Data {
    decode_tensor(&proto.write_to_bytes().unwrap())
        .unwrap()
        .data
}

fn problem(proto: TensorProto) -> String {
    let error = decode_tensor(&proto.write_to_bytes().unwrap()).unwrap_err();
    error.to_string()
}

#[test]
fn floats_of_all_widths_become_f32() {
    let single = [1.5f32, -0.0].map(f32::to_le_bytes).concat();
    assert_eq!(
        data(raw(DataType::FLOAT, &[2], &single)),
        Data::Float(vec![1.5, -0.0])
    );
    let double = [0.1f64, 1e300].map(f64::to_le_bytes).concat();
    let rounded = Data::Float(vec![0.1, f32::INFINITY]);
    assert_eq!(data(raw(DataType::DOUBLE, &[2], &double)), rounded);
    // 1, −2, the largest, the smallest, infinity.
    let half = [0x3c00u16, 0xc000, 0x7bff, 0x0001, 0x7c00];
    let values = Data::Float(vec![1.0, -2.0, 65_504.0, 2f32.powi(-24), f32::INFINITY]);
    let bytes = half.map(u16::to_le_bytes).concat();
    assert_eq!(data(raw(DataType::FLOAT16, &[5], &bytes)), values);
    let typed = half.map(i32::from);
    assert_eq!(
        data(small_ints("t", DataType::FLOAT16, &[5], &typed)),
        values
    );
    let brain = [0x3f80u16, 0xc049].map(u16::to_le_bytes).concat();
    assert_eq!(
        data(raw(DataType::BFLOAT16, &[2], &brain)),
        Data::Float(vec![1.0, -3.140_625])
    );
}

#[test]
fn nan_stays_nan() {
    for (element, bytes) in [
        (DataType::FLOAT16, [1, 0x7c]),
        (DataType::BFLOAT16, [0xc0, 0x7f]),
    ] {
        let Data::Float(values) = data(raw(element, &[1], &bytes)) else {
            panic!("they are floats");
        };
        assert!(values[0].is_nan());
    }
}

#[test]
fn integers_of_all_widths_keep_their_values() {
    let cases: [(DataType, &[u8], &[i64]); 9] = [
        (DataType::INT4, &[0x87, 0x0f], &[7, -8, -1]),
        (DataType::UINT4, &[0x87, 0x0f], &[7, 8, 15]),
        (DataType::INT8, &[0x80, 1], &[-128, 1]),
        (DataType::UINT8, &[0x80, 1], &[128, 1]),
        (DataType::INT16, &[0, 0x80], &[-32_768]),
        (DataType::UINT16, &[0, 0x80], &[32_768]),
        (DataType::INT32, &[0xff; 4], &[-1]),
        (DataType::UINT32, &[0xff; 4], &[4_294_967_295]),
        (DataType::BOOL, &[0, 2], &[0, 1]),
    ];
    for (element, bytes, values) in cases {
        let tensor = raw(element, &[values.len() as i64], bytes);
        assert_eq!(data(tensor), Data::Int(values.to_vec()), "{element:?}");
    }
    let wide = raw(DataType::INT64, &[1], &i64::MIN.to_le_bytes());
    assert_eq!(data(wide), Data::Int(vec![i64::MIN]));
}

#[test]
fn integers_may_stand_one_by_one() {
    assert_eq!(data(ints("t", &[2], &[3, -4])), Data::Int(vec![3, -4]));
    let small = small_ints("t", DataType::INT8, &[2], &[3, -4]);
    assert_eq!(data(small), Data::Int(vec![3, -4]));
    let nibbles = small_ints("t", DataType::INT4, &[3], &[0x87, 0x0f]);
    assert_eq!(data(nibbles), Data::Int(vec![7, -8, -1]));
    let mut unsigned = ints("t", &[1], &[]);
    unsigned.data_type = DataType::UINT64 as i32;
    unsigned.uint64_data = vec![7];
    assert_eq!(data(unsigned), Data::Int(vec![7]));
    assert_eq!(data(floats("t", &[0, 3], &[])), Data::Float(Vec::new()));
}

#[test]
fn what_does_not_fit_its_shape_or_type_is_an_error() {
    let cases = [
        (floats("t", &[3], &[1.0]), "has 1 elements"),
        (raw(DataType::FLOAT, &[2], &[0; 7]), "do not fill"),
        (floats("t", &[-1], &[1.0]), "negative axis"),
        (floats("t", &[1 << 40, 1 << 40], &[]), "too large"),
        (floats("t", &[0, 1 << 40, 1 << 40], &[]), "too large"),
        (floats("t", &[1; 33], &[1.0]), "33 axes"),
        (
            raw(DataType::UINT64, &[1], &[0xff; 8]),
            "outside the range of uint64",
        ),
        (
            small_ints("t", DataType::INT8, &[1], &[300]),
            "outside the range of int8",
        ),
        (raw(DataType::STRING, &[0], &[]), "string are not supported"),
        (
            raw(DataType::COMPLEX64, &[0], &[]),
            "complex64 are not supported",
        ),
    ];
    for (tensor, expected) in cases {
        let problem = problem(tensor);
        assert!(problem.starts_with("tensor \"t\": "), "{problem}");
        assert!(problem.contains(expected), "{problem}");
    }
    let mut unknown = floats("t", &[1], &[1.0]);
    unknown.data_type = 99;
    assert!(problem(unknown).contains("element type 99"));
}

#[test]
fn tensors_that_are_elsewhere_are_errors() {
    let mut external = floats("t", &[1], &[]);
    external.data_location = DataLocation::EXTERNAL.into();
    assert!(problem(external).contains("in another file"));
    let mut part = floats("t", &[1], &[1.0]);
    part.segment = Some(Segment::default()).into();
    assert!(problem(part).contains("segments"));
    assert!(decode_tensor(&[0xff; 3]).is_err());
}
