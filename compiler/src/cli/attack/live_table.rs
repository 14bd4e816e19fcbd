//! The table that shrinks while attacks are at work: a line for each, on standard error.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use indicatif::ProgressBar;

use super::super::table::{grouped, percent};
use crate::attack::NamedAttack;
use crate::evaluate::{AttackResult, Observer};
use crate::progress::{Lines, Progress};

/// One line per attack: how far it is, and how much accuracy it has left.
pub(super) struct LiveTable {
    lines: Lines,
    clean: ProgressBar,
    bars: Vec<ProgressBar>,
    checks: Mutex<Option<ProgressBar>>,
    /// The attack at work.
    current: AtomicUsize,
    samples: AtomicUsize,
    /// Images that no attack has turned so far.
    left: AtomicUsize,
    queries: AtomicU64,
    /// Queries after which the batches that are done would have used up their budget.
    budgeted: AtomicU64,
    budgets: Vec<u64>,
}

impl LiveTable {
    pub(super) fn new(progress: &Progress, attacks: &[NamedAttack<'_>]) -> Self {
        let lines = progress.lines();
        let clean = lines.text("clean");
        let bars = attacks.iter().map(|attack| {
            let bar = lines.bar(attack.name.clone(), 1);
            bar.set_message("waits");
            bar
        });
        let bars = bars.collect();
        Self {
            lines,
            clean,
            bars,
            checks: Mutex::new(None),
            current: AtomicUsize::new(0),
            samples: AtomicUsize::new(0),
            left: AtomicUsize::new(0),
            queries: AtomicU64::new(0),
            budgeted: AtomicU64::new(0),
            budgets: attacks.iter().map(|attack| attack.budget as u64).collect(),
        }
    }

    /// From here on it is checks that attack.
    pub(super) fn checking(&self) {
        let bar = self.lines.spinner("checks");
        if let Ok(mut checks) = self.checks.lock() {
            *checks = Some(bar);
        }
    }

    fn is_checking(&self) -> bool {
        let Ok(checks) = self.checks.lock() else {
            return false;
        };
        if let Some(bar) = checks.as_ref() {
            bar.tick();
        }
        checks.is_some()
    }

    fn bar(&self) -> Option<&ProgressBar> {
        self.bars.get(self.current.load(Ordering::Relaxed))
    }

    fn robust(&self) -> String {
        let samples = self.samples.load(Ordering::Relaxed).max(1);
        percent(self.left.load(Ordering::Relaxed) as f64 / samples as f64)
    }
}

impl Observer for LiveTable {
    fn clean(&self, classified: usize, samples: usize) {
        self.samples.store(samples, Ordering::Relaxed);
        self.left.store(classified, Ordering::Relaxed);
        let samples = grouped(samples as u64);
        let message = format!("{} of {samples} images", self.robust());
        self.clean.set_message(message);
    }

    fn attack(&self, number: usize, attack: &NamedAttack<'_>, images: usize) {
        self.current.store(number, Ordering::Relaxed);
        self.left.store(images, Ordering::Relaxed);
        self.queries.store(0, Ordering::Relaxed);
        self.budgeted.store(0, Ordering::Relaxed);
        if let Some(bar) = self.bar() {
            bar.set_length((attack.budget * images).max(1) as u64);
            bar.reset();
            bar.set_message(format!("{} left", self.robust()));
        }
    }

    fn asked(&self, images: u64) {
        if self.is_checking() {
            return;
        }
        let queries = self.queries.fetch_add(images, Ordering::Relaxed) + images;
        if let Some(bar) = self.bar() {
            bar.inc(images);
            bar.set_message(format!(
                "{} left  {} queries",
                self.robust(),
                grouped(queries)
            ));
        }
    }

    fn batch(&self, images: usize, turned: usize) {
        if self.is_checking() {
            return;
        }
        self.left.fetch_sub(turned, Ordering::Relaxed);
        let number = self.current.load(Ordering::Relaxed);
        let spent = self
            .budgets
            .get(number)
            .map_or(0, |budget| budget * images as u64);
        let budgeted = self.budgeted.fetch_add(spent, Ordering::Relaxed) + spent;
        if let Some(bar) = self.bar() {
            // Images that were turned early have cost less than they might.
            bar.set_position(budgeted);
        }
    }

    fn finished(&self, _number: usize, result: &AttackResult) {
        if let Some(bar) = self.bar() {
            let (accuracy, turned) = (percent(result.robust_accuracy), result.turned.len());
            let message = format!("{accuracy} left  {turned} turned");
            self.lines.finish(bar, message);
        }
    }
}

impl Drop for LiveTable {
    fn drop(&mut self) {
        self.lines.clear();
    }
}
