//! Auto-PGD (Croce and Hein, 2020): projected gradient ascent that chooses its step lengths itself.

use serde::{Deserialize, Serialize};

use super::ascent::Ascent;
use super::live::Live;
use super::{Attack, CrossEntropy, Dlr, Examples, Gradients, Loss, Margin, ThreatModel};
use crate::classifier::ComputeError;

/// APGD, as in AutoAttack. An example is done as soon as it is turned.
#[derive(Clone, Copy, Debug)]
pub struct Apgd {
    /// How far the attack may go.
    pub threat: ThreatModel,
    /// Steps per restart.
    pub steps: usize,
    /// Independent tries.
    pub restarts: usize,
    /// What is raised.
    pub loss: ApgdLoss,
}

/// What APGD raises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApgdLoss {
    /// Cross-entropy.
    #[default]
    Ce,
    /// Difference of logits ratio; at least three classes.
    Dlr,
    /// The strongest other logit minus the label's; two classes are enough.
    Margin,
}

impl Apgd {
    /// The most queries that an image can cost.
    pub fn budget(&self) -> usize {
        self.restarts * Ascent::queries(self.steps)
    }
}

impl Attack<Gradients<'_>> for Apgd {
    fn perturb(
        &self,
        model: &Gradients<'_>,
        examples: &Examples<'_>,
    ) -> Result<Vec<f32>, ComputeError> {
        let query = |live: &Live<'_>, images: &[f32]| {
            let labels = live.labels();
            let loss: &dyn Loss = match self.loss {
                ApgdLoss::Ce => &CrossEntropy(&labels),
                ApgdLoss::Dlr => &Dlr(&labels),
                ApgdLoss::Margin => &Margin(&labels),
            };
            model.gradient(images, loss)
        };
        let mut ascent = Ascent::new(self.threat, self.steps, "apgd start", *examples);
        for restart in 0..self.restarts {
            ascent.climb(restart, &query)?;
        }
        Ok(ascent.finish())
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::super::Pgd;
    use super::super::testing::{
        Linear, check_gradient_attack, inner_images, queries_without_success, random_images,
    };
    use super::*;
    use crate::classifier::Decider;
    use crate::execute::Executor;
    use crate::testing::two_layers;

    fn apgd(threat: ThreatModel, loss: ApgdLoss) -> Apgd {
        Apgd {
            threat,
            steps: 20,
            restarts: 2,
            loss,
        }
    }

    #[test]
    fn it_turns_what_can_be_turned_on_a_linear_network_and_goes_to_the_corner_of_the_rest() {
        let model = Linear::pair(&[0.5, -1.0, 3.0, -2.0]);
        let images = inner_images(64, 4, 3);
        let labels = model.labels(&images);
        let examples = Examples::new(&images, &labels, &[0; 64]);
        for threat in [ThreatModel::linf(0.05), ThreatModel::l2(0.08)] {
            for loss in [ApgdLoss::Ce, ApgdLoss::Margin] {
                let moved = apgd(threat, loss).perturb(&model, &examples).unwrap();
                let mut turned = 0;
                for (index, label) in labels.iter().enumerate() {
                    let (clean, moved) = (examples.image(index), &moved[index * 4..][..4]);
                    if model.can_be_turned(threat, clean, *label) {
                        assert_ne!(model.labels(moved), [*label], "image {index}");
                        turned += 1;
                    } else {
                        let corner = model.strongest(threat, clean, *label, 1 - label);
                        let distance = threat.norm.distance(&corner, moved);
                        assert!(distance < 1e-3, "image {index}: {distance} away");
                    }
                }
                assert!((16..=48).contains(&turned), "{threat:?}: {turned} of 64");
            }
        }
    }

    #[test]
    fn it_turns_more_than_pgd_with_as_many_queries() {
        let network = two_layers();
        let model = Executor::new(&network, &Device::flex());
        let images = random_images(64, 36, 4);
        let decisions = model.decide(&images, 64).unwrap();
        let labels: Vec<usize> = decisions.into_iter().map(Option::unwrap).collect();
        let seeds: Vec<u64> = (0..64).collect();
        let examples = Examples::new(&images, &labels, &seeds);
        for threat in [ThreatModel::linf(0.3), ThreatModel::l2(1.25)] {
            let count = |attack: &dyn for<'m> Attack<Gradients<'m>>| {
                let moved = attack.perturb(&model, &examples).unwrap();
                let decisions = model.decide(&moved, 64).unwrap();
                let pairs = decisions.iter().zip(&labels);
                pairs.filter(|(d, label)| **d != Some(**label)).count()
            };
            let pgd = count(&Pgd {
                until_turned: true,
                ..Pgd::new(threat, 20)
            });
            let apgd = count(&Apgd {
                restarts: 1,
                ..apgd(threat, ApgdLoss::Ce)
            });
            assert!(pgd > 0 && apgd > pgd, "{threat:?}: {apgd} against {pgd}");
        }
    }

    #[test]
    fn it_keeps_its_promises() {
        for loss in [ApgdLoss::Ce, ApgdLoss::Dlr, ApgdLoss::Margin] {
            let attack = |threat| apgd(threat, loss);
            let budget = attack(ThreatModel::linf(0.0)).budget();
            let turned = check_gradient_attack(attack, budget);
            assert!(turned.iter().all(|share| *share > 0.4), "{turned:?}");
            assert_eq!(queries_without_success(attack), budget);
            assert_eq!(budget, 2 * 21);
        }
    }
}
