//! The ranking: which weights stay, given one score for each.
//!
//! What stays or goes together has the mean of its weights' scores: a budget counts weights, so what counts of a group is what it is worth
//! for each. Non-goals: scores, and when a network is pruned.

mod share;

use serde::{Deserialize, Serialize};
use sinew_models::Network;

use super::granularity::{Granularity, Groups, PINNED};
use super::layer::layers;

/// What is compared with what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// All weights with each other.
    #[default]
    Global,
    /// The weights of each layer, of which the same fraction stays.
    Layer,
    /// The weights of each layer, with densities in proportion to
    /// `(units + inputs + kernel height + kernel width) / (units · inputs · kernel height · kernel width)`, at most 1: small layers stay
    /// denser (Erdős–Rényi-Kernel; Evci et al., "Rigging the lottery", 2020).
    Erk,
}

/// How sparse a network becomes, and in what pieces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Fraction of all weights to remove; with [`Granularity::Unit`], of all units that can be removed.
    pub sparsity: f64,
    /// What is removed at a time.
    pub granularity: Granularity,
    /// What is compared with what.
    pub scope: Scope,
    /// Fraction of its weights (or units) that every layer keeps. Of units one stays in any case.
    pub density_floor: f64,
}

/// A target that cannot be met.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RankingError {
    /// Sparsity 1 would leave no network.
    #[error(
        "prune to sparsity {0}: it is out of range, being the fraction of weights to remove, at least 0 and below 1"
    )]
    Sparsity(f64),
    /// The floors alone exceed what may stay.
    #[error(
        "prune to sparsity {sparsity}: a density floor of {floor} keeps {floored} {pieces} where {budget} may stay; lower one of them"
    )]
    Floor {
        /// The floor asked for.
        floor: f64,
        /// Weights or units that the floors keep.
        floored: usize,
        /// The sparsity asked for.
        sparsity: f64,
        /// Weights or units that may stay.
        budget: usize,
        /// "weights" or "units".
        pieces: &'static str,
    },
}

impl Target {
    /// Masks (`true` = keep) of all weights, one for each layer, with `sparsity` in the place of the target's own on the way to it.
    ///
    /// `scores` has a finite number for every weight, in the order of [`layers`]. First every layer's own best
    /// `density_floor` is kept, then the highest scores of the scope, until no more may stay. Equal scores: the earlier stays.
    /// Exactly `round((1 − sparsity)·n)` weights stay, at least one. If they go in groups, it may be fewer by less than the group that did
    /// not fit any more. With [`Granularity::NM`], N of M stay in any case, so this is the least density on the way and the end of it.
    ///
    /// # Errors
    /// If `sparsity` is not in [0, 1), or the floors exceed the budget.
    ///
    /// # Panics
    /// If the scores are those of another network.
    pub fn masks(
        &self,
        network: &Network,
        scores: &[Vec<f64>],
        sparsity: f64,
    ) -> Result<Vec<Vec<bool>>, RankingError> {
        let layers = layers(network);
        let densities: Option<Vec<f64>> = match self.scope {
            Scope::Global => None,
            Scope::Layer => Some(vec![1.0; layers.len()]),
            Scope::Erk => Some(layers.iter().map(|layer| erk(&layer.shape)).collect()),
        };
        self.select(network, scores, sparsity, densities.as_deref())
    }

    /// The same with `densities` of the layers in the place of the scope's. They count up to a factor, which meets the sparsity.
    ///
    /// # Errors
    /// As [`masks`](Self::masks).
    ///
    /// # Panics
    /// If scores or densities are those of another network.
    pub fn masks_with_densities(
        &self,
        network: &Network,
        scores: &[Vec<f64>],
        sparsity: f64,
        densities: &[f64],
    ) -> Result<Vec<Vec<bool>>, RankingError> {
        assert_eq!(densities.len(), scores.len(), "densities for every layer");
        self.select(network, scores, sparsity, Some(densities))
    }

