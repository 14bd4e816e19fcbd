//! Tests of the walk.

use crate::onnx::import::testing::{Model, floats, int_attribute};

#[test]
fn the_order_of_the_file_does_not_matter() {
    let model = Model::new(13)
        .input("x", &[2])
        .node("Neg", &["a"], &["y"], vec![])
        .node("Abs", &["x"], &["a"], vec![])
        .output("y");
    assert_eq!(model.run(&[-1.0, 2.0]), [-1.0, -2.0]);
}

#[test]
fn circles_and_missing_values_are_errors() {
    let circle = Model::new(13)
        .input("x", &[2])
        .node("Add", &["x", "b"], &["a"], vec![])
        .node("Neg", &["a"], &["b"], vec![])
        .node("Abs", &["a"], &["y"], vec![])
        .output("y");
    assert!(circle.refusal().contains("depends on its own result"));
    let missing = Model::new(13)
        .input("x", &[2])
        .node("Add", &["x", "b"], &["y"], vec![])
        .output("y");
    assert!(
        missing
            .refusal()
            .contains("takes the value \"b\", which nothing makes")
    );
    let nothing = Model::new(13).input("x", &[2]).output("y");
    assert!(
        nothing
            .refusal()
            .contains("nothing computes the output \"y\"")
    );
}

#[test]
fn what_the_output_does_not_need_is_not_looked_at() {
    let model = Model::new(13)
        .input("x", &[2])
        .node("NonMaxSuppression", &["x"], &["z"], vec![])
        .node("Neg", &["x"], &["y"], vec![])
        .output("y");
    assert_eq!(model.run(&[1.0, 2.0]), [-1.0, -2.0]);
    let needed = Model::new(13)
        .input("x", &[2])
        .node("NonMaxSuppression", &["x"], &["y"], vec![])
        .output("y");
    let refusal = needed.refusal();
    let expected = "node \"y\" (NonMaxSuppression, opset 13): the operator is not supported";
    assert!(refusal.starts_with(expected), "{refusal}");
}

#[test]
fn outputs_that_are_not_made_are_refused_only_where_they_are_needed() {
    let dropout = |output: &str| {
        Model::new(13)
            .input("x", &[2])
            .node("Dropout", &["x"], &["a", "mask"], vec![])
            .node("Abs", &[output], &["y"], vec![])
            .output("y")
    };
    assert_eq!(dropout("a").run(&[-1.0, 2.0]), [1.0, 2.0]);
    let refusal = dropout("mask").refusal();
    assert!(
        refusal.contains("its output 1, \"mask\", is not supported"),
        "{refusal}"
    );
}

#[test]
fn a_long_reason_is_cut() {
    let dims: Vec<i64> = vec![1; 600];
    let shape = crate::onnx::import::testing::ints("shape", &[600], &dims);
    let model = Model::of_node(13, &[2], "Expand", &[shape], vec![]);
    assert!(model.refusal().len() < 700);
    let axes = vec![int_attribute("axis", i64::MIN)];
    let model = Model::of_node(13, &[2], "Concat", &[floats("b", &[2], &[1.0, 2.0])], axes);
    assert!(model.refusal().contains("axis -9223372036854775808"));
}
