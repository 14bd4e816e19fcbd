//! Functions of one element, with their slopes.
//!
//! Non-goals: clamps behind other steps, which are these steps' bounds (`lower`).

use sinew_models::Function;

use crate::pullback::tape::put;

/// An element-wise function with a slope that is known here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unary {
    Clip { low: f32, high: f32 },
    Affine { scale: f32, shift: f32 },
    LeakyRelu { slope: f32 },
    Elu { alpha: f32 },
    Sigmoid,
    Tanh,
    Softplus,
}

impl Unary {
    /// The function, if it is known here.
    pub(super) fn new(function: Function) -> Option<Self> {
        if let Some((low, high)) = function.bounds() {
            return Some(Self::Clip { low, high });
        }
        match function {
            Function::Affine { scale, shift } => Some(Self::Affine { scale, shift }),
            Function::LeakyRelu { slope } => Some(Self::LeakyRelu { slope }),
            Function::Elu { alpha } => Some(Self::Elu { alpha }),
            Function::Sigmoid => Some(Self::Sigmoid),
            Function::Tanh => Some(Self::Tanh),
            Function::Softplus => Some(Self::Softplus),
            _ => None,
        }
    }

    pub(super) fn forward(self, input: &[f32], output: &mut [f32]) {
        match self {
            Self::Clip { low, high } => each(input, output, |x| x.clamp(low, high)),
            Self::Affine { scale, shift } => each(input, output, |x| scale * x + shift),
            Self::LeakyRelu { slope } => {
                each(input, output, |x| if x < 0.0 { slope * x } else { x });
            }
            Self::Elu { alpha } => {
                each(
                    input,
                    output,
                    |x| {
                        if x < 0.0 { alpha * x.exp_m1() } else { x }
                    },
                )
            }
            Self::Sigmoid => each(input, output, sigmoid),
            Self::Tanh => each(input, output, f32::tanh),
            Self::Softplus => each(input, output, |x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
        }
    }

    /// Writes the slopes of the input to `targets`, or adds them. `output` is what the function made of `input`.
    pub(super) fn pull_input(
        self,
        [input, output]: [&[f32]; 2],
        slopes: &[f32],
        targets: &mut [f32],
        add: bool,
    ) {
        let step = |holds: bool, otherwise: f32| if holds { 1.0 } else { otherwise };
        match self {
            Self::Clip { low, high } => pull(input, slopes, targets, add, |x| {
                step(low < x && x < high, 0.0)
            }),
            Self::Affine { scale, .. } => pull(input, slopes, targets, add, |_| scale),
            Self::LeakyRelu { slope } => {
                pull(input, slopes, targets, add, |x| step(x >= 0.0, slope));
            }
            Self::Elu { alpha } => pull(input, slopes, targets, add, |x| {
                if x < 0.0 { alpha * x.exp() } else { 1.0 }
            }),
            Self::Sigmoid => pull(output, slopes, targets, add, |y| y * (1.0 - y)),
            Self::Tanh => pull(output, slopes, targets, add, |y| 1.0 - y * y),
            Self::Softplus => pull(input, slopes, targets, add, sigmoid),
        }
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn each(input: &[f32], output: &mut [f32], function: impl Fn(f32) -> f32) {
    for (y, x) in output.iter_mut().zip(input) {
        *y = function(*x);
    }
}

fn pull(
    values: &[f32],
    slopes: &[f32],
    targets: &mut [f32],
    add: bool,
    derivative: impl Fn(f32) -> f32,
) {
    let products = slopes
        .iter()
        .zip(values)
        .map(|(slope, x)| slope * derivative(*x));
    put(targets, products, add);
}
