//! Layers and units with all that the page says of them: weights before and after, density, anomaly degrees.

use std::collections::BTreeSet;

use sinew_models::{Network, ValueId};

use super::run::Pair;
use crate::pipeline::RemovedUnits;
use crate::prune::{self, Measure, Statistics};

/// A convolution or linear layer.
#[derive(Debug)]
pub(super) struct Layer {
    /// Its node's name.
    pub(super) name: String,
    /// Shape of the parent's weights: units, then what one unit looks at.
    pub(super) shape: Vec<usize>,
    /// Weights in row-major order; the pruned network's are none if it has no such layer any more.
    pub(super) weights: Pair<Vec<f32>>,
    /// For each unit of the pruned network its number in the parent; none if the two networks' units do not correspond.
    pub(super) kept: Option<Vec<usize>>,
    /// Where the parent's units respond.
    pub(super) response: ValueId,
    /// Anomaly degrees of the units of either.
    pub(super) degrees: Pair<Degrees>,
}

/// The anomaly degree of every unit of a layer, by two measures; none of a dead one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Degrees {
    /// By the change of the response.
    pub(super) response: Vec<Option<f64>>,
    /// By the change of the loss's gradient with respect to it.
    pub(super) gradient: Vec<Option<f64>>,
}

/// One output channel or feature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    /// Its number in the parent's layer, from 0.
    pub(super) index: usize,
    /// Anomaly degree of its response in the parent; none if it is dead.
    pub(super) degree: Option<f64>,
    /// The same of its gradient.
    pub(super) gradient_degree: Option<f64>,
    /// Mean of |w| over its weights in the parent.
    pub(super) magnitude: f64,
    /// Fraction of its weights that are left; 0 if it is gone.
    pub(super) density: f64,
}

impl Layer {
    /// Fraction of its weights that are left.
    pub(super) fn density(&self) -> f64 {
        let left = self.weights.sparse.iter().filter(|w| **w != 0.0).count();
        left as f64 / self.weights.dense.len().max(1) as f64
    }

    /// The pruned network's weights of a unit of the parent: nothing if it was removed. Shorter than the parent's where inputs were
    /// removed too.
    pub(super) fn row_left(&self, unit: usize) -> &[f32] {
        let kept = self.kept.as_deref().unwrap_or_default();
        let row = self.weights.sparse.len() / kept.len().max(1);
        match kept.binary_search(&unit) {
            Ok(place) => &self.weights.sparse[place * row..][..row],
            Err(_) => &[],
        }
    }

    /// Its units by falling degree of their responses, dead ones last. Nothing if the two networks' units do not correspond, or units and
    /// responses do not.
    pub(super) fn units(&self) -> Option<Vec<Unit>> {
        let units = *self.shape.first()?;
        self.kept.as_ref()?;
        let Degrees { response, gradient } = &self.degrees.dense;
        if [response.len(), gradient.len()] != [units; 2] {
            return None;
        }
        let size = (self.weights.dense.len() / units.max(1)).max(1);
        let rows = self.weights.dense.chunks(size).enumerate();
        let mut all: Vec<Unit> = rows
            .map(|(index, before)| {
                let left = self.row_left(index).iter().filter(|w| **w != 0.0).count();
                Unit {
                    index,
                    degree: response[index],
                    gradient_degree: gradient[index],
                    magnitude: before.iter().map(|w| f64::from(w.abs())).sum::<f64>() / size as f64,
                    density: left as f64 / size as f64,
                }
            })
            .collect();
        let degree = |unit: &Unit| unit.degree.unwrap_or(f64::NEG_INFINITY);
        all.sort_by(|a, b| degree(b).total_cmp(&degree(a)));
        Some(all)
    }
}

/// The layers of the parent, with what became of each. `statistics` have both measures.
pub(super) fn layers(
    networks: &Pair<Network>,
    statistics: &Pair<Statistics>,
    removed: &RemovedUnits,
) -> Vec<Layer> {
    let dense = statistics.dense.layers().iter().enumerate();
    dense
        .map(|(number, layer)| {
            let weights = networks.dense.parameter(layer.weight).values().to_vec();
            let after = statistics.sparse.layers().iter();
            let found = after
                .enumerate()
                .find(|(_, other)| other.name == layer.name);
            let (left, degrees, kept) = match found {
                Some((place, after)) => (
                    networks.sparse.parameter(after.weight).values().to_vec(),
                    Degrees::of(&statistics.sparse, place),
                    kept(layer, after, removed.get(&layer.name)),
                ),
                None => Default::default(),
            };
            Layer {
                name: layer.name.clone(),
                shape: layer.shape.clone(),
                weights: Pair {
                    dense: weights,
                    sparse: left,
                },
                kept,
                response: layer.response,
                degrees: Pair {
                    dense: Degrees::of(&statistics.dense, number),
                    sparse: degrees,
                },
            }
        })
        .collect()
}

impl Degrees {
    fn of(statistics: &Statistics, layer: usize) -> Self {
        Self {
            response: statistics.degrees(Measure::Activation, layer),
            gradient: statistics.degrees(Measure::Gradient, layer),
        }
    }
}

/// The parent's units that are left, if those that are known to be gone account for all that are missing.
fn kept(
    before: &prune::Layer,
    after: &prune::Layer,
    removed: Option<&Vec<usize>>,
) -> Option<Vec<usize>> {
    let gone: BTreeSet<&usize> = removed.into_iter().flatten().collect();
    let kept: Vec<usize> = (0..before.units())
        .filter(|unit| !gone.contains(unit))
        .collect();
    (kept.len() == after.units() && after.row() <= before.row()).then_some(kept)
}

