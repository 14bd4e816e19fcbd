//! A random operator on a value: which one, with what constants, and in front of it what keeps its input where it is defined.

use rand::RngExt;
use rand::seq::IndexedRandom;
use sinew_models::{BinaryFunction, Function, Operator, Reduction, Role, ValueId, Window};

use super::draft::Draft;

type Append = fn(&mut Draft, ValueId) -> Option<ValueId>;

const OPERATORS: [Append; 15] = [
    normalize,
    convolution,
    |draft, x| {
        let outputs = draft.random.random_range(1..=8);
        linear(draft, x, outputs)
    },
    mat_mul,
    batch_norm,
    unary,
    binary,
    choose,
    pool,
    reduce,
    softmax,
    concat,
    reshape,
    transpose,
    select,
];

/// Every function, with constants of each kind.
pub(super) const FUNCTIONS: [Function; 28] = [
    Function::RELU,
    Function::RELU6,
    clip(Some(-0.5), Some(0.75)),
    clip(None, Some(0.5)),
    clip(Some(-0.25), None),
    affine(2.0, 0.0),
    affine(1.0, -0.3),
    affine(-1.5, 0.25),
    Function::LeakyRelu { slope: 0.1 },
    Function::LeakyRelu { slope: -0.25 },
    Function::Elu { alpha: 1.0 },
    Function::Elu { alpha: 0.7 },
    Function::Sigmoid,
    Function::Tanh,
    Function::Softplus,
    Function::Erf,
    Function::Exp,
    Function::Log,
    Function::Abs,
    Function::Sign,
    Function::Floor,
    Function::Round,
    Function::Power { exponent: 2.0 },
    Function::Power { exponent: 0.5 },
    Function::Power { exponent: -1.0 },
    Function::Power { exponent: 1.7 },
    Function::Sin,
    Function::Cos,
];

/// Every function of two values.
pub(super) const BINARY_FUNCTIONS: [BinaryFunction; 9] = [
    BinaryFunction::Add,
    BinaryFunction::Subtract,
    BinaryFunction::Multiply,
    BinaryFunction::Divide,
    BinaryFunction::Minimum,
    BinaryFunction::Maximum,
    BinaryFunction::Power,
    BinaryFunction::Greater,
    BinaryFunction::Equal,
];

/// Every reduction.
pub(super) const REDUCTIONS: [Reduction; 6] = [
    Reduction::Sum,
    Reduction::Mean,
    Reduction::Maximum,
    Reduction::Minimum,
    Reduction::Product,
    Reduction::ArgMaximum,
];

const fn clip(low: Option<f32>, high: Option<f32>) -> Function {
    Function::Clip { low, high }
}

const fn affine(scale: f32, shift: f32) -> Function {
    Function::Affine { scale, shift }
}

/// Appends an operator that takes `x`. `None`, and nothing appended, if the one that was drawn does not fit.
pub(super) fn append(draft: &mut Draft, x: ValueId) -> Option<ValueId> {
    let operator = OPERATORS.choose(&mut draft.random)?;
    draft.attempt(|draft| operator(draft, x))
}

fn normalize(draft: &mut Draft, x: ValueId) -> Option<ValueId> {
    let channels = *draft.shape(x).0.first()?;
    let mut draw = |low, high| {
        (0..channels)
            .map(|_| draft.random.random_range(low..high))
            .collect()
    };
    let (mean, deviation) = (draw(-0.5f32, 0.5), draw(0.5, 2.0));
    draft.try_node(Operator::Normalize { mean, deviation }, &[x])
}

/// A window that takes about as much of a map as it finds.
fn window(draft: &mut Draft) -> Window {
    let mut pair = |from, to| [(); 2].map(|()| draft.random.random_range(from..=to));
    let (kernel, stride, dilation) = (pair(1, 3), pair(1, 2), pair(1, 2));
    let [[top, left], [bottom, right]] = [pair(0, 2), pair(0, 2)];
    Window {
        kernel,
        stride,
        padding: [top, left, bottom, right],
        dilation,
    }
}

