//! One attack on many images, batch by batch: what suites and checks have in common.

use std::collections::BTreeMap;
use std::time::Instant;

use super::counted::counting;
use super::{AttackResult, BatchRecord, EvaluateError, Journal};
use crate::attack::{Ball, Examples, NamedAttack, ThreatModel, Victim};
use crate::data::Dataset;
use crate::seed::seeds;

/// Images that are attacked together. Batches are what a killed run loses at most, and what survivors are put together to.
const BATCH: usize = 128;

/// Who is told how an evaluation goes. All methods do nothing unless they are implemented.
pub trait Observer: Sync {
    /// `classified` of `samples` images are classified.
    fn clean(&self, classified: usize, samples: usize) {
        let _ = (classified, samples);
    }

    /// Attack `number` begins on so many images.
    fn attack(&self, number: usize, attack: &NamedAttack<'_>, images: usize) {
        let _ = (number, attack, images);
    }

    /// The network was asked about so many images.
    fn asked(&self, images: u64) {
        let _ = images;
    }

    /// A batch of so many images is done, of which some were turned.
    fn batch(&self, images: usize, turned: usize) {
        let _ = (images, turned);
    }

    /// Attack `number` is done.
    fn finished(&self, number: usize, result: &AttackResult) {
        let _ = (number, result);
    }
}

/// Nobody looks.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Observer for Silent {}

/// `indices` in batches.
pub(super) fn batches(indices: &[usize]) -> impl Iterator<Item = &[usize]> {
    indices.chunks(BATCH)
}

/// What an attack achieved.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Turned images, by their numbers in the test set.
    pub(super) turned: BTreeMap<usize, Vec<f32>>,
    /// All queries together.
    pub(super) queries: u64,
    pub(super) seconds: f64,
}

/// A victim with the images it is attacked on.
pub(super) struct Runner<'a> {
    pub(super) victim: Victim<'a>,
    pub(super) data: &'a Dataset,
    pub(super) seed: u64,
    pub(super) journal: &'a mut dyn Journal,
    pub(super) observer: &'a dyn Observer,
}

impl Runner<'_> {
    /// Those of `indices` that are classified.
    pub(super) fn classified(&self, indices: &[usize]) -> Result<Vec<usize>, EvaluateError> {
        let mut classified = Vec::with_capacity(indices.len());
        for batch in batches(indices) {
            let images = self.data.batch(batch);
            let decisions = self.victim.decider().decide(&images, batch.len())?;
            let labels = self.data.batch_labels(batch);
            let rows = batch.iter().zip(decisions.iter().zip(&labels));
            classified.extend(
                rows.filter(|(_, (d, label))| **d == Some(**label))
                    .map(|(i, _)| *i),
            );
        }
        Ok(classified)
    }

    /// Attacks the images with these `indices`, all of which are classified. Batches that the journal knows under `key` are not attacked
    /// again. The images' seeds follow from the attack's name and their numbers, so an image meets the same attack in any company.
    pub(super) fn attack(
        &mut self,
        key: &str,
        attack: &NamedAttack<'_>,
        threat: ThreatModel,
        indices: &[usize],
    ) -> Result<Found, EvaluateError> {
        let mut found = Found::default();
        for (number, batch) in batches(indices).enumerate() {
            let record = match self.journal.recall(key, number, batch)? {
                Some(record) => record,
                None => {
                    let record = self.attack_batch(attack, threat, batch)?;
                    self.journal.keep(key, number, batch, &record)?;
                    record
                }
            };
            self.observer.batch(batch.len(), record.turned.len());
            found.queries += record.queries;
            found.seconds += record.seconds;
            found.turned.extend(record.turned);
        }
        Ok(found)
    }

    fn attack_batch(
        &self,
        attack: &NamedAttack<'_>,
        threat: ThreatModel,
        batch: &[usize],
    ) -> Result<BatchRecord, EvaluateError> {
        let start = Instant::now();
        let (images, labels) = (self.data.batch(batch), self.data.batch_labels(batch));
        let seeds = seeds(self.seed, &attack.name, batch.iter().map(|i| *i as u64));
        let examples = Examples::new(&images, &labels, &seeds);
        let asked = |images| self.observer.asked(images);
        let (adversarial, queries) = counting(self.victim, &asked, |victim| {
            victim.attacked_by(&attack.method, &examples)
        });
        let adversarial = adversarial?;
        let pixels = examples.pixels();
        let decisions = self.victim.decider().decide(&adversarial, batch.len())?;
        let mut turned = BTreeMap::new();
        for (place, &index) in batch.iter().enumerate() {
            let image = &adversarial[place * pixels..][..pixels];
            if !Ball::new(threat, examples.image(place)).contains(image) {
                return Err(EvaluateError::OutOfBall {
                    attack: attack.name.clone(),
                    index,
                });
            }
            if decisions[place] != Some(labels[place]) {
                turned.insert(index, image.to_vec());
            }
        }
        Ok(BatchRecord {
            turned,
            queries,
            seconds: start.elapsed().as_secs_f64(),
        })
    }
}
