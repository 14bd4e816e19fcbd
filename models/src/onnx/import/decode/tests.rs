//! Tests of graphs from files.

use onnx_protobuf::{OperatorSetIdProto, SparseTensorProto};

use super::*;
use crate::onnx::import::testing::{Model, floats, int_attribute, ints};

fn problem(model: &Model) -> String {
    let Err(error) = decode(&model.bytes(), None, 100) else {
        panic!("the model is accepted");
    };
    error.to_string()
}

fn identity() -> Model {
    Model::new(13)
        .input("x", &[1])
        .node("Identity", &["x"], &["y"], vec![])
        .output("y")
}

fn sparse(dims: &[i64], values: TensorProto, indices: TensorProto) -> Result<Tensor, String> {
    let proto = SparseTensorProto {
        values: Some(values).into(),
        indices: Some(indices).into(),
        dims: dims.to_vec(),
        ..SparseTensorProto::default()
    };
    let mut tensors = Tensors {
        folder: None,
        elements_left: 100,
    };
    tensors.sparse_or_problem(proto)
}

#[test]
fn nodes_get_the_name_of_their_output_and_their_domain() {
    let mut model = identity();
    model.proto.opset_import.push(OperatorSetIdProto {
        domain: "com.example".to_owned(),
        version: 3,
        ..OperatorSetIdProto::default()
    });
    let model = model.node("com.example.Odd", &["y", ""], &["", "z"], vec![]);
    let (graph, _) = decode(&model.bytes(), None, 100).unwrap();
    let odd = &graph.nodes[1];
    assert_eq!(
        (&*odd.name, &*odd.operator, odd.opset),
        ("z", "com.example.Odd", 3)
    );
    assert_eq!(odd.inputs, [Some("y".to_owned()), None]);
    assert_eq!(odd.outputs, [None, Some("z".to_owned())]);
}

#[test]
fn initialisers_are_no_inputs() {
    let model = identity()
        .input("w", &[2])
        .initializer(floats("w", &[2], &[1.0, 2.0]));
    let (graph, initializers) = decode(&model.bytes(), None, 100).unwrap();
    assert_eq!(graph.inputs.len(), 1);
    assert_eq!(initializers[0].0, "w");
}

#[test]
fn sparse_tensors_are_filled_with_zeros() {
    let values = || floats("s", &[2], &[5.0, 7.0]);
    let dense = sparse(&[2, 3], values(), ints("", &[2], &[1, 5])).unwrap();
    assert_eq!(dense.data, Data::Float(vec![0.0, 5.0, 0.0, 0.0, 0.0, 7.0]));
    let by_axis = ints("", &[2, 2], &[0, 1, 1, 2]);
    assert_eq!(sparse(&[2, 3], values(), by_axis).unwrap(), dense);
}

#[test]
fn wrong_sparse_tensors_are_errors() {
    let values = || floats("s", &[2], &[5.0, 7.0]);
    let problem = |dims: &[i64], indices| sparse(dims, values(), indices).unwrap_err();
    let index = |dims: &[i64], values: &[i64]| ints("", dims, values);
    assert!(problem(&[6], index(&[2], &[1, 6])).contains("outside its shape"));
    assert!(problem(&[6], index(&[2], &[-1, 5])).contains("outside its shape"));
    assert!(problem(&[6], index(&[2], &[5, 1])).contains("not rising"));
    assert!(problem(&[6], index(&[2], &[1, 1])).contains("not rising"));
    assert!(problem(&[6], index(&[1], &[1])).contains("2 values have 1 indices"));
    assert!(problem(&[2, 3], index(&[1, 3], &[0, 0, 0])).contains("shape [1, 3]"));
    assert!(problem(&[101], index(&[2], &[0, 1])).contains("exceed"));
    assert!(problem(&[6], floats("", &[2], &[0.0, 1.0])).contains("no integers"));
}

#[test]
fn every_value_is_made_once() {
    let twice = identity().node("Identity", &["x"], &["y"], vec![]);
    assert!(problem(&twice).contains("value \"y\" is made twice, by y and by y"));
    let shadow = identity().initializer(floats("y", &[1], &[1.0]));
    assert!(problem(&shadow).contains("by an initialiser and by y"));
    let inputs = identity().input("x", &[1]);
    assert!(problem(&inputs).contains("by an input and by an input"));
}

#[test]
fn operator_sets_must_be_known() {
    for opset in [5, 28] {
        let model = Model::new(opset).input("x", &[1]).output("x");
        assert!(problem(&model).contains(&format!("opset {opset}; opsets")));
    }
    let foreign = identity().node("com.example.Odd", &["x"], &["z"], vec![]);
    assert!(problem(&foreign).contains("imports no operator set"));
}

#[test]
fn what_is_no_model_is_an_error() {
    assert!(matches!(
        decode(&[1, 2, 3], None, 100),
        Err(OnnxError::Malformed(_))
    ));
    assert!(matches!(
        decode(&[], None, 100),
        Err(OnnxError::Malformed(_))
    ));
}

#[test]
fn only_tensors_go_in_and_out() {
    let mut model = identity();
    model.graph().input[0].type_ = None.into();
    assert!(problem(&model).contains("only tensors"));
}

#[test]
fn names_have_a_bound() {
    let long = "n".repeat(1025);
    let model = identity().node("Identity", &["x"], &[&long], vec![]);
    assert!(problem(&model).contains("more than 1024 bytes"));
    let model = identity().initializer(floats(&long, &[1], &[1.0]));
    assert!(problem(&model).contains("more than 1024 bytes"));
}

#[test]
fn references_outside_of_functions_have_no_value() {
    let mut reference = int_attribute("axis", 0);
    reference.ref_attr_name = "of the function".to_owned();
    let model = Model::new(13)
        .input("x", &[1])
        .node("Flatten", &["x"], &["y"], vec![reference])
        .output("y");
    assert!(model.refusal().contains("a reference outside a function"));
}
