//! Layers: convolutions, matrix products, batch normalisation, pooling, reductions.

use super::elementwise::refuse_integers;
use super::fold;
use super::{Constant, ElementType, Lowering, Refusal, Value};
use crate::function::Reduction;
use crate::network::{ParameterId, Role, ValueId};
use crate::operator::Operator;
use crate::shape::{Shape, broadcast};
use crate::window::Window;

/// The constants of a batch normalisation, one number per channel each.
pub(in crate::onnx::import) struct Statistics {
    pub scale: Constant,
    pub shift: Constant,
    pub mean: Constant,
    pub variance: Constant,
    pub epsilon: f32,
}

impl Lowering {
    /// Cross-correlation of a map `[1, c, h, w]` with weights `[output channel, c / groups, kernel height, kernel width]`, which may be
    /// pruned later.
    pub(in crate::onnx::import) fn convolution(
        &mut self,
        x: &Value,
        weight: &Constant,
        bias: Option<&Constant>,
        window: Window,
        groups: usize,
    ) -> Result<Value, Refusal> {
        refuse_integers(&[x])?;
        let &[1, _, _, _] = x.shape() else {
            return Err(Refusal(format!(
                "takes one map [1, channel, height, width] at a time, not {}",
                Shape(x.shape().to_vec())
            )));
        };
        let map = self.map(x)?;
        let weight = self.parameter(Role::Weight, weight.clone(), weight.shape.clone())?;
        let bias = self.vector(Role::Bias, bias)?;
        let operator = Operator::Convolution {
            weight,
            bias,
            window,
            groups,
        };
        let id = self.emit(operator, vec![map])?;
        self.computed_map(id, 1, x.element())
    }

    /// `W·x + b` along the last axis, with weights `[output feature, input feature]`, which may be pruned later.
    pub(in crate::onnx::import) fn linear(
        &mut self,
        x: &Value,
        weight: &Constant,
        bias: Option<&Constant>,
    ) -> Result<Value, Refusal> {
        refuse_integers(&[x])?;
        let (Some((_, leading)), &[outputs, _]) = (x.shape().split_last(), &weight.shape[..])
        else {
            return Err("takes at least one axis and weights with two".into());
        };
        let shape = [leading, &[outputs]].concat();
        let x_id = if leading.is_empty() {
            self.place_whole(x)?
        } else {
            self.place(x)?
        };
        let weight = self.parameter(Role::Weight, weight.clone(), weight.shape.clone())?;
        let bias = self.vector(Role::Bias, bias)?;
        let id = self.emit(Operator::Linear { weight, bias }, vec![x_id])?;
        self.computed(id, shape, x.element())
    }

    /// Product of two values `[…, row, k]` and `[…, k, column]`, whose other axes are broadcast.
    pub(in crate::onnx::import) fn mat_mul(
        &mut self,
        a: &Value,
        b: &Value,
    ) -> Result<Value, Refusal> {
        let shape = product_shape(a.shape(), b.shape()).ok_or_else(|| {
            let [a, b] = [a, b].map(|value| Shape(value.shape().to_vec()));
            Refusal(format!("cannot multiply {a} and {b}"))
        })?;
        if let (Value::Constant(a), Value::Constant(b)) = (a, b) {
            let elements = self.claim(&shape)?;
            self.work(elements.saturating_mul(a.shape[a.shape.len() - 1]))?;
            let product = fold::floats(&Operator::MatMul, &[a, b], shape);
            return Ok(Value::Constant(product.into()));
        }
        refuse_integers(&[a, b])?;
        let mut inputs = Vec::new();
        for value in [a, b] {
            // A matrix keeps both its axes.
            inputs.push(match value.rank() {
                2 => self.place_whole(value)?,
                _ => self.place(value)?,
            });
        }
        let id = self.emit(Operator::MatMul, inputs)?;
        let element = if a.constant().is_none() { a } else { b }.element();
        self.computed(id, shape, element)
    }

    /// Batch normalisation over axis 1 with running statistics, of one sample `[1, channel, …]`.
    pub(in crate::onnx::import) fn batch_norm(
        &mut self,
        x: &Value,
        statistics: &Statistics,
    ) -> Result<Value, Refusal> {
        refuse_integers(&[x])?;
        let &[1, _, ..] = x.shape() else {
            return Err("takes one sample with a channel axis".into());
        };
        let shape = &x.shape()[1..];
        let id = self.place(x)?;
        let id = self.reshaped(id, shape)?;
        let scale = self.channels(Role::Scale, &statistics.scale)?;
        let shift = self.channels(Role::Shift, &statistics.shift)?;
        let mean = self.channels(Role::RunningMean, &statistics.mean)?;
        let variance = self.channels(Role::RunningVariance, &statistics.variance)?;
        let operator = Operator::BatchNorm {
            scale,
            shift,
            mean,
            variance,
            epsilon: statistics.epsilon,
        };
        let id = self.emit(operator, vec![id])?;
        self.computed(id, x.shape().to_vec(), x.element())
    }