fn convolution(draft: &mut Draft, x: ValueId) -> Option<ValueId> {
    let &[channels, ..] = draft.shape(x).0.as_slice() else {
        return None;
    };
    let groups = *[1, 1, channels, 2].choose(&mut draft.random)?;
    let outputs = groups * draft.random.random_range(1..=4);
    let window = window(draft);
    let [height, width] = window.kernel;
    let weight = draft.weight(&[outputs, (channels / groups).max(1), height, width]);
    let bias = bias(draft, outputs);
    let operator = Operator::Convolution {
        weight,
        bias,
        window,
        groups,
    };
    draft.try_node(operator, &[x])
}

/// A linear layer of the last axis to `outputs` features.
pub(super) fn linear(draft: &mut Draft, x: ValueId, outputs: usize) -> Option<ValueId> {
    let features = *draft.shape(x).0.last()?;
    let weight = draft.weight(&[outputs, features]);
    let bias = bias(draft, outputs);
    draft.try_node(Operator::Linear { weight, bias }, &[x])
}

fn bias(draft: &mut Draft, outputs: usize) -> Option<sinew_models::ParameterId> {
    let wanted = draft.random.random_bool(0.5);
    wanted.then(|| draft.parameter(Role::Bias, &[outputs], -0.5..0.5))
}

/// With a constant on either side, or with the transposed value itself.
fn mat_mul(draft: &mut Draft, x: ValueId) -> Option<ValueId> {
    let shape = draft.shape(x).0.clone();
    let [leading @ .., rows, columns] = shape.as_slice() else {
        return None;
    };
    let other = draft.random.random_range(1..=5);
    match draft.random.random_range(0..3) {
        0 => {
            let right = draft.constant(&[*columns, other], -0.5..0.5);
            draft.try_node(Operator::MatMul, &[x, right])
        }
        1 => {
            let left = draft.constant(&[leading, &[other, *rows]].concat(), -0.5..0.5);
            draft.try_node(Operator::MatMul, &[left, x])
        }
        _ => {
            let mut order: Vec<usize> = (0..shape.len()).collect();
            order.swap(leading.len(), leading.len() + 1);
            let transposed = draft.try_node(Operator::Transpose { order }, &[x])?;
            draft.try_node(Operator::MatMul, &[x, transposed])
        }
    }
}

fn batch_norm(draft: &mut Draft, x: ValueId) -> Option<ValueId> {
    let channels = [*draft.shape(x).0.first()?];
    let operator = Operator::BatchNorm {
        scale: draft.parameter(Role::Scale, &channels, -1.5..1.5),
        shift: draft.parameter(Role::Shift, &channels, -0.5..0.5),
        mean: draft.parameter(Role::RunningMean, &channels, -0.5..0.5),
        variance: draft.parameter(Role::RunningVariance, &channels, 0.25..1.5),
        epsilon: 1e-3,
    };
    draft.try_node(operator, &[x])
}

fn unary(draft: &mut Draft, x: ValueId) -> Option<ValueId> {
    let function = *FUNCTIONS.choose(&mut draft.random)?;
    let x = into_domain(draft, x, function);
    Some(draft.unary(function, x))
}

/// The value made fit for `function`: positive, of moderate size, or moved off the edges of steps.
pub(super) fn into_domain(draft: &mut Draft, x: ValueId, function: Function) -> ValueId {
    match function {
        Function::Log => positive(draft, x),
        Function::Power { exponent } if exponent != 2.0 => positive(draft, x),
        Function::Exp => draft.unary(clip(Some(-3.0), Some(3.0)), x),
        Function::Sign | Function::Floor | Function::Round => off_the_edge(draft, x),
        _ => x,
    }
}

/// `|x| + 1/2`.
fn positive(draft: &mut Draft, x: ValueId) -> ValueId {
    let x = draft.unary(Function::Abs, x);
    draft.unary(affine(1.0, 0.5), x)
}

