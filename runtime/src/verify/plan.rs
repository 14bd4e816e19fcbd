//! Tensors, steps and weights: every tensor lies in the arena, every shape follows from its step,
//! every index in the weights is inside its matrix, and the declared totals are the true ones.

use crate::format::{MAX_MEMORY_BYTES, MAX_WORK, Matrix, PlanHeader, StepRecord, TensorRecord};
use crate::model::{Plan, Section};
use crate::operator::{Affine, Constant, Convolution, Gather, Linear, Task};
use crate::{Error, ErrorKind, Step};

/// Verifies everything about a plan but liveness.
pub fn verify<'m>(plan: Section<'m>, weights: Section<'m>) -> Result<Plan<'m>, Error> {
    let plan = split(plan, weights)?;
    verify_tensors(&plan)?;
    let totals = verify_steps(&plan)?;

    let header = &plan.header;
    for (declared, true_value, kind, field) in [
        (
            header.scratch_bytes,
            totals.scratch_bytes,
            ErrorKind::ScratchSize,
            24,
        ),
        (
            header.macs_dense,
            totals.macs_dense,
            ErrorKind::MacsDense,
            32,
        ),
        (
            header.macs_effective,
            totals.macs_effective,
            ErrorKind::MacsEffective,
            40,
        ),
    ] {
        if declared != true_value {
            return Err(Error::new(kind, plan.at + field));
        }
    }
    Ok(plan)
}

/// Splits the plan section into its records.
fn split<'m>(section: Section<'m>, weights: Section<'m>) -> Result<Plan<'m>, Error> {
    let wrong_length = Error::new(ErrorKind::PlanLength, section.at);
    let (header, rest) = section.bytes.split_first_chunk().ok_or(wrong_length)?;
    let header = PlanHeader::from_bytes(header).map_err(|error| error.inside(section.at))?;
    let steps = header.step_count as usize;
    let (tensors, steps_bytes) = rest
        .split_at_checked((steps + 1) * TensorRecord::BYTES)
        .ok_or(wrong_length)?;
    if steps_bytes.len() != steps * StepRecord::BYTES {
        return Err(wrong_length);
    }
    Ok(Plan {
        at: section.at,
        header,
        tensors: tensors.as_chunks().0,
        steps: steps_bytes.as_chunks().0,
        weights,
    })
}

fn verify_tensors(plan: &Plan) -> Result<(), Error> {
    let PlanHeader {
        arena_bytes,
        scratch_bytes,
        ..
    } = plan.header;
    if arena_bytes.saturating_add(scratch_bytes) > MAX_MEMORY_BYTES {
        return Err(Error::new(ErrorKind::MemoryLimit, plan.at + 16));
    }
    let mut arena_end = 0;
    for number in 0..plan.tensors.len() {
        let at = plan.tensor_at(number);
        let tensor = plan.tensor(number);
        let shape = tensor.shape;
        let sides = [shape.channels, shape.height, shape.width];
        if let Some(side) = sides.iter().position(|&side| side == 0) {
            return Err(Error::new(ErrorKind::Dimension, at + 4 + 4 * side));
        }
        let end = tensor.span().end.saturating_mul(4);
        if end > arena_bytes {
            return Err(Error::new(ErrorKind::TensorOutsideArena, at));
        }
        arena_end = arena_end.max(end);
    }
    if arena_end < arena_bytes {
        return Err(Error::new(ErrorKind::ArenaSlack, plan.at + 16));
    }
    Ok(())
}

/// What the steps need together.
#[derive(Default)]
struct Totals {
    scratch_bytes: u64,
    macs_dense: u64,
    macs_effective: u64,
    work: u64,
}

fn verify_steps(plan: &Plan) -> Result<Totals, Error> {
    let mut totals = Totals::default();
    let mut weights_end = 0;
    for index in 0..plan.steps.len() {
        let at = plan.step_at(index);
        let step = Step::read(plan, index)?;
        if step.operator().has_weights() {
            if step.record.weights_offset != weights_end as u64 {
                return Err(Error::new(ErrorKind::WeightsOffset, at + 48));
            }
            verify_weights(&step).map_err(|error| error.inside(plan.weights.at + weights_end))?;
            weights_end += step.record.weights_length as usize;
        }
        totals.work += step.demand.work;
        if totals.work > MAX_WORK {
            return Err(Error::new(ErrorKind::WorkLimit, at));
        }
        totals.scratch_bytes = totals.scratch_bytes.max(step.demand.scratch_bytes);
        totals.macs_dense += step.macs_dense();
        totals.macs_effective += step.macs_effective();
    }
    if weights_end != plan.weights.bytes.len() {
        let at = plan.weights.at + weights_end;
        return Err(Error::new(ErrorKind::WeightsTrailing, at));
    }
    Ok(totals)
}

/// Looks at every weight of a step. Offsets of errors count from the start of its blob.
fn verify_weights(step: &Step) -> Result<(), Error> {
    match step.task {
        Task::Convolution(Convolution { matrix, .. }) | Task::Linear(Linear { matrix, .. }) => {
            match matrix {
                Matrix::Dense(matrix) => matrix.verify(),
                // An index is 16 bits wide, so there are at most 2^16 columns.
                Matrix::Sparse(matrix) => matrix.verify(step.demand.columns as usize),
            }
        }
        Task::Affine(Affine { weights, .. }) => weights.verify(),
        Task::Gather(Gather { indices, view, .. }) => indices.verify(view.axis as usize),
        Task::Constant(Constant { values }) => values.verify(),
        _ => Ok(()),
    }
}
