//! Two values to one, and many elements to one: binary functions, matrix products, reductions.

use sinew_models::{BinaryFunction, Node, ParameterId, Reduction};
use sinew_runtime::format::{self, Bounds};

use super::super::functions::{binary_to_runtime, reduction_to_runtime};
use super::view::{repeated, view};
use super::weights::Weights;
use super::{Lowering, PackError, narrow};

/// A tensor, and the axes of the value in it.
type Operand<'a> = (usize, &'a [usize]);

impl Lowering<'_> {
    /// One side must have all elements, the other may be repeated along one run of axes: what goes beyond is repeated by steps before.
    pub(super) fn binary(
        &mut self,
        node: &Node,
        function: BinaryFunction,
        left: Operand<'_>,
        right: Operand<'_>,
        result: &[usize],
    ) -> Result<usize, PackError> {
        let is_full = |operand: Operand<'_>| {
            operand.1.iter().product::<usize>() == result.iter().product::<usize>()
        };
        let (whole, part, reversed) = match (is_full(left), is_full(right)) {
            (true, _) => (left.0, right, false),
            (false, true) => (right.0, left, true),
            (false, false) => (self.broadcast(node, left.0, left.1, result)?, right, false),
        };
        let (part, along) = match repeated(part.1, result) {
            Some(along) => (part.0, along),
            None => (self.broadcast(node, part.0, part.1, result)?, 0..0),
        };
        let operator = format::Operator::Binary {
            function: binary_to_runtime(function),
            view: view(node, result, along)?,
            reversed,
            bounds: Bounds::NONE,
        };
        let record = self.record(node, result)?;
        self.push(node, operator, &[whole, part], record, Weights::none())
    }

    pub(super) fn mat_mul(
        &mut self,
        node: &Node,
        left: Operand<'_>,
        right: Operand<'_>,
        result: &[usize],
    ) -> Result<usize, PackError> {
        let (leading, [rows, columns]) = result.split_last_chunk().expect("at least two axes");
        let depth = *left.1.last().expect("at least two axes");
        let mut matrices = |(tensor, own): Operand<'_>| {
            let (own_leading, own_matrix) = own.split_at(own.len() - 2);
            // One matrix for all is what the step itself repeats.
            if own_leading.iter().all(|axis| *axis == 1) {
                return Ok(tensor);
            }
            self.broadcast(node, tensor, own, &[leading, own_matrix].concat())
        };
        let inputs = [matrices(left)?, matrices(right)?];
        let operator = format::Operator::MatMul {
            batch: narrow(node, leading.iter().product())?,
            rows: narrow(node, *rows)?,
            depth: narrow(node, depth)?,
            columns: narrow(node, *columns)?,
        };
        let record = self.record(node, result)?;
        self.push(node, operator, &inputs, record, Weights::none())
    }

    /// A linear layer on several rows: a matrix product, and the bias added to each row. The weights are stored dense.
    pub(super) fn rows(
        &mut self,
        node: &Node,
        input: usize,
        shape: &[usize],
        weight: ParameterId,
        bias: Option<ParameterId>,
    ) -> Result<usize, PackError> {
        let network = self.network;
        let weight = network.parameter(weight);
        let (outputs, features) = (weight.shape()[0], weight.shape()[1]);
        let transposed: Vec<f32> = (0..features)
            .flat_map(|feature| weight.values().iter().skip(feature).step_by(features))
            .copied()
            .collect();
        let matrix = [features, outputs];
        let constant = self.constant(node, &transposed)?;
        let rows = shape.iter().product::<usize>() / features;
        let product = self.mat_mul(
            node,
            (input, &[rows, features]),
            (constant, &matrix),
            &[rows, outputs],
        )?;
        let Some(bias) = bias else {
            return Ok(product);
        };
        let bias = self.constant(node, network.parameter(bias).values())?;
        self.binary(
            node,
            BinaryFunction::Add,
            (product, &[rows, outputs]),
            (bias, &[outputs]),
            &[rows, outputs],
        )
    }

    /// Runs of neighbouring axes one after the other.
    pub(super) fn reduce(
        &mut self,
        node: &Node,
        reduction: Reduction,
        mut input: usize,
        shape: &[usize],
        axes: &[usize],
    ) -> Result<usize, PackError> {
        let mut shape = shape.to_vec();
        for run in axes.chunk_by(|a, b| a + 1 == *b) {
            let run = run[0]..run[run.len() - 1] + 1;
            let operator = format::Operator::Reduce {
                reduction: reduction_to_runtime(reduction),
                view: view(node, &shape, run.clone())?,
            };
            shape[run].fill(1);
            let record = self.record(node, &shape)?;
            input = self.push(node, operator, &[input], record, Weights::none())?;
        }
        Ok(input)
    }

    fn constant(&mut self, node: &Node, values: &[f32]) -> Result<usize, PackError> {
        let record = self.record(node, &[values.len()])?;
        let weights = Weights::values(values);
        self.push(node, format::Operator::Constant, &[], record, weights)
    }
}
