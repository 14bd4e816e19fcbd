//! Tests of function calls.

use onnx_protobuf::{FunctionProto, OperatorSetIdProto};

use super::*;
use crate::onnx::import::testing::{Model, float_attribute, floats, tensor_attribute};

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn opset(domain: &str) -> OperatorSetIdProto {
    OperatorSetIdProto {
        domain: domain.to_owned(),
        version: 13,
        ..OperatorSetIdProto::default()
    }
}

fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let (domain, operator) = operator.rsplit_once('.').unwrap_or(("", operator));
    NodeProto {
        op_type: operator.to_owned(),
        domain: domain.to_owned(),
        input: strings(inputs),
        output: strings(outputs),
        ..NodeProto::default()
    }
}

fn function(name: &str, inputs: &[&str], outputs: &[&str], node: Vec<NodeProto>) -> FunctionProto {
    FunctionProto {
        name: name.to_owned(),
        domain: "own".to_owned(),
        input: strings(inputs),
        output: strings(outputs),
        node,
        opset_import: vec![opset(""), opset("own")],
        ..FunctionProto::default()
    }
}

/// A model with functions, ready for nodes.
fn model(functions: Vec<FunctionProto>) -> Model {
    let mut model = Model::new(13).input("x", &[2]).output("y");
    model.proto.opset_import.push(opset("own"));
    model.proto.functions = functions;
    model
}

/// A leaky ReLU whose slope is the function's attribute.
fn leaky(defaults: Vec<AttributeProto>) -> FunctionProto {
    let mut slope = float_attribute("alpha", 0.0);
    slope.ref_attr_name = "slope".to_owned();
    let mut inner = node("LeakyRelu", &["a"], &["b"]);
    inner.attribute = vec![slope];
    FunctionProto {
        attribute_proto: defaults,
        ..function("Leaky", &["a"], &["b"], vec![inner])
    }
}

#[test]
fn attributes_come_from_the_call_or_are_the_defaults() {
    let run = |defaults, attributes| {
        let model = model(vec![leaky(defaults)]);
        let model = model.node("own.Leaky", &["x"], &["y"], attributes);
        model.run(&[-1.0, 1.0])
    };
    let slope = |value| vec![float_attribute("slope", value)];
    assert_eq!(run(vec![], slope(0.5)), [-0.5, 1.0]);
    assert_eq!(run(slope(0.25), vec![]), [-0.25, 1.0]);
    assert_eq!(run(slope(0.25), slope(0.5)), [-0.5, 1.0]);
    // With neither it is the operator's own.
    assert_eq!(run(vec![], vec![]), [-0.01, 1.0]);
}

#[test]
fn names_inside_do_not_meet_those_outside() {
    let square = vec![
        node("Mul", &["x", "x"], &["t"]),
        node("Neg", &["t"], &["r"]),
    ];
    let minus_square = function("MinusSquare", &["x"], &["r"], square);
    let model = model(vec![minus_square])
        .node("own.MinusSquare", &["x"], &["t"], vec![])
        .node("own.MinusSquare", &["t"], &["r"], vec![])
        .node("Identity", &["r"], &["y"], vec![]);
    assert_eq!(model.run(&[1.0, 2.0]), [-1.0, -16.0]);
}

#[test]
fn what_is_left_out_is_left_out_inside() {
    let clip = vec![node("Clip", &["a", "low", "high"], &["b"])];
    let body = [clip, vec![node("Identity", &["b"], &["c"])]].concat();
    let clip = function("Limit", &["a", "low", "high"], &["b", "c"], body);
    let model = model(vec![clip])
        .initializer(floats("high", &[], &[1.5]))
        .node("own.Limit", &["x", "", "high"], &["", "y"], vec![]);
    assert_eq!(model.run(&[-1.0, 2.0]), [-1.0, 1.5]);
}

#[test]
fn endless_calls_are_refused() {
    let itself = vec![node("own.Again", &["a"], &["b"])];
    let model = model(vec![function("Again", &["a"], &["b"], itself)]);
    let model = model.node("own.Again", &["x"], &["y"], vec![]);
    assert!(model.refusal().contains("more than 16 calls within calls"));
}

#[test]
fn calls_that_multiply_are_refused() {
    // Ten levels of ten calls; the last function is empty.
    let level = |level: usize| {
        let calls = (0..10).map(|call| {
            let output = format!("r{call}");
            node(&format!("own.F{}", level + 1), &["a"], &[&output])
        });
        function(&format!("F{level}"), &["a"], &["r0"], calls.collect())
    };
    let mut functions: Vec<_> = (0..10).map(level).collect();
    functions.push(function("F10", &["a"], &["r0"], Vec::new()));
    let model = model(functions).node("own.F0", &["x"], &["y"], vec![]);
    assert!(model.refusal().contains("nodes and calls of functions"));
}

#[test]
fn copies_have_a_bound() {
    let large = floats("", &[1 << 22], &vec![0.0; 1 << 22]);
    let mut constant = node("Constant", &[], &["r"]);
    constant.attribute = vec![tensor_attribute("value", large)];
    let mut model = model(vec![function("Large", &[], &["r"], vec![constant])]);
    for call in 0..20 {
        model = model.node("own.Large", &[], &[&format!("c{call}")], vec![]);
    }
    assert!(model.refusal().contains("copy more than"));
}
