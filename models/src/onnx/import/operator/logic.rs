//! Comparisons, logic and choices. Truth values are 0 and 1.

use super::{GraphNode, Lower, Lowering, Refusal, Value};
use crate::function::{BinaryFunction, Function};
use crate::onnx::import::tensor::{ElementType, Tensor};

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[
    ("And", and),
    ("Equal", equal),
    ("Greater", greater),
    ("GreaterOrEqual", greater_or_equal),
    ("IsInf", is_inf),
    ("IsNaN", is_nan),
    ("Less", less),
    ("LessOrEqual", less_or_equal),
    ("Not", not),
    ("Or", or),
    ("Trilu", trilu),
    ("Where", choose),
    ("Xor", xor),
];

/// Truth values inverted.
pub(super) fn invert(lowering: &mut Lowering, x: &Value) -> Result<Value, Refusal> {
    let (scale, shift) = (-1.0, 1.0);
    lowering.unary(Function::Affine { scale, shift }, x)
}

fn pair(lowering: &Lowering, node: &GraphNode) -> Result<[Value; 2], Refusal> {
    Ok([lowering.input(node, 0)?, lowering.input(node, 1)?])
}

fn of_pair(
    lowering: &mut Lowering,
    node: &GraphNode,
    function: BinaryFunction,
) -> Result<Vec<Value>, Refusal> {
    let [a, b] = pair(lowering, node)?;
    Ok(vec![lowering.binary(function, &a, &b)?])
}

fn and(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    of_pair(lowering, node, BinaryFunction::Minimum)
}

fn or(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    of_pair(lowering, node, BinaryFunction::Maximum)
}

fn xor(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let [a, b] = pair(lowering, node)?;
    let same = lowering.binary(BinaryFunction::Equal, &a, &b)?;
    Ok(vec![invert(lowering, &same)?])
}

fn not(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    Ok(vec![invert(lowering, &x)?])
}

fn equal(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    of_pair(lowering, node, BinaryFunction::Equal)
}

fn greater(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    of_pair(lowering, node, BinaryFunction::Greater)
}

fn less(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let [a, b] = pair(lowering, node)?;
    Ok(vec![lowering.binary(BinaryFunction::Greater, &b, &a)?])
}

fn greater_or_equal(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let [a, b] = pair(lowering, node)?;
    Ok(vec![not_below(lowering, &a, &b)?])
}

fn less_or_equal(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let [a, b] = pair(lowering, node)?;
    Ok(vec![not_below(lowering, &b, &a)?])
}

/// Whether `a ≥ b`. It is not the inverse of `b > a`, which a NaN makes false too.
fn not_below(lowering: &mut Lowering, a: &Value, b: &Value) -> Result<Value, Refusal> {
    let above = lowering.binary(BinaryFunction::Greater, a, b)?;
    let same = lowering.binary(BinaryFunction::Equal, a, b)?;
    lowering.binary(BinaryFunction::Maximum, &above, &same)
}

fn is_nan(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let same = lowering.binary(BinaryFunction::Equal, &x, &x)?;
    Ok(vec![invert(lowering, &same)?])
}

fn is_inf(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let [most, least] = [f32::MAX, f32::MIN].map(|bound| lowering.scalar(bound));
    let mut found = Vec::new();
    if node.int("detect_positive", 1)? != 0 {
        found.push(lowering.binary(BinaryFunction::Greater, &x, &most)?);
    }
    if node.int("detect_negative", 1)? != 0 {
        found.push(lowering.binary(BinaryFunction::Greater, &least, &x)?);
    }
    Ok(vec![match &found[..] {
        [one] => one.clone(),
        [positive, negative] => lowering.binary(BinaryFunction::Maximum, positive, negative)?,
        // Nothing exceeds infinity.
        _ => {
            let infinity = lowering.scalar(f32::INFINITY);
            lowering.binary(BinaryFunction::Greater, &x, &infinity)?
        }
    }])
}

fn choose(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let condition = lowering.input(node, 0)?;
    let [yes, no] = [lowering.input(node, 1)?, lowering.input(node, 2)?];
    Ok(vec![lowering.choose(&condition, &yes, &no)?])
}

