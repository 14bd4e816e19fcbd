//! Element-wise functions, broadcast as in NumPy.

use super::fold;
use super::{ElementType, Lowering, Refusal, Value};
use crate::function::{BinaryFunction, Function};
use crate::operator::Operator;
use crate::shape::{Shape, broadcast};

impl Lowering {
    /// A function of every element.
    pub(in crate::onnx::import) fn unary(
        &mut self,
        function: Function,
        x: &Value,
    ) -> Result<Value, Refusal> {
        if let Value::Constant(constant) = x {
            self.claim(&constant.shape)?;
            return fold::unary(function, constant);
        }
        if !matches!(function, Function::Clip { .. } | Function::Sign) {
            refuse_integers(&[x])?;
        }
        let id = self.place(x)?;
        let id = self.emit(Operator::Unary(function), vec![id])?;
        self.computed(id, x.shape().to_vec(), x.element())
    }

    /// A function of every pair of elements. Comparisons give bools.
    pub(in crate::onnx::import) fn binary(
        &mut self,
        function: BinaryFunction,
        a: &Value,
        b: &Value,
    ) -> Result<Value, Refusal> {
        let shape = common_shape(&[a, b])?;
        if let (Value::Constant(a), Value::Constant(b)) = (a, b) {
            self.claim(&shape)?;
            return fold::binary(function, a, b, shape);
        }
        let element = match function {
            BinaryFunction::Greater | BinaryFunction::Equal => ElementType::Bool,
            BinaryFunction::Minimum | BinaryFunction::Maximum => common_element(&[a, b]),
            _ => {
                refuse_integers(&[a, b])?;
                common_element(&[a, b])
            }
        };
        // Dropping a leading 1 changes nothing in an alignment at the last axis.
        let inputs = vec![self.place(a)?, self.place(b)?];
        let id = self.emit(Operator::Binary(function), inputs)?;
        self.computed(id, shape, element)
    }

    /// The elements of `yes` where `condition` is not 0, else those of `no`.
    pub(in crate::onnx::import) fn choose(
        &mut self,
        condition: &Value,
        yes: &Value,
        no: &Value,
    ) -> Result<Value, Refusal> {
        let shape = common_shape(&[condition, yes, no])?;
        if let (Value::Constant(condition), Value::Constant(yes), Value::Constant(no)) =
            (condition, yes, no)
        {
            self.claim(&shape)?;
            return fold::choose(condition, yes, no, shape);
        }
        let inputs = vec![self.place(condition)?, self.place(yes)?, self.place(no)?];
        let id = self.emit(Operator::Where, inputs)?;
        self.computed(id, shape, common_element(&[yes, no]))
    }

    /// The same elements under another element type, whether or not it can hold them: integers are kept as floats without a
    /// fraction. Of a constant the elements must be representable.
    pub(in crate::onnx::import) fn retype(
        &mut self,
        x: &Value,
        element: ElementType,
    ) -> Result<Value, Refusal> {
        match x {
            Value::Constant(constant) => {
                self.claim(&constant.shape)?;
                fold::retype(constant, element)
            }
            Value::Computed(computed) => {
                let mut computed = computed.clone();
                computed.element = element;
                Ok(Value::Computed(computed))
            }
        }
    }
}

/// Refuses arithmetic on integers that depend on the input: it would wrap around in the file's type and not in f32.
pub(super) fn refuse_integers(values: &[&Value]) -> Result<(), Refusal> {
    let integer =
        |value: &&&Value| !value.element().is_float() && value.element() != ElementType::Bool;
    match values.iter().find(integer) {
        Some(value) => Err(Refusal(format!(
            "arithmetic on elements of type {} that depend on the input is not supported: cast them to float before",
            value.element()
        ))),
        None => Ok(()),
    }
}

/// The element type of a result: that of the first value that depends on the input. The others have the same in a valid file.
fn common_element(values: &[&Value]) -> ElementType {
    let mut computed = values.iter().filter(|value| value.constant().is_none());
    computed.next().unwrap_or(&values[0]).element()
}

/// The common shape of values: aligned at the last axis, lengths equal or 1.
pub(super) fn common_shape(values: &[&Value]) -> Result<Vec<usize>, Refusal> {
    let mut shapes = values.iter().map(|value| value.shape());
    shapes
        .try_fold(Vec::new(), |a: Vec<usize>, b| broadcast(&a, b))
        .ok_or_else(|| {
            let shapes = values
                .iter()
                .map(|value| Shape(value.shape().to_vec()).to_string());
            let shapes: Vec<String> = shapes.collect();
            Refusal(format!("cannot broadcast {}", shapes.join(" and ")))
        })
}
