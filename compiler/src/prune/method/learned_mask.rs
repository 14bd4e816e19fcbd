//! The learnable anomaly mask, end to end: which weights stay is learnt together with their values.
//!
//! Scores start from a criterion, divided by the mean of their layer's absolute values. The mask is the top k of all scores, and k falls along a cubic to the
//! target. The loss has one more term, λ·Σ_u A_u·density_u, the anomaly of what is kept: units that an attack moves most are pressed out
//! unless the loss itself holds them. A_u is the unit's degree relative to its layer's mean, re-estimated while the density falls. Then
//! the mask is frozen, and what remains is a plain masked network.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sinew_models::{Network, ParameterId};

use super::scores::Scores;
use super::{keep, save, scores_of, taken};
use crate::named;
use crate::prune::{
    Criterion, LayerMagnitude, Measure, Moment, Needs, Observe, PruneError, Sparsifier, Subject,
    Target, cubic, prunable,
};

/// Constants of the method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LearnedMaskSettings {
    /// What scores start from.
    #[serde(deserialize_with = "named::read")]
    pub start: Criterion,
    /// Learning rate of the scores, whose absolute values have the mean 1 in each layer in the beginning.
    pub score_rate: f64,
    /// λ.
    pub anomaly: f64,
    /// What A is measured on.
    pub measure: Measure,
    /// Fraction of the run over which density falls.
    pub anneal: f64,
    /// Fraction of the run after which the mask is frozen.
    pub freeze: f64,
}

impl Default for LearnedMaskSettings {
    fn default() -> Self {
        Self {
            start: Criterion::LayerMagnitude(LayerMagnitude {}),
            score_rate: 30.0,
            anomaly: 0.0,
            measure: Measure::Activation,
            anneal: 0.6,
            freeze: 0.7,
        }
    }
}

/// How often the anomaly is estimated while the density falls.
const ESTIMATES: usize = 5;

/// The method at work.
#[derive(Debug)]
pub struct LearnedMask {
    settings: LearnedMaskSettings,
    target: Target,
    seed: u64,
    learning: Option<Learning>,
}

#[derive(Debug)]
struct Learning {
    scores: Scores,
    /// ∂(Σ_u A_u·density_u)/∂m of every weight: A_u over the number of the unit's weights.
    pressure: Vec<Vec<f32>>,
}

impl LearnedMask {
    /// `seed` decides what the starting criterion draws.
    pub fn new(settings: LearnedMaskSettings, target: Target, seed: u64) -> Self {
        Self {
            settings,
            target,
            seed,
            learning: None,
        }
    }

    fn begin(&self, subject: &Subject<'_>, observe: Observe<'_>) -> Result<Learning, PruneError> {
        let network = subject.network_with(subject.parameters);
        let scores = scores_of(&self.settings.start, &network, self.seed, observe)?;
        let relative = |layer: Vec<f64>| {
            let mean = layer.iter().map(|s| s.abs()).sum::<f64>() / layer.len().max(1) as f64;
            let scale = if mean > 0.0 { 1.0 / mean } else { 1.0 };
            layer.iter().map(|score| (score * scale) as f32).collect()
        };
        let scores = Scores::new(&network, scores.into_iter().map(relative).collect());
        Ok(Learning {
            pressure: scores.values.iter().map(|s| vec![0.0; s.len()]).collect(),
            scores,
        })
    }
}

impl Sparsifier for LearnedMask {
    fn prepare(
        &mut self,
        moment: &Moment,
        subject: &mut Subject<'_>,
        observe: Observe<'_>,
    ) -> Result<(), PruneError> {
        let settings = &self.settings;
        if moment.step == 0 {
            self.learning = Some(self.begin(subject, &mut *observe)?);
        }
        let Some(learning) = &mut self.learning else {
            return Ok(());
        };
        let anneal = (settings.anneal * moment.steps as f64).max(1.0);
        let every = (anneal / ESTIMATES as f64).ceil() as usize;
        let falling = (moment.step as f64) < anneal;
        if settings.anomaly > 0.0 && falling && moment.step.is_multiple_of(every) {
            let mut values = subject.parameters.to_vec();
            learning.scores.cover(&mut values);
            let network = subject.network_with(&values);
            learning.pressure = pressure(&network, settings, observe)?;
        }
        let sparsity = cubic(self.target.sparsity, (moment.step + 1) as f64 / anneal);
        let scores = learning.scores.values.iter();
        let scores: Vec<Vec<f64>> = scores
            .map(|layer| layer.iter().map(|s| f64::from(*s)).collect())
            .collect();
        let masks = self.target.masks(subject.network, &scores, sparsity)?;
        if moment.has_reached(settings.freeze) {
            keep(subject, masks, self.target.granularity);
            self.learning = None;
        } else {
            learning.scores.masks = masks;
        }
        Ok(())
    }

    fn effective(&self, values: &mut [Vec<f32>]) {
        if let Some(learning) = &self.learning {
            learning.scores.cover(values);
        }
    }

    fn learn(&mut self, _moment: &Moment, subject: &Subject<'_>, gradients: &mut [Vec<f32>]) {
        let Some(learning) = &mut self.learning else {
            return;
        };
        let mut slopes = learning.scores.slopes(subject, gradients);
        let strength = self.settings.anomaly as f32;
        for (slopes, pressure) in slopes.iter_mut().zip(&learning.pressure) {
            for (slope, pressure) in slopes.iter_mut().zip(pressure) {
                *slope += strength * pressure;
            }
        }
        learning.scores.descend(&slopes, self.settings.score_rate);
        // The loss does not pull at a weight that is masked; its decay goes on.
        learning.scores.cover(gradients);
    }

    fn learns_from_removed(&self, _moment: &Moment) -> bool {
        self.learning.is_some()
    }

    fn settled(&self, _moment: &Moment) -> bool {
        self.learning.is_none()
    }

    fn state(&self) -> BTreeMap<String, Vec<f32>> {
        let Some(learning) = &self.learning else {
            return BTreeMap::new();
        };
        let mut state = learning.scores.state();
        save(&mut state, "pressure", &learning.pressure);
        state
    }

    fn restore(
        &mut self,
        network: &Network,
        mut state: BTreeMap<String, Vec<f32>>,
    ) -> Result<(), PruneError> {
        let scores = Scores::restore(network, &mut state)?;
        let pressure = taken(network, "pressure", &mut state)?;
        self.learning = Some(Learning { scores, pressure });
        Ok(())
    }
}

/// A_u over the number of the unit's weights, A being relative to its layer's mean. A dead unit is pressed by nothing: it has no degree.
fn pressure(
    network: &Network,
    settings: &LearnedMaskSettings,
    observe: Observe<'_>,
) -> Result<Vec<Vec<f32>>, PruneError> {
    let statistics = observe(network, &Needs::of_measure(settings.measure))?;
    let layers = prunable(network).into_iter().enumerate();
    let of = |(layer, id): (usize, ParameterId)| {
        let count = network.parameter(id).values().len();
        let degrees = statistics.degrees(settings.measure, layer);
        let alive = degrees.iter().flatten();
        let mean = alive.clone().sum::<f64>() / alive.count().max(1) as f64;
        let row = count / degrees.len();
        let of_unit = |degree: &Option<f64>| {
            let relative = degree.map_or(0.0, |degree| degree / mean.max(f64::MIN_POSITIVE));
            std::iter::repeat_n((relative / row as f64) as f32, row)
        };
        degrees.iter().flat_map(of_unit).collect()
    };
    Ok(layers.map(of).collect())
}
