//! Elements that change their places and nothing else.

use super::fold;
use super::{Lowering, Refusal, Value, check_rank};
use crate::onnx::import::tensor::Data;
use crate::operator::Operator;
use crate::reference::rearrange;
use crate::shape::Shape;

impl Lowering {
    /// The same elements in the same order in another shape.
    pub(in crate::onnx::import) fn reshape(
        &mut self,
        x: &Value,
        shape: &[usize],
    ) -> Result<Value, Refusal> {
        let elements = shape
            .iter()
            .try_fold(1usize, |n, axis| n.checked_mul(*axis));
        if elements != Some(x.elements()) {
            return Err(Refusal(format!(
                "{} elements do not fill the shape {}",
                x.elements(),
                Shape(shape.to_vec())
            )));
        }
        check_rank(shape.len())?;
        if x.shape() == shape {
            return Ok(x.clone());
        }
        match x {
            Value::Constant(constant) => {
                self.claim(shape)?;
                let tensor = constant.tensor.as_ref().clone().reshaped(shape.to_vec());
                Ok(Value::Constant(constant.with(tensor)))
            }
            Value::Computed(computed) => {
                self.computed(computed.id, shape.to_vec(), computed.element)
            }
        }
    }

    /// Other order of the axes: axis `i` of the result is axis `order[i]` of `x`.
    pub(in crate::onnx::import) fn transpose(
        &mut self,
        x: &Value,
        order: &[usize],
    ) -> Result<Value, Refusal> {
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..x.rank()) {
            return Err(Refusal(format!(
                "{order:?} is no order of the axes of {}",
                Shape(x.shape().to_vec())
            )));
        }
        if order.is_sorted() {
            return Ok(x.clone());
        }
        let shape: Vec<usize> = order.iter().map(|axis| x.shape()[*axis]).collect();
        let Value::Computed(computed) = x else {
            return self.moved(&[x], shape, Move::Transpose(order));
        };
        if self.is_cut(x.shape()) && order[0] == 0 {
            let order = order[1..].iter().map(|axis| axis - 1).collect();
            let id = self.emit(Operator::Transpose { order }, vec![computed.id])?;
            return self.computed(id, shape, computed.element);
        }
        let id = self.place_whole(x)?;
        let order = order.to_vec();
        let id = self.emit(Operator::Transpose { order }, vec![id])?;
        self.computed(id, shape, computed.element)
    }

    /// Chosen positions of an axis, and `fill` where there is none.
    pub(in crate::onnx::import) fn select(
        &mut self,
        x: &Value,
        axis: usize,
        indices: Vec<Option<usize>>,
        fill: f32,
    ) -> Result<Value, Refusal> {
        let Some(length) = x.shape().get(axis).copied() else {
            return Err(Refusal(format!(
                "{} has no axis {axis}",
                Shape(x.shape().to_vec())
            )));
        };
        if let Some(index) = indices.iter().flatten().find(|index| **index >= length) {
            return Err(Refusal(format!(
                "position {index} of axis {axis}, which has length {length}"
            )));
        }
        if indices.len() == length && indices.iter().copied().eq((0..length).map(Some)) {
            return Ok(x.clone());
        }
        let mut shape = x.shape().to_vec();
        shape[axis] = indices.len();
        let Value::Computed(computed) = x else {
            return self.moved(&[x], shape, Move::Select(axis, &indices, fill));
        };
        // The network keeps the list, which takes four times the memory of as many floats.
        self.claim(&[4, indices.len()])?;
        let (id, axis) = if axis > 0 && self.is_cut(x.shape()) {
            (computed.id, axis - 1)
        } else {
            (self.place_whole(x)?, axis)
        };
        let operator = Operator::Select {
            axis,
            indices,
            fill,
        };
        let id = self.emit(operator, vec![id])?;
        self.computed(id, shape, computed.element)
    }

    /// Values one after the other along an axis.
    pub(in crate::onnx::import) fn concat(
        &mut self,
        values: &[Value],
        axis: usize,
    ) -> Result<Value, Refusal> {
        let first = values.first().ok_or("has no input")?;
        let mut shape = first.shape().to_vec();
        if axis >= shape.len() {
            return Err(Refusal(format!("{} has no axis {axis}", Shape(shape))));
        }
        for value in &values[1..] {
            let mut aligned = value.shape().to_vec();
            let length = aligned.get_mut(axis);
            let length = length.map(|length| std::mem::replace(length, shape[axis]));
            let sum = length.and_then(|length| shape[axis].checked_add(length));
            let Some(sum) = sum.filter(|_| aligned == shape) else {
                return Err(Refusal(format!(
                    "cannot join {} and {} along axis {axis}",
                    Shape(first.shape().to_vec()),
                    Shape(value.shape().to_vec())
                )));
            };
            shape[axis] = sum;
        }
        let computed = values.iter().find(|value| value.constant().is_none());
        let Some(element) = computed.map(Value::element) else {
            let values: Vec<&Value> = values.iter().collect();
            return self.moved(&values, shape, Move::Concat(axis));
        };
        // What is empty adds nothing, and a network has no empty values.
        let values = values.iter().filter(|value| value.elements() > 0);
        let values: Vec<&Value> = values.collect();
        if let [value] = values[..] {
            return Ok(value.clone());
        }
        let cut = axis > 0 && self.is_cut(&shape);
        let mut inputs = Vec::new();
        for value in &values {
            inputs.push(if cut {
                self.place(value)?
            } else {
                self.place_whole(value)?
            });
        }
        let axis = axis - usize::from(cut);
        let id = self.emit(Operator::Concat { axis }, inputs)?;
        self.computed(id, shape, element)
    }

    /// Constants rearranged to one of `shape`.
    fn moved(
        &mut self,
        values: &[&Value],
        shape: Vec<usize>,
        change: Move,
    ) -> Result<Value, Refusal> {
        let empty = self.claim(&shape)? == 0;
        let shape = Shape(shape);
        let constants: Vec<_> = values.iter().filter_map(|value| value.constant()).collect();
        let shapes: Vec<Shape> = constants.iter().map(|c| Shape(c.shape.clone())).collect();
        let integers: Option<Vec<&[i64]>> = constants.iter().map(|c| c.integers()).collect();
        let data = match integers {
            Some(_) if empty => Data::Int(Vec::new()),
            None if empty => Data::Float(Vec::new()),
            Some(integers) => {
                let inputs: Vec<_> = shapes.iter().zip(integers).collect();
                Data::Int(change.apply(&inputs, &shape, |fill| fill as i64))
            }
            None => {
                let floats: Vec<_> = constants.iter().map(|c| c.floats()).collect();
                let inputs: Vec<_> = shapes.iter().zip(floats.iter().map(|f| &f[..])).collect();
                Data::Float(change.apply(&inputs, &shape, |fill| fill))
            }
        };
        Ok(fold::constant(values[0].element(), shape.0, data))
    }
}

/// A rearrangement of constants.
enum Move<'a> {
    Transpose(&'a [usize]),
    Select(usize, &'a [Option<usize>], f32),
    Concat(usize),
}

impl Move<'_> {
    fn apply<T: Copy>(
        &self,
        inputs: &[(&Shape, &[T])],
        result: &Shape,
        element: impl Fn(f32) -> T,
    ) -> Vec<T> {
        match *self {
            Self::Transpose(order) => rearrange::transpose(inputs[0], order, result),
            Self::Select(axis, indices, fill) => {
                rearrange::select(inputs[0], axis, indices, element(fill))
            }
            Self::Concat(axis) => rearrange::concat(inputs, axis, result),
        }
    }
}
