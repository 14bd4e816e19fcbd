//! Matrix products. With a constant matrix on the right they are linear layers, whose weights may be pruned.

use super::composition::affine;
use super::{GraphNode, Lower, Lowering, Refusal, Value};
use crate::function::BinaryFunction;
use crate::onnx::import::lowering::Constant;

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[("Gemm", gemm), ("MatMul", mat_mul)];

/// `MatMul`.
fn mat_mul(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let (a, b) = (lowering.input(node, 0)?, lowering.input(node, 1)?);
    Ok(vec![product(lowering, &a, &b)?])
}

/// The product of NumPy's `matmul`: a vector on the left is a row, one on the right a column.
pub(super) fn product(lowering: &mut Lowering, a: &Value, b: &Value) -> Result<Value, Refusal> {
    if a.rank() == 0 || b.rank() == 0 {
        return Err("a matrix product of single numbers is not defined".into());
    }
    if b.rank() == 1 {
        let column = lowering.reshape(b, &[b.elements(), 1])?;
        let y = product(lowering, a, &column)?;
        let shape = y.shape()[..y.rank() - 1].to_vec();
        return lowering.reshape(&y, &shape);
    }
    if let (None, Some(matrix)) = (a.constant(), b.constant())
        && b.rank() == 2
    {
        let weight = turned(lowering, matrix)?;
        return lowering.linear(a, &weight, None);
    }
    if a.rank() == 1 {
        let row = lowering.reshape(a, &[1, a.elements()])?;
        let y = lowering.mat_mul(&row, b)?;
        let mut shape = y.shape().to_vec();
        shape.remove(y.rank() - 2);
        return lowering.reshape(&y, &shape);
    }
    lowering.mat_mul(a, b)
}

/// `Gemm`: `α·A·B + β·C`.
fn gemm(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    // What it allowed before opset 7 is always allowed since.
    node.ignore(&["broadcast"]);
    let (a, b) = (lowering.input(node, 0)?, lowering.input(node, 1)?);
    let c = lowering.optional(node, 2);
    let beta = node.float("beta", 1.0)?;
    let c = c.map(|c| affine(lowering, &c, beta, 0.0)).transpose()?;
    Ok(vec![general_product(lowering, node, &a, &b, c.as_ref())?])
}

/// `α·A·B + C`, with `α` and what to transpose from the attributes of `node`.
pub(super) fn general_product(
    lowering: &mut Lowering,
    node: &GraphNode,
    a: &Value,
    b: &Value,
    c: Option<&Value>,
) -> Result<Value, Refusal> {
    if a.rank() != 2 || b.rank() != 2 {
        return Err("takes two matrices".into());
    }
    let a = match node.int("transA", 0)? {
        0 => a.clone(),
        _ => lowering.transpose(a, &[1, 0])?,
    };
    let alpha = node.float("alpha", 1.0)?;
    let b_is_turned = node.int("transB", 0)? != 0;
    if let (None, Some(matrix)) = (a.constant(), b.constant()) {
        let weight = match b_is_turned {
            true => matrix.clone(),
            false => turned(lowering, matrix)?,
        };
        let weight = scaled(lowering, &weight, alpha)?;
        let outputs = weight.shape[0];
        let bias = c
            .and_then(Value::constant)
            .filter(|c| c.elements() == outputs && c.shape.last() == Some(&outputs));
        let y = lowering.linear(&a, &weight, bias)?;
        return match c {
            Some(c) if bias.is_none() => add(lowering, &y, c),
            _ => Ok(y),
        };
    }
    let b = match b_is_turned {
        true => lowering.transpose(b, &[1, 0])?,
        false => b.clone(),
    };
    let y = lowering.mat_mul(&a, &b)?;
    let y = affine(lowering, &y, alpha, 0.0)?;
    c.map_or(Ok(y.clone()), |c| add(lowering, &y, c))
}

/// `y + c`, where `c` is broadcast to the shape of `y` and not the other way round.
fn add(lowering: &mut Lowering, y: &Value, c: &Value) -> Result<Value, Refusal> {
    let sum = lowering.binary(BinaryFunction::Add, y, c)?;
    match sum.shape() == y.shape() {
        true => Ok(sum),
        false => Err(format!("C of shape {:?} does not fit {:?}", c.shape(), y.shape()).into()),
    }
}

/// A matrix with rows and columns exchanged, under the same name.
fn turned(lowering: &mut Lowering, matrix: &Constant) -> Result<Constant, Refusal> {
    let turned = lowering.transpose(&Value::Constant(matrix.clone()), &[1, 0])?;
    Ok(made_from(matrix, turned))
}

/// A matrix times a number, under the same name.
fn scaled(lowering: &mut Lowering, matrix: &Constant, factor: f32) -> Result<Constant, Refusal> {
    let scaled = affine(lowering, &Value::Constant(matrix.clone()), factor, 0.0)?;
    Ok(made_from(matrix, scaled))
}

/// What was computed from the constant `source` alone, under its name.
fn made_from(source: &Constant, value: Value) -> Constant {
    match value {
        Value::Constant(constant) => constant.named_as(source),
        Value::Computed(_) => unreachable!("functions of constants are constants"),
    }
}

#[cfg(test)]
mod tests {
    use crate::network::Role;
    use crate::onnx::import::testing::{Model, float_attribute, floats, int_attribute};
    use crate::operator::Operator;

