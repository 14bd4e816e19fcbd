//! Accuracy on common corruptions.

use serde::{Deserialize, Serialize};

use super::runner::batches;
use super::{EvaluateError, Samples};
use crate::classifier::Decider;
use crate::corruption::{Corruption, SEVERITIES};
use crate::seed::seeds;

/// Accuracy under one corruption.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CorruptedAccuracy {
    /// The kind.
    pub name: Corruption,
    /// From 1 to [`SEVERITIES`].
    pub severity: usize,
    /// Fraction of all images that are classified when corrupted.
    pub accuracy: f64,
}

/// Accuracy of `model` on every kind of corruption at every severity.
///
/// # Errors
/// What the model reports.
pub fn corrupted_accuracies(
    model: &dyn Decider,
    samples: Samples<'_>,
    seed: u64,
) -> Result<Vec<CorruptedAccuracy>, EvaluateError> {
    let Samples { data, indices } = samples;
    let mut accuracies = Vec::new();
    for name in Corruption::ALL {
        for severity in 1..=SEVERITIES {
            let mut correct = 0;
            for batch in batches(indices) {
                let labels = data.batch_labels(batch);
                let seeds = seeds(seed, "corrupted image", batch.iter().map(|i| *i as u64));
                let clean = data.batch(batch);
                let images = clean.chunks(clean.len() / batch.len()).zip(&seeds);
                let images: Vec<f32> = images
                    .flat_map(|(image, seed)| name.apply(image, data.shape(), severity, *seed))
                    .collect();
                let decisions = model.decide(&images, batch.len())?;
                let pairs = decisions.iter().zip(&labels);
                correct += pairs.filter(|(d, label)| **d == Some(**label)).count();
            }
            accuracies.push(CorruptedAccuracy {
                name,
                severity,
                accuracy: correct as f64 / indices.len().max(1) as f64,
            });
        }
    }
    Ok(accuracies)
}
