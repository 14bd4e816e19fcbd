//! Measures a network under attack for pruning, on a seeded sample of training images.
//!
//! The place where attacks and pruning meet: neither knows the other. Each image's adversarial version is crafted by PGD against the
//! network as it stands.

use rand::seq::SliceRandom;
use sinew_models::Network;

use crate::attack::{Attack, Examples, Pgd, ThreatModel};
use crate::classifier::ComputeError;
use crate::data::Dataset;
use crate::execute::DeviceChoice;
use crate::foreign::{self, ForeignError};
use crate::gradients::trainable;
use crate::progress::Progress;
use crate::prune::{Needs, Provenance, Statistics};
use crate::seed::{seeds, stream};

/// Images per batch; bounds the memory that responses take on the host.
const BATCH: usize = 50;

/// A sample of images, and the attack that a network is measured under.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// Training images, of which the sample is drawn.
    pub data: &'a Dataset,
    /// How many; all images if there are fewer.
    pub count: usize,
    /// Radius of the L∞ ball.
    pub epsilon: f32,
    /// Steps of PGD.
    pub steps: usize,
    /// Decides sample and attack.
    pub seed: u64,
    /// Where to compute.
    pub device: DeviceChoice,
}

impl Sample<'_> {
    /// What statistics of `network` on this sample are about, for their file.
    ///
    /// # Errors
    /// If a number in the network is not finite.
    pub fn provenance(&self, network: &Network) -> Result<Provenance, ForeignError> {
        Ok(Provenance {
            attack: format!("PGD-{}", self.steps),
            epsilon: self.epsilon,
            seed: self.seed,
            network: foreign::hash(network)?,
        })
    }

    /// Measures what is needed of `network`. Nothing is computed if nothing is needed.
    ///
    /// # Errors
    /// What the device reports.
    pub fn observe(
        &self,
        network: &Network,
        needs: &Needs,
        progress: &Progress,
    ) -> Result<Statistics, ComputeError> {
        let mut statistics = Statistics::new(network, needs);
        if needs.is_empty() {
            return Ok(statistics);
        }
        let engine = trainable(network, self.device).map_err(|e| ComputeError(e.to_string()))?;
        let mut sample: Vec<usize> = (0..self.data.len()).collect();
        sample.shuffle(&mut stream(self.seed, "anomaly sample", &[]));
        sample.truncate(self.count);
        let attack = Pgd::new(ThreatModel::linf(self.epsilon), self.steps);
        let bar = progress.bar("measure anomaly", sample.len() as u64);
        for indices in sample.chunks(BATCH) {
            let images = self.data.batch(indices);
            let labels = self.data.batch_labels(indices);
            let positions = indices.iter().map(|index| *index as u64);
            let seeds = seeds(self.seed, "anomaly attack", positions);
            let examples = Examples::new(&images, &labels, &seeds);
            let adversarial = attack.perturb(&*engine, &examples)?;
            statistics.add(&*engine, &images, &adversarial, &labels)?;
            bar.inc(indices.len() as u64);
        }
        bar.finish();
        Ok(statistics)
    }
}