/// Stretched and moved, so that whole numbers and zeros come to lie between the steps.
fn off_the_edge(draft: &mut Draft, x: ValueId) -> ValueId {
    draft.unary(affine(1.713, 0.2837), x)
}

/// A shape that broadcasts against `shape`: some axes of length 1, some leading ones left out.
fn broadcastable(draft: &mut Draft, shape: &[usize]) -> Vec<usize> {
    let missing = draft.random.random_range(0..=shape.len());
    let mut axis = |length: &usize| {
        if draft.random.random_bool(0.5) {
            *length
        } else {
            1
        }
    };
    shape[missing..].iter().map(&mut axis).collect()
}

/// With an earlier value or a constant, on either side.
fn binary(draft: &mut Draft, x: ValueId) -> Option<ValueId> {
    let function = *BINARY_FUNCTIONS.choose(&mut draft.random)?;
    let other = if draft.random.random_bool(0.5) {
        draft.earlier()
    } else {
        let shape = draft.shape(x).0.clone();
        let shape = broadcastable(draft, &shape);
        draft.constant(&shape, -1.0..1.0)
    };
    if draft.random.random_bool(0.3) {
        apply_binary(draft, function, other, x)
    } else {
        apply_binary(draft, function, x, other)
    }
}

/// `function` of two values that have been made fit for it.
pub(super) fn apply_binary(
    draft: &mut Draft,
    function: BinaryFunction,
    a: ValueId,
    b: ValueId,
) -> Option<ValueId> {
    let (a, b) = match function {
        BinaryFunction::Divide => (a, positive(draft, b)),
        BinaryFunction::Power => {
            let a = positive(draft, a);
            (a, draft.unary(Function::Tanh, b))
        }
        BinaryFunction::Greater => (off_the_edge(draft, a), b),
        BinaryFunction::Equal => {
            let mut whole = |x| {
                let x = off_the_edge(draft, x);
                draft.unary(Function::Floor, x)
            };
            (whole(a), whole(b))
        }
        _ => (a, b),
    };
    draft.try_node(Operator::Binary(function), &[a, b])
}

fn choose(draft: &mut Draft, x: ValueId) -> Option<ValueId> {
    let shape = draft.shape(x).0.clone();
    let threshold = draft.constant(&[], -0.2..0.8);
    let condition = apply_binary(draft, BinaryFunction::Greater, x, threshold)?;
    let shape = broadcastable(draft, &shape);
    let other = draft.constant(&shape, -1.0..1.0);
    let (a, b) = if draft.random.random_bool(0.5) {
        (x, other)
    } else {
        (other, x)
    };
    draft.try_node(Operator::Where, &[condition, a, b])
}

fn pool(draft: &mut Draft, x: ValueId) -> Option<ValueId> {
    let mut window = window(draft);
    let [height, width] = window.kernel;
    // ONNX Runtime and OpenVINO insist on padding that is smaller than the kernel.
    for (padding, kernel) in window.padding.iter_mut().zip([height, width].repeat(2)) {
        *padding = (*padding).min(kernel - 1);
    }
    let operator = if draft.random.random_bool(0.5) {
        Operator::MaxPool(window)
    } else {
        Operator::AveragePool(window)
    };
    draft.try_node(operator, &[x])
}

fn axis(draft: &mut Draft, x: ValueId) -> Option<usize> {
    let rank = draft.shape(x).0.len();
    (rank > 0).then(|| draft.random.random_range(0..rank))
}

fn reduce(draft: &mut Draft, x: ValueId) -> Option<ValueId> {
    let reduction = *REDUCTIONS.choose(&mut draft.random)?;
    let axis = axis(draft, x)?;
    let shape = draft.shape(x).clone();
    if shape.elements() < 4 {
        return None;
    }
    let axes = match reduction {
        Reduction::ArgMaximum => vec![axis],
        _ => (0..shape.0.len())
            .filter(|other| *other == axis || draft.random.random_bool(0.3))
            .collect(),
    };
    let x = reducible(draft, x, reduction);
    draft.try_node(Operator::Reduce { reduction, axes }, &[x])
}