    /// Ranks all weights with each other, or those of each layer where layers have `densities`.
    fn select(
        &self,
        network: &Network,
        scores: &[Vec<f64>],
        sparsity: f64,
        densities: Option<&[f64]>,
    ) -> Result<Vec<Vec<bool>>, RankingError> {
        if !(0.0..1.0).contains(&sparsity) {
            return Err(RankingError::Sparsity(sparsity));
        }
        let layers = layers(network);
        assert_eq!(scores.len(), layers.len(), "scores for every layer");
        for (layer, scores) in layers.iter().zip(scores) {
            assert_eq!(scores.len(), layer.weights(), "a score for every weight");
        }
        let groups = self.granularity.groups(network);
        let mut selection = Selection::new(&groups, scores);
        let budget = ((1.0 - sparsity) * selection.pieces() as f64).round() as usize;
        let mut budget = budget.max(1);
        if let Granularity::NM { keep, of } = self.granularity {
            let rows = layers.iter().map(super::layer::Layer::row);
            selection.keep_of_each(rows, keep, of);
            budget = budget.max(selection.kept_pieces());
        }
        let least: Vec<usize> = (0..layers.len())
            .map(|layer| self.least(selection.pieces_of(layer)))
            .collect();
        for (layer, least) in least.iter().enumerate() {
            selection.keep_in(layer, *least, Limit::AtLeast);
        }
        let floored = selection.kept_pieces();
        if floored > budget {
            return Err(RankingError::Floor {
                floor: self.density_floor,
                floored,
                sparsity,
                budget,
                pieces: self.granularity.pieces(),
            });
        }
        if let Some(densities) = densities {
            let sizes: Vec<usize> = (0..layers.len()).map(|l| selection.pieces_of(l)).collect();
            let kept: Vec<usize> = (0..layers.len()).map(|l| selection.kept_in(l)).collect();
            for (layer, share) in share::divide(budget, &sizes, &kept, densities)
                .into_iter()
                .enumerate()
            {
                selection.keep_in(layer, share, Limit::AtMost);
            }
        } else {
            selection.keep_anywhere(budget, Limit::AtMost);
        }
        if selection.kept_pieces() == 0 {
            selection.keep_anywhere(1, Limit::AtLeast);
        }
        Ok(selection.masks(scores))
    }

    /// How many of a layer's pieces stay in any case.
    fn least(&self, pieces: usize) -> usize {
        let floor = (self.density_floor * pieces as f64).ceil() as usize;
        let floor = match self.granularity {
            Granularity::Unit => floor.max(1),
            _ => floor,
        };
        floor.min(pieces)
    }
}

/// The density of a layer up to a factor, by the shape of its weights.
fn erk(shape: &[usize]) -> f64 {
    shape.iter().sum::<usize>() as f64 / shape.iter().product::<usize>() as f64
}

/// Which way a number of pieces may be missed if a group does not fit.
#[derive(Clone, Copy, PartialEq)]
enum Limit {
    AtLeast,
    AtMost,
}

/// The groups of a network and which of them stay so far.
struct Selection<'a> {
    of: &'a [Vec<u32>],
    /// Mean score of each group.
    scores: Vec<f64>,
    /// Pieces of each group.
    sizes: Vec<u32>,
    kept: Vec<bool>,
}

impl<'a> Selection<'a> {
    /// Nothing stays yet. `scores` has the scores of all weights.
    fn new(groups: &'a Groups, scores: &[Vec<f64>]) -> Self {
        let numbers = || groups.of.iter().flatten().filter(|group| **group != PINNED);
        let count = numbers().max().map_or(0, |last| *last as usize + 1);
        let (mut sums, mut weights) = (vec![0.0; count], vec![0usize; count]);
        let mut sizes = vec![0; count];
        for (of, scores) in groups.of.iter().zip(scores) {
            let share = scores.len() / of.len();
            for (group, scores) in of.iter().zip(scores.chunks_exact(share)) {
                if *group != PINNED {
                    let group = *group as usize;
                    sums[group] += scores.iter().sum::<f64>();
                    weights[group] += share;
                    sizes[group] += 1;
                }
            }
        }
        let means = sums.iter().zip(&weights);
        Self {
            of: &groups.of,
            scores: means.map(|(sum, count)| sum / *count as f64).collect(),
            sizes,
            kept: vec![false; count],
        }
    }

