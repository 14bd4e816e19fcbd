//! Quantised operators, against values worked out by hand.

use onnx_protobuf::tensor_proto::DataType;
use onnx_protobuf::{AttributeProto, TensorProto};

use crate::network::Role;
use crate::onnx::import::testing::{
    Model, float_attribute, floats, int_attribute, small_ints, string_attribute,
};

fn scale(name: &str, value: f32) -> TensorProto {
    floats(name, &[], &[value])
}

fn zero(name: &str, value: i32) -> TensorProto {
    small_ints(name, DataType::UINT8, &[], &[value])
}

/// One node that takes "x", of unsigned bytes, and the constants, in this order.
fn model(
    operator: &str,
    shape: &[i64],
    constants: &[TensorProto],
    attributes: Vec<AttributeProto>,
) -> Model {
    let mut names = vec!["x"];
    names.extend(constants.iter().map(|constant| constant.name.as_str()));
    let model = Model::new(21)
        .domain("com.microsoft", 1)
        .typed_input("x", DataType::UINT8, shape)
        .node(operator, &names, &["y"], attributes);
    constants
        .iter()
        .cloned()
        .fold(model, Model::initializer)
        .output("y")
}

#[test]
fn a_convolution_has_a_grid_for_each_output_channel() {
    let constants = [
        scale("xs", 0.5),
        zero("xz", 2),
        small_ints("w", DataType::INT8, &[2, 1, 1], &[3, -4]),
        floats("ws", &[2], &[1.0, 0.25]),
        small_ints("wz", DataType::INT8, &[2], &[1, 0]),
        scale("ys", 2.0),
        zero("yz", 100),
        small_ints("b", DataType::INT32, &[2], &[8, 8]),
    ];
    let model = model("QLinearConv", &[1, 1, 2], &constants, vec![]);
    // The input stands for 1 and −1, the weights for 2 and −1, the biases for 4 and 1.
    // Real results 6, 2 and 0, 2; on the grid 103, 101 and 100, 101.
    assert_eq!(model.run(&[4.0, 0.0]), [103.0, 101.0, 100.0, 101.0]);
    let network = model.network();
    let weight = network
        .parameters()
        .iter()
        .find(|p| p.role() == Role::Weight)
        .unwrap();
    assert_eq!(weight.values(), [2.0, -1.0]);
}

#[test]
fn a_matrix_product_has_a_grid_for_each_column() {
    let constants = [
        scale("as", 1.0),
        zero("az", 1),
        small_ints("b", DataType::UINT8, &[2, 2], &[1, 2, 3, 4]),
        floats("bs", &[2], &[1.0, 10.0]),
        small_ints("bz", DataType::UINT8, &[2], &[0, 1]),
        scale("ys", 4.0),
        zero("yz", 5),
    ];
    let model = model("QLinearMatMul", &[1, 2], &constants, vec![]);
    // [2, 1] · [[1, 10], [3, 30]] = [5, 50]; quarters 1.25 and 12.5.
    assert_eq!(model.run(&[3.0, 2.0]), [6.0, 17.0]);
}

#[test]
fn integer_layers_give_sums_without_a_grid() {
    let constants = [
        small_ints("w", DataType::UINT8, &[1, 1, 2], &[3, 5]),
        zero("xz", 1),
        zero("wz", 4),
    ];
    let convolution = model("ConvInteger", &[1, 1, 3], &constants, vec![]);
    assert_eq!(convolution.run(&[1.0, 2.0, 4.0]), [1.0, 2.0]);
    let constants = [
        small_ints("w", DataType::UINT8, &[2, 1], &[3, 6]),
        zero("xz", 1),
        zero("wz", 4),
    ];
    let product = model("MatMulInteger", &[1, 2], &constants, vec![]);
    assert_eq!(product.run(&[1.0, 4.0]), [6.0]);
}

/// A function of one value with scale 0.5 and zero point 10 on both sides.
fn unary(operator: &str, x: &[f32], attributes: Vec<AttributeProto>) -> Vec<f32> {
    let constants = [
        scale("xs", 0.5),
        zero("xz", 10),
        scale("ys", 0.5),
        zero("yz", 10),
    ];
    model(
        operator,
        &[1, 2, 1, x.len() as i64 / 2],
        &constants,
        attributes,
    )
    .run(x)
}

