//! One step of a plan, put together from its record, its tensors and its weights. What needs a look
//! at every weight is left to the verifier.

use crate::format::{
    Demand, DenseMatrix, Encoding, Indices, Matrix, Operator, ScaleShift, Shape, SparseMatrix,
    StepRecord, TensorRecord, Values,
};
use crate::model::Plan;
use crate::operator::{
    Affine, Binary, Concat, Constant, Convolution, Gather, Linear, MatMul, Pool, Reduce, Softmax,
    Swap, Task, Unary,
};
use crate::{Error, ErrorKind, Isa};

/// Stands for an input that an operator does not have.
const NO_TENSOR: TensorRecord = TensorRecord {
    offset: 0,
    shape: Shape {
        channels: 0,
        height: 0,
        width: 0,
    },
};

/// One step of a model.
#[derive(Clone, Copy, Debug)]
pub struct Step<'m> {
    pub(crate) record: StepRecord,
    pub(crate) inputs: [TensorRecord; 2],
    pub(crate) output: TensorRecord,
    pub(crate) demand: Demand,
    pub(crate) task: Task<'m>,
}

impl<'m> Step<'m> {
    /// Reads step `index` of a plan whose tensors have been verified. Takes constant time; once
    /// [`crate::Model::parse`] has read every step, it cannot fail any more.
    pub(crate) fn read(plan: &Plan<'m>, index: usize) -> Result<Self, Error> {
        let at = plan.step_at(index);
        let record =
            StepRecord::from_bytes(&plan.steps[index]).map_err(|error| error.inside(at))?;
        if record.output as usize != index + 1 {
            return Err(Error::new(ErrorKind::StepOutput, at + 12));
        }
        let arity = record.operator.arity();
        let mut inputs = [NO_TENSOR; 2];
        for (order, (input, &tensor)) in inputs.iter_mut().zip(record.inputs()).enumerate() {
            if tensor as usize > index {
                return Err(Error::new(ErrorKind::NotWritten, at + 4 + 4 * order));
            }
            *input = plan.tensor(tensor as usize);
        }
        let output = plan.tensor(index + 1);
        let shapes = inputs.map(|input| input.shape);
        let demand = Demand::of(&record.operator, &shapes[..arity], output.shape)
            .map_err(|kind| Error::new(kind, at))?;
        let blob = blob(plan, &record).ok_or(Error::new(ErrorKind::WeightsBounds, at + 48))?;
        let task = task(&record.operator, shapes[0], output.shape, &demand, blob)
            .ok_or(Error::new(ErrorKind::WeightsLength, at + 56))?;
        Ok(Self {
            record,
            inputs,
            output,
            demand,
            task,
        })
    }

    /// What it computes.
    pub fn operator(&self) -> Operator {
        self.record.operator
    }

    /// The numbers of the tensors it reads: none, one or two. Tensor 0 is the model's input, tensor
    /// k + 1 the output of step k.
    pub fn inputs(&self) -> &[u32] {
        self.record.inputs()
    }

    /// The shape of each input, `[channels, height, width]`.
    pub fn input_shapes(&self) -> impl ExactSizeIterator<Item = [usize; 3]> {
        let inputs = self.inputs.iter().take(self.inputs().len());
        inputs.map(|input| input.shape.dimensions())
    }

    /// The output's shape, `[channels, height, width]`.
    pub fn output_shape(&self) -> [usize; 3] {
        self.output.shape.dimensions()
    }

    /// Rows and columns of the weight matrix, zero for a step that has none.
    pub fn matrix_shape(&self) -> [u64; 2] {
        [self.demand.rows, self.demand.columns]
    }

    /// The number of weights that the file stores for its matrix, without bias.
    pub fn stored_weights(&self) -> u64 {
        match self.task {
            Task::Convolution(Convolution { matrix, .. }) | Task::Linear(Linear { matrix, .. }) => {
                matrix.stored()
            }
            _ => 0,
        }
    }

    /// The fraction of the matrix's weights that the file stores (1 for dense encoding), if there is
    /// a matrix.
    pub fn density(&self) -> Option<f64> {
        let weights = self.demand.rows * self.demand.columns;
        (weights > 0).then(|| self.stored_weights() as f64 / weights as f64)
    }

