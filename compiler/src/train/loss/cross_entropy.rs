//! Cross-entropy with smoothed labels (Szegedy et al., 2016): −Σ t_k·log p_k(x'), where t = (1 − s)·onehot(y) + s/K over all K classes.

use serde::{Deserialize, Serialize};

use super::ImageLoss;
use crate::softmax::Softmax;

/// Cross-entropy of the adversarial image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrossEntropy {
    /// s: the share of the label that goes to all classes in equal parts; 0 for plain cross-entropy. Adversarial training gains from 0.1 to
    /// 0.2 (Pang et al., 2021).
    pub label_smoothing: f64,
}

impl CrossEntropy {
    pub(super) fn problem(self) -> Option<String> {
        let smoothing = self.label_smoothing;
        (!(0.0..1.0).contains(&smoothing))
            .then(|| format!("label_smoothing: {smoothing} is not in [0, 1)"))
    }

    pub(super) fn of(self, label: usize, adversarial: &[f32]) -> ImageLoss {
        let softmax = Softmax::of(adversarial, 1.0);
        let (mut value, mut slopes) = super::cross_entropy(label, &softmax);
        let smoothing = self.label_smoothing;
        // −Σ t·log p = (1 − s)·(−log p_y) + s·(mean of −log p).
        let classes = adversarial.len() as f64;
        let spread = -softmax.logarithms.iter().sum::<f64>() / classes;
        value += smoothing * (spread - value);
        for slope in &mut slopes {
            *slope -= smoothing / classes;
        }
        slopes[label] += smoothing;
        ImageLoss {
            value,
            adversarial: slopes,
            clean: Vec::new(),
        }
    }
}
