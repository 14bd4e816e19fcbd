//! What is removed at a time: single weights, small blocks, a fixed share of every few neighbours, or whole units.
//!
//! The weights of a layer count as a matrix, a row for each unit. Non-goals: which of them go (`ranking`).

use serde::{Deserialize, Serialize};
use sinew_models::Network;
use sinew_models::units::UnitGroups;

use super::layer::{Layer, layers};

/// What is removed at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Granularity {
    /// Each weight by itself.
    #[default]
    Weight,
    /// Blocks of neighbours: `across` consecutive units, `along` consecutive weights of a unit's row. Smaller at the edges.
    Block {
        /// Units of a block.
        across: usize,
        /// Weights of each.
        along: usize,
    },
    /// Of every `of` consecutive weights in a unit's row, `keep` stay (N:M sparsity, Mishra et al., 2021); of a shorter rest as many as
    /// there are, if they are no more.
    NM {
        /// N.
        keep: usize,
        /// M.
        of: usize,
    },
    /// Output channels and features as a whole, with those that can only go together. Where nothing can follow what removing a unit means,
    /// it stays; so do the logits.
    Unit,
}

/// The smallest pieces of a layer that a ranking looks at, weights or units, in groups that stay or go together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Groups {
    /// For each layer the group of each piece. Numbers begin at 0 and leave none out.
    pub(super) of: Vec<Vec<u32>>,
}

/// In the place of a group: the piece stays whatever happens, and does not count.
pub(super) const PINNED: u32 = u32::MAX;

impl Granularity {
    /// The first setting that cannot be used with a sparsity, as "key: problem".
    pub fn problem(self, sparsity: f64) -> Option<String> {
        match self {
            Self::Block { across: 0, .. } => {
                Some("granularity.block.across: must be at least 1".to_owned())
            }
            Self::Block { along: 0, .. } => {
                Some("granularity.block.along: must be at least 1".to_owned())
            }
            Self::NM { keep, of } if keep == 0 || keep >= of => Some(format!(
                "granularity.n-m: to keep {keep} of {of} is no pruning; it takes 1 ≤ keep < of"
            )),
            Self::NM { keep, of } => {
                let own = 1.0 - keep as f64 / of as f64;
                ((own - sparsity).abs() > 1e-6).then(|| {
                    format!("sparsity: {sparsity} is not {own}, that of {keep} of {of} weights")
                })
            }
            _ => None,
        }
    }

    /// What pieces are called.
    pub(super) fn pieces(self) -> &'static str {
        match self {
            Self::Unit => "units",
            _ => "weights",
        }
    }

    /// The groups of all prunable layers.
    pub(super) fn groups(self, network: &Network) -> Groups {
        let layers = layers(network);
        match self {
            Self::Weight | Self::NM { .. } => blocks(&layers, 1, 1),
            Self::Block { across, along } => blocks(&layers, across, along),
            Self::Unit => units(network, &layers),
        }
    }
}

fn blocks(layers: &[Layer], across: usize, along: usize) -> Groups {
    let mut first = 0;
    let of = layers.iter().map(|layer| {
        let row = layer.row();
        let blocks_along = row.div_ceil(along);
        let before = first;
        first += layer.units().div_ceil(across) * blocks_along;
        let weights = 0..layer.weights();
        let block = |weight| (weight / row / across) * blocks_along + weight % row / along;
        weights
            .map(|weight| (before + block(weight)) as u32)
            .collect()
    });
    Groups { of: of.collect() }
}

/// Units that can only go together are one group.
fn units(network: &Network, layers: &[Layer]) -> Groups {
    let pinned = layers.iter().map(|layer| vec![PINNED; layer.units()]);
    let mut of: Vec<Vec<u32>> = pinned.collect();
    for (group, units) in UnitGroups::of(network).groups().iter().enumerate() {
        for unit in units {
            of[unit.layer][unit.index] = group as u32;
        }
    }
    Groups { of }
}

#[cfg(test)]
mod tests {
    use sinew_models::builder::NetworkBuilder;
    use sinew_models::{ValueId, Window};

    use super::*;

    /// Linear layers of three units with two weights and of two units with three.
    fn network() -> Network {
        let mut builder = NetworkBuilder::new("small", [2, 1, 1], 0);
        let x = builder.flatten("flatten", ValueId::INPUT);
        let x = builder.linear("first", x, 3);
        builder.linear("second", x, 2);
        builder.finish(Vec::new()).unwrap()
    }

    fn groups(granularity: Granularity) -> Vec<Vec<u32>> {
        granularity.groups(&network()).of
    }

    #[test]
    fn blocks_lie_along_rows_and_across_units_and_are_smaller_at_the_edges() {
        let along = Granularity::Block {
            across: 1,
            along: 2,
        };
        assert_eq!(
            groups(along),
            [vec![0, 0, 1, 1, 2, 2], vec![3, 3, 4, 5, 5, 6]]
        );
        let across = Granularity::Block {
            across: 2,
            along: 1,
        };
        assert_eq!(
            groups(across),
            [vec![0, 1, 0, 1, 2, 3], vec![4, 5, 6, 4, 5, 6]]
        );
        let fixed = Granularity::NM { keep: 1, of: 2 };
        for single in [Granularity::Weight, fixed] {
            assert_eq!(groups(single).concat(), (0..12).collect::<Vec<u32>>());
        }
    }

    #[test]
    fn logits_are_no_units_to_remove() {
        assert_eq!(groups(Granularity::Unit), [vec![0, 1, 2], vec![PINNED; 2]]);
    }

    #[test]
    fn units_that_are_added_are_one_group() {
        let mut builder = NetworkBuilder::new("residual", [1, 4, 4], 0);
        let window = Window::square(3, 1, 1);
        let x = builder.convolution_batch_norm("stem", ValueId::INPUT, 2, window, 1);
        let y = builder.convolution_batch_norm("inner", x, 3, window, 1);
        let y = builder.convolution_batch_norm("branch", y, 2, window, 1);
        let x = builder.add("add", x, y);
        let x = builder.flatten("flatten", x);
        builder.linear("classifier", x, 2);
        let network = builder.finish(Vec::new()).unwrap();
        let of = Granularity::Unit.groups(&network).of;
        assert_eq!(of[0], of[2]);
        assert_eq!(
            [&of[0][..], &of[1], &of[3]],
            [&[0, 1][..], &[2, 3, 4], &[PINNED; 2]]
        );
    }

    #[test]
    fn settings_that_make_no_sense_are_refused_by_key() {
        let block = |across, along| Granularity::Block { across, along };
        for (granularity, sparsity, expected) in [
            (
                Granularity::NM { keep: 2, of: 4 },
                0.9,
                "sparsity: 0.9 is not 0.5",
            ),
            (Granularity::NM { keep: 4, of: 4 }, 0.5, "granularity.n-m"),
            (Granularity::NM { keep: 0, of: 4 }, 0.5, "granularity.n-m"),
            (block(0, 4), 0.5, "granularity.block.across"),
            (block(4, 0), 0.5, "granularity.block.along"),
        ] {
            let problem = granularity.problem(sparsity).unwrap();
            assert!(problem.starts_with(expected), "{problem}");
        }
        assert_eq!(Granularity::NM { keep: 2, of: 4 }.problem(0.5), None);
        assert_eq!(Granularity::Unit.problem(0.3), None);
    }
}