/// The value made fit for `reduction`: near 1 for a product, without ties for the position of the largest.
pub(super) fn reducible(draft: &mut Draft, x: ValueId, reduction: Reduction) -> ValueId {
    match reduction {
        Reduction::Product => {
            let x = draft.unary(Function::Tanh, x);
            draft.unary(affine(0.1, 1.0), x)
        }
        Reduction::ArgMaximum => {
            let shape = draft.shape(x).0.clone();
            let spread = draft.constant(&shape, -1.0..1.0);
            draft.node(Operator::Binary(BinaryFunction::Add), &[x, spread])
        }
        _ => x,
    }
}

fn softmax(draft: &mut Draft, x: ValueId) -> Option<ValueId> {
    let axis = axis(draft, x)?;
    draft.try_node(Operator::Softmax { axis }, &[x])
}

/// With itself, an earlier value or a constant, in any order.
fn concat(draft: &mut Draft, x: ValueId) -> Option<ValueId> {
    let axis = axis(draft, x)?;
    let mut inputs = vec![x];
    for _ in 0..draft.random.random_range(1..=2) {
        let other = match draft.random.random_range(0..3) {
            0 => draft.earlier(),
            1 => {
                let mut shape = draft.shape(x).0.clone();
                shape[axis] = draft.random.random_range(1..=2);
                draft.constant(&shape, -1.0..1.0)
            }
            _ => x,
        };
        let place = draft.random.random_range(0..=inputs.len());
        inputs.insert(place, other);
    }
    draft.try_node(Operator::Concat { axis }, &inputs)
}

/// To a vector, or to two or three axes if the number of elements can be divided.
fn reshape(draft: &mut Draft, x: ValueId) -> Option<ValueId> {
    let elements = draft.shape(x).elements();
    let mut rest = elements;
    let mut shape = Vec::new();
    for _ in 0..draft.random.random_range(0..3) {
        let divisors: Vec<usize> = (1..=rest.min(8))
            .filter(|d| rest.is_multiple_of(*d))
            .collect();
        let divisor = *divisors.choose(&mut draft.random)?;
        shape.push(divisor);
        rest /= divisor;
    }
    shape.push(rest);
    draft.try_node(Operator::Reshape { shape }, &[x])
}

fn transpose(draft: &mut Draft, x: ValueId) -> Option<ValueId> {
    let mut order: Vec<usize> = (0..draft.shape(x).0.len()).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, draft.random.random_range(0..=last));
    }
    draft.try_node(Operator::Transpose { order }, &[x])
}

fn select(draft: &mut Draft, x: ValueId) -> Option<ValueId> {
    let axis = axis(draft, x)?;
    let length = draft.shape(x).0[axis];
    let random = &mut draft.random;
    let [start, end] = [
        random.random_range(0..length),
        random.random_range(1..=length),
    ];
    let whole = || (0..length).map(Some);
    let indices: Vec<Option<usize>> = match random.random_range(0..6) {
        0 => (start..end.max(start + 1)).map(Some).collect(),
        1 => (start..length).step_by(2).map(Some).collect(),
        2 => whole().rev().collect(),
        3 => [None].into_iter().chain(whole()).chain([None; 2]).collect(),
        4 => whole().flat_map(|index| [index; 2]).collect(),
        _ => (0..random.random_range(1..=6))
            .map(|_| {
                random
                    .random_bool(0.8)
                    .then(|| random.random_range(0..length))
            })
            .collect(),
    };
    let with_fill = indices.contains(&None) && random.random_bool(0.3);
    let operator = Operator::Select {
        axis,
        indices,
        fill: if with_fill { -0.5 } else { 0.0 },
    };
    draft.try_node(operator, &[x])
}
