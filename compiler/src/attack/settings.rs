//! Attacks as recipes and the command line spell them, with the defaults of their papers.

use serde::{Deserialize, Serialize};

use super::{Fgsm, Method, NamedAttack, Pgd, PgdLoss, ThreatModel};
use crate::classifier::Differentiable;

/// An attack and its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum AttackSettings {
    /// One step of ε.
    Fgsm,
    /// Projected gradient descent.
    Pgd {
        /// Steps per restart.
        steps: usize,
        /// Independent random starts.
        restarts: usize,
        /// What is raised.
        #[serde(default)]
        loss: PgdLoss,
    },
}

/// What decides, besides its settings, what an attack can do.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// How far it may go.
    pub threat: ThreatModel,
    /// Number of classes.
    pub classes: usize,
    /// Another network whose gradients are used, for the attack that transfers.
    pub surrogate: Option<&'a dyn Differentiable>,
}

/// An attack that makes no sense where it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use attack {attack}: {problem}")]
pub struct Unsuitable {
    /// Its name.
    pub attack: String,
    /// Why.
    pub problem: String,
}

impl AttackSettings {
    /// Name with the parameters that decide the attack's strength.
    pub fn name(&self) -> String {
        match self {
            Self::Fgsm => "fgsm".to_owned(),
            Self::Pgd { steps, loss, .. } => match loss {
                PgdLoss::Ce => format!("pgd{steps}"),
                PgdLoss::Margin => format!("pgd{steps}-margin"),
            },
        }
    }

    /// The first parameter that cannot be used.
    pub fn problem(&self) -> Option<String> {
        let zero = match *self {
            Self::Fgsm => None,
            Self::Pgd {
                steps, restarts, ..
            } => [("steps", steps), ("restarts", restarts)]
                .into_iter()
                .find(|(_, value)| *value == 0),
        };
        zero.map(|(parameter, _)| format!("{parameter}: must be at least 1"))
    }

    /// The attack.
    ///
    /// # Errors
    /// If it does not know the norm, needs more classes, or has to have a surrogate.
    pub fn attack<'a>(&self, at: &Circumstances<'a>) -> Result<NamedAttack<'a>, Unsuitable> {
        let threat = at.threat;
        let (budget, method) = match *self {
            Self::Fgsm => (1, Method::Gradients(Box::new(Fgsm { threat }))),
            Self::Pgd {
                steps,
                restarts,
                loss,
            } => {
                let attack = Pgd {
                    restarts,
                    loss,
                    until_turned: true,
                    ..Pgd::new(threat, steps)
                };
                (restarts * (steps + 1), Method::Gradients(Box::new(attack)))
            }
        };
        Ok(NamedAttack {
            name: self.name(),
            budget,
            method,
        })
    }
}
