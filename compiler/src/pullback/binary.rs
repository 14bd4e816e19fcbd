//! Sums, differences and products of two values of one shape.

use super::tape::put;

/// An element-wise function of two values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
}

impl Binary {
    pub(crate) fn forward(self, [left, right]: [&[f32]; 2], output: &mut [f32]) {
        let pairs = left.iter().zip(right);
        match self {
            Self::Add => put(output, pairs.map(|(a, b)| a + b), false),
            Self::Subtract => put(output, pairs.map(|(a, b)| a - b), false),
            Self::Multiply => put(output, pairs.map(|(a, b)| a * b), false),
        }
    }

    /// The slopes of one side, 0 or 1, where `other` is the value of the other one.
    pub(crate) fn backward(
        self,
        side: usize,
        slopes: &[f32],
        other: &[f32],
        targets: &mut [f32],
        add: bool,
    ) {
        match (self, side) {
            (Self::Add, _) | (Self::Subtract, 0) => put(targets, slopes.iter().copied(), add),
            (Self::Subtract, _) => put(targets, slopes.iter().map(|slope| -slope), add),
            (Self::Multiply, _) => {
                let products = slopes.iter().zip(other).map(|(slope, other)| slope * other);
                put(targets, products, add);
            }
        }
    }
}
