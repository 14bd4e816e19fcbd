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
    /// Distillation happens only where there is a parent.
    pub(super) fn new(settings: &TrainSettings, network: &Network, has_teacher: bool) -> Self {
        let mut points = match settings.penalty {
            Some(_) => response_values(network),
            None => Vec::new(),
        };
        // The last layer's units are the logits.
        points.pop();
        let distillation = settings.distillation.filter(|_| has_teacher);
        Self {
            objective: Objective {
                loss: settings.loss,
                distillation,
            },
            penalty: settings.penalty,
            units: points
                .iter()
                .map(|p| network.shape(*p).as_map()[0])
                .collect(),
            points,
        }
    }

    /// Whether the clean images are a batch of the request too, before the adversarial ones.
    pub(super) fn needs_clean(&self) -> bool {
        self.objective.needs_clean() || self.penalty.is_some()
    }

    /// Whether the parent is asked.
    pub(super) fn needs_teacher(&self) -> bool {
        self.objective.distillation.is_some()
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
