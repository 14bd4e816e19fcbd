//! What one training run is told, as a recipe spells it.

use serde::{Deserialize, Serialize};

use super::augment::Augmentation;
use super::loss::{Distillation, TrainingLoss};
use super::penalty::Penalty;
use super::schedule::LearningRate;
use super::stopping::Stopping;
use crate::attack::{Attack, Gradients, NFgsm, Pgd, ThreatModel, TradesAttack};
use crate::named;

/// A training run: adversarial training with SGD, momentum and weight decay. All that is not said is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSettings {
    /// How training examples are crafted.
    #[serde(deserialize_with = "named::read")]
    pub adversary: Adversary,
    /// What is lowered.
    #[serde(default, deserialize_with = "named::read")]
    pub loss: TrainingLoss,
    /// How much the answers of the robust parent count; only for the run that prunes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distillation: Option<Distillation>,
    /// What is lowered besides, inside the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub penalty: Option<Penalty>,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images per step; the last incomplete batch of an epoch is left out.
    pub batch_size: usize,
    /// Of the weights, along the run.
    #[serde(deserialize_with = "named::read")]
    pub learning_rate: LearningRate,
    /// Fraction of the steps over which the radius of the training examples rises from 0.
    #[serde(default)]
    pub epsilon_warm_up: f64,
    /// Of SGD.
    pub momentum: f64,
    /// L2 penalty on weights; biases and batch norms have none.
    pub weight_decay: f64,
    /// Radius of the adversarial weight perturbation relative to each layer's norm: γ of AWP (Wu, Xia and Wang, 2020); 0 for none.
    #[serde(default)]
    pub weight_perturbation: f64,
    /// Decay of the weights' running average, which is what is evaluated and kept.
    pub average_decay: f64,
    /// How training images are varied.
    #[serde(default)]
    pub augmentation: Augmentation,
    /// Steps of the PGD attack on the validation images after every epoch.
    pub validation_steps: usize,
    /// What ends the run before its last epoch.
    #[serde(default)]
    pub stopping: Stopping,
}

/// How training examples are crafted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Adversary {
    /// Not at all: plain training on clean images, for an undefended network.
    None,
    /// One gradient from unclipped noise (de Jorge et al., 2022).
    NFgsm {
        /// Width of the noise in units of ε: the paper's k.
        #[serde(default = "usual_noise")]
        noise: f32,
    },
    /// One gradient from a random point of the ball (Wong, Rice and Kolter, 2020). It can collapse; [`Stopping::catastrophic_overfitting`]
    /// ends the run where it does.
    FgsmRs,
    /// Projected gradient descent with this many steps (Madry et al., 2018).
    Pgd {
        /// Steps per training example.
        steps: usize,
    },
    /// Projected gradient ascent on how far the answer changes, as TRADES does (Zhang et al., 2019).
    Trades {
        /// Steps per training example.
        steps: usize,
    },
}

fn usual_noise() -> f32 {
    2.0
}

impl Adversary {
    /// The attack that crafts examples for radius `epsilon`, if there is one.
    pub(crate) fn attack(self, epsilon: f32) -> Option<Box<dyn for<'m> Attack<Gradients<'m>>>> {
        let threat = ThreatModel::linf(epsilon);
        Some(match self {
            Self::None => return None,
            Self::NFgsm { noise } => Box::new(NFgsm { epsilon, noise }),
            Self::FgsmRs => Box::new(Pgd::fgsm_rs(threat)),
            Self::Pgd { steps } => Box::new(Pgd::new(threat, steps)),
            Self::Trades { steps } => Box::new(TradesAttack::new(threat, steps)),
        })
    }

    /// Gradients that an example costs.
    pub fn gradients(self) -> usize {
        match self {
            Self::None => 0,
            Self::NFgsm { .. } | Self::FgsmRs => 1,
            Self::Pgd { steps } | Self::Trades { steps } => steps,
        }
    }

    fn problem(self) -> Option<String> {
        match self {
            Self::NFgsm { noise } if !(noise.is_finite() && noise >= 0.0) => {
                Some(format!("n-fgsm.noise: {noise} is not 0 or more"))
            }
            Self::Pgd { steps: 0 } => Some("pgd.steps: must be at least 1".to_owned()),
            Self::Trades { steps: 0 } => Some("trades.steps: must be at least 1".to_owned()),
            _ => None,
        }
    }
}

impl TrainSettings {
    /// The first setting that cannot be used, as "key: problem".
    pub fn problem(&self) -> Option<String> {
        let below_one = |key: &str, x: f64| {
            let outside = !(0.0..1.0).contains(&x);
            outside.then(|| format!("{key}: {x} is not in [0, 1)"))
        };
        let not_negative = |key: &str, x: f64| {
            let outside = !(x.is_finite() && x >= 0.0);
            outside.then(|| format!("{key}: {x} is not 0 or more"))
        };
        let some = |key: &str, n: usize| (n == 0).then(|| format!("{key}: must be at least 1"));
        let inside = |key: &str, problem: Option<String>| Some(format!("{key}.{}", problem?));
        None.or_else(|| inside("adversary", self.adversary.problem()))
            .or_else(|| inside("loss", self.loss.problem()))
            .or_else(|| inside("distillation", self.distillation?.problem()))
            .or_else(|| inside("penalty", self.penalty?.problem()))
            .or_else(|| some("epochs", self.epochs))
            .or_else(|| some("batch_size", self.batch_size))
            .or_else(|| inside("learning_rate", self.learning_rate.problem()))
            .or_else(|| below_one("epsilon_warm_up", self.epsilon_warm_up))
            .or_else(|| below_one("momentum", self.momentum))
            .or_else(|| not_negative("weight_decay", self.weight_decay))
            .or_else(|| not_negative("weight_perturbation", self.weight_perturbation))
            .or_else(|| below_one("average_decay", self.average_decay))
            .or_else(|| some("validation_steps", self.validation_steps))
            .or_else(|| inside("stopping", self.stopping.problem()))
            .or_else(|| self.misfit())
    }

    /// A setting that would do nothing beside the others.
    fn misfit(&self) -> Option<String> {
        if self.adversary != Adversary::None {
            return None;
        }
        let idle = [
            ("loss", self.loss.needs_clean()),
            ("penalty", self.penalty.is_some()),
            ("epsilon_warm_up", self.epsilon_warm_up > 0.0),
        ];
        let (key, _) = idle.into_iter().find(|(_, is_set)| *is_set)?;
        Some(format!(
            "{key}: it is about adversarial images, and with adversary = \"none\" there are none"
        ))
    }
}
