//! What networks are trained on: losses of a batch's logits, with their slopes.
//!
//! One loss per file, of one image at a time, computed on the host in `f64`; here they are averaged over the batch. A loss may look at the
//! clean images beside the adversarial ones, and a parent network may be listened to beside any loss. Non-goals: what attacks raise
//! (`attack`), how slopes get to the weights (`Trainable`).

mod cross_entropy;
mod distillation;
mod mart;
mod trades;

pub use cross_entropy::CrossEntropy;
pub use distillation::Distillation;
pub use mart::Mart;
pub use trades::Trades;

use serde::{Deserialize, Serialize};

use crate::softmax::Softmax;

/// The loss of adversarial training, as a recipe spells it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrainingLoss {
    /// Cross-entropy of the adversarial images (Madry et al., 2018).
    CrossEntropy(CrossEntropy),
    /// Cross-entropy of the clean images, and how far the adversarial ones change the answer (Zhang et al., 2019).
    Trades(Trades),
    /// The same with most weight on what is not yet classified, beside the adversarial images' cross-entropy (Wang et al., 2020).
    Mart(Mart),
}

impl Default for TrainingLoss {
    fn default() -> Self {
        Self::CrossEntropy(CrossEntropy::default())
    }
}

/// What training lowers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// What the labels ask for.
    pub loss: TrainingLoss,
    /// What a parent network asks for, if there is one.
    pub distillation: Option<Distillation>,
}

/// A batch as its losses see it. Logits are `[batch, class]`, flattened.
#[derive(Clone, Copy, Debug)]
pub struct BatchLogits<'a> {
    /// Label of each image.
    pub labels: &'a [usize],
    /// Of the adversarial images.
    pub adversarial: &'a [f32],
    /// Of the clean images, where [`Objective::needs_clean`].
    pub clean: Option<&'a [f32]>,
    /// Of the parent network, where there is a [`Distillation`], on the images that it names.
    pub teacher: Option<&'a [f32]>,
}

/// A batch's mean loss, and its slopes.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchLoss {
    /// Mean over the images.
    pub mean: f64,
    /// ∂mean/∂logit of the adversarial images, `[batch, class]`, flattened.
    pub adversarial: Vec<f32>,
    /// The same of the clean images; nothing where the loss does not look at them.
    pub clean: Option<Vec<f32>>,
}

/// One image's loss and its slopes at the logits.
struct ImageLoss {
    value: f64,
    adversarial: Vec<f64>,
    /// Empty where the loss does not look at the clean image.
    clean: Vec<f64>,
}

impl TrainingLoss {
    /// Whether the loss looks at the clean images too.
    pub fn needs_clean(&self) -> bool {
        !matches!(self, Self::CrossEntropy(_))
    }

    /// The first setting that cannot be used, as "key: problem".
    pub fn problem(&self) -> Option<String> {
        match self {
            Self::CrossEntropy(loss) => loss.problem(),
            Self::Trades(loss) => loss.problem(),
            Self::Mart(loss) => loss.problem(),
        }
    }
}

impl Objective {
    /// Whether the clean images' logits are needed too.
    pub fn needs_clean(&self) -> bool {
        self.loss.needs_clean()
    }

    /// The loss of a batch.
    ///
    /// # Panics
    /// If logits that the objective needs are missing, if there are not as many of each kind, or if a label is no class.
    pub fn of(&self, batch: &BatchLogits<'_>) -> BatchLoss {
        let count = batch.labels.len();
        let classes = batch.adversarial.len() / count.max(1);
        let given = [batch.clean, batch.teacher].into_iter().flatten();
        for logits in given {
            assert_eq!(logits.len(), batch.adversarial.len(), "logits of one batch");
        }
        let mut mean = 0.0;
        let (mut adversarial, mut clean) = (Vec::new(), Vec::new());
        for (index, &label) in batch.labels.iter().enumerate() {
            let logits = row(batch.adversarial, classes, index);
            let mut loss = match self.loss {
                TrainingLoss::CrossEntropy(loss) => loss.of(label, logits),
                TrainingLoss::Trades(loss) => {
                    let clean = batch.clean.expect("TRADES looks at the clean images");
                    loss.of(label, logits, row(clean, classes, index))
                }
                TrainingLoss::Mart(loss) => {
                    let clean = batch.clean.expect("MART looks at the clean images");
                    loss.of(label, logits, row(clean, classes, index))
                }
            };
            if let Some(distillation) = self.distillation {
                let teacher = batch.teacher.expect("distillation has a teacher");
                distillation.blend(&mut loss, logits, row(teacher, classes, index));
            }
            mean += loss.value / count as f64;
            let scaled = |slope: f64| (slope / count as f64) as f32;
            adversarial.extend(loss.adversarial.into_iter().map(scaled));
            clean.extend(loss.clean.into_iter().map(scaled));
        }
        BatchLoss {
            mean,
            adversarial,
            clean: self.needs_clean().then_some(clean),
        }
    }
}

/// One image's logits.
fn row(logits: &[f32], classes: usize, index: usize) -> &[f32] {
    &logits[index * classes..][..classes]
}

/// Cross-entropy with a label: −log p, and its slopes at the logits, p − onehot.
fn cross_entropy(label: usize, softmax: &Softmax) -> (f64, Vec<f64>) {
    let mut slopes = softmax.probabilities.clone();
    slopes[label] = -softmax.others(label);
    (-softmax.logarithms[label], slopes)
}

/// Adds `factor` times the `terms` to the slopes.
fn add(slopes: &mut [f64], factor: f64, terms: &[f64]) {
    for (slope, term) in slopes.iter_mut().zip(terms) {
        *slope += factor * term;
    }
}

/// A weight's problem, if it is not a finite number of 0 or more.
fn weight_problem(key: &str, weight: f64) -> Option<String> {
    let usable = weight.is_finite() && weight >= 0.0;
    (!usable).then(|| format!("{key}: {weight} is not 0 or more"))
}

#[cfg(test)]
mod tests;
