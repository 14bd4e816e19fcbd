//! Small networks that use every operator: random ones, and one tiny network for each operator, function and variant.
//!
//! They are what all engines, importers and exporters are compared on. Shapes are small, values stay of moderate size, functions get
//! only what they are defined on, and steps are fed values that seldom lie on their edge: what engines compute differs by rounding
//! alone. Some weights are zero, but no parameter has a mask. Non-goals: networks that mean something.

mod catalogue;
mod draft;
mod operators;

use rand::RngExt;
use sinew_models::{Network, Operator, ValueId};

pub use catalogue::every_operator;
use draft::Draft;

/// A network of about 4 to 16 nodes that takes a map and ends in a vector of 2 to 10 logits. Every operator is drawn by some seeds. All
/// nodes count towards the result. Equal seeds give equal networks.
///
/// # Panics
/// If a value overflows, which would be a mistake here.
pub fn random_network(seed: u64) -> Network {
    let mut draft = Draft::random(seed);
    let mut x = ValueId::INPUT;
    for _ in 0..draft.random.random_range(3..12) {
        // Not every operator takes every shape: another one is drawn then.
        let next = (0..20).find_map(|_| operators::append(&mut draft, x));
        x = draft.settle(next.unwrap_or(x));
    }
    let elements = draft.shape(x).elements();
    let shape = vec![elements];
    if draft.shape(x).0 != shape {
        x = draft.node(Operator::Reshape { shape }, &[x]);
    }
    if x == ValueId::INPUT || !(2..=10).contains(&elements) {
        let logits = draft.random.random_range(2..=10);
        operators::linear(&mut draft, x, logits);
    }
    draft.finish()
}

#[cfg(test)]
mod tests;
