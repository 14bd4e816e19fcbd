//! Wanda (Sun et al., "A simple and effective pruning approach for large language models", 2024): weights count by what they carry.
//!
//! `score(w) = |w|·‖a‖₂`, where a is the channel or feature that w multiplies, over a sample of clean images. The authors compare the weights
//! of one unit with each other; here the scope decides.

use serde::{Deserialize, Serialize};

use super::{Evidence, Rule};
use crate::prune::statistics::{Needs, Part, Quantity};

/// |w| times the norm of its input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanda {}

impl Rule for Wanda {
    fn needs(&self) -> Needs {
        Needs::of(&[Quantity::Input])
    }

    fn scores(&self, evidence: &Evidence<'_>) -> Vec<Vec<f64>> {
        let images = evidence.statistics.images().max(1) as f64;
        evidence.scaled_magnitudes(|index, layer| {
            let squares = evidence
                .statistics
                .sum(index, Quantity::Input, Part::Squares);
            let norm = |weight| (squares[layer.input_of(weight)] / images).sqrt();
            (0..layer.weights()).map(norm).collect()
        })
    }
}
