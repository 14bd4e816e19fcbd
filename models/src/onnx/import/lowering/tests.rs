//! Tests of how ONNX values lie in a network, of names, and of constants.

use proptest::prelude::*;

use super::*;
use crate::function::{BinaryFunction, Function, Reduction};
use crate::network::{Network, Role};
use crate::onnx::import::tensor::Data;
use crate::onnx::import::testing::{Model, floats, int_attribute, ints_attribute};
use crate::reference;
use crate::window::Window;

/// What is done with a value in the tests below.
type Program = fn(&mut Lowering, &Value) -> Result<Value, Refusal>;

fn options(whole: bool) -> ImportOptions {
    ImportOptions {
        whole,
        ..ImportOptions::default()
    }
}

/// The network of a program on an input of the ONNX shape `shape`, and the ONNX shape of its result.
fn network(
    program: Program,
    shape: &[usize],
    whole: bool,
) -> Result<(Network, Vec<usize>), Refusal> {
    let (mut lowering, input) = Lowering::new(&options(whole), shape, ElementType::Float);
    let output = program(&mut lowering, &input)?;
    let result = output.shape().to_vec();
    let parts = lowering.into_network(&output, "y")?;
    let name = "test".to_owned();
    let network = Network::new(name, parts.input, Vec::new(), parts.nodes, parts.parameters);
    Ok((network.expect("lowered networks fit together"), result))
}

/// The result of a program on a constant.
fn folded(program: Program, shape: &[usize], values: &[f32]) -> (Vec<usize>, Vec<f32>) {
    let (mut lowering, _) = Lowering::new(&options(false), &[1, 1], ElementType::Float);
    let input = lowering.constant(shape, values.to_vec());
    let output = program(&mut lowering, &input).expect("the program fits");
    assert!(lowering.nodes.is_empty(), "constants leave no node");
    let constant = output.constant().expect("it is constant");
    (constant.shape.clone(), constant.floats().into_owned())
}

