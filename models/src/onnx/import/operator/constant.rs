//! Operators whose result follows from constants and shapes.

use super::{GraphNode, Lower, Lowering, Refusal, Value};
use crate::onnx::import::lowering::position;
use crate::onnx::import::tensor::{Data, ElementType, Tensor};

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[
    ("Constant", constant),
    ("ConstantOfShape", constant_of_shape),
    ("EyeLike", eye_like),
    ("Range", range),
    ("Shape", shape),
    ("Size", size),
];

fn constant(_: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let integers = |shape: Vec<usize>, values| {
        Value::from(Tensor::of_integers(ElementType::Int64, shape, values))
    };
    let value = if let Some(tensor) = node.tensor("value")? {
        Value::Constant(tensor)
    } else if let Some(values) = node.floats("value_floats")? {
        Tensor::of_floats(vec![values.len()], values).into()
    } else if let Some(values) = node.ints("value_ints")? {
        integers(vec![values.len()], values)
    } else if node.has("value_float") {
        Tensor::of_floats(Vec::new(), vec![node.float("value_float", 0.0)?]).into()
    } else if node.has("value_int") {
        integers(Vec::new(), vec![node.int("value_int", 0)?])
    } else {
        return Err("only constants of numbers are supported".into());
    };
    Ok(vec![value])
}

fn constant_of_shape(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let dims = lowering.integers(node, 0)?.ok_or("has no shape")?;
    let shape = lengths(&dims)?;
    let elements = lowering.claim(&shape)?;
    let value = node.tensor("value")?;
    let (element, data) = match &value {
        None => (ElementType::Float, Data::Float(vec![0.0; elements])),
        Some(value) if value.elements() != 1 => return Err("its value is not one number".into()),
        Some(value) => (
            value.element,
            match &value.data {
                Data::Float(number) => Data::Float(vec![number[0]; elements]),
                Data::Int(number) => Data::Int(vec![number[0]; elements]),
            },
        ),
    };
    let tensor = Tensor {
        element,
        shape,
        data,
    };
    Ok(vec![tensor.into()])
}

/// Lengths of axes from integers of the file.
pub(super) fn lengths(dims: &[i64]) -> Result<Vec<usize>, Refusal> {
    let lengths = dims.iter().map(|dim| usize::try_from(*dim).ok());
    let lengths: Option<Vec<usize>> = lengths.collect();
    lengths.ok_or_else(|| Refusal(format!("shape {dims:?} has a negative axis")))
}

fn eye_like(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let &[rows, columns] = x.shape() else {
        return Err("takes a matrix".into());
    };
    let element = match node.has("dtype") {
        true => ElementType::from_code(node.int("dtype", 0)?)?,
        false => x.element(),
    };
    let offset = node.int("k", 0)?;
    let mut values = vec![0.0; lowering.claim(&[rows, columns])?];
    for row in 0..rows {
        let column = i64::try_from(row)
            .ok()
            .and_then(|row| row.checked_add(offset));
        let column = column.and_then(|column| usize::try_from(column).ok());
        if let Some(column) = column.filter(|column| *column < columns) {
            values[row * columns + column] = 1.0;
        }
    }
    let matrix = lowering.constant(&[rows, columns], values);
    Ok(vec![lowering.retype(&matrix, element)?])
}

/// From a start in steps to a limit, which is not reached.
fn range(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let one = |index: usize| -> Result<_, Refusal> {
        let constant = lowering.constant_input(node, index)?;
        constant
            .filter(|constant| constant.elements() == 1)
            .ok_or_else(|| Refusal(format!("input {index} is not one number")))
    };
    let [start, limit, step] = [one(0)?, one(1)?, one(2)?];
    let integers = [&start, &limit, &step].map(|constant| constant.integers().map(|x| x[0]));
    if let [Some(first), Some(limit), Some(step)] = integers {
        let span = i128::from(limit) - i128::from(first);
        let (count, rest) = match step {
            0 => return Err("its step is 0".into()),
            step => (span / i128::from(step), span % i128::from(step)),
        };
        let count = (count + i128::from(rest != 0 && (rest < 0) == (step < 0))).max(0);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        lowering.claim(&[count])?;
        // None passes the limit, so none overflows.
        let values = (0..count as i64)
            .map(|index| first + index * step)
            .collect();
        let values = lowering.integer_constant(start.element, &[count], values)?;
        return Ok(vec![values]);
    }
    let [first, limit, step] = [start, limit, step].map(|x| f64::from(x.floats()[0]));
    let count = ((limit - first) / step).ceil().max(0.0);
    if count.is_nan() || step == 0.0 {
        return Err("its numbers make no range".into());
    }
    // What is too large becomes the largest integer, which is refused.
    let count = count as usize;
    lowering.claim(&[count])?;
    let values = (0..count).map(|index| (first + index as f64 * step) as f32);
    Ok(vec![lowering.constant(&[count], values.collect())])
}