    /// Pieces that may go, of all layers.
    fn pieces(&self) -> usize {
        self.sizes.iter().map(|size| *size as usize).sum()
    }

    fn kept_pieces(&self) -> usize {
        let groups = self.sizes.iter().zip(&self.kept);
        groups
            .map(|(size, kept)| if *kept { *size as usize } else { 0 })
            .sum()
    }

    /// Pieces of a layer that may go.
    fn pieces_of(&self, layer: usize) -> usize {
        self.of[layer]
            .iter()
            .filter(|group| **group != PINNED)
            .count()
    }

    fn kept_in(&self, layer: usize) -> usize {
        let groups = self.of[layer].iter().filter(|group| **group != PINNED);
        groups.filter(|group| self.kept[**group as usize]).count()
    }

    /// The groups of a layer with the number of their pieces there.
    fn members(&self, layer: usize) -> Vec<(u32, u32)> {
        let mut groups = self.of[layer].clone();
        groups.retain(|group| *group != PINNED);
        if !groups.is_sorted() {
            groups.sort_unstable();
        }
        let runs = groups.chunk_by(|a, b| a == b);
        runs.map(|run| (run[0], run.len() as u32)).collect()
    }

    /// Keeps the best groups of a layer until `count` of its pieces stay.
    fn keep_in(&mut self, layer: usize, count: usize, limit: Limit) {
        if count > 0 {
            self.keep_best(self.members(layer), count, limit);
        }
    }

    /// Keeps the best groups of all until `count` pieces stay.
    fn keep_anywhere(&mut self, count: usize, limit: Limit) {
        let groups = self.sizes.iter().enumerate();
        let members = groups.map(|(group, size)| (group as u32, *size)).collect();
        self.keep_best(members, count, limit);
    }

    /// Keeps the best `keep` of every `of` neighbours in the rows of each layer, whose groups are single weights.
    fn keep_of_each(&mut self, rows: impl Iterator<Item = usize>, keep: usize, of: usize) {
        for (layer, row) in self.of.iter().zip(rows) {
            for neighbours in layer.chunks(row).flat_map(|row| row.chunks(of)) {
                let members = neighbours.iter().map(|group| (*group, 1)).collect();
                self.keep_best(members, keep, Limit::AtMost);
            }
        }
    }

    /// Of `members`, groups with a number of pieces each, keeps the best until `count` of these pieces stay; those that stay already count.
    fn keep_best(&mut self, mut members: Vec<(u32, u32)>, count: usize, limit: Limit) {
        let mut kept = 0;
        members.retain(|(group, pieces)| {
            let stays = self.kept[*group as usize];
            kept += if stays { *pieces as usize } else { 0 };
            !stays
        });
        let open = count.saturating_sub(kept);
        let by_score = |a: &(u32, u32), b: &(u32, u32)| {
            let [left, right] = [a, b].map(|(group, _)| self.scores[*group as usize]);
            right.total_cmp(&left).then(a.0.cmp(&b.0))
        };
        if members.iter().any(|(_, pieces)| *pieces > 1) {
            members.sort_unstable_by(by_score);
        } else if open == 0 {
            return;
        } else if open < members.len() {
            // No order is needed among single pieces: this is linear, and every step of training may ask for it.
            members.select_nth_unstable_by(open - 1, by_score);
            members.truncate(open);
        }
        for (group, pieces) in members {
            let after = kept + pieces as usize;
            if kept >= count || (limit == Limit::AtMost && after > count) {
                break;
            }
            self.kept[group as usize] = true;
            kept = after;
        }
    }

    /// Which weights stay; `scores` has an entry for each.
    fn masks(&self, scores: &[Vec<f64>]) -> Vec<Vec<bool>> {
        let layers = self.of.iter().zip(scores);
        layers
            .map(|(of, scores)| {
                let share = scores.len() / of.len();
                let stays = |group: &u32| *group == PINNED || self.kept[*group as usize];
                let pieces = of.iter().map(stays);
                pieces
                    .flat_map(|stays| std::iter::repeat_n(stays, share))
                    .collect()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
