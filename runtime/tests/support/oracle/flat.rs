//! Operators that see a flat array through a view of their own. Every value of the output is computed on its own, from where it
//! lies.

use sinew_runtime::format::{BinaryFunction, Bounds, Function, Operator, Reduction, View};

use super::{Expected, exact, mean, product, rounded};
use crate::support::Layer;

/// Computes a layer of `count` values.
pub fn layer(layer: &Layer, inputs: &[&[f32]], count: usize) -> Vec<Expected> {
    let x = inputs.first().copied().unwrap_or_default();
    let second = inputs.get(1).copied().unwrap_or_default();
    let all = 0..count;
    match layer.operator {
        Operator::Binary {
            function,
            view,
            reversed,
            bounds,
        } => all
            .map(|index| {
                let [outer, _, inner] = position(view, index);
                let other = second[at(view.with_axis(1), [outer, 0, inner])];
                let [a, b] = if reversed {
                    [other, x[index]]
                } else {
                    [x[index], other]
                };
                clamped(binary(function, a.into(), b.into()), bounds)
            })
            .collect(),
        Operator::Unary { function, bounds } => x
            .iter()
            .map(|&value| unary(function, value, bounds))
            .collect(),
        Operator::Concat { view, second_axis } => {
            let whole = view.with_axis(view.axis + second_axis);
            let source = |[outer, axis, inner]: [usize; 3]| {
                let own = view.axis as usize;
                if axis < own {
                    x[at(view, [outer, axis, inner])]
                } else {
                    second[at(view.with_axis(second_axis), [outer, axis - own, inner])]
                }
            };
            all.map(|index| exact(source(position(whole, index))))
                .collect()
        }
        Operator::Gather { view, count, fill } => all
            .map(|index| {
                let [outer, axis, inner] = position(view.with_axis(count), index);
                match layer.indices[axis] {
                    Operator::FILL => exact(fill),
                    chosen => exact(x[at(view, [outer, chosen as usize, inner])]),
                }
            })
            .collect(),
        Operator::Swap {
            rows,
            columns,
            inner,
            ..
        } => {
            let [rows, columns, inner] = [rows, columns, inner].map(|length| length as usize);
            let source = |index: usize| {
                let (rest, inside) = (index / inner, index % inner);
                let (rest, row) = (rest / rows, rest % rows);
                let (outer, column) = (rest / columns, rest % columns);
                x[((outer * rows + row) * columns + column) * inner + inside]
            };
            all.map(|index| exact(source(index))).collect()
        }
        Operator::Reduce { reduction, view } => all
            .map(|index| {
                reduce(
                    reduction,
                    &along(x, view, position(view.with_axis(1), index)),
                )
            })
            .collect(),
        Operator::Softmax { view } => all
            .map(|index| {
                let values = along(x, view, position(view, index));
                let powers = values
                    .iter()
                    .map(|&other| (f64::from(other) - f64::from(x[index])).exp());
                // Both the power and the quotient are rounded.
                let (value, tolerance) = rounded(1.0 / powers.sum::<f64>());
                (value, 2.0 * tolerance)
            })
            .collect(),
        Operator::MatMul {
            batch,
            rows,
            depth,
            columns,
        } => all
            .map(|index| {
                let product_view = View {
                    outer: batch,
                    axis: rows,
                    inner: columns,
                };
                let [which, row, column] = position(product_view, index);
                let [rows, depth, columns] = [rows, depth, columns].map(|side| side as usize);
                let left = &x[which * rows * depth % x.len()..];
                let right = &second[which * depth * columns % second.len()..];
                let inputs = (0..depth).map(|k| right[k * columns + column]);
                let weights = &left[row * depth..][..depth];
                product(0.0, weights, inputs, Bounds::NONE)
            })
            .collect(),
        _ => unreachable!("a layer that depends on shapes"),
    }
}

/// Where a value of a view lies: outer, axis and inner index.
fn position(view: View, index: usize) -> [usize; 3] {
    let [axis, inner] = [view.axis, view.inner].map(|length| length as usize);
    [index / inner / axis, index / inner % axis, index % inner]
}

/// The inverse of [`position`].
fn at(view: View, [outer, axis, inner]: [usize; 3]) -> usize {
    (outer * view.axis as usize + axis) * view.inner as usize + inner
}

/// The values along the axis through a position.
fn along(values: &[f32], view: View, [outer, _, inner]: [usize; 3]) -> Vec<f32> {
    (0..view.axis as usize)
        .map(|axis| values[at(view, [outer, axis, inner])])
        .collect()
}

/// A rounded value in bounds.
fn clamped(value: f64, bounds: Bounds) -> Expected {
    rounded(value.clamp(bounds.low.into(), bounds.high.into()))
}

fn binary(function: BinaryFunction, a: f64, b: f64) -> f64 {
    match function {
        BinaryFunction::Add => a + b,
        BinaryFunction::Subtract => a - b,
        BinaryFunction::Multiply => a * b,
        BinaryFunction::Divide => a / b,
        BinaryFunction::Minimum => a.min(b),
        BinaryFunction::Maximum => a.max(b),
        BinaryFunction::Power => a.powf(b),
        BinaryFunction::Greater => f64::from(u8::from(a > b)),
        BinaryFunction::Equal => f64::from(u8::from(a == b)),
    }
}

fn unary(function: Function, value: f32, bounds: Bounds) -> Expected {
    let x = f64::from(value);
    let result = match function {
        Function::Affine { scale, shift } => {
            return product(shift, &[scale], [value].into_iter(), bounds);
        }
        Function::LeakyRelu { slope } => x.max(0.0) + f64::from(slope) * x.min(0.0),
        Function::Elu { alpha } => x.max(0.0) + f64::from(alpha) * x.min(0.0).exp_m1(),
        Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Function::Tanh => x.tanh(),
        Function::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Function::Erf => erf(x),
        Function::Exp => x.exp(),
        Function::Log => x.ln(),
        Function::Abs => x.abs(),
        Function::Sign if x == 0.0 => x,
        Function::Sign => x.signum(),
        Function::Floor => x.floor(),
        Function::Round => x.round_ties_even(),
        Function::Power { exponent } => x.powf(exponent.into()),
        Function::Sin => x.sin(),
        Function::Cos => x.cos(),
    };
    clamped(result, bounds)
}

/// The error function as it is defined, by the midpoint rule: off by less than a tenth of what `f32` is.
fn erf(x: f64) -> f64 {
    const STEPS: u32 = 2000;
    let step = x / f64::from(STEPS);
    let heights = (0..STEPS).map(|index| (-((f64::from(index) + 0.5) * step).powi(2)).exp());
    core::f64::consts::FRAC_2_SQRT_PI * step * heights.sum::<f64>()
}

fn reduce(reduction: Reduction, values: &[f32]) -> Expected {
    match reduction {
        Reduction::Sum => {
            let ones = vec![1.0; values.len()];
            product(0.0, &ones, values.iter().copied(), Bounds::NONE)
        }
        Reduction::Mean => mean(values),
        Reduction::Maximum => exact(values.iter().copied().fold(f32::MIN, f32::max)),
        Reduction::Minimum => exact(values.iter().copied().fold(f32::MAX, f32::min)),
        Reduction::Product => {
            let (product, tolerance) =
                rounded(values.iter().map(|&value| f64::from(value)).product());
            (product, tolerance * values.len() as f64)
        }
        Reduction::ArgMaximum => {
            let largest = values.iter().copied().fold(f32::MIN, f32::max);
            let first = values.iter().position(|&value| value == largest);
            exact(first.unwrap() as f32)
        }
    }
}