fn shape(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let rank = x.rank();
    let start = position(node.int("start", 0)?, rank);
    let end = position(node.int("end", i64::MAX)?, rank);
    let axes = x.shape().get(start..end).unwrap_or_default();
    let values: Vec<i64> = axes.iter().map(|axis| *axis as i64).collect();
    let shape = lowering.integer_constant(ElementType::Int64, &[values.len()], values)?;
    Ok(vec![shape])
}

fn size(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let elements = lowering.input(node, 0)?.elements() as i64;
    let size = lowering.integer_constant(ElementType::Int64, &[], vec![elements])?;
    Ok(vec![size])
}

#[cfg(test)]
mod tests {
    use crate::onnx::import::testing::{
        Model, floats, int_attribute, ints, ints_attribute, tensor_attribute,
    };

    /// A constant made by one node, broadcast over an input of one zero.
    fn constant(operator: &str, inputs: &[Vec<i64>], attributes: &[&str]) -> Vec<f32> {
        let names: Vec<String> = (0..inputs.len()).map(|index| format!("i{index}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let attributes = attributes
            .iter()
            .map(|name| int_attribute(name, 1))
            .collect();
        let mut model = Model::new(15).input("x", &[1]);
        for (name, values) in names.iter().zip(inputs) {
            let scalar = operator == "Range";
            let dims = [values.len() as i64];
            let dims = if scalar { &[][..] } else { &dims[..] };
            model = model.initializer(ints(name, dims, values));
        }
        model
            .node(operator, &names, &["c"], attributes)
            .node("Cast", &["c"], &["f"], vec![int_attribute("to", 1)])
            .node("Add", &["x", "f"], &["y"], vec![])
            .output("y")
            .run(&[0.0])
    }

    #[test]
    fn a_range_ends_before_its_limit() {
        let range =
            |start, limit, step| constant("Range", &[vec![start], vec![limit], vec![step]], &[]);
        assert_eq!(range(1, 7, 2), [1.0, 3.0, 5.0]);
        assert_eq!(range(5, 1, -3), [5.0, 2.0]);
        assert_eq!(range(0, 1, 5), [0.0]);
    }

    #[test]
    fn a_shape_is_cut_by_start_and_end() {
        let input = [vec![0, 0, 0, 0, 0]];
        assert_eq!(constant("Shape", &input, &[]), [5.0]);
        assert_eq!(constant("Size", &input, &[]), [5.0]);
        let model = |start, end| {
            let attributes = vec![int_attribute("start", start), int_attribute("end", end)];
            Model::new(15)
                .input("x", &[2, 3, 4])
                .node("Shape", &["x"], &["y"], attributes)
                .output("y")
                .run(&[0.0; 24])
        };
        assert_eq!(model(0, 2), [2.0, 3.0]);
        assert_eq!(model(-2, 9), [3.0, 4.0]);
    }

    #[test]
    fn constants_of_a_shape_have_its_elements_and_a_bound() {
        let model = |dims: &[i64]| {
            let value = tensor_attribute("value", floats("", &[1], &[2.5]));
            Model::new(13)
                .input("x", &[1])
                .initializer(ints("dims", &[dims.len() as i64], dims))
                .node("ConstantOfShape", &["dims"], &["c"], vec![value])
                .node("Mul", &["x", "c"], &["y"], vec![])
                .output("y")
        };
        assert_eq!(model(&[2, 2]).run(&[2.0]), [5.0; 4]);
        assert!(
            model(&[1 << 20, 1 << 20])
                .refusal()
                .contains("would exceed")
        );
        assert!(model(&[-1]).refusal().contains("negative axis"));
    }

    #[test]
    fn an_identity_matrix_has_a_diagonal() {
        let model = Model::new(13)
            .input("x", &[2, 3])
            .node("EyeLike", &["x"], &["c"], vec![int_attribute("k", 1)])
            .node("Mul", &["x", "c"], &["y"], vec![])
            .output("y");
        let input = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(model.run(&input), [0.0, 2.0, 0.0, 0.0, 0.0, 6.0]);
    }

    #[test]
    fn constants_may_be_lists() {
        let model = Model::new(13)
            .input("x", &[1])
            .node(
                "Constant",
                &[],
                &["c"],
                vec![ints_attribute("value_ints", &[2, 3])],
            )
            .node("Cast", &["c"], &["f"], vec![int_attribute("to", 1)])
            .node("Add", &["x", "f"], &["y"], vec![])
            .output("y");
        assert_eq!(model.run(&[1.0]), [3.0, 4.0]);
    }
}
