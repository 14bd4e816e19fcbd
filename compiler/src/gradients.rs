//! Which engine gives a network's gradients.
//!
//! Non-goals: how either does it (`pullback`, `execute`).

use sinew_models::Network;

use crate::classifier::Differentiable;
use crate::execute::{DeviceChoice, DeviceError, Executor};
use crate::pullback::Program;

/// Calls `work` with the gradients of `network`: on the processor those of the runtime's kernels where they know all operators, which is
/// several times as fast; else burn's.
///
/// # Errors
/// If there is no such device.
pub fn with_gradients<T>(
    network: &Network,
    device: DeviceChoice,
    work: impl FnOnce(&dyn Differentiable) -> T,
) -> Result<T, DeviceError> {
    if device == DeviceChoice::Cpu
        && let Ok(program) = Program::new(network)
    {
        return Ok(work(&program.pullback()));
    }
    let opened = device.open()?;
    Ok(work(&Executor::new(network, &opened)))
}
