//! What a training step lowers: the loss of a batch's logits, with what the parent says, and the penalty on its responses.

use sinew_models::{Network, ValueId};

use super::TrainSettings;
use super::loss::{BatchLogits, Objective};
use super::penalty::Penalty;
use crate::prune::response_values;
use crate::trainable::Responses;

/// The settings' loss, for one network.
#[derive(Debug)]
pub(super) struct Risk {
    objective: Objective,
    penalty: Option<Penalty>,
    /// The responses that the penalty looks at.
    points: Vec<ValueId>,
    /// How many units each of them has.
    units: Vec<usize>,
}

/// A batch as the loss sees it, besides its responses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) labels: &'a [usize],
    /// Logits of the parent for the clean images, where there is a distillation.
    pub(super) teacher: Option<&'a [f32]>,
}

impl Risk {
    /// What the settings lower.
    ///
    /// # Errors
    /// "key: problem", if that would be nothing.
    pub(super) fn new(settings: &TrainSettings, network: &Network) -> Result<Self, String> {
        let mut points = match settings.penalty {
            Some(_) => response_values(network),
            None => Vec::new(),
        };
        // The last layer's units are the logits.
        points.pop();
        if settings.penalty.is_some() && points.is_empty() {
            return Err(
                "penalty: it looks at all layers but the last, and there is no other".to_owned(),
            );
        }
        Ok(Self {
            objective: Objective {
                loss: settings.loss,
                distillation: settings.distillation,
            },
            penalty: settings.penalty,
            units: points
                .iter()
                .map(|p| network.shape(*p).as_map()[0])
                .collect(),
            points,
        })
    }

    /// Whether the clean images are a batch of the request too, before the adversarial ones.
    pub(super) fn needs_clean(&self) -> bool {
        self.objective.needs_clean() || self.penalty.is_some()
    }

    /// Values that the loss sees.
    pub(super) fn points(&self) -> &[ValueId] {
        &self.points
    }

    /// The mean over the batch, and the slopes at its responses.
    pub(super) fn of(&self, responses: &Responses, known: Known<'_>) -> (f64, Responses) {
        let (adversarial, clean) = responses.logits.split_last().expect("adversarial images");
        let clean = clean.first();
        let loss = self.objective.of(&BatchLogits {
            labels: known.labels,
            adversarial,
            clean: clean.map(Vec::as_slice),
            teacher: known.teacher,
        });
        let mut value = loss.mean;
        let of_clean = clean.map(|logits| loss.clean.unwrap_or_else(|| vec![0.0; logits.len()]));
        let mut slopes = Responses {
            logits: of_clean.into_iter().chain([loss.adversarial]).collect(),
            points: Vec::new(),
        };
        if let (Some(penalty), [clean, adversarial]) = (self.penalty, &responses.points[..]) {
            let penalty = penalty.of(known.labels.len(), &self.units, clean, adversarial);
            value += penalty.value;
            slopes.points = vec![penalty.clean, penalty.adversarial];
        }
        (value, slopes)
    }
}

#[cfg(test)]
mod tests;
