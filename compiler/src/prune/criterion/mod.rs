//! Criteria: a score for every weight; the lowest go first. One file per criterion, with its source and its constants.
//!
//! All parameters have defaults, so that a name is enough. Non-goals: how many weights go, and together with which others.

mod anomaly;
mod anomaly_feeding;
mod anomaly_weight;
mod lamp;
mod layer_magnitude;
mod mad;
mod magnitude;
mod random;
mod random_factor;
mod response_gradient;
mod sensitivity;
mod taylor;
mod vulnerability;
mod wanda;

pub use anomaly::Anomaly;
pub use anomaly_feeding::AnomalyFeeding;
pub use anomaly_weight::AnomalyWeight;
pub use lamp::Lamp;
pub use layer_magnitude::LayerMagnitude;
pub use mad::Mad;
pub use magnitude::Magnitude;
pub use random::Random;
pub use random_factor::RandomFactor;
pub use response_gradient::ResponseGradient;
pub use sensitivity::Sensitivity;
pub use taylor::Taylor;
pub use vulnerability::Vulnerability;
pub use wanda::Wanda;

use serde::{Deserialize, Serialize};
use sinew_models::Network;

use super::anomaly::Measure;
use super::layer::Layer;
use super::statistics::{Needs, Part, Statistics};
use crate::named;

/// How weights are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Criterion {
    /// See [`Anomaly`].
    Anomaly(Anomaly),
    /// See [`AnomalyWeight`].
    AnomalyWeight(AnomalyWeight),
    /// See [`AnomalyFeeding`].
    AnomalyFeeding(AnomalyFeeding),
    /// See [`Sensitivity`].
    Sensitivity(Sensitivity),
    /// See [`Vulnerability`].
    Vulnerability(Vulnerability),
    /// See [`ResponseGradient`].
    ResponseGradient(ResponseGradient),
    /// See [`Mad`].
    Mad(Mad),
    /// See [`Taylor`].
    Taylor(Taylor),
    /// See [`Wanda`].
    Wanda(Wanda),
    /// See [`Lamp`].
    Lamp(Lamp),
    /// See [`LayerMagnitude`].
    LayerMagnitude(LayerMagnitude),
    /// See [`Magnitude`].
    Magnitude(Magnitude),
    /// See [`RandomFactor`].
    RandomFactor(RandomFactor),
    /// See [`Random`].
    Random(Random),
}

/// Which images a gradient or a response is taken from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Images {
    /// The clean ones.
    #[default]
    Clean,
    /// Their adversarial versions.
    Adversarial,
}

impl Images {
    fn part(self) -> Part {
        match self {
            Self::Clean => Part::Clean,
            Self::Adversarial => Part::Attacked,
        }
    }
}

/// What one criterion is.
trait Rule {
    /// The statistics that it looks at.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// A finite score for every weight of every layer, in the order of [`layers`](super::layers).
    fn scores(&self, evidence: &Evidence<'_>) -> Vec<Vec<f64>>;

    /// The first parameter that cannot be used: "key: problem".
    fn problem(&self) -> Option<String> {
        None
    }
}

impl Criterion {
    fn rule(&self) -> &dyn Rule {
        match self {
            Self::Anomaly(rule) => rule,
            Self::AnomalyWeight(rule) => rule,
            Self::AnomalyFeeding(rule) => rule,
            Self::Sensitivity(rule) => rule,
            Self::Vulnerability(rule) => rule,
            Self::ResponseGradient(rule) => rule,
            Self::Mad(rule) => rule,
            Self::Taylor(rule) => rule,
            Self::Wanda(rule) => rule,
            Self::Lamp(rule) => rule,
            Self::LayerMagnitude(rule) => rule,
            Self::Magnitude(rule) => rule,
            Self::RandomFactor(rule) => rule,
            Self::Random(rule) => rule,
        }
    }

    /// The statistics that [`scores`](Self::scores) looks at.
    pub fn needs(&self) -> Needs {
        self.rule().needs()
    }

