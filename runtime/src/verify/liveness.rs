//! Liveness: tensors share the arena, so a step must find its inputs as they were written. Tensor `t`
//! is written before step `t`, and the tensors written after it up to a step's own are those that
//! could have destroyed it.

use crate::format::TensorRecord;
use crate::model::Plan;
use crate::{Error, ErrorKind, Step};

/// Verifies that nothing is read after it has been overwritten, and that no step overwrites what it
/// reads. Without memory to note who wrote what, this takes time quadratic in the number of steps.
pub fn verify(plan: &Plan) -> Result<(), Error> {
    for index in 0..plan.steps.len() {
        let at = plan.step_at(index);
        let step = Step::read(plan, index)?;
        for (order, &tensor) in step.inputs().iter().enumerate() {
            let field = at + 4 + 4 * order;
            if plan.tensor(tensor as usize).overlaps(&step.output) {
                return Err(Error::new(ErrorKind::OutputOverlapsInput, field));
            }
            if is_overwritten(plan, tensor as usize, index) {
                return Err(Error::new(ErrorKind::Overwritten, field));
            }
        }
    }
    let output = plan.header.output as usize;
    if is_overwritten(plan, output, plan.tensors.len() - 1) {
        return Err(Error::new(ErrorKind::Overwritten, plan.at + 4));
    }
    Ok(())
}

/// Whether one of the tensors after `tensor` up to and including `last` overlaps it.
fn is_overwritten(plan: &Plan, tensor: usize, last: usize) -> bool {
    let read = plan.tensor(tensor);
    plan.tensors[tensor + 1..=last]
        .iter()
        .any(|later| TensorRecord::from_bytes(later).overlaps(&read))
}
