//! Arithmetic, against values worked out by hand.

use crate::onnx::import::testing::{Model, floats, int_attribute, ints};
use crate::operator::Operator;

fn check(operator: &str, xs: &[f32], wanted: impl Fn(f64) -> f64) {
    let model = Model::of_node(22, &[xs.len() as i64], operator, &[], vec![]);
    for (x, got) in xs.iter().zip(model.run(xs)) {
        let wanted = wanted(f64::from(*x)) as f32;
        let near = (got - wanted).abs() <= 1e-6 * wanted.abs().max(1.0);
        assert!(near, "{operator}({x}) is {got}, not {wanted}");
    }
}

#[test]
fn functions_are_what_they_are_called() {
    let all = [-2.5, -1.5, -0.5, 0.0, 0.5, 1.5, 2.5];
    let positive = [0.25, 1.0, 2.0, 9.0];
    check("Abs", &all, f64::abs);
    check("Neg", &all, |x| -x);
    check("Sign", &all, |x| if x == 0.0 { 0.0 } else { x.signum() });
    check("Floor", &all, f64::floor);
    check("Ceil", &all, f64::ceil);
    check("Round", &all, f64::round_ties_even);
    check("Exp", &all, f64::exp);
    check("Log", &positive, f64::ln);
    check("Sqrt", &positive, f64::sqrt);
    check("Reciprocal", &positive, f64::recip);
    check("Sin", &all, f64::sin);
    check("Cos", &all, f64::cos);
    check("Tan", &all, f64::tan);
    check("Sinh", &all, f64::sinh);
    check("Cosh", &all, f64::cosh);
    check("Asinh", &all, f64::asinh);
    check("Acosh", &[1.0, 1.5, 7.0], f64::acosh);
    check("Atanh", &[-0.75, 0.0, 0.5], f64::atanh);
    // To seven digits.
    check("Erf", &[1.0], |_| 0.842_700_8);
}

#[test]
fn the_hyperbolic_sine_is_accurate_near_zero() {
    let x = 1e-4f32;
    let got = Model::of_node(22, &[1], "Sinh", &[], vec![]).run(&[x])[0];
    assert!((got - x).abs() <= 1e-6 * x, "{got}");
}

fn binary(operator: &str, right: f32) -> Vec<f32> {
    let right = floats("right", &[1], &[right]);
    Model::of_node(14, &[2], operator, &[right], vec![]).run(&[1.0, 4.0])
}

#[test]
fn binary_functions_take_the_input_first() {
    assert_eq!(binary("Add", 2.0), [3.0, 6.0]);
    assert_eq!(binary("Sub", 2.0), [-1.0, 2.0]);
    assert_eq!(binary("Mul", 2.0), [2.0, 8.0]);
    assert_eq!(binary("Div", 2.0), [0.5, 2.0]);
    assert_eq!(binary("Pow", 2.0), [1.0, 16.0]);
    assert_eq!(binary("Max", 2.0), [2.0, 4.0]);
    assert_eq!(binary("Min", 2.0), [1.0, 2.0]);
    assert_eq!(binary("Sum", 2.0), [3.0, 6.0]);
    assert_eq!(binary("Mean", 2.0), [1.5, 3.0]);
}

#[test]
fn a_constant_exponent_makes_a_function_of_one_value() {
    let power = |exponent| {
        let model = Model::of_node(13, &[1, 2], "Pow", &[exponent], vec![]);
        assert_eq!(model.run(&[1.0, 3.0]), [1.0, 27.0]);
        model.import().unwrap().network
    };
    let whole = power(ints("e", &[], &[3]));
    assert!(matches!(whole.nodes(), [node] if matches!(node.operator, Operator::Unary(_))));
    power(floats("e", &[2], &[3.0, 3.0]));
    // An exponent with more axes than the base gives the result its axes.
    let wide = Model::of_node(13, &[2], "Pow", &[floats("e", &[1, 1], &[2.0])], vec![]);
    assert_eq!(wide.output_shape(), [1, 2]);
}

#[test]
fn values_were_aligned_at_an_axis_before_opset_7() {
    let run = |attributes| {
        let right = floats("right", &[2], &[10.0, 20.0]);
        Model::of_node(6, &[1, 2, 2], "Add", &[right], attributes)
    };
    let at_channels = vec![int_attribute("broadcast", 1), int_attribute("axis", 1)];
    assert_eq!(
        run(at_channels).run(&[1.0, 2.0, 3.0, 4.0]),
        [11.0, 12.0, 23.0, 24.0]
    );
    let at_end = vec![int_attribute("broadcast", 1)];
    assert_eq!(
        run(at_end).run(&[1.0, 2.0, 3.0, 4.0]),
        [11.0, 22.0, 13.0, 24.0]
    );
    assert!(run(vec![]).refusal().contains("broadcast is not set"));
    let beyond = vec![int_attribute("broadcast", 1), int_attribute("axis", 3)];
    assert!(run(beyond).refusal().contains("axis 3"));
}

#[test]
fn remainders_of_integers_have_the_sign_of_one_side() {
    let run = |fmod| {
        Model::new(13)
            .input("x", &[4])
            .node(
                "Mod",
                &["a", "b"],
                &["m"],
                vec![int_attribute("fmod", fmod)],
            )
            .node("Cast", &["m"], &["f"], vec![int_attribute("to", 1)])
            .node("Add", &["x", "f"], &["y"], vec![])
            .initializer(ints("a", &[4], &[7, -7, 7, -7]))
            .initializer(ints("b", &[4], &[3, 3, -3, -3]))
            .output("y")
            .run(&[0.0; 4])
    };
    assert_eq!(run(0), [1.0, 2.0, -2.0, -1.0]);
    assert_eq!(run(1), [1.0, -1.0, 1.0, -1.0]);
    let computed = Model::of_node(13, &[1], "Mod", &[floats("b", &[], &[2.0])], vec![]);
    assert!(computed.refusal().contains("depend on the input"));
}

#[test]
fn integers_that_depend_on_the_input_are_not_added() {
    let model = Model::new(13)
        .input("x", &[2])
        .node("ArgMax", &["x"], &["i"], vec![])
        .node("Add", &["i", "i"], &["y"], vec![])
        .output("y");
    assert!(model.refusal().contains("int64"), "{}", model.refusal());
}
