//! `Resize` and `Upsample`: nearest elements are selected; interpolation is a matrix product along each axis.
//!
//! Positions are computed in f32, as ONNX Runtime does: near a tie another precision would select other elements.
//! Non-goals: what a request of a node means for an axis (`request`), and the weights of interpolation (`interpolation`).

mod interpolation;
mod request;

use interpolation::Interpolation;
use request::Request;

use super::composition::apply_along;
use super::{GraphNode, Lower, Lowering, Refusal, Value};

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[("Resize", resize), ("Upsample", upsample)];

fn resize(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let request = match node.opset {
        ..11 => Request::upsample(node, &x, lowering.floats(node, 1)?)?,
        _ => Request::resize(lowering, node, &x)?,
    };
    apply(lowering, &x, &request)
}

/// The forerunner of `Resize`.
fn upsample(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let scales = match node.opset {
        ..9 => node.floats("scales")?,
        _ => lowering.floats(node, 1)?,
    };
    let request = Request::upsample(node, &x, scales)?;
    apply(lowering, &x, &request)
}

/// How elements of the result are made of those around their position.
enum Method {
    /// The one at the position that this function rounds to.
    Nearest(fn(f32) -> f32),
    /// Their weighted mean.
    Interpolation(Interpolation),
}

fn apply(lowering: &mut Lowering, x: &Value, request: &Request) -> Result<Vec<Value>, Refusal> {
    let mut y = x.clone();
    for axis in request.axes.iter().filter(|axis| axis.changes()) {
        let positions: Vec<f32> = (0..axis.size).map(|index| axis.position(index)).collect();
        let last = axis.length - 1;
        let inside = |position: f32| !axis.crops() || (0.0..=last as f32).contains(&position);
        y = match &request.method {
            Method::Nearest(round) => {
                let index = |position: f32| (round(position).max(0.0) as usize).min(last);
                let chosen = positions.iter().map(|at| inside(*at).then(|| index(*at)));
                lowering.select(&y, axis.axis, chosen.collect(), request.extrapolation)?
            }
            Method::Interpolation(interpolation) => {
                lowering.claim(&[axis.size, axis.length])?;
                let kept: Vec<bool> = positions.iter().map(|at| inside(*at)).collect();
                let positions: Vec<f32> = positions
                    .iter()
                    .zip(&kept)
                    .map(|(at, kept)| if *kept { *at } else { 0.0 })
                    .collect();
                let matrix = interpolation.matrix(axis.scale, axis.length, &positions);
                let means = apply_along(lowering, &y, axis.axis, axis.size, matrix)?;
                let chosen = kept
                    .iter()
                    .enumerate()
                    .map(|(index, kept)| kept.then_some(index));
                lowering.select(&means, axis.axis, chosen.collect(), request.extrapolation)?
            }
        };
    }
    Ok(vec![y])
}
