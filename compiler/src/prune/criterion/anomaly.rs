//! The thesis read literally: the most anomalous units go first, whole, in one order over all layers.

use sinew_models::Network;

use crate::prune::AnomalyTable;

/// Rank of the unit (0 goes first) plus a fraction in [0, 1) that orders the weights inside the unit by |w|.
///
/// A dead unit has no anomaly degree. It goes before every other: nothing is lost with it.
pub(super) fn scores(network: &Network, table: &AnomalyTable) -> Vec<Vec<f64>> {
    let mut units: Vec<(f64, usize, usize)> = Vec::new();
    for (layer, anomaly) in table.layers.iter().enumerate() {
        for (unit, degree) in anomaly.degrees().into_iter().enumerate() {
            units.push((degree.unwrap_or(f64::INFINITY), layer, unit));
        }
    }
    units.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut ranks: Vec<Vec<usize>> = table
        .layers
        .iter()
        .map(|l| vec![0; l.clean.len()])
        .collect();
    for (rank, (_, layer, unit)) in units.into_iter().enumerate() {
        ranks[layer][unit] = rank;
    }
    let layers = super::magnitudes_by_unit(network).into_iter().zip(ranks);
    layers
        .map(|(units, ranks)| {
            let units = units.into_iter().zip(ranks);
            units
                .flat_map(|(weights, rank)| within_unit(&weights, rank))
                .collect()
        })
        .collect()
}

fn within_unit(weights: &[f64], rank: usize) -> Vec<f64> {
    let largest = weights.iter().copied().fold(0.0, f64::max);
    let scale = 1.0 / (largest * (1.0 + 1e-9) + f64::MIN_POSITIVE);
    weights.iter().map(|w| rank as f64 + w * scale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prune::{LayerAnomaly, Measure};
    use crate::testing::two_layers;

    #[test]
    fn units_come_whole_by_falling_degree_dead_ones_first() {
        let network = two_layers();
        let table = AnomalyTable {
            measure: Measure::Activation,
            layers: vec![
                LayerAnomaly {
                    clean: vec![1.0, 0.0, 1.0],
                    change: vec![0.5, 0.0, 0.1],
                },
                LayerAnomaly {
                    clean: vec![1.0, 1.0],
                    change: vec![0.2, 0.9],
                },
            ],
        };
        let scores = scores(&network, &table);
        let unit = |layer: usize, unit: usize| {
            let per_unit = scores[layer].len() / table.layers[layer].clean.len();
            scores[layer][unit * per_unit..(unit + 1) * per_unit].to_vec()
        };
        let order = [unit(0, 1), unit(1, 1), unit(0, 0), unit(1, 0), unit(0, 2)];
        for pair in order.windows(2) {
            let highest = pair[0].iter().copied().fold(f64::MIN, f64::max);
            let lowest = pair[1].iter().copied().fold(f64::MAX, f64::min);
            assert!(highest < lowest, "{pair:?}");
        }
    }
}
