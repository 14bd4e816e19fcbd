//! Steps as nodes: those that see their tensors through a view. Where the view is an axis of the value, the node works on that axis;
//! else the value is brought into the view's shape before.

use std::ops::Range;

use sinew_models::{Operator, ValueId};
use sinew_runtime::format::{self, View};

use super::super::functions::{binary_to_network, reduction_to_network};
use super::Blob;
use super::twin::Twin;

impl Twin {
    pub(super) fn viewed(
        &mut self,
        name: &str,
        operator: format::Operator,
        mut values: Vec<ValueId>,
        mut blob: Blob<'_>,
    ) -> ValueId {
        match operator {
            format::Operator::Binary {
                function,
                view,
                reversed,
                ..
            } => {
                let (value, along) = match view.axis {
                    // Two values of one shape: any will do.
                    1 => (values[0], 0..0),
                    _ => self.along(name, values[0], view),
                };
                let shape = self.shape(value).to_vec();
                let mut part = shape.clone();
                part[along].fill(1);
                let second = self.reshaped(name, values[1], part);
                let operator = Operator::Binary(binary_to_network(function));
                let inputs = match reversed {
                    false => vec![value, second],
                    true => vec![second, value],
                };
                self.node(name, operator, inputs, shape)
            }
            format::Operator::Concat { view, second_axis } => {
                let (value, axis) = self.along_axis(name, values[0], view);
                let mut shape = self.shape(value).to_vec();
                let own = shape[axis];
                shape[axis] = second_axis as usize;
                let second = self.reshaped(name, values[1], shape.clone());
                shape[axis] += own;
                self.node(name, Operator::Concat { axis }, vec![value, second], shape)
            }
            format::Operator::Gather { view, count, fill } => {
                let (value, axis) = self.along_axis(name, values[0], view);
                let mut shape = self.shape(value).to_vec();
                shape[axis] = count as usize;
                let index = |index| (index != format::Operator::FILL).then_some(index as usize);
                let indices = blob.words(count as usize, u32::from_le_bytes);
                let operator = Operator::Select {
                    axis,
                    indices: indices.into_iter().map(index).collect(),
                    fill,
                };
                self.node(name, operator, vec![value], shape)
            }
            format::Operator::Swap {
                outer,
                rows,
                columns,
                inner,
            } => {
                let [outer, rows, columns, inner] =
                    [outer, rows, columns, inner].map(|axis| axis as usize);
                let value = self.reshaped(name, values[0], vec![outer, rows, columns, inner]);
                let order = vec![0, 2, 1, 3];
                let shape = vec![outer, columns, rows, inner];
                self.node(name, Operator::Transpose { order }, vec![value], shape)
            }
            format::Operator::Reduce { reduction, view } => {
                let (value, along) = match reduction {
                    format::Reduction::ArgMaximum => {
                        let (value, axis) = self.along_axis(name, values[0], view);
                        (value, axis..axis + 1)
                    }
                    _ => self.along(name, values[0], view),
                };
                let mut shape = self.shape(value).to_vec();
                shape[along.clone()].fill(1);
                let operator = Operator::Reduce {
                    reduction: reduction_to_network(reduction),
                    axes: along.collect(),
                };
                self.node(name, operator, vec![value], shape)
            }
            format::Operator::Softmax { view } => {
                let (value, axis) = self.along_axis(name, values[0], view);
                let shape = self.shape(value).to_vec();
                self.node(name, Operator::Softmax { axis }, vec![value], shape)
            }
            format::Operator::MatMul {
                batch,
                rows,
                depth,
                columns,
            } => {
                let [batch, rows, depth, columns] =
                    [batch, rows, depth, columns].map(|axis| axis as usize);
                for (value, [height, width]) in
                    values.iter_mut().zip([[rows, depth], [depth, columns]])
                {
                    let elements: usize = self.shape(*value).iter().product();
                    let shape = vec![elements / (height * width), height, width];
                    *value = self.reshaped(name, *value, shape);
                }
                self.node(name, Operator::MatMul, values, vec![batch, rows, columns])
            }
            format::Operator::Convolution { .. }
            | format::Operator::Linear { .. }
            | format::Operator::MaxPool { .. }
            | format::Operator::AveragePool { .. }
            | format::Operator::Affine { .. }
            | format::Operator::Unary { .. }
            | format::Operator::Constant => unreachable!("steps without a view"),
        }
    }

    /// The value, and the run of its axes that is the view's axis; in the view's shape if there is no such run.
    fn along(&mut self, name: &str, value: ValueId, view: View) -> (ValueId, Range<usize>) {
        let [outer, axis, inner] = [view.outer, view.axis, view.inner].map(|axis| axis as usize);
        let shape = self.shape(value);
        let ends =
            (0..=shape.len()).flat_map(|start| (start..=shape.len()).map(move |end| start..end));
        let product = |axes: &[usize]| axes.iter().product::<usize>();
        let run = ends.into_iter().find(|run| {
            product(&shape[..run.start]) == outer
                && product(&shape[run.clone()]) == axis
                && product(&shape[run.end..]) == inner
        });
        match run {
            // Reductions need an axis, if only one of length 1.
            Some(run) if !run.is_empty() => (value, run),
            _ => (self.reshaped(name, value, vec![outer, axis, inner]), 1..2),
        }
    }

    /// The same for operators that work on a single axis.
    fn along_axis(&mut self, name: &str, value: ValueId, view: View) -> (ValueId, usize) {
        match self.along(name, value, view) {
            (value, run) if run.len() == 1 => (value, run.start),
            _ => {
                let shape = [view.outer, view.axis, view.inner].map(|axis| axis as usize);
                (self.reshaped(name, value, shape.to_vec()), 1)
            }
        }
    }
}
