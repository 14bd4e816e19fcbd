//! What one training run is told, as a recipe spells it.

use serde::{Deserialize, Serialize};

use crate::attack::{Attack, Gradients, NFgsm, Pgd, ThreatModel};

/// A training run: adversarial training with SGD, momentum and weight decay on a one-cycle schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSettings {
    /// How training examples are crafted.
    pub adversary: Adversary,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images per step; the last incomplete batch of an epoch is left out.
    pub batch_size: usize,
    /// Highest learning rate of the cycle.
    pub learning_rate: f64,
    /// Fraction of the steps over which the learning rate rises.
    pub warm_up: f64,
    /// Of SGD.
    pub momentum: f64,
    /// L2 penalty on weights; biases and batch norms have none.
    pub weight_decay: f64,
    /// Decay of the weights' running average, which is what is evaluated and kept.
    pub average_decay: f64,
    /// Steps of the PGD attack on the validation images after every epoch.
    pub validation_steps: usize,
}

/// How training examples are crafted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Adversary {
    /// One gradient from unclipped noise (de Jorge et al., 2022).
    NFgsm {
        /// Width of the noise in units of ε: the paper's k.
        noise: f32,
    },
    /// Projected gradient descent with this many steps (Madry et al., 2018).
    Pgd {
        /// Steps per training example.
        steps: usize,
    },
}

impl Adversary {
    /// The attack that crafts examples for radius `epsilon`.
    pub(crate) fn attack(self, epsilon: f32) -> Box<dyn for<'m> Attack<Gradients<'m>>> {
        match self {
            Self::NFgsm { noise } => Box::new(NFgsm { epsilon, noise }),
            Self::Pgd { steps } => Box::new(Pgd::new(ThreatModel::linf(epsilon), steps)),
        }
    }
}

impl TrainSettings {
    /// The first setting that cannot be used, as "key: problem".
    pub fn problem(&self) -> Option<String> {
        let fraction = |x: f64| (0.0..1.0).contains(&x);
        let problem = match self {
            s if s.epochs == 0 => "epochs: must be at least 1".to_owned(),
            s if s.batch_size == 0 => "batch_size: must be at least 1".to_owned(),
            s if !(s.learning_rate.is_finite() && s.learning_rate > 0.0) => {
                format!("learning_rate: {} is not above 0", s.learning_rate)
            }
            s if !fraction(s.warm_up) => format!("warm_up: {} is not in [0, 1)", s.warm_up),
            s if !fraction(s.momentum) => format!("momentum: {} is not in [0, 1)", s.momentum),
            s if !(s.weight_decay.is_finite() && s.weight_decay >= 0.0) => {
                format!("weight_decay: {} is not 0 or more", s.weight_decay)
            }
            s if !fraction(s.average_decay) => {
                format!("average_decay: {} is not in [0, 1)", s.average_decay)
            }
            s if s.validation_steps == 0 => "validation_steps: must be at least 1".to_owned(),
            Self {
                adversary: Adversary::NFgsm { noise },
                ..
            } if !(noise.is_finite() && *noise >= 0.0) => {
                format!("adversary.n-fgsm.noise: {noise} is not 0 or more")
            }
            Self {
                adversary: Adversary::Pgd { steps: 0 },
                ..
            } => "adversary.pgd.steps: must be at least 1".to_owned(),
            _ => return None,
        };
        Some(problem)
    }
}
