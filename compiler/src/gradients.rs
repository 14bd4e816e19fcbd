//! Which engine gives a network's gradients.
//!
//! Non-goals: how any of them does it (`backprop`, `pullback`, `execute`).

use sinew_models::Network;

use crate::backprop::Backprop;
use crate::classifier::Differentiable;
use crate::execute::{DeviceChoice, DeviceError, Executor};
use crate::pullback::Program;
use crate::trainable::Trainable;

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

/// An engine that trains `network`: on the processor by matrix products where they know all operators, else burn.
///
/// # Errors
/// If there is no such device.
pub fn trainable(
    network: &Network,
    device: DeviceChoice,
) -> Result<Box<dyn Trainable + '_>, DeviceError> {
    if device == DeviceChoice::Cpu
        && let Ok(engine) = Backprop::new(network)
    {
        return Ok(Box::new(engine));
    }
    Ok(Box::new(Executor::new(network, &device.open()?)))
}
