//! HopSkipJump (Chen, Jordan and Wainwright, 2020): a walk along the boundary towards the clean image, from decisions alone.
//!
//! Every iteration stands on the boundary, estimates the direction across it from random probes, leaps in that direction as far as it
//! stays on the other side, and comes back to the boundary by binary search towards the clean image. Where the paper goes for the shortest
//! perturbation, an example is done here as soon as anything that was asked about is turned and within ε.

mod walk;

use super::live::AT_ONCE;
use super::{Attack, Ball, Decisions, Examples, ThreatModel};
use crate::classifier::ComputeError;
use walk::Walk;

/// Untargeted HopSkipJump. Where it does not come within ε, its nearest turned image is cut to the ball.
#[derive(Clone, Copy, Debug)]
pub struct HopSkipJump {
    /// How far the attack may go.
    pub threat: ThreatModel,
    /// Queries per image.
    pub queries: usize,
}

impl HopSkipJump {
    /// 5,000 queries.
    pub fn new(threat: ThreatModel) -> Self {
        Self {
            threat,
            queries: 5000,
        }
    }

    /// The most queries per example.
    pub fn budget(&self) -> usize {
        self.queries
    }
}

impl Attack<Decisions<'_>> for HopSkipJump {
    fn perturb(
        &self,
        model: &Decisions<'_>,
        examples: &Examples<'_>,
    ) -> Result<Vec<f32>, ComputeError> {
        let pixels = examples.pixels();
        let mut walks: Vec<Walk<'_>> = (0..examples.len())
            .map(|index| {
                let random = examples.stream(index, "hop skip jump", &[]);
                Walk::new(self.threat, examples.image(index), random, self.queries)
            })
            .collect();
        let labels = examples.labels();
        let mut images = Vec::new();
        loop {
            // Walks are at different points of an iteration, but what they ask next goes into one question.
            let mut live: Vec<_> = walks.iter_mut().zip(labels).collect();
            live.retain(|(walk, _)| !walk.is_over());
            if live.is_empty() {
                break;
            }
            let at_once = (AT_ONCE / live.len()).max(1);
            images.clear();
            let asked: Vec<usize> = live
                .iter_mut()
                .map(|(walk, _)| walk.ask(at_once, &mut images))
                .collect();
            let decisions = model.decide(&images, asked.iter().sum())?;
            let (mut images, mut decisions) = (&images[..], &decisions[..]);
            for ((walk, label), asked) in live.into_iter().zip(asked) {
                let (own, rest) = images.split_at(asked * pixels);
                let (answers, others) = decisions.split_at(asked);
                (images, decisions) = (rest, others);
                let turned: Vec<bool> = answers
                    .iter()
                    .map(|decision| *decision != Some(*label))
                    .collect();
                walk.hear(own, &turned);
            }
        }
        let mut adversarial = Vec::with_capacity(examples.images().len());
        for (index, walk) in walks.into_iter().enumerate() {
            let mut image = walk.into_nearest();
            Ball::new(self.threat, examples.image(index)).project(&mut image);
            adversarial.extend(image);
        }
        Ok(adversarial)
    }
}

#[cfg(test)]
mod tests;
