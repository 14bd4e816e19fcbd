//! What each ONNX operator becomes: one family per file, each with a table of its operators.

use super::attribute::GraphNode;
use super::lowering::{Lower, Lowering, Refusal, Value};

mod activation;
mod arithmetic;
mod cast;
mod composition;
mod constant;
mod convolution;
mod einsum;
mod gather;
mod identity;
mod logic;
mod matrix;
mod normalization;
mod pad;
mod pool;
mod quantization;
mod quantized;
mod reduction;
mod reshape;
mod resize;
mod slice;
mod softmax;
mod spatial;

/// All families.
const FAMILIES: &[&[(&str, Lower)]] = &[
    activation::OPERATORS,
    arithmetic::OPERATORS,
    cast::OPERATORS,
    constant::OPERATORS,
    convolution::OPERATORS,
    einsum::OPERATORS,
    gather::OPERATORS,
    identity::OPERATORS,
    logic::OPERATORS,
    matrix::OPERATORS,
    normalization::OPERATORS,
    pad::OPERATORS,
    pool::OPERATORS,
    quantization::OPERATORS,
    quantized::OPERATORS,
    reduction::OPERATORS,
    reshape::OPERATORS,
    resize::OPERATORS,
    slice::OPERATORS,
    softmax::OPERATORS,
];

/// How `operator` is lowered, if it is supported. Outside the standard domain it is called `domain.operator`.
pub(super) fn lowering(operator: &str) -> Option<Lower> {
    let all = FAMILIES.iter().copied().flatten();
    let mut found = all.filter(|(name, _)| *name == operator);
    found.next().map(|(_, lower)| *lower)
}