    /// Largest value of each window on maps `[n, c, h, w]`; padding takes no part.
    pub(in crate::onnx::import) fn max_pool(
        &mut self,
        x: &Value,
        window: Window,
    ) -> Result<Value, Refusal> {
        self.pool(x, Operator::MaxPool(window))
    }

    /// Mean of each window on maps `[n, c, h, w]`; padding takes no part.
    pub(in crate::onnx::import) fn average_pool(
        &mut self,
        x: &Value,
        window: Window,
    ) -> Result<Value, Refusal> {
        refuse_integers(&[x])?;
        self.pool(x, Operator::AveragePool(window))
    }

    fn pool(&mut self, x: &Value, operator: Operator) -> Result<Value, Refusal> {
        let map = self.map(x)?;
        let id = self.emit(operator, vec![map])?;
        self.computed_map(id, x.shape()[0], x.element())
    }

    /// Many elements to one along some axes, which stay with length 1. Positions are of type int64.
    pub(in crate::onnx::import) fn reduce(
        &mut self,
        reduction: Reduction,
        x: &Value,
        axes: &[usize],
    ) -> Result<Value, Refusal> {
        let position = reduction == Reduction::ArgMaximum;
        let mut shape = x.shape().to_vec();
        for axis in axes {
            match shape.get_mut(*axis) {
                Some(0) => return Err("a reduction along an axis without elements".into()),
                Some(length) => *length = 1,
                None => {
                    let shape = Shape(x.shape().to_vec());
                    return Err(Refusal(format!("{shape} has no axis {axis}")));
                }
            }
        }
        if axes.is_empty() {
            return Ok(x.clone());
        }
        let compares = matches!(reduction, Reduction::Maximum | Reduction::Minimum) || position;
        if let Value::Constant(constant) = x {
            self.claim(&constant.shape)?;
            return fold::reduce(reduction, constant, axes, shape);
        }
        if !compares {
            refuse_integers(&[x])?;
        }
        let (id, axes) = if self.is_cut(x.shape()) && !(position && axes == [0]) {
            let inner = axes.iter().filter(|axis| **axis > 0);
            (self.place(x)?, inner.map(|axis| axis - 1).collect())
        } else {
            (self.place_whole(x)?, axes.to_vec())
        };
        if axes.is_empty() {
            return Ok(x.clone());
        }
        let id = self.emit(Operator::Reduce { reduction, axes }, vec![id])?;
        let element = if position {
            ElementType::Int64
        } else {
            x.element()
        };
        self.computed(id, shape, element)
    }

    /// `e^x` divided by its sum along an axis.
    pub(in crate::onnx::import) fn softmax(
        &mut self,
        x: &Value,
        axis: usize,
    ) -> Result<Value, Refusal> {
        let shape = x.shape().to_vec();
        if axis >= shape.len() {
            return Err(Refusal(format!("{} has no axis {axis}", Shape(shape))));
        }
        if let Value::Constant(constant) = x {
            self.claim(&shape)?;
            let result = fold::floats(&Operator::Softmax { axis }, &[constant], shape);
            return Ok(Value::Constant(result.into()));
        }
        refuse_integers(&[x])?;
        let (id, axis) = if axis > 0 && self.is_cut(&shape) {
            (self.place(x)?, axis - 1)
        } else {
            (self.place_whole(x)?, axis)
        };
        let id = self.emit(Operator::Softmax { axis }, vec![id])?;
        self.computed(id, shape, x.element())
    }

    /// Maps `[n, c, h, w]` in the network as one of `n·c` channels.
    fn map(&mut self, x: &Value) -> Result<ValueId, Refusal> {
        let &[batch, channels, height, width] = x.shape() else {
            return Err(Refusal(format!(
                "takes maps [batch, channel, height, width], not {}",
                Shape(x.shape().to_vec())
            )));
        };
        let channels = batch.checked_mul(channels).ok_or("has too many channels")?;
        let id = self.place(x)?;
        self.reshaped(id, &[channels, height, width])
    }

    /// The maps of `batch` samples that the network has as one.
    fn computed_map(
        &mut self,
        id: ValueId,
        batch: usize,
        element: ElementType,
    ) -> Result<Value, Refusal> {
        let [channels, height, width] = self.shapes[id.0].as_map();
        self.computed(id, vec![batch, channels / batch, height, width], element)
    }

    fn vector(
        &mut self,
        role: Role,
        constant: Option<&Constant>,
    ) -> Result<Option<ParameterId>, Refusal> {
        constant
            .map(|constant| self.channels(role, constant))
            .transpose()
    }

    /// A parameter with one number for each channel, however its axes lie in the file.
    fn channels(&mut self, role: Role, constant: &Constant) -> Result<ParameterId, Refusal> {
        self.parameter(role, constant.clone(), vec![constant.elements()])
    }
}

fn product_shape(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let ([a_leading @ .., rows, shared], [b_leading @ .., inner, columns]) = (a, b) else {
        return None;
    };
    let mut shape = broadcast(a_leading, b_leading)?;
    shape.extend([rows, columns]);
    (shared == inner).then_some(shape)
}
