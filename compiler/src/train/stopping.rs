//! When training ends before its last epoch. The weights of the best epoch are its result in any case.
//!
//! Two reasons. *Patience* (Prechelt, 1998): robust accuracy on validation images has not risen for some epochs; robust overfitting, which
//! Rice, Wong and Kolter (2020) answer with it, comes late and slowly. *Catastrophic overfitting* (Wong, Rice and Kolter, 2020): training
//! with one step per example suddenly withstands that step and nothing else; a few hundred steps, and the robust accuracy is gone for good.
//! What is left of the run is then lost time, so it ends there with a message and keeps the best epoch. Going on from that epoch with another
//! adversary would make a run whose settings no recipe tells.
//!
//! Both look at nothing but the history, so a resumed run decides the same. Non-goals: measuring accuracies, keeping weights.

use serde::{Deserialize, Serialize};

/// How far robust accuracy may fall below its best: the 20 points of Wong et al.'s program, there from one epoch to the next on one
/// training batch. A fall over several epochs counts here too, because running averages of weights slow it down.
const FALL: f64 = 0.2;

/// What may end a run early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stopping {
    /// Epochs without a new best after which training ends; none for all epochs. With a learning rate that falls to zero the best epochs
    /// come last, so it belongs to long runs with a constant rate or one in steps.
    pub patience: Option<usize>,
    /// Whether training ends at catastrophic overfitting. For adversaries with one step.
    pub catastrophic_overfitting: bool,
}

/// What an epoch says about overfitting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Share of the training images that the network withstood as they were crafted for it, mean over the epoch.
    pub training: f64,
    /// Share of the validation images that withstand PGD at its end.
    pub validation: f64,
}

/// Why training ended before its last epoch. Epochs count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Stopped {
    /// The patience was at an end.
    #[error("no epoch was better than epoch {best} in {patience} epochs; its weights are kept")]
    Patience {
        /// The best epoch.
        best: usize,
        /// Epochs since.
        patience: usize,
    },
    /// Catastrophic overfitting.
    #[error(
        "catastrophic overfitting in epoch {epoch}: robust accuracy fell from {:.1} % to {:.1} % while that against the training attack rose; the weights of epoch {best} are kept; train with n-fgsm or pgd, or with a smaller step",
        100.0 * .from, 100.0 * .to
    )]
    CatastrophicOverfitting {
        /// Where it showed.
        epoch: usize,
        /// The best epoch.
        best: usize,
        /// Robust accuracy there.
        from: f64,
        /// Robust accuracy now.
        to: f64,
    },
}

impl Stopping {
    /// The first setting that cannot be used, as "key: problem".
    pub fn problem(&self) -> Option<String> {
        (self.patience == Some(0)).then(|| "patience: must be at least 1".to_owned())
    }

    /// Whether training ends after the last of these epochs, and why. `history` are the epochs of which the best is the result; `skipped`
    /// epochs came before them, while the network was not yet as sparse as it was to be.
    pub fn after(&self, skipped: usize, history: &[Epoch]) -> Option<Stopped> {
        // Of equal epochs the later counts: it has learnt longer.
        let better =
            |a: &(usize, &Epoch), b: &(usize, &Epoch)| a.1.validation.total_cmp(&b.1.validation);
        let (at, best) = history.iter().enumerate().max_by(better)?;
        let last = history.last()?;
        let fell = best.validation - last.validation > FALL;
        if self.catastrophic_overfitting && fell && last.training > best.training {
            return Some(Stopped::CatastrophicOverfitting {
                epoch: skipped + history.len(),
                best: skipped + at + 1,
                from: best.validation,
                to: last.validation,
            });
        }
        let since = history.len() - (at + 1);
        let patience = self.patience.filter(|patience| since >= *patience)?;
        Some(Stopped::Patience {
            best: skipped + at + 1,
            patience,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Epochs of training and validation accuracies.
    fn history(epochs: &[(f64, f64)]) -> Vec<Epoch> {
        let epoch = |&(training, validation)| Epoch {
            training,
            validation,
        };
        epochs.iter().map(epoch).collect()
    }

    const WATCH: Stopping = Stopping {
        patience: None,
        catastrophic_overfitting: true,
    };

    #[test]
    fn a_sudden_fall_against_pgd_while_the_training_attack_fails_is_catastrophic() {
        let epochs = history(&[(0.3, 0.3), (0.4, 0.45), (0.7, 0.03)]);
        for done in 0..3 {
            assert_eq!(WATCH.after(0, &epochs[..done]), None);
        }
        let stopped = WATCH.after(0, &epochs).unwrap();
        let expected = Stopped::CatastrophicOverfitting {
            epoch: 3,
            best: 2,
            from: 0.45,
            to: 0.03,
        };
        assert_eq!(stopped, expected);
        assert!(
            stopped.to_string().starts_with(
                "catastrophic overfitting in epoch 3: robust accuracy fell from 45.0 % to 3.0 %"
            ),
            "{stopped}"
        );
        assert_eq!(Stopping::default().after(0, &epochs), None);
    }

    #[test]
    fn a_slow_fall_is_too_once_it_is_deep_and_others_are_not() {
        let slow = history(&[(0.5, 0.5), (0.55, 0.4), (0.6, 0.31), (0.65, 0.29)]);
        assert_eq!(WATCH.after(0, &slow[..3]), None);
        assert!(WATCH.after(0, &slow).is_some());
        // A learning rate that is too high for a moment: both fall.
        assert_eq!(WATCH.after(0, &history(&[(0.5, 0.5), (0.3, 0.1)])), None);
        // The network withstands more and more of the training attack, and of PGD no less.
        assert_eq!(WATCH.after(0, &history(&[(0.5, 0.5), (0.9, 0.45)])), None);
    }

    #[test]
    fn patience_ends_with_epochs_that_are_not_better() {
        let patient = Stopping {
            patience: Some(2),
            ..Stopping::default()
        };
        let epochs = history(&[(0.0, 0.4), (0.0, 0.5), (0.0, 0.5), (0.0, 0.45), (0.0, 0.49)]);
        for done in 0..5 {
            assert_eq!(patient.after(0, &epochs[..done]), None);
        }
        let expected = Stopped::Patience {
            best: 3,
            patience: 2,
        };
        assert_eq!(patient.after(0, &epochs), Some(expected));
        let later = Stopped::Patience {
            best: 7,
            patience: 2,
        };
        assert_eq!(patient.after(4, &epochs), Some(later));
        let impatient = Stopping {
            patience: Some(0),
            ..WATCH
        };
        assert!(impatient.problem().unwrap().starts_with("patience: "));
        assert_eq!(patient.problem(), None);
    }
}
