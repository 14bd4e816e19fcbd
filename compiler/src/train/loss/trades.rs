//! TRADES (Zhang et al., 2019): CE(f(x), y) + β·KL(p(x) ‖ p(x')).
//!
//! Both sides of the divergence learn, as in the authors' program. The examples that belong to it raise the same divergence
//! ([`TradesAttack`](crate::attack::TradesAttack)).

use serde::{Deserialize, Serialize};

use super::{ImageLoss, add, cross_entropy, weight_problem};
use crate::softmax::Softmax;

/// Accuracy from the clean image, robustness from how far the adversarial one changes the answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trades {
    /// β: how much robustness counts beside clean accuracy. In the paper 6 on CIFAR-10, 1 on MNIST.
    pub beta: f64,
}

impl Trades {
    pub(super) fn problem(self) -> Option<String> {
        weight_problem("beta", self.beta)
    }

    pub(super) fn of(self, label: usize, adversarial: &[f32], clean: &[f32]) -> ImageLoss {
        let (p, q) = (Softmax::of(clean, 1.0), Softmax::of(adversarial, 1.0));
        let (accuracy, mut clean) = cross_entropy(label, &p);
        add(&mut clean, self.beta, &p.own_divergence_slopes(&q));
        let mut adversarial = vec![0.0; clean.len()];
        add(&mut adversarial, self.beta, &p.divergence_slopes(&q));
        ImageLoss {
            value: accuracy + self.beta * p.divergence(&q),
            adversarial,
            clean,
        }
    }
}