/// The upper or lower triangle of the last two axes, with zeros beside it.
fn trilu(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let &[.., rows, columns] = x.shape() else {
        return Err("takes at least two axes".into());
    };
    let offset = match lowering.integers(node, 1)?.as_deref() {
        None => 0,
        Some(&[offset]) => i128::from(offset),
        Some(_) => return Err("its diagonal is not one number".into()),
    };
    let upper = node.int("upper", 1)? != 0;
    lowering.claim(&[rows, columns])?;
    let inside = (0..rows).flat_map(|row| {
        (0..columns).map(move |column| {
            let diagonal = column as i128 - row as i128;
            i64::from(if upper {
                diagonal >= offset
            } else {
                diagonal <= offset
            })
        })
    });
    let inside = Tensor::of_integers(ElementType::Bool, vec![rows, columns], inside.collect());
    let zero = match x.element().is_float() {
        true => lowering.scalar(0.0),
        false => lowering.integer_constant(x.element(), &[], vec![0])?,
    };
    Ok(vec![lowering.choose(&inside.into(), &x, &zero)?])
}

#[cfg(test)]
mod tests {
    use onnx_protobuf::tensor_proto::DataType;

    use crate::onnx::import::testing::{Model, floats, int_attribute, small_ints};

    const NAN: f32 = f32::NAN;
    const INF: f32 = f32::INFINITY;

    fn compare(operator: &str) -> Vec<f32> {
        let other = floats("b", &[4], &[1.0; 4]);
        Model::of_node(16, &[4], operator, &[other], vec![]).run(&[0.0, 1.0, 2.0, NAN])
    }

    #[test]
    fn comparisons_with_a_nan_are_false() {
        assert_eq!(compare("Greater"), [0.0, 0.0, 1.0, 0.0]);
        assert_eq!(compare("GreaterOrEqual"), [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(compare("Less"), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(compare("LessOrEqual"), [1.0, 1.0, 0.0, 0.0]);
        assert_eq!(compare("Equal"), [0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn logic_works_on_truth_values() {
        let logic = |operator: &str| {
            Model::new(13)
                .typed_input("x", DataType::BOOL, &[4])
                .initializer(small_ints("b", DataType::BOOL, &[4], &[0, 1, 0, 1]))
                .node(operator, &["x", "b"], &["y"], vec![])
                .output("y")
                .run(&[0.0, 0.0, 1.0, 1.0])
        };
        assert_eq!(logic("And"), [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(logic("Or"), [0.0, 1.0, 1.0, 1.0]);
        assert_eq!(logic("Xor"), [0.0, 1.0, 1.0, 0.0]);
        let not = Model::new(13)
            .typed_input("x", DataType::BOOL, &[2])
            .node("Not", &["x"], &["y"], vec![])
            .output("y");
        assert_eq!(not.run(&[0.0, 1.0]), [1.0, 0.0]);
    }

    #[test]
    fn numbers_that_are_none_are_found() {
        let input = [1.0, NAN, INF, -INF];
        let one =
            |operator, attributes| Model::of_node(20, &[4], operator, &[], attributes).run(&input);
        assert_eq!(one("IsNaN", vec![]), [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(one("IsInf", vec![]), [0.0, 0.0, 1.0, 1.0]);
        let positive = int_attribute("detect_positive", 0);
        assert_eq!(one("IsInf", vec![positive]), [0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn where_chooses_and_broadcasts() {
        let model = Model::new(16)
            .input("x", &[2, 1])
            .initializer(small_ints("c", DataType::BOOL, &[2], &[1, 0]))
            .initializer(floats("b", &[], &[9.0]))
            .node("Where", &["c", "x", "b"], &["y"], vec![])
            .output("y");
        assert_eq!(model.run(&[1.0, 2.0]), [1.0, 9.0, 2.0, 9.0]);
    }

    #[test]
    fn triangles_are_cut_at_a_diagonal() {
        let model = |upper| {
            Model::of_node(
                14,
                &[2, 2],
                "Trilu",
                &[],
                vec![int_attribute("upper", upper)],
            )
        };
        // What is cut off does not matter.
        assert_eq!(model(1).run(&[1.0, 2.0, INF, 4.0]), [1.0, 2.0, 0.0, 4.0]);
        assert_eq!(model(0).run(&[1.0, NAN, 3.0, 4.0]), [1.0, 0.0, 3.0, 4.0]);
    }
}
