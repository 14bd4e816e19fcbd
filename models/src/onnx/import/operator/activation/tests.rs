//! Activations, against values worked out by hand.

use crate::onnx::import::testing::{
    Model, float_attribute, floats, ints, small_ints, string_attribute,
};
use onnx_protobuf::tensor_proto::DataType;

const X: [f32; 6] = [-4.0, -1.0, -0.25, 0.0, 0.5, 3.0];

/// The operator on `X`, against the function as its paper has it, computed in f64.
fn check(operator: &str, opset: i64, attributes: &[(&str, f32)], wanted: impl Fn(f64) -> f64) {
    let attributes = attributes
        .iter()
        .map(|(name, value)| float_attribute(name, *value));
    let model = Model::of_node(opset, &[6], operator, &[], attributes.collect());
    for (x, got) in X.iter().zip(model.run(&X)) {
        let wanted = wanted(f64::from(*x)) as f32;
        let near = (got - wanted).abs() <= 1e-6 * wanted.abs().max(1.0);
        assert!(near, "{operator}({x}) is {got}, not {wanted}");
    }
}

fn elu(x: f64) -> f64 {
    if x < 0.0 { x.exp_m1() } else { x }
}

fn softplus(x: f64) -> f64 {
    x.exp().ln_1p()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn activation_functions_are_what_they_are_called() {
    check("Relu", 14, &[], |x| x.max(0.0));
    check("LeakyRelu", 16, &[], |x| if x < 0.0 { 0.01 * x } else { x });
    check("LeakyRelu", 16, &[("alpha", 0.5)], |x| x.max(0.5 * x));
    check("Elu", 22, &[], elu);
    check("Elu", 22, &[("alpha", 2.0)], |x| {
        if x < 0.0 { 2.0 * elu(x) } else { x }
    });
    check("Celu", 12, &[], elu);
    check("Celu", 12, &[("alpha", 2.0)], |x| 2.0 * elu(x / 2.0));
    let selu = |x: f64| {
        1.050_700_987_355_48
            * if x < 0.0 {
                1.673_263_242_354_38 * elu(x)
            } else {
                x
            }
    };
    check("Selu", 22, &[], selu);
    check("Selu", 22, &[("alpha", 2.0), ("gamma", 3.0)], |x| {
        if x < 0.0 { 6.0 * elu(x) } else { 3.0 * x }
    });
    check("Sigmoid", 13, &[], sigmoid);
    check("Tanh", 13, &[], f64::tanh);
    check("Softplus", 22, &[], softplus);
    check("Softsign", 22, &[], |x| x / (1.0 + x.abs()));
    check("HardSigmoid", 22, &[], |x| (0.2 * x + 0.5).clamp(0.0, 1.0));
    check("HardSigmoid", 22, &[("alpha", 0.5), ("beta", 0.25)], |x| {
        (0.5 * x + 0.25).clamp(0.0, 1.0)
    });
    check("HardSwish", 22, &[], |x| {
        x * (x / 6.0 + 0.5).clamp(0.0, 1.0)
    });
    check("Mish", 22, &[], |x| x * softplus(x).tanh());
    check("Swish", 24, &[("alpha", 1.5)], |x| x * sigmoid(1.5 * x));
    check(
        "ThresholdedRelu",
        22,
        &[],
        |x| if x > 1.0 { x } else { 0.0 },
    );
    check("ThresholdedRelu", 22, &[("alpha", -1.0)], |x| {
        if x > -1.0 { x } else { 0.0 }
    });
    check("Shrink", 9, &[("lambd", 0.5), ("bias", 0.25)], |x| {
        if x < -0.5 {
            x + 0.25
        } else if x > 0.5 {
            x - 0.25
        } else {
            0.0
        }
    });
}

#[test]
fn gelu_is_exact_or_by_the_hyperbolic_tangent() {
    let run = |mode| {
        let attributes = vec![string_attribute("approximate", mode)];
        Model::of_node(20, &[1], "Gelu", &[], attributes)
    };
    // Φ(1) = 0.841345 to six digits; the approximation gives 0.841192.
    assert!((run("none").run(&[1.0])[0] - 0.841_345).abs() < 1e-6);
    assert!((run("tanh").run(&[1.0])[0] - 0.841_192).abs() < 1e-6);
    assert!(run("sigmoid").refusal().contains("approximate \"sigmoid\""));
}

#[test]
fn slopes_are_single_or_broadcast() {
    let x = [-1.0, 2.0, -3.0, -4.0];
    let run = |opset, dims: &[i64], slopes: &[f32]| {
        let slope = floats("slope", dims, slopes);
        Model::of_node(opset, &[1, 2, 2], "PRelu", &[slope], vec![]).run(&x)
    };
    assert_eq!(run(16, &[1], &[0.5]), [-0.5, 2.0, -1.5, -2.0]);
    assert_eq!(run(16, &[2, 1], &[0.5, 2.0]), [-0.5, 2.0, -6.0, -8.0]);
    // By NumPy's rules a vector runs along the last axis; before opset 7 it had one number per channel.
    assert_eq!(run(16, &[2], &[0.5, 2.0]), [-0.5, 2.0, -1.5, -8.0]);
    assert_eq!(run(6, &[2], &[0.5, 2.0]), [-0.5, 2.0, -6.0, -8.0]);
}

fn clip(low: Option<f32>, high: Option<f32>) -> Vec<f32> {
    let mut model = Model::new(13).input("x", &[6]).output("y");
    let mut names = vec!["x"];
    for (name, bound) in [("low", low), ("high", high)] {
        match bound {
            Some(bound) => {
                model = model.initializer(floats(name, &[], &[bound]));
                names.push(name);
            }
            None => names.push(""),
        }
    }
    model.node("Clip", &names, &["y"], vec![]).run(&X)
}

#[test]
fn bounds_may_be_left_out() {
    assert_eq!(
        clip(Some(-1.0), Some(0.25)),
        [-1.0, -1.0, -0.25, 0.0, 0.25, 0.25]
    );
    assert_eq!(clip(None, Some(0.25)), [-4.0, -1.0, -0.25, 0.0, 0.25, 0.25]);
    assert_eq!(clip(Some(-1.0), None), [-1.0, -1.0, -0.25, 0.0, 0.5, 3.0]);
    assert_eq!(clip(None, None), X);
}

#[test]
fn the_largest_floats_are_no_bounds_and_the_upper_bound_prevails() {
    assert_eq!(clip(Some(f32::MIN), Some(f32::MAX)), X);
    assert_eq!(clip(Some(f32::NEG_INFINITY), Some(f32::INFINITY)), X);
    assert_eq!(clip(Some(2.0), Some(1.0)), [1.0; 6]);
}

#[test]
fn bounds_were_attributes_before_opset_11() {
    let attributes = vec![float_attribute("min", -1.0), float_attribute("max", 0.25)];
    let model = Model::of_node(6, &[6], "Clip", &[], attributes);
    assert_eq!(model.run(&X), [-1.0, -1.0, -0.25, 0.0, 0.25, 0.25]);
    let open = Model::of_node(6, &[6], "Clip", &[], vec![float_attribute("max", 0.25)]);
    assert_eq!(open.run(&X), [-4.0, -1.0, -0.25, 0.0, 0.25, 0.25]);
}

#[test]
fn bounds_may_be_computed_and_integers_clipped() {
    let model = Model::new(13)
        .input("x", &[6])
        .node(
            "ReduceMax",
            &["x"],
            &["largest"],
            vec![crate::onnx::import::testing::int_attribute("keepdims", 0)],
        )
        .node("Neg", &["largest"], &["low"], vec![])
        .node("Clip", &["x", "low", "high"], &["y"], vec![])
        .initializer(floats("high", &[1], &[0.25]))
        .output("y");
    assert_eq!(model.run(&X), [-3.0, -1.0, -0.25, 0.0, 0.25, 0.25]);
    let integers = Model::new(13)
        .typed_input("x", DataType::INT8, &[3])
        .node("Clip", &["x", "low"], &["y"], vec![])
        .initializer(small_ints("low", DataType::INT8, &[], &[-2]))
        .output("y");
    assert_eq!(integers.run(&[-5.0, -2.0, 7.0]), [-2.0, -2.0, 7.0]);
}

#[test]
fn bounds_of_several_numbers_are_refused() {
    let model = Model::of_node(13, &[2], "Clip", &[ints("low", &[2], &[0, 1])], vec![]);
    assert!(model.refusal().contains("not one number"));
}
