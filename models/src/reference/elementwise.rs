//! Functions of one, two and three elements, and of the elements of a channel.
//!
//! Transcendental functions are those of the `libm` crate: the system's own differ in the last bit, and numbers folded at import must
//! be the same everywhere.

use super::Input;
use super::layout::{Offsets, broadcast_strides};
use crate::function::{BinaryFunction, Function};
use crate::shape::Shape;

/// A function of one element. A NaN stays one.
pub(crate) fn unary(function: Function, x: f32) -> f32 {
    if let Function::Clip { low, high } = function {
        return match (low, high) {
            (Some(low), _) if x < low => low,
            (_, Some(high)) if x > high => high,
            _ => x,
        };
    }
    unary_f64(function, f64::from(x)) as f32
}

fn unary_f64(function: Function, x: f64) -> f64 {
    let negative = x < 0.0;
    match function {
        Function::Clip { .. } => unreachable!("a clamp does not round"),
        Function::Affine { scale, shift } => f64::from(scale) * x + f64::from(shift),
        Function::LeakyRelu { slope } if negative => f64::from(slope) * x,
        Function::Elu { alpha } if negative => f64::from(alpha) * libm::expm1(x),
        Function::LeakyRelu { .. } | Function::Elu { .. } => x,
        Function::Sigmoid => 1.0 / (1.0 + libm::exp(-x)),
        Function::Tanh => libm::tanh(x),
        // As `max(x, 0) + ln(1 + e^−|x|)`, where nothing overflows.
        Function::Softplus => x.max(0.0) + libm::log1p(libm::exp(-x.abs())),
        Function::Erf => libm::erf(x),
        Function::Exp => libm::exp(x),
        Function::Log => libm::log(x),
        Function::Abs => x.abs(),
        Function::Sign if x == 0.0 || x.is_nan() => x,
        Function::Sign => x.signum(),
        Function::Floor => x.floor(),
        Function::Round => x.round_ties_even(),
        Function::Power { exponent } => libm::pow(x, f64::from(exponent)),
        Function::Sin => libm::sin(x),
        Function::Cos => libm::cos(x),
    }
}

/// A function of two elements. Where one is a NaN, so is the result, but for comparisons, which are 0, and powers, which are IEEE 754's.
pub(crate) fn binary(function: BinaryFunction, x: f32, y: f32) -> f32 {
    let [wide_x, wide_y] = [x, y].map(f64::from);
    let result = match function {
        BinaryFunction::Add => wide_x + wide_y,
        BinaryFunction::Subtract => wide_x - wide_y,
        BinaryFunction::Multiply => wide_x * wide_y,
        BinaryFunction::Divide => wide_x / wide_y,
        BinaryFunction::Power => libm::pow(wide_x, wide_y),
        BinaryFunction::Minimum => return if x <= y || x.is_nan() { x } else { y },
        BinaryFunction::Maximum => return if x >= y || x.is_nan() { x } else { y },
        BinaryFunction::Greater => return f32::from(x > y),
        BinaryFunction::Equal => return f32::from(x == y),
    };
    result as f32
}

/// [`binary`] of every pair of elements.
pub(super) fn zip(function: BinaryFunction, [left, right]: [Input; 2], result: &Shape) -> Vec<f32> {
    if left.0 == right.0 {
        let pairs = left.1.iter().zip(right.1);
        return pairs.map(|(x, y)| binary(function, *x, *y)).collect();
    }
    repeated(left, result)
        .zip(repeated(right, result))
        .map(|(x, y)| binary(function, x, y))
        .collect()
}

/// The elements of `yes` where `condition` is not 0, else those of `no`.
pub(super) fn choose([condition, yes, no]: [Input; 3], result: &Shape) -> Vec<f32> {
    repeated(condition, result)
        .zip(repeated(yes, result).zip(repeated(no, result)))
        .map(|(condition, (yes, no))| if condition != 0.0 { yes } else { no })
        .collect()
}

/// The elements of `input` repeated over the shape `result`.
fn repeated<'a>((shape, values): Input<'a>, result: &Shape) -> impl Iterator<Item = f32> + use<'a> {
    let strides = broadcast_strides(&shape.0, &result.0);
    Offsets::new(&result.0, strides).map(|offset| values[offset])
}

/// `function(c, x)` of every element `x` of every channel `c`, which is axis 0.
pub(super) fn by_channel((shape, values): Input, function: impl Fn(usize, f64) -> f64) -> Vec<f32> {
    let channels = values.chunks_exact(values.len() / shape.0[0]).enumerate();
    channels
        .flat_map(|(channel, values)| values.iter().map(move |x| (channel, *x)))
        .map(|(channel, x)| function(channel, f64::from(x)) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{apply, at, index_of, pattern};
    use super::*;
    use crate::operator::Operator;

    proptest! {
        #[test]
        fn repeated_axes_have_index_zero(
            shape in prop::collection::vec(1usize..4, 0..4),
            ones: [[bool; 4]; 2],
            missing in [0usize..4, 0usize..4],
        ) {
            // Each side has length 1 along some axes and lacks some of the first; at least one side has each axis whole.
            let side = |side: usize| {
                let length = |(axis, length): (usize, &usize)| match side {
                    1 if ones[0][axis] => *length,
                    _ if ones[side][axis] => 1,
                    _ => *length,
                };
                let axes: Vec<usize> = shape.iter().enumerate().map(length).collect();
                let lacking = axes.iter().take(missing[side]).take_while(|length| **length == 1);
                pattern(&axes[lacking.count()..])
            };
            let inputs = [side(0), side(1)];
            let result = apply(&Operator::Binary(BinaryFunction::Subtract), &inputs, &[]);
            let element = |side: usize, index: &[usize]| {
                let lengths = &inputs[side].0.0;
                let aligned = &index[index.len() - lengths.len()..];
                let index: Vec<usize> = aligned.iter().zip(lengths).map(|(i, n)| i % n).collect();
                at(&inputs[side], &index)
            };
            for (flat, result_element) in result.1.iter().enumerate() {
                let index = index_of(&result.0.0, flat);
                prop_assert_eq!(*result_element, element(0, &index) - element(1, &index));
            }
        }
    }
}
