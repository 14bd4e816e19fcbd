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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_name_every_operator_and_no_other() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/ONNX.md");
        let text = std::fs::read_to_string(path).unwrap();
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
        let named = rows.filter_map(|row| row.split_once('`'));
        let mut named: Vec<&str> = named.map(|(operator, _)| operator).collect();
        let mut known: Vec<&str> = FAMILIES
            .iter()
            .flat_map(|family| family.iter().map(|(operator, _)| *operator))
            .collect();
        named.sort_unstable();
        known.sort_unstable();
        assert_eq!(named, known);
        known.dedup();
        assert_eq!(
            known.len(),
            named.len(),
            "an operator belongs to one family"
        );
    }

    #[test]
    fn operators_of_other_domains_have_the_domain_in_their_name() {
        assert!(lowering("Conv").is_some());
        assert!(lowering("com.example.Conv").is_none());
        assert!(lowering("conv").is_none());
    }
}
