//! MART (Wang et al., 2020): −log p_y(x') − log(1.0001 − max_{k≠y} p_k(x')) + β·KL(p(x) ‖ p(x'))·(1 − p_y(x)).
//!
//! The divergence is summed over the classes, and the gradient goes through all of its factors, as in the authors' program. 1.0001 is theirs
//! too, in place of the paper's 1: it caps the second term at log 10⁴ where the network is sure of a wrong class. What else they add,
//! 10⁻¹² to probabilities before logarithms and 10⁻⁷ to 1 − p_y, guards single precision against log 0; logarithms here never pass
//! through probabilities and need none of it.

use serde::{Deserialize, Serialize};

use super::{ImageLoss, add, cross_entropy, weight_problem};
use crate::attack::strongest_rival;
use crate::softmax::Softmax;

/// Keeps the second term finite.
const CERTAINTY: f64 = 1.0001;

/// Boosted cross-entropy of the adversarial image, and a divergence that counts most where the clean image is not yet classified.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mart {
    /// β: how much the divergence counts. 6 in the authors' program.
    pub beta: f64,
}

impl Mart {
    pub(super) fn problem(self) -> Option<String> {
        weight_problem("beta", self.beta)
    }

    pub(super) fn of(self, label: usize, adversarial: &[f32], clean: &[f32]) -> ImageLoss {
        let rival = strongest_rival(adversarial, label);
        let (p, q) = (Softmax::of(clean, 1.0), Softmax::of(adversarial, 1.0));
        let (mut value, mut adversarial) = cross_entropy(label, &q);

        let room = CERTAINTY - q.probabilities[rival];
        value -= room.ln();
        let pull = q.probabilities[rival] / room;
        add(&mut adversarial, -pull, &q.probabilities);
        adversarial[rival] += pull;

        let (divergence, doubt) = (p.divergence(&q), p.others(label));
        value += self.beta * divergence * doubt;
        add(
            &mut adversarial,
            self.beta * doubt,
            &p.divergence_slopes(&q),
        );
        let mut clean = vec![0.0; adversarial.len()];
        add(&mut clean, self.beta * doubt, &p.own_divergence_slopes(&q));
        // ∂(1 − p_y)/∂logit = p_y·(p − onehot).
        let (_, doubt_slopes) = cross_entropy(label, &p);
        let factor = self.beta * divergence * p.probabilities[label];
        add(&mut clean, factor, &doubt_slopes);
        ImageLoss {
            value,
            adversarial,
            clean,
        }
    }
}