#[test]
fn functions_of_quantised_values_are_those_of_the_numbers_they_stand_for() {
    let slope = vec![float_attribute("alpha", 0.5)];
    assert_eq!(
        unary("com.microsoft.QLinearLeakyRelu", &[6.0, 14.0], slope),
        [8.0, 14.0]
    );
    assert_eq!(
        unary("com.microsoft.QLinearSigmoid", &[10.0, 30.0], vec![]),
        [11.0, 12.0]
    );
    let means = unary(
        "com.microsoft.QLinearGlobalAveragePool",
        &[10.0, 14.0, 20.0, 24.0],
        vec![],
    );
    assert_eq!(means, [12.0, 22.0]);
    let kernel = vec![crate::onnx::import::testing::ints_attribute(
        "kernel_shape",
        &[1, 2],
    )];
    let means = unary(
        "com.microsoft.QLinearAveragePool",
        &[10.0, 14.0, 20.0, 24.0],
        kernel,
    );
    assert_eq!(means, [12.0, 22.0]);
    let axis = vec![int_attribute("axis", 1), int_attribute("opset", 13)];
    assert_eq!(
        unary("com.microsoft.QLinearSoftmax", &[30.0, 10.0], axis),
        [12.0, 10.0]
    );
}

#[test]
fn binary_functions_have_three_grids() {
    let constants = [
        scale("as", 1.0),
        zero("az", 0),
        small_ints("b", DataType::UINT8, &[2], &[10, 20]),
        scale("bs", 0.5),
        zero("bz", 10),
        scale("ys", 1.0),
        zero("yz", 1),
    ];
    // The constants stand for 0 and 5.
    let run = |operator| model(operator, &[1, 2], &constants, vec![]).run(&[3.0, 4.0]);
    assert_eq!(run("com.microsoft.QLinearAdd"), [4.0, 10.0]);
    assert_eq!(run("com.microsoft.QLinearMul"), [1.0, 21.0]);
}

#[test]
fn values_are_joined_as_the_numbers_they_stand_for() {
    let model = Model::new(13)
        .domain("com.microsoft", 1)
        .typed_input("x", DataType::UINT8, &[1, 1])
        .node(
            "com.microsoft.QLinearConcat",
            &["one", "none", "x", "one", "none", "x", "two", "ten"],
            &["y"],
            vec![int_attribute("axis", 1)],
        )
        .initializer(scale("one", 1.0))
        .initializer(scale("two", 2.0))
        .initializer(zero("none", 0))
        .initializer(zero("ten", 10))
        .output("y");
    assert_eq!(model.run(&[15.0]), [15.0, 10.0]);
}

#[test]
fn a_general_product_may_stay_real() {
    let mut constants = vec![
        scale("as", 1.0),
        zero("az", 1),
        small_ints("b", DataType::UINT8, &[2, 2], &[1, 2, 3, 4]),
        floats("bs", &[2], &[1.0, 10.0]),
        small_ints("bz", DataType::UINT8, &[2], &[0, 1]),
        small_ints("c", DataType::INT32, &[2], &[7, 1]),
    ];
    let attributes = || vec![int_attribute("transB", 1), float_attribute("alpha", 2.0)];
    // 2·[2, 1] · [[1, 20], [2, 30]] + 2·[7, 10] = [8 + 14, 140 + 20].
    let real = model("com.microsoft.QGemm", &[1, 2], &constants, attributes());
    assert_eq!(real.run(&[3.0, 2.0]), [22.0, 160.0]);
    constants.extend([scale("ys", 2.0), zero("yz", 1)]);
    let quantised = model("com.microsoft.QGemm", &[1, 2], &constants, attributes());
    assert_eq!(quantised.run(&[3.0, 2.0]), [12.0, 81.0]);
}

#[test]
fn pools_with_channels_last_are_refused() {
    let constants = [
        scale("xs", 0.5),
        zero("xz", 10),
        scale("ys", 0.5),
        zero("yz", 10),
    ];
    let attributes = vec![
        int_attribute("channels_last", 1),
        string_attribute("auto_pad", "VALID"),
    ];
    let model = model(
        "com.microsoft.QLinearAveragePool",
        &[1, 2, 2, 1],
        &constants,
        attributes,
    );
    assert!(model.refusal().contains("channels_last"));
}
