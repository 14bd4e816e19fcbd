//! Transfer (Szegedy et al., 2014; Papernot et al., 2017): examples made against one network are shown to another.
//!
//! Needs nothing of the victim, so a network that hides its gradients, or has none, is no safer from it.

use std::fmt;

use super::{Attack, Decisions, Examples, Pgd};
use crate::classifier::{ComputeError, Differentiable};

/// PGD against a surrogate.
#[derive(Clone, Copy)]
pub struct Transfer<'a> {
    /// Whose gradients are used.
    pub surrogate: &'a dyn Differentiable,
    /// How. It always goes all the way: an example that has only just turned the surrogate rarely turns another network.
    pub attack: Pgd,
}

impl Transfer<'_> {
    /// The most queries per example, all of them to the surrogate.
    pub fn budget(&self) -> usize {
        self.attack.restarts * (self.attack.steps + 1)
    }
}

impl fmt::Debug for Transfer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Transfer").field(&self.attack).finish()
    }
}

impl Attack<Decisions<'_>> for Transfer<'_> {
    fn perturb(
        &self,
        _victim: &Decisions<'_>,
        examples: &Examples<'_>,
    ) -> Result<Vec<f32>, ComputeError> {
        let attack = Pgd {
            until_turned: false,
            ..self.attack
        };
        attack.perturb(self.surrogate, examples)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::super::testing::{Linear, check_promises, random_images};
    use super::super::{PgdLoss, ThreatModel};
    use super::*;

    /// A network like `model`: every weight a tenth larger or smaller.
    fn similar(model: &Linear) -> Linear {
        let mut weights = model.weights.clone();
        for (number, weight) in weights.iter_mut().flatten().enumerate() {
            *weight *= if number % 2 == 0 { 1.1 } else { 0.9 };
        }
        let biases = weights.iter().map(|row| -0.5 * row.iter().sum::<f32>());
        let biases = biases.collect();
        Linear::new(weights, biases)
    }

    #[test]
    fn examples_for_one_network_turn_a_similar_one_that_is_never_asked() {
        let surrogate = Linear::random(5, 16, 1);
        let victim = similar(&surrogate);
        let images = random_images(16, 16, 2);
        let labels = victim.labels(&images);
        for threat in [ThreatModel::linf(0.2), ThreatModel::l2(0.7)] {
            let attack = Pgd {
                loss: PgdLoss::Margin,
                until_turned: true,
                ..Pgd::new(threat, 10)
            };
            let transfer = Transfer {
                surrogate: &surrogate,
                attack,
            };
            let before = victim.asked.load(Ordering::Relaxed);
            let perturb = |examples: &Examples<'_>| {
                let moved = transfer.perturb(&victim, examples).unwrap();
                assert_eq!(victim.asked.load(Ordering::Relaxed), before);
                moved
            };
            let turned = check_promises(perturb, &victim, threat, &images, &labels);
            assert!(turned > 0.7, "{turned}");
        }
    }

    #[test]
    fn it_goes_all_the_way_within_its_budget() {
        let surrogate = Linear::pair(&[1.0, -1.0, 2.0, 1.0]);
        let attack = Pgd {
            restarts: 2,
            until_turned: true,
            ..Pgd::new(ThreatModel::linf(0.1), 5)
        };
        let transfer = Transfer {
            surrogate: &surrogate,
            attack,
        };
        // On the boundary: half of all random starts are turned at once, and yet the corner is reached.
        let images = [0.5f32; 4];
        let examples = Examples::new(&images, &[0], &[1]);
        let moved = transfer.perturb(&surrogate, &examples).unwrap();
        for (x, expected) in moved.iter().zip([0.4, 0.6, 0.4, 0.4]) {
            assert!((x - expected).abs() < 1e-6, "{moved:?}");
        }
        assert_eq!(surrogate.asked.load(Ordering::Relaxed), transfer.budget());
    }
}
