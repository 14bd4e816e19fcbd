//! Simplification: the same function in fewer nodes.
//!
//! Networks that come from other tools are full of detours: normalisations in pieces, constants that are computed, axes moved back and
//! forth. Rules undo them, one per file. A rule looks at one node and what stands before it; the nodes around every change are looked
//! at again until no rule applies (a worklist, as compilers do it). Values may change by rounding where numbers are folded, and by
//! nothing else. Networks of the zoo have nothing to simplify; batch norms are left to training and packing.

mod align;
mod channelwise;
mod condition;
mod constant;
mod dead;
mod draft;
mod identity;
mod merge;
mod normalize;
mod padding;
mod scalar;
mod scale;
mod shuffle;
#[cfg(test)]
mod testing;
mod transpose;

use crate::network::{Network, ValueId};
use draft::Draft;

/// Changes the node of a value, or those before it, where the rule applies. Returns whether it did.
type Rule = fn(&mut Draft, ValueId) -> bool;

/// Tried in this order on each node.
const RULES: [Rule; 11] = [
    dead::remove,
    identity::bypass,
    align::bypass,
    condition::bypass,
    constant::fold,
    normalize::join,
    scale::fold,
    scalar::fold,
    merge::join,
    padding::join,
    shuffle::join,
];

/// How often transpositions are moved at most. Twice are enough for networks that anybody built; the bound is for those that are made
/// to take long.
const MAX_ROUNDS: usize = 16;

/// The same function in fewer nodes. Simplifying the result changes nothing more.
pub fn simplify(network: Network) -> Network {
    let origins = vec![Vec::new(); network.nodes().len()];
    simplify_traced(network, origins).0
}

/// [`simplify`], and what becomes of the nodes. `origins[i]` are the numbers of whatever node `i` was made from; in the result, a node
/// that was made from several accounts for all of them, under the name of the last. The origins of nodes that the output does not need
/// are in none.
pub(crate) fn simplify_traced(
    network: Network,
    origins: Vec<Vec<usize>>,
) -> (Network, Vec<Vec<usize>>) {
    let mut draft = Draft::new(network, origins);
    for _ in 0..MAX_ROUNDS {
        apply_rules(&mut draft);
        if !transpose::sink(&mut draft) {
            break;
        }
    }
    apply_rules(&mut draft);
    draft.finish()
}

/// Tries all rules until none applies to any node. Each takes a node away, makes one simpler, or moves it closer to the input.
fn apply_rules(draft: &mut Draft) {
    while let Some(value) = draft.next_changed() {
        while draft.operator(value).is_some() && RULES.iter().any(|rule| rule(draft, value)) {}
    }
}

#[cfg(test)]
mod tests;
