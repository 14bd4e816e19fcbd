//! The progress of an evaluation as one bar.

use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::ProgressBar;

use super::{AttackResult, Observer};
use crate::attack::NamedAttack;
use crate::progress::Progress;

/// One bar over the queries that the attacks may cost at most.
pub struct Bar {
    bar: ProgressBar,
    samples: u64,
    /// Where the bar stands when the attack at work is done.
    next: AtomicU64,
}

impl Bar {
    /// A bar called `label` for `attacks` on so many images.
    pub fn new(
        progress: &Progress,
        label: &str,
        attacks: &[NamedAttack<'_>],
        samples: usize,
    ) -> Self {
        let budget: usize = attacks.iter().map(|attack| attack.budget).sum();
        Self {
            bar: progress.bar(label.to_owned(), (budget * samples) as u64),
            samples: samples as u64,
            next: AtomicU64::new(0),
        }
    }
}

impl Observer for Bar {
    fn attack(&self, _number: usize, attack: &NamedAttack<'_>, _images: usize) {
        self.bar.set_message(attack.name.clone());
        let budget = attack.budget as u64 * self.samples;
        self.next.fetch_add(budget, Ordering::Relaxed);
    }

    fn asked(&self, images: u64) {
        self.bar.inc(images);
    }

    fn finished(&self, _number: usize, _result: &AttackResult) {
        // Images that were turned early have cost less.
        self.bar.set_position(self.next.load(Ordering::Relaxed));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