/// Rank correlation of pairs (Spearman, 1904), between −1 and 1; equal values share their ranks. Nothing if either side is constant.
pub(super) fn rank_correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let ranks = |values: Vec<f64>| -> Vec<f64> {
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = |value: &f64| {
            let below = sorted.partition_point(|other| other < value);
            let up_to = sorted.partition_point(|other| other <= value);
            (below + up_to) as f64 / 2.0 - 0.5
        };
        values.iter().map(rank).collect()
    };
    let x = ranks(pairs.iter().map(|pair| pair.0).collect());
    let y = ranks(pairs.iter().map(|pair| pair.1).collect());
    let mean = (pairs.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| -> f64 {
        let terms = a.iter().zip(b);
        terms.map(|(a, b)| (a - mean) * (b - mean)).sum()
    };
    let scale = (product(&x, &x) * product(&y, &y)).sqrt();
    (scale > 0.0).then(|| product(&x, &y) / scale)
}

#[cfg(test)]
mod tests {
    use sinew_models::builder::NetworkBuilder;

    use super::*;

    fn layer() -> Layer {
        let degrees = Degrees {
            response: vec![Some(0.5), None, Some(2.0)],
            gradient: vec![Some(3.0), None, None],
        };
        Layer {
            name: "conv".to_owned(),
            shape: vec![3, 2],
            weights: Pair {
                dense: vec![1.0, -3.0, 0.5, 0.5, 0.0, 2.0],
                sparse: vec![0.0, -3.5, 0.0, 0.0, 1.0, 2.0],
            },
            kept: Some(vec![0, 1, 2]),
            response: ValueId(1),
            degrees: Pair {
                dense: degrees.clone(),
                sparse: degrees,
            },
        }
    }

    #[test]
    fn units_come_by_falling_degree_with_the_dead_last() {
        let units = layer().units().unwrap();
        let order: Vec<usize> = units.iter().map(|unit| unit.index).collect();
        assert_eq!(order, [2, 0, 1]);
        assert_eq!(units[0].density, 1.0);
        assert_eq!((units[1].density, units[1].magnitude), (0.5, 2.0));
        assert_eq!((units[2].density, units[2].degree), (0.0, None));
        let gradients = units.iter().map(|unit| unit.gradient_degree);
        assert_eq!(gradients.collect::<Vec<_>>(), [None, Some(3.0), None]);
        assert_eq!(layer().density(), 0.5);
    }

    #[test]
    fn units_keep_their_numbers_when_others_were_removed() {
        // Unit 1 is gone, and one of the two inputs.
        let smaller = Layer {
            kept: Some(vec![0, 2]),
            weights: Pair {
                sparse: vec![0.0, 2.0],
                ..layer().weights
            },
            ..layer()
        };
        assert_eq!(
            [0, 1, 2].map(|unit| smaller.row_left(unit).len()),
            [1, 0, 1]
        );
        let units = smaller.units().unwrap();
        let fate: Vec<_> = units.iter().map(|u| (u.index, u.density)).collect();
        assert_eq!(fate, [(2, 0.5), (0, 0.0), (1, 0.0)]);
        assert_eq!(smaller.density(), 1.0 / 6.0);
    }

    #[test]
    fn removed_units_must_account_for_all_that_are_missing() {
        let of = |units: usize| {
            let mut builder = NetworkBuilder::new("two", [2, 1, 1], 0);
            let x = builder.flatten("flatten", ValueId::INPUT);
            let x = builder.linear("first", x, units);
            builder.linear("second", x, 2);
            prune::layers(&builder.finish(Vec::new()).unwrap()).remove(0)
        };
        let left = |units: usize, gone: &[usize]| kept(&of(3), &of(units), Some(&gone.to_vec()));
        assert_eq!(left(2, &[1]), Some(vec![0, 2]));
        assert_eq!(left(2, &[1, 0]), None);
        assert_eq!(left(2, &[7]), None);
        assert_eq!(left(3, &[]), Some(vec![0, 1, 2]));
        assert_eq!(kept(&of(3), &of(2), None), None);
        assert_eq!(kept(&of(2), &of(3), None), None);
    }

    #[test]
    fn units_that_do_not_correspond_are_not_compared() {
        let mut narrower = layer();
        narrower.kept = None;
        assert_eq!(narrower.units(), None);
        let mut other = layer();
        other.degrees.dense.response.pop();
        assert_eq!(other.units(), None);
    }

    #[test]
    fn rank_correlation_is_about_order_alone() {
        let of = rank_correlation;
        assert_eq!(of(&[(1.0, 10.0), (2.0, 1000.0), (3.0, 1001.0)]), Some(1.0));
        assert_eq!(of(&[(1.0, 5.0), (2.0, 4.0), (3.0, -4.0)]), Some(-1.0));
        // By hand: ranks 0, 1.5, 1.5 and 0, 1, 2 around their mean 1 give 1.5 / √(1.5 · 2).
        let tied = of(&[(1.0, 1.0), (2.0, 2.0), (2.0, 3.0)]).unwrap();
        assert!((tied - 1.5 / 3.0f64.sqrt()).abs() < 1e-12);
        assert_eq!(of(&[(1.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(of(&[]), None);
    }
}
