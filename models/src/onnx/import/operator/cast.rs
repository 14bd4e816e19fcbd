//! Conversions between element types. The network computes in f32 throughout, so most change nothing but how a value is understood.

use super::{GraphNode, Lower, Lowering, Refusal, Value};
use crate::function::{BinaryFunction, Function};
use crate::onnx::import::tensor::{Data, ElementType, Tensor};

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[("Cast", cast), ("CastLike", cast_like)];

fn cast(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    // They concern floats of eight bits only.
    node.ignore(&["saturate", "round_mode"]);
    let x = lowering.input(node, 0)?;
    let to = ElementType::from_code(node.int("to", 0)?)?;
    Ok(vec![convert(lowering, &x, to)?])
}

fn cast_like(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    node.ignore(&["saturate", "round_mode"]);
    let x = lowering.input(node, 0)?;
    let to = lowering.input(node, 1)?.element();
    Ok(vec![convert(lowering, &x, to)?])
}

fn convert(lowering: &mut Lowering, x: &Value, to: ElementType) -> Result<Value, Refusal> {
    let from = x.element();
    match to {
        ElementType::Bool if from != ElementType::Bool => not_zero(lowering, x),
        _ if to.is_float() || from == to => lowering.retype(x, to),
        _ if from.is_float() => truncate(lowering, x, to),
        _ => {
            if x.constant().is_none() && !holds(to, from) {
                return Err(Refusal(format!(
                    "a value of type {from} that depends on the input may not fit {to}, where it would wrap around"
                )));
            }
            lowering.retype(x, to)
        }
    }
}

fn not_zero(lowering: &mut Lowering, x: &Value) -> Result<Value, Refusal> {
    let zero = match x.element().is_float() {
        true => lowering.scalar(0.0),
        false => lowering.integer_constant(x.element(), &[], vec![0])?,
    };
    let is_zero = lowering.binary(BinaryFunction::Equal, x, &zero)?;
    super::logic::invert(lowering, &is_zero)
}

/// Cuts the fraction off. What does not fit the integer type is not defined by the standard. Types of four bits are refused: there
/// little fits.
fn truncate(lowering: &mut Lowering, x: &Value, to: ElementType) -> Result<Value, Refusal> {
    if let Some(constant) = x.constant() {
        lowering.claim(&constant.shape)?;
        let whole = constant
            .floats()
            .iter()
            .map(|value| value.trunc())
            .collect();
        let tensor = Tensor {
            element: constant.element,
            shape: constant.shape.clone(),
            data: Data::Float(whole),
        };
        return lowering.retype(&Value::Constant(tensor.into()), to);
    }
    if matches!(to, ElementType::Int4 | ElementType::Uint4) {
        return Err(Refusal(format!(
            "a cast of computed floats to {to} is not supported"
        )));
    }
    let magnitude = lowering.unary(Function::Abs, x)?;
    let magnitude = lowering.unary(Function::Floor, &magnitude)?;
    let sign = lowering.unary(Function::Sign, x)?;
    let whole = lowering.binary(BinaryFunction::Multiply, &sign, &magnitude)?;
    lowering.retype(&whole, to)
}

/// Whether every integer of type `from` that f32 has exactly is one of type `to`.
fn holds(to: ElementType, from: ElementType) -> bool {
    let exact = |low: i64, high: i64| (low.max(-(1 << 24)), high.min(1 << 24));
    match (from.integer_range(), to.integer_range()) {
        (Some((low, high)), Some((least, most))) => {
            let (low, high) = exact(low, high);
            least <= low && high <= most
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use onnx_protobuf::tensor_proto::DataType;

    use crate::onnx::import::testing::{Model, int_attribute};

    fn cast(from: DataType, to: &[DataType]) -> Model {
        let mut model = Model::new(13).typed_input("x", from, &[4]);
        let mut name = "x".to_owned();
        for (index, to) in to.iter().enumerate() {
            let next = format!("y{index}");
            let to = int_attribute("to", *to as i64);
            model = model.node("Cast", &[&name], &[&next], vec![to]);
            name = next;
        }
        model.output(&name)
    }

    #[test]
    fn floats_lose_their_fraction() {
        let model = cast(DataType::FLOAT, &[DataType::INT32]);
        assert_eq!(model.run(&[1.9, -1.9, 0.5, -3.0]), [1.0, -1.0, 0.0, -3.0]);
    }

    #[test]
    fn what_is_not_zero_is_true() {
        let model = cast(DataType::FLOAT, &[DataType::BOOL, DataType::FLOAT]);
        let input = [0.0, -0.0, f32::NAN, -2.0];
        assert_eq!(model.run(&input), [0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn float_types_are_one() {
        let model = cast(DataType::FLOAT16, &[DataType::DOUBLE, DataType::FLOAT]);
        assert_eq!(model.run(&[0.1, 2.0, 3.0, 4.0]), [0.1, 2.0, 3.0, 4.0]);
        assert_eq!(model.network().nodes().len(), 1);
    }

    #[test]
    fn integers_that_might_wrap_around_are_refused() {
        let narrow = cast(DataType::INT64, &[DataType::UINT8]);
        assert!(narrow.refusal().contains("may not fit uint8"));
        let unsigned = cast(DataType::INT8, &[DataType::UINT64]);
        assert!(unsigned.refusal().contains("may not fit uint64"));
        let wide = cast(DataType::UINT8, &[DataType::INT16, DataType::INT32]);
        assert_eq!(wide.run(&[0.0, 1.0, 2.0, 255.0]), [0.0, 1.0, 2.0, 255.0]);
    }

    #[test]
    fn element_types_that_are_not_numbers_are_refused() {
        let text = cast(DataType::FLOAT, &[DataType::STRING]);
        assert!(text.refusal().contains("string are not supported"));
    }
}