    /// A finite score for every weight of every layer, in the order of [`layers`](super::layers). The lowest go first.
    ///
    /// `statistics` are about `network` as it stands; `seed` decides what is left to chance.
    ///
    /// # Panics
    /// If the statistics lack what the criterion [`needs`](Self::needs), or are about another network.
    pub fn scores(&self, network: &Network, statistics: &Statistics, seed: u64) -> Vec<Vec<f64>> {
        self.rule().scores(&Evidence {
            network,
            statistics,
            seed,
        })
    }

    /// The first parameter that cannot be used: "key: problem".
    pub fn problem(&self) -> Option<String> {
        self.rule().problem()
    }

    /// The name, with those parameters behind it that are not the usual ones.
    pub fn name(&self) -> String {
        named::name(self)
    }
}

/// What a criterion may look at.
struct Evidence<'a> {
    network: &'a Network,
    statistics: &'a Statistics,
    seed: u64,
}

impl Evidence<'_> {
    fn layers(&self) -> &[Layer] {
        self.statistics.layers()
    }

    fn weights(&self, layer: &Layer) -> &[f32] {
        self.network.parameter(layer.weight).values()
    }

    fn magnitudes(&self, layer: &Layer) -> Vec<f64> {
        let weights = self.weights(layer).iter();
        weights.map(|w| f64::from(w.abs())).collect()
    }

    fn degrees(&self, measure: Measure, mean_ratio: bool, layer: usize) -> Vec<Option<f64>> {
        match mean_ratio {
            false => self.statistics.degrees(measure, layer),
            true => self.statistics.mean_ratios(measure, layer),
        }
    }

    /// |w| times a factor. `factors` gives those of one layer: for each of its weights, for each of its units, or one for all.
    fn scaled_magnitudes(&self, factors: impl Fn(usize, &Layer) -> Vec<f64>) -> Vec<Vec<f64>> {
        let layers = self.layers().iter().enumerate();
        layers
            .map(|(index, layer)| {
                let factors = factors(index, layer);
                let share = layer.weights() / factors.len();
                let magnitudes = self.magnitudes(layer).into_iter().enumerate();
                magnitudes
                    .map(|(weight, magnitude)| magnitude * factors[weight / share])
                    .collect()
            })
            .collect()
    }

    /// Turns a score for each unit (or each weight) into one for each weight: the rank among the units of all layers, plus a fraction in
    /// [0, 1) that orders the weights inside the unit by |w|. Units at −∞ come first.
    fn ranked_units(&self, units: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let layers = units.iter().enumerate();
        let mut order: Vec<(usize, usize)> = layers
            .flat_map(|(layer, units)| (0..units.len()).map(move |unit| (layer, unit)))
            .collect();
        order.sort_by(|a, b| units[a.0][a.1].total_cmp(&units[b.0][b.1]));
        let mut ranks: Vec<Vec<f64>> = units.iter().map(|u| vec![0.0; u.len()]).collect();
        for (rank, (layer, unit)) in order.into_iter().enumerate() {
            ranks[layer][unit] = rank as f64;
        }
        let layers = self.layers().iter().zip(ranks);
        layers
            .map(|(layer, ranks)| {
                let magnitudes = self.magnitudes(layer);
                let units = magnitudes.chunks(layer.weights() / ranks.len());
                let units = units.zip(ranks);
                units
                    .flat_map(|(unit, rank)| within_unit(unit, rank))
                    .collect()
            })
            .collect()
    }
}

fn within_unit(magnitudes: &[f64], rank: f64) -> Vec<f64> {
    let largest = magnitudes.iter().copied().fold(0.0, f64::max);
    let scale = 1.0 / (largest * (1.0 + 1e-9) + f64::MIN_POSITIVE);
    magnitudes.iter().map(|w| rank + w * scale).collect()
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len().max(1) as f64
}

/// "strength: …" if it is not a finite number from 0 up.
fn strength_problem(strength: f64) -> Option<String> {
    let fine = strength.is_finite() && strength >= 0.0;
    (!fine).then(|| {
        format!(
            "strength: {strength} is not a number from 0 up; `inverted` turns a criterion around"
        )
    })
}

#[cfg(test)]
mod tests;