    const MATRIX: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];

    #[test]
    fn a_constant_matrix_on_the_right_becomes_prunable_weights() {
        let model = Model::of_node(
            13,
            &[1, 3],
            "MatMul",
            &[floats("fc.weight", &[3, 2], &MATRIX)],
            vec![],
        );
        assert_eq!(model.run(&[1.0, 10.0, 100.0]), [531.0, 642.0]);
        let network = model.network();
        let weights: Vec<_> = network.parameters().iter().collect();
        assert_eq!(weights.len(), 1);
        assert_eq!(weights[0].name(), "fc.weight");
        assert_eq!(weights[0].role(), Role::Weight);
        assert_eq!(weights[0].shape(), [2, 3]);
    }

    #[test]
    fn vectors_are_rows_on_the_left_and_columns_on_the_right() {
        let column = floats("v", &[3], &[1.0, 10.0, 100.0]);
        let model = Model::of_node(13, &[2, 3], "MatMul", &[column], vec![]);
        assert_eq!(model.output_shape(), [2]);
        assert_eq!(model.run(&MATRIX), [321.0, 654.0]);

        let right = floats("m", &[1, 3, 2], &MATRIX);
        let model = Model::of_node(13, &[3], "MatMul", &[right], vec![]);
        assert_eq!(model.output_shape(), [1, 2]);
        assert_eq!(model.run(&[1.0, 10.0, 100.0]), [531.0, 642.0]);
    }

    #[test]
    fn a_constant_matrix_on_the_left_stays_a_constant() {
        let model = Model::new(13)
            .input("x", &[3, 1])
            .node("MatMul", &["m", "x"], &["y"], vec![])
            .initializer(floats("m", &[2, 3], &MATRIX))
            .output("y");
        assert_eq!(model.run(&[1.0, 10.0, 100.0]), [321.0, 654.0]);
        assert_eq!(model.network().parameters()[0].role(), Role::Constant);
    }

    fn gemm(c: &[i64], values: &[f32], attributes: Vec<(&str, f32)>) -> Model {
        let attributes = attributes.into_iter().map(|(name, value)| match name {
            "alpha" | "beta" => float_attribute(name, value),
            _ => int_attribute(name, value as i64),
        });
        let transposed = attributes
            .clone()
            .any(|attribute| attribute.name == "transB");
        let dims = if transposed { [2, 3] } else { [3, 2] };
        let constants = [floats("w", &dims, &MATRIX), floats("c", c, values)];
        Model::of_node(13, &[1, 3], "Gemm", &constants, attributes.collect())
    }

    #[test]
    fn factors_of_a_product_go_into_weights_and_bias() {
        let attributes = vec![("alpha", 2.0), ("beta", 0.5), ("transB", 1.0)];
        let model = gemm(&[2], &[10.0, 20.0], attributes);
        let expected = [2.0 * 321.0 + 5.0, 2.0 * 654.0 + 10.0];
        assert_eq!(model.run(&[1.0, 10.0, 100.0]), expected);
        let network = model.import().unwrap().network;
        assert!(matches!(
            network.nodes(),
            [node] if matches!(node.operator, Operator::Linear { bias: Some(_), .. })
        ));
    }

    #[test]
    fn what_is_added_to_a_product_is_broadcast_to_it() {
        let x = [1.0, 10.0, 100.0];
        assert_eq!(gemm(&[], &[0.5], vec![]).run(&x), [531.5, 642.5]);
        assert_eq!(gemm(&[1, 1], &[0.5], vec![]).run(&x), [531.5, 642.5]);
        assert_eq!(gemm(&[1, 2], &[0.5, 0.25], vec![]).run(&x), [531.5, 642.25]);
        let refusal = gemm(&[2, 1], &[0.5, 0.25], vec![]).refusal();
        assert!(refusal.contains("does not fit"), "{refusal}");
    }

    #[test]
    fn what_differs_from_row_to_row_is_no_bias() {
        let constants = [
            floats("w", &[3, 2], &MATRIX),
            floats("c", &[2, 2], &[1.0, 2.0, 3.0, 4.0]),
        ];
        let model = Model::of_node(13, &[2, 3], "Gemm", &constants, vec![]);
        let x = [1.0, 10.0, 100.0, 1.0, 0.0, 0.0];
        assert_eq!(model.run(&x), [532.0, 644.0, 4.0, 6.0]);
    }

    #[test]
    fn computed_matrices_are_multiplied() {
        let model = Model::new(13)
            .input("x", &[2, 3])
            .node(
                "Gemm",
                &["x", "x", "x"],
                &["y"],
                vec![int_attribute("transA", 1)],
            )
            .output("y");
        // The third value has two rows, the product three.
        assert!(model.refusal().contains("broadcast"));
        let model = Model::new(13)
            .input("x", &[2, 3])
            .node(
                "Gemm",
                &["x", "x"],
                &["y"],
                vec![int_attribute("transB", 1), float_attribute("alpha", 0.5)],
            )
            .output("y");
        assert_eq!(model.run(&MATRIX), [7.0, 16.0, 16.0, 38.5]);
    }

    #[test]
    fn products_that_do_not_exist_are_refused() {
        let scalar = Model::of_node(13, &[2], "MatMul", &[floats("c", &[], &[1.0])], vec![]);
        assert!(scalar.refusal().contains("single numbers"));
        let ranks = Model::of_node(13, &[2], "Gemm", &[floats("c", &[2, 2], &[1.0; 4])], vec![]);
        assert!(ranks.refusal().contains("two matrices"));
        let lengths = Model::of_node(
            13,
            &[1, 2],
            "MatMul",
            &[floats("c", &[3, 1], &[1.0; 3])],
            vec![],
        );
        assert!(
            lengths.refusal().contains("is needed"),
            "{}",
            lengths.refusal()
        );
    }
}