    /// The bytes of its part of the weights section.
    pub fn weight_bytes(&self) -> u64 {
        self.record.weights_length
    }

    /// Multiply-accumulates if the matrix were dense; those of a product of two inputs count as well.
    pub fn macs_dense(&self) -> u64 {
        self.demand.macs_dense()
    }

    /// Multiply-accumulates with the weights that are stored.
    pub fn macs_effective(&self) -> u64 {
        self.demand.macs_effective(self.stored_weights())
    }

    /// The kernel that a session with this instruction set uses, such as `sparse-convolution/avx2`.
    pub fn kernel_name(&self, isa: Isa) -> &'static str {
        self.task.kernel_name(isa)
    }
}

/// The step's part of the weights section: empty for a step without weights.
fn blob<'m>(plan: &Plan<'m>, record: &StepRecord) -> Option<&'m [u8]> {
    let start = usize::try_from(record.weights_offset).ok()?;
    let length = usize::try_from(record.weights_length).ok()?;
    plan.weights.bytes.get(start..start.checked_add(length)?)
}

/// The operator with its weights, if the blob has the length of those.
fn task<'m>(
    operator: &Operator,
    input: Shape,
    output: Shape,
    demand: &Demand,
    blob: &'m [u8],
) -> Option<Task<'m>> {
    let matrix = |encoding| matrix(encoding, blob, demand);
    Some(match *operator {
        Operator::Convolution {
            encoding,
            bounds,
            window,
            groups,
        } => Task::Convolution(Convolution {
            matrix: matrix(encoding)?,
            bounds,
            window,
            groups: groups as usize,
            input,
            output,
        }),
        Operator::Linear { encoding, bounds } => Task::Linear(Linear {
            matrix: matrix(encoding)?,
            bounds,
        }),
        Operator::MaxPool { window } => Task::MaxPool(Pool {
            window,
            input,
            output,
        }),
        Operator::AveragePool { window } => Task::AveragePool(Pool {
            window,
            input,
            output,
        }),
        Operator::Binary {
            function,
            view,
            reversed,
            bounds,
        } => Task::Binary(Binary {
            function,
            view,
            reversed,
            bounds,
        }),
        Operator::Affine { bounds } => Task::Affine(Affine {
            weights: ScaleShift::from_blob(blob, input.channels as usize)?,
            bounds,
        }),
        Operator::Unary { function, bounds } => Task::Unary(Unary { function, bounds }),
        Operator::Concat { view, second_axis } => Task::Concat(Concat { view, second_axis }),
        Operator::Gather { view, count, fill } => Task::Gather(Gather {
            indices: Indices::from_blob(blob, count as usize)?,
            view,
            fill,
        }),
        Operator::Swap {
            rows,
            columns,
            inner,
            ..
        } => Task::Swap(Swap {
            rows: rows as usize,
            columns: columns as usize,
            inner: inner as usize,
        }),
        Operator::Reduce { reduction, view } => Task::Reduce(Reduce { reduction, view }),
        Operator::Softmax { view } => Task::Softmax(Softmax { view }),
        Operator::Constant => Task::Constant(Constant {
            values: Values::from_blob(blob, usize::try_from(output.elements()).ok()?)?,
        }),
        Operator::MatMul {
            rows,
            depth,
            columns,
            ..
        } => Task::MatMul(MatMul {
            rows: rows as usize,
            depth: depth as usize,
            columns: columns as usize,
        }),
    })
}

fn matrix<'m>(encoding: Encoding, blob: &'m [u8], demand: &Demand) -> Option<Matrix<'m>> {
    let rows = usize::try_from(demand.rows).ok()?;
    Some(match encoding {
        Encoding::Dense => {
            let columns = usize::try_from(demand.columns).ok()?;
            Matrix::Dense(DenseMatrix::from_blob(blob, rows, columns)?)
        }
        Encoding::Sparse => Matrix::Sparse(SparseMatrix::from_blob(blob, rows)?),
    })
}
