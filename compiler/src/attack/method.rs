//! Attacks of all kinds side by side, and what a victim shows them.

use serde::{Deserialize, Serialize};

use super::{Attack, Decisions, Examples, Gradients, Logits};
use crate::classifier::{Classifier, ComputeError, Decider, Differentiable};

/// How much of a network an attacker sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Decisions alone.
    Decisions,
    /// Logits too.
    Logits,
    /// Gradients too.
    Gradients,
}

/// An attack, with what it has to see.
pub enum Method<'a> {
    /// White-box.
    Gradients(Box<dyn for<'m> Attack<Gradients<'m>> + 'a>),
    /// Black-box with logits.
    Logits(Box<dyn for<'m> Attack<Logits<'m>> + 'a>),
    /// Black-box with decisions.
    Decisions(Box<dyn for<'m> Attack<Decisions<'m>> + 'a>),
}

impl Method<'_> {
    /// What the attack has to see.
    pub fn access(&self) -> Access {
        match self {
            Self::Gradients(_) => Access::Gradients,
            Self::Logits(_) => Access::Logits,
            Self::Decisions(_) => Access::Decisions,
        }
    }
}

/// An attack as results name it.
pub struct NamedAttack<'a> {
    /// Name with the parameters that decide its strength.
    pub name: String,
    /// The most queries that an image can cost; a forward and a backward pass together are one.
    pub budget: usize,
    /// The attack.
    pub method: Method<'a>,
}

/// What is attacked, as far as it shows itself.
#[derive(Clone, Copy)]
pub enum Victim<'a> {
    /// It shows gradients.
    Gradients(&'a dyn Differentiable),
    /// It shows logits.
    Logits(&'a dyn Classifier),
    /// It shows decisions.
    Decisions(&'a dyn Decider),
}

impl<'a> Victim<'a> {
    /// How much it shows.
    pub fn access(self) -> Access {
        match self {
            Self::Gradients(_) => Access::Gradients,
            Self::Logits(_) => Access::Logits,
            Self::Decisions(_) => Access::Decisions,
        }
    }

    /// What every victim shows.
    pub fn decider(self) -> &'a dyn Decider {
        match self {
            Self::Gradients(model) => model,
            Self::Logits(model) => model,
            Self::Decisions(model) => model,
        }
    }

    /// Its logits, if it shows them.
    pub fn classifier(self) -> Option<&'a dyn Classifier> {
        match self {
            Self::Gradients(model) => Some(model),
            Self::Logits(model) => Some(model),
            Self::Decisions(_) => None,
        }
    }

    /// Runs an attack against it.
    ///
    /// # Errors
    /// If the attack has to see more than it shows, or what the model reports.
    pub(crate) fn attacked_by(
        self,
        method: &Method<'_>,
        examples: &Examples<'_>,
    ) -> Result<Vec<f32>, ComputeError> {
        let hidden = || ComputeError("it does not show what the attack has to see".to_owned());
        match (method, self) {
            (Method::Gradients(attack), Self::Gradients(model)) => attack.perturb(model, examples),
            (Method::Gradients(_), _) => Err(hidden()),
            (Method::Logits(attack), victim) => {
                attack.perturb(victim.classifier().ok_or_else(hidden)?, examples)
            }
            (Method::Decisions(attack), victim) => attack.perturb(victim.decider(), examples),
        }
    }
}
