//! Criteria: a score for every weight; the lowest go first. One file per criterion.

mod anomaly;
mod anomaly_weight;
mod magnitude;
mod random;

pub(in crate::prune) use magnitude::scores as magnitude;

use serde::{Deserialize, Serialize};
use sinew_models::Network;

use super::{AnomalyTable, prunable};

/// How weights are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Criterion {
    /// Units strictly by falling anomaly degree, weights inside a unit by |w|: the thesis read literally.
    Anomaly,
    /// |w| times a bounded factor that falls with the unit's anomaly degree.
    AnomalyWeight,
    /// Control: the same with the factor inverted.
    AnomalyWeightInverted,
    /// Control: |w|.
    Magnitude,
    /// Control: chance.
    Random,
}

/// What a criterion may look at besides the weights.
#[derive(Clone, Copy, Debug)]
pub struct Statistics<'a> {
    /// What the attack does to every unit.
    pub anomaly: &'a AnomalyTable,
    /// Decides the `random` criterion.
    pub seed: u64,
}

impl Criterion {
    /// Scores of every prunable parameter, in the order of [`prunable`]. All are finite.
    pub(super) fn scores(self, network: &Network, statistics: &Statistics<'_>) -> Vec<Vec<f64>> {
        match self {
            Self::Anomaly => anomaly::scores(network, statistics.anomaly),
            Self::AnomalyWeight => {
                anomaly_weight::scores(network, statistics.anomaly, anomaly_weight::STRENGTH)
            }
            Self::AnomalyWeightInverted => {
                anomaly_weight::scores(network, statistics.anomaly, -anomaly_weight::STRENGTH)
            }
            Self::Magnitude => magnitude::scores(network),
            Self::Random => random::scores(network, statistics.seed),
        }
    }
}

/// Absolute weights of each prunable parameter, cut into units (output channels or features).
fn magnitudes_by_unit(network: &Network) -> Vec<Vec<Vec<f64>>> {
    prunable(network)
        .into_iter()
        .map(|id| {
            let parameter = network.parameter(id);
            let per_unit = parameter.values().len() / parameter.shape()[0];
            parameter
                .values()
                .chunks(per_unit)
                .map(|unit| unit.iter().map(|w| f64::from(w.abs())).collect())
                .collect()
        })
        .collect()
}
