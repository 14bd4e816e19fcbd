//! Attacks: what an adversary may use, how far it may go, and one method per file.
//!
//! An attack sees a network through the trait it is implemented for, and so can use no more: [`Differentiable`] gives gradients,
//! [`Classifier`] logits, [`Decider`] decisions alone. Whatever it does, it ends inside the [`Ball`]. Non-goals: which images are attacked
//! and how results are counted ([`evaluate`](crate::evaluate)).

mod adam;
mod apgd;
mod apgd_t;
mod ascent;
mod ball;
mod carlini_wagner;
mod deepfool;
mod examples;
mod fab;
mod fgsm;
mod hop_skip_jump;
mod live;
mod loss;
mod method;
mod mi_fgsm;
mod n_fgsm;
mod noise;
mod pgd;
mod plane;
mod settings;
mod spsa;
mod square;
mod suite;
mod targets;
mod threat;
mod trades;
mod transfer;

pub use apgd::{Apgd, ApgdLoss};
pub use apgd_t::ApgdT;
pub use ball::Ball;
pub use carlini_wagner::CarliniWagner;
pub use deepfool::DeepFool;
pub use examples::Examples;
pub use fab::FabT;
pub use fgsm::Fgsm;
pub use hop_skip_jump::HopSkipJump;
pub(crate) use loss::strongest_rival;
pub use loss::{CrossEntropy, Divergence, Dlr, Loss, Margin, TargetedDlr, TargetedMargin};
pub use method::{Access, Method, NamedAttack, Victim};
pub use mi_fgsm::MiFgsm;
pub use n_fgsm::NFgsm;
pub use noise::Noise;
pub use pgd::{Pgd, PgdLoss};
pub use settings::{AttackSettings, Circumstances, NAMED, Unsuitable};
pub use spsa::Spsa;
pub use square::Square;
pub use suite::Suite;
pub use threat::{Norm, ThreatModel};
pub use trades::TradesAttack;
pub use transfer::Transfer;

pub use crate::evaluate::evaluate;

use crate::classifier::{Classifier, ComputeError, Decider, Differentiable};

/// A network that shows its gradients.
pub type Gradients<'m> = dyn Differentiable + 'm;
/// A network that shows its logits.
pub type Logits<'m> = dyn Classifier + 'm;
/// A network that shows its decisions.
pub type Decisions<'m> = dyn Decider + 'm;

/// An attack on networks that show what `Model` does: one of [`Gradients`], [`Logits`] and [`Decisions`].
pub trait Attack<Model: ?Sized>: Send + Sync {
    /// Adversarial versions of the examples, one each, all of them in the ball of the attack's threat model. Draws nothing but what the
    /// examples' seeds decide; what becomes of one example does not depend on the others.
    ///
    /// # Errors
    /// What the model reports.
    fn perturb(&self, model: &Model, examples: &Examples<'_>) -> Result<Vec<f32>, ComputeError>;
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
