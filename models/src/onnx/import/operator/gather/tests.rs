//! Tests of operators that choose elements.

use crate::onnx::import::testing::{Model, floats, int_attribute, ints};

fn counted(count: u8) -> Vec<f32> {
    (0..count).map(f32::from).collect()
}

fn gather(operator: &str, shape: &[i64], indices: (&[i64], &[i64]), axis: Option<i64>) -> Model {
    let indices = ints("i", indices.0, indices.1);
    let attributes = axis.map(|axis| int_attribute("axis", axis));
    Model::of_node(
        13,
        shape,
        operator,
        &[indices],
        attributes.into_iter().collect(),
    )
}

#[test]
fn rows_are_gathered_in_the_shape_of_the_indices() {
    let model = gather("Gather", &[2, 3], (&[2, 1], &[-1, 0]), Some(1));
    assert_eq!(model.output_shape(), [2, 2, 1]);
    assert_eq!(model.run(&counted(6)), [2.0, 0.0, 5.0, 3.0]);
    let scalar = gather("Gather", &[2, 3], (&[], &[1]), None);
    assert_eq!(scalar.output_shape(), [3]);
    let outside = gather("Gather", &[2, 3], (&[1], &[2]), None);
    assert!(outside.refusal().contains("index 2 of an axis of length 2"));
}

#[test]
fn indices_that_depend_on_the_input_are_refused() {
    let model = Model::new(13)
        .initializer(floats("table", &[2], &[1.0, 2.0]))
        .typed_input("x", onnx_protobuf::tensor_proto::DataType::INT64, &[1])
        .node("Gather", &["table", "x"], &["y"], vec![])
        .output("y");
    assert!(
        model
            .refusal()
            .contains("input 1 depends on the network's input")
    );
}

#[test]
fn elements_are_gathered_along_an_axis() {
    let model = gather("GatherElements", &[2, 3], (&[1, 3], &[1, 0, -1]), Some(0));
    assert_eq!(model.run(&counted(6)), [3.0, 1.0, 5.0]);
    let wrong = gather("GatherElements", &[2, 3], (&[2], &[1, 0]), Some(0));
    assert!(wrong.refusal().contains("indices of shape [2]"));
}

#[test]
fn blocks_are_gathered_by_tuples() {
    let model = gather("GatherND", &[2, 2, 2], (&[2, 2], &[0, 1, 1, -2]), None);
    assert_eq!(model.run(&counted(8)), [2.0, 3.0, 4.0, 5.0]);
    let indices = ints("i", &[2, 1], &[1, 0]);
    let batched = vec![int_attribute("batch_dims", 1)];
    let model = Model::of_node(13, &[2, 2, 2], "GatherND", &[indices], batched);
    assert_eq!(model.run(&counted(8)), [2.0, 3.0, 4.0, 5.0]);
}

#[test]
fn updates_replace_elements_and_the_last_one_stays() {
    let indices = ints("i", &[1, 2], &[2, 0]);
    let updates = floats("u", &[1, 2], &[8.0, 9.0]);
    let axis = || vec![int_attribute("axis", 1)];
    let inputs = [indices, updates];
    let model = Model::of_node(13, &[1, 3], "ScatterElements", &inputs, axis());
    assert_eq!(model.run(&counted(3)), [9.0, 1.0, 8.0]);

    let indices = ints("i", &[2, 1], &[1, 1]);
    let updates = floats("u", &[2, 2], &[6.0, 7.0, 8.0, 9.0]);
    let model = Model::of_node(13, &[2, 2], "ScatterND", &[indices, updates], vec![]);
    assert_eq!(model.run(&counted(4)), [0.0, 1.0, 8.0, 9.0]);
}

#[test]
fn classes_become_vectors() {
    let depth = ints("depth", &[], &[3]);
    let values = floats("values", &[2], &[-1.0, 5.0]);
    let model = Model::of_node(11, &[2], "OneHot", &[depth, values], vec![]);
    let expected = [-1.0, 5.0, -1.0, -1.0, -1.0, 5.0];
    assert_eq!(model.run(&[1.0, -1.0]), expected);
}

#[test]
fn sequences_are_reversed_up_to_their_length() {
    let lengths = ints("lengths", &[2], &[3, 2]);
    let axes = vec![
        int_attribute("time_axis", 1),
        int_attribute("batch_axis", 0),
    ];
    let model = Model::of_node(10, &[2, 3], "ReverseSequence", &[lengths], axes);
    assert_eq!(model.run(&counted(6)), [2.0, 1.0, 0.0, 4.0, 3.0, 5.0]);
}
