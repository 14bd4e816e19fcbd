//! One step of a plan, put together from its record, its tensors and its weights. What needs a look
//! at every weight is left to the verifier.

use crate::format::{
    Demand, DenseMatrix, Encoding, Matrix, Operator, ScaleShift, SparseMatrix, StepRecord,
    TensorRecord,
};
use crate::model::Plan;
use crate::operator::{Add, Affine, Convolution, Linear, Pool, Task};
use crate::{Error, ErrorKind, Isa};

/// One step of a model.
#[derive(Clone, Copy, Debug)]
pub struct Step<'m> {
    pub(crate) record: StepRecord,
    pub(crate) input: TensorRecord,
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
        let written = |tensor: u32, field| {
            if tensor as usize <= index {
                Ok(plan.tensor(tensor as usize))
            } else {
                Err(Error::new(ErrorKind::NotWritten, at + field))
            }
        };
        let input = written(record.input, 4)?;
        let output = plan.tensor(index + 1);
        let demand = Demand::of(&record.operator, input.shape, output.shape)
            .map_err(|kind| Error::new(kind, at))?;

        let blob = blob(plan, &record).ok_or(Error::new(ErrorKind::WeightsBounds, at + 48))?;
        let wrong_length = Error::new(ErrorKind::WeightsLength, at + 56);
        let matrix = |encoding| matrix(encoding, blob, &demand).ok_or(wrong_length);
        let task = match record.operator {
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
                input: input.shape,
                output: output.shape,
            }),
            Operator::Linear { encoding, bounds } => Task::Linear(Linear {
                matrix: matrix(encoding)?,
                bounds,
            }),
            Operator::MaxPool { window } => Task::MaxPool(Pool {
                window,
                input: input.shape,
                output: output.shape,
            }),
            Operator::AveragePool { window } => Task::AveragePool(Pool {
                window,
                input: input.shape,
                output: output.shape,
            }),
            Operator::Add { second, bounds } => {
                let second = written(second, 8)?;
                if second.shape != input.shape {
                    return Err(Error::new(ErrorKind::AddShapes, at + 8));
                }
                Task::Add(Add { second, bounds })
            }
            Operator::Affine { bounds } => Task::Affine(Affine {
                weights: ScaleShift::from_blob(blob, input.shape.channels as usize)
                    .ok_or(wrong_length)?,
                bounds,
            }),
        };
        Ok(Self {
            record,
            input,
            output,
            demand,
            task,
        })
    }

    /// What it computes.
    pub fn operator(&self) -> Operator {
        self.record.operator
    }

    /// The input's shape, `[channels, height, width]`.
    pub fn input_shape(&self) -> [usize; 3] {
        self.input.shape.dimensions()
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
            Task::MaxPool(_) | Task::AveragePool(_) | Task::Add(_) | Task::Affine(_) => 0,
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

    /// Multiply-accumulates if the matrix were dense.
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
