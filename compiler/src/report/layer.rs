//! Layers and units with all that the page says of them: weights before and after, density, anomaly degree.

use sinew_models::{Network, ValueId};

use super::run::Pair;
use crate::prune::{AnomalyTable, response_values};

/// A convolution or linear layer.
#[derive(Debug)]
pub(super) struct Layer {
    /// Its node's name.
    pub(super) name: String,
    /// Shape of the parent's weights: units, then what one unit looks at.
    pub(super) shape: Vec<usize>,
    /// Weights in row-major order; the pruned network's are none if it has no such layer any more.
    pub(super) weights: Pair<Vec<f32>>,
    /// Where the parent's units respond.
    pub(super) response: ValueId,
    /// Anomaly degree of every unit; none of a dead one.
    pub(super) degrees: Pair<Vec<Option<f64>>>,
}

/// One output channel or feature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    /// Its number in its layer, from 0.
    pub(super) index: usize,
    /// Anomaly degree in the parent; none if it is dead.
    pub(super) degree: Option<f64>,
    /// Mean of |w| over its weights in the parent.
    pub(super) magnitude: f64,
    /// Fraction of its weights that are left.
    pub(super) density: f64,
}

impl Layer {
    /// Fraction of its weights that are left.
    pub(super) fn density(&self) -> f64 {
        let left = self.weights.sparse.iter().filter(|w| **w != 0.0).count();
        left as f64 / self.weights.dense.len().max(1) as f64
    }

    /// Its units by falling anomaly degree, dead ones last. Nothing if the two networks' units do not correspond, or units and responses do
    /// not.
    pub(super) fn units(&self) -> Option<Vec<Unit>> {
        let units = *self.shape.first()?;
        let Pair { dense, sparse } = &self.weights;
        if dense.len() != sparse.len() || self.degrees.dense.len() != units {
            return None;
        }
        let size = (dense.len() / units.max(1)).max(1);
        let rows = dense.chunks(size).zip(sparse.chunks(size)).enumerate();
        let mut all: Vec<Unit> = rows
            .map(|(index, (before, after))| Unit {
                index,
                degree: self.degrees.dense[index],
                magnitude: before.iter().map(|w| f64::from(w.abs())).sum::<f64>() / size as f64,
                density: after.iter().filter(|w| **w != 0.0).count() as f64 / size as f64,
            })
            .collect();
        let degree = |unit: &Unit| unit.degree.unwrap_or(f64::NEG_INFINITY);
        all.sort_by(|a, b| degree(b).total_cmp(&degree(a)));
        Some(all)
    }
}

/// The layers of the parent, with what became of each.
pub(super) fn layers(networks: &Pair<Network>, tables: &Pair<AnomalyTable>) -> Vec<Layer> {
    let dense = &networks.dense;
    let nodes = dense.nodes().iter();
    let weights = nodes.filter_map(|node| Some((node, node.operator.weight()?)));
    let responses = response_values(dense).into_iter().zip(&tables.dense.layers);
    weights
        .zip(responses)
        .map(|((node, weight), (response, anomaly))| {
            let weight = dense.parameter(weight);
            let (values, degrees) = pruned(&node.name, networks, tables).unwrap_or_default();
            Layer {
                name: node.name.clone(),
                shape: weight.shape().to_vec(),
                weights: Pair {
                    dense: weight.values().to_vec(),
                    sparse: values,
                },
                response,
                degrees: Pair {
                    dense: anomaly.degrees(),
                    sparse: degrees,
                },
            }
        })
        .collect()
}

/// Weights and degrees of the pruned network's layer of this name.
fn pruned(
    name: &str,
    networks: &Pair<Network>,
    tables: &Pair<AnomalyTable>,
) -> Option<(Vec<f32>, Vec<Option<f64>>)> {
    let network = &networks.sparse;
    let layers = network
        .nodes()
        .iter()
        .filter(|n| n.operator.weight().is_some());
    let mut layers = layers.zip(&tables.sparse.layers);
    let (node, anomaly) = layers.find(|(node, _)| node.name == name)?;
    let values = network.parameter(node.operator.weight()?).values().to_vec();
    Some((values, anomaly.degrees()))
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
    use super::*;

    fn layer() -> Layer {
        Layer {
            name: "conv".to_owned(),
            shape: vec![3, 2],
            weights: Pair {
                dense: vec![1.0, -3.0, 0.5, 0.5, 0.0, 2.0],
                sparse: vec![0.0, -3.5, 0.0, 0.0, 1.0, 2.0],
            },
            response: ValueId(1),
            degrees: Pair {
                dense: vec![Some(0.5), None, Some(2.0)],
                sparse: vec![Some(0.5), None, Some(2.0)],
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
        assert_eq!(layer().density(), 0.5);
    }

    #[test]
    fn units_that_do_not_correspond_are_not_compared() {
        let mut narrower = layer();
        narrower.weights.sparse.truncate(4);
        assert_eq!(narrower.units(), None);
        assert_eq!(narrower.density(), 1.0 / 6.0);
        let mut other = layer();
        other.degrees.dense.pop();
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