/// Programs that treat the first axis like any other, which a network keeps only where it must.
const PROGRAMS: [(&str, Program); 16] = [
    ("unary", |l, x| l.unary(Function::Abs, x)),
    ("binary", |l, x| {
        let column = l.constant(&[2, 1, 1], vec![1.0, -3.0]);
        l.binary(BinaryFunction::Subtract, x, &column)
    }),
    ("longer binary", |l, x| {
        let other = l.constant(&[3, 1, 1, 1], vec![1.0, 2.0, 3.0]);
        l.binary(BinaryFunction::Multiply, &other, x)
    }),
    ("compare", |l, x| {
        let zero = l.scalar(0.0);
        l.binary(BinaryFunction::Greater, x, &zero)
    }),
    ("choose", |l, x| {
        let condition = l.constant(&[2, 1, 3], vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
        let other = l.scalar(9.0);
        l.choose(&condition, x, &other)
    }),
    ("reduce all", |l, x| l.reduce(Reduction::Sum, x, &[0, 1, 2])),
    ("reduce first", |l, x| l.reduce(Reduction::Mean, x, &[0])),
    ("position", |l, x| l.reduce(Reduction::ArgMaximum, x, &[2])),
    ("first position", |l, x| {
        l.reduce(Reduction::ArgMaximum, x, &[0])
    }),
    ("softmax", |l, x| l.softmax(x, 1)),
    ("first softmax", |l, x| l.softmax(x, 0)),
    ("concat first", |l, x| {
        let other = l.constant(&[1, 2, 3], vec![7.0; 6]);
        l.concat(&[x.clone(), other, x.clone()], 0)
    }),
    ("concat last", |l, x| l.concat(&[x.clone(), x.clone()], 2)),
    ("reshape and turn", |l, x| {
        let y = l.reshape(x, &[3, 1, 2])?;
        let y = l.transpose(&y, &[1, 2, 0])?;
        l.transpose(&y, &[2, 0, 1])
    }),
    ("select", |l, x| {
        let y = l.select(x, 1, vec![Some(1), None, Some(0)], 5.0)?;
        l.select(&y, 0, vec![Some(0), Some(0), None], -1.0)
    }),
    ("matrix product", |l, x| {
        let right = l.constant(&[3, 2], vec![1.0, 0.0, 2.0, -1.0, 0.5, 3.0]);
        let y = l.mat_mul(x, &right)?;
        let row = l.reshape(&y, &[1, 4])?;
        let column = l.reshape(&y, &[4, 1])?;
        l.mat_mul(&row, &column)
    }),
];

proptest! {
    /// Cut or whole, computed at import or later: the result is the same.
    #[test]
    fn programs_do_not_depend_on_how_values_are_kept(
        values in proptest::collection::vec(-4.0f32..4.0, 6), program in 0..PROGRAMS.len(),
    ) {
        let (name, program) = PROGRAMS[program];
        let shape = [1, 2, 3];
        let (expected_shape, expected) = folded(program, &shape, &values);
        for whole in [false, true] {
            let (network, result) = network(program, &shape, whole).unwrap();
            prop_assert_eq!(&result, &expected_shape, "{}", name);
            let output = reference::evaluate(&network, &values, 1);
            prop_assert_eq!(&output, &expected, "{} whole {}", name, whole);
            let cut = !whole && result.first() == Some(&1);
            prop_assert_eq!(&network.shape(network.output()).0, &result[usize::from(cut)..]);
        }
    }
}

#[test]
fn layers_do_not_depend_on_how_values_are_kept() {
    let layers: Program = |l, x| {
        let weight = Tensor::of_floats(
            vec![2, 1, 2, 2],
            vec![1.0, 2.0, 3.0, 4.0, -1.0, 0.0, 1.0, 0.5],
        );
        let bias = Tensor::of_floats(vec![2], vec![0.5, -0.5]);
        let y = l.convolution(
            x,
            &weight.into(),
            Some(&bias.into()),
            Window::square(2, 1, 1),
            2,
        )?;
        let one = |value| Constant::from(Tensor::of_floats(vec![2], vec![value, 2.0]));
        let statistics = Statistics {
            scale: one(1.5),
            shift: one(-1.0),
            mean: one(0.5),
            variance: one(4.0),
            epsilon: 0.0625,
        };
        let y = l.batch_norm(&y, &statistics)?;
        let y = l.max_pool(&y, Window::square(2, 1, 0))?;
        let y = l.average_pool(&y, Window::square(2, 1, 1))?;
        let weight = Tensor::of_floats(vec![1, 4], vec![1.0, -1.0, 2.0, 0.5]);
        l.linear(&y, &weight.into(), None)
    };
    let shape = [1, 2, 3, 3];
    let image: Vec<f32> = (0..18).map(|index| (index * 7 % 11) as f32 - 5.0).collect();
    let [cut, whole] = [false, true].map(|whole| network(layers, &shape, whole).unwrap());
    assert_eq!(cut.1, [1, 2, 4, 1]);
    assert_eq!(cut.0.shape(cut.0.output()).0, [2, 4, 1]);
    assert_eq!(whole.0.shape(whole.0.output()).0, [1, 2, 4, 1]);
    let [cut, whole] = [cut.0, whole.0].map(|network| reference::evaluate(&network, &image, 1));
    assert_eq!(cut, whole);
}

#[test]
fn several_maps_are_not_convolved() {
    let convolution: Program = |l, x| {
        let weight = Tensor::of_floats(vec![1, 1, 1, 1], vec![1.0]);
        l.convolution(x, &weight.into(), None, Window::square(1, 1, 0), 1)
    };
    let refusal = network(convolution, &[2, 1, 3, 3], true).unwrap_err();
    assert!(refusal.0.contains("not 2×1×3×3"), "{refusal}");
}

fn integers(element: ElementType, values: &[i64]) -> Constant {
    Tensor::of_integers(element, vec![values.len()], values.to_vec()).into()
}

fn fold_integers(function: BinaryFunction, x: &[i64], y: &[i64]) -> Result<Tensor, Refusal> {
    let (mut lowering, _) = Lowering::new(&options(false), &[1, 1], ElementType::Float);
    let [x, y] = [x, y].map(|values| Value::Constant(integers(ElementType::Int32, values)));
    let result = lowering.binary(function, &x, &y)?;
    Ok(result
        .constant()
        .expect("it is constant")
        .tensor
        .as_ref()
        .clone())
}

#[test]
fn integers_are_computed_exactly() {
    // f32 has none of these.
    let result = fold_integers(BinaryFunction::Add, &[1 << 25, -(1 << 25)], &[1]).unwrap();
    assert_eq!(result.data, Data::Int(vec![(1 << 25) + 1, -(1 << 25) + 1]));
    let result = fold_integers(BinaryFunction::Divide, &[7, -7], &[2]).unwrap();
    assert_eq!(result.data, Data::Int(vec![3, -3]));
    let result = fold_integers(BinaryFunction::Greater, &[2, 1], &[1]).unwrap();
    assert_eq!(
        (result.element, result.data),
        (ElementType::Bool, Data::Int(vec![1, 0]))
    );
}

#[test]
fn integers_do_not_wrap_around() {
    let largest = i64::from(i32::MAX);
    let refusal = fold_integers(BinaryFunction::Add, &[largest], &[1]).unwrap_err();
    assert!(
        refusal.0.contains("outside the range of int32"),
        "{refusal}"
    );
    let refusal = fold_integers(BinaryFunction::Divide, &[1], &[0]).unwrap_err();
    assert!(refusal.0.contains("divides by 0"), "{refusal}");
    let (mut lowering, _) = Lowering::new(&options(false), &[1, 1], ElementType::Float);
    let wide = Value::Constant(integers(ElementType::Int64, &[i64::MAX, 2]));
    let refusal = lowering
        .reduce(Reduction::Product, &wide, &[0])
        .unwrap_err();
    assert!(refusal.0.contains("overflows"), "{refusal}");
    assert!(lowering.unary(Function::Tanh, &wide).is_err());
}

#[test]
fn reductions_of_integers_are_exact() {
    let (mut lowering, _) = Lowering::new(&options(false), &[1, 1], ElementType::Float);
    let tensor = Tensor::of_integers(ElementType::Int64, vec![2, 3], vec![5, 1, 6, 6, 0, 2]);
    let x = Value::from(tensor);
    let mut reduce = |reduction, axes: &[usize]| {
        let result = lowering.reduce(reduction, &x, axes).unwrap();
        result.constant().unwrap().integers().unwrap().to_vec()
    };
    assert_eq!(reduce(Reduction::Sum, &[0, 1]), [20]);
    assert_eq!(reduce(Reduction::Maximum, &[0]), [6, 1, 6]);
    assert_eq!(reduce(Reduction::Minimum, &[1]), [1, 0]);
    assert_eq!(reduce(Reduction::Mean, &[1]), [4, 2]);
    assert_eq!(reduce(Reduction::Product, &[0]), [30, 0, 12]);
    assert_eq!(reduce(Reduction::ArgMaximum, &[1]), [2, 0]);
}

#[test]
fn arithmetic_on_integers_of_the_input_is_refused() {
    let (mut lowering, x) = Lowering::new(&options(true), &[2], ElementType::Uint8);
    let one = lowering.scalar(1.0);
    let refusal = lowering.binary(BinaryFunction::Add, &x, &one).unwrap_err();
    assert!(refusal.0.contains("cast them to float before"), "{refusal}");
    assert!(lowering.unary(Function::Abs, &x).is_err());
    assert!(lowering.reduce(Reduction::Sum, &x, &[0]).is_err());
    assert!(lowering.reduce(Reduction::Maximum, &x, &[0]).is_ok());
    assert!(lowering.binary(BinaryFunction::Greater, &x, &one).is_ok());
    let x = lowering.retype(&x, ElementType::Float).unwrap();
    assert!(lowering.binary(BinaryFunction::Add, &x, &one).is_ok());
}

#[test]
fn integers_that_f32_does_not_have_are_refused_beside_the_input() {
    let (mut lowering, x) = Lowering::new(&options(true), &[1], ElementType::Int64);
    let exact = Value::Constant(integers(ElementType::Int64, &[1 << 24]));
    assert!(lowering.binary(BinaryFunction::Greater, &x, &exact).is_ok());
    let inexact = Value::Constant(integers(ElementType::Int64, &[(1 << 24) + 1]));
    let refusal = lowering
        .binary(BinaryFunction::Greater, &x, &inexact)
        .unwrap_err();
    assert!(refusal.0.contains("16777217"), "{refusal}");
}

#[test]
fn elements_and_operations_have_bounds() {
    let options = ImportOptions {
        max_elements: 10,
        ..ImportOptions::default()
    };
    let (mut lowering, _) = Lowering::new(&options, &[1, 1], ElementType::Float);
    assert_eq!(lowering.claim(&[2, 3]).unwrap(), 6);
    assert_eq!(lowering.claim(&[0, 4]).unwrap(), 0);
    assert!(lowering.claim(&[1]).is_err());
    assert!(lowering.claim(&[usize::MAX, 2]).is_err());
    assert!(lowering.claim(&[0; 33]).unwrap_err().0.contains("33 axes"));
    assert!(lowering.work(150).is_ok());
    assert!(lowering.work(1).is_err());
}

#[test]
fn parameters_are_called_as_in_the_file_where_that_is_one() {
    let model = Model::new(13)
        .input("x", &[1, 2])
        .initializer(floats("once", &[2, 2], &[1.0; 4]))
        .initializer(floats("tied", &[2, 2], &[2.0; 4]))
        .initializer(floats("bias", &[2], &[0.0; 2]))
        .node(
            "Gemm",
            &["x", "once", "bias"],
            &["a"],
            vec![int_attribute("transB", 1)],
        )
        .node(
            "Gemm",
            &["a", "tied"],
            &["b"],
            vec![int_attribute("transB", 1)],
        )
        .node(
            "Gemm",
            &["b", "tied"],
            &["y"],
            vec![int_attribute("transB", 1)],
        )
        .output("y");
    let network = model.import().unwrap().network;
    let names: Vec<&str> = network.nodes().iter().map(|node| &*node.name).collect();
    assert_eq!(names, ["a", "b", "y"]);
    let names: Vec<&str> = network.parameters().iter().map(|p| p.name()).collect();
    assert_eq!(names, ["once", "bias", "b.weight", "y.weight"]);
}

#[test]
fn constants_become_one_node_where_they_are_used() {
    let model = Model::new(13)
        .input("x", &[1, 3])
        .initializer(floats("c", &[1, 3], &[1.0, 2.0, 4.0]))
        .node("Max", &["x", "c"], &["a"], vec![])
        .node("Pow", &["a", "c"], &["b"], vec![])
        .node(
            "Concat",
            &["b", "c"],
            &["y"],
            vec![int_attribute("axis", 1)],
        )
        .output("y");
    let network = model.import().unwrap().network;
    let names: Vec<&str> = network.nodes().iter().map(|node| &*node.name).collect();
    assert_eq!(names, ["c", "a", "b", "y"]);
    assert_eq!(network.parameters()[0].role(), Role::Constant);
    assert_eq!(network.parameters()[0].name(), "c");
}

#[test]
fn parts_of_a_node_are_called_after_it() {
    let model = Model::new(13)
        .input("x", &[1, 2, 2, 2])
        .node(
            "ReduceL2",
            &["x"],
            &["y"],
            vec![ints_attribute("axes", &[2, 3])],
        )
        .output("y");
    let network = model.import().unwrap().network;
    let names: Vec<&str> = network.nodes().iter().map(|node| &*node.name).collect();
    assert!(
        names
            .iter()
            .rev()
            .skip(1)
            .all(|name| name.starts_with("y/")),
        "{names:?}"
    );
    assert_eq!(names.last(), Some(&"y"));
}
