//! Elements in another order, repeated, left out or joined.

use sinew_models::{Node, swaps};
use sinew_runtime::format::{Operator, Shape};

use super::view::view;
use super::weights::Weights;
use super::{Lowering, PackError, narrow};

impl Lowering<'_> {
    /// The positions `indices` of an axis of the value of `shape` in tensor `input`.
    pub(super) fn gather(
        &mut self,
        node: &Node,
        input: usize,
        shape: &[usize],
        axis: usize,
        indices: &[Option<usize>],
        fill: f32,
    ) -> Result<usize, PackError> {
        let operator = Operator::Gather {
            view: view(node, shape, axis..axis + 1)?,
            count: narrow(node, indices.len())?,
            fill,
        };
        let mut result = shape.to_vec();
        result[axis] = indices.len();
        let weights = Weights::indices(indices);
        self.push(
            node,
            operator,
            &[input],
            self.record(node, &result)?,
            weights,
        )
    }

    /// The value of shape `own` in tensor `input` repeated until it has the shape `wanted`.
    pub(super) fn broadcast(
        &mut self,
        node: &Node,
        mut input: usize,
        own: &[usize],
        wanted: &[usize],
    ) -> Result<usize, PackError> {
        let mut axes = vec![1; wanted.len() - own.len()];
        axes.extend(own);
        for axis in 0..wanted.len() {
            if axes[axis] != wanted[axis] {
                let first = vec![Some(0); wanted[axis]];
                input = self.gather(node, input, &axes, axis, &first, 0.0)?;
                axes[axis] = wanted[axis];
            }
        }
        Ok(input)
    }

    /// The axes of a value in another order.
    pub(super) fn transpose(
        &mut self,
        node: &Node,
        mut input: usize,
        shape: &[usize],
        order: &[usize],
    ) -> Result<usize, PackError> {
        let result: Vec<usize> = order.iter().map(|axis| shape[*axis]).collect();
        for swap in swaps(shape, order) {
            let operator = Operator::Swap {
                outer: narrow(node, swap.outer)?,
                rows: narrow(node, swap.first)?,
                columns: narrow(node, swap.second)?,
                inner: narrow(node, swap.inner)?,
            };
            let record = self.record(node, &result)?;
            input = self.push(node, operator, &[input], record, Weights::none())?;
        }
        Ok(input)
    }

    /// Values one after the other along an axis, two at a time.
    pub(super) fn concat(
        &mut self,
        node: &Node,
        values: &[(usize, &[usize])],
        axis: usize,
    ) -> Result<usize, PackError> {
        let (mut joined, first) = values[0];
        let mut shape = first.to_vec();
        for (second, own) in &values[1..] {
            let operator = Operator::Concat {
                view: view(node, &shape, axis..axis + 1)?,
                second_axis: narrow(node, own[axis])?,
            };
            shape[axis] += own[axis];
            let record = self.record(node, &shape)?;
            joined = self.push(node, operator, &[joined, *second], record, Weights::none())?;
        }
        Ok(joined)
    }

    /// A tensor of `record` with the values of `input`: the same one if it has that shape.
    pub(super) fn reshaped(
        &mut self,
        node: &Node,
        input: usize,
        record: Shape,
    ) -> Result<usize, PackError> {
        if self.shapes[input] == record {
            return Ok(input);
        }
        self.push(node, super::COPY, &[input], record, Weights::none())
    }
}
