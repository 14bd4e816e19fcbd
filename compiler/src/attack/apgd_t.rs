//! Targeted Auto-PGD (Croce and Hein, 2020): one climb towards each of the classes that are nearest by logit.

use super::ascent::Ascent;
use super::live::Live;
use super::{Attack, Examples, Gradients, TargetedDlr, ThreatModel, targets};
use crate::classifier::ComputeError;

/// APGD-T with the targeted difference of logits ratio, as in AutoAttack. At least four classes. An example is done as soon as it is turned,
/// to whatever class.
#[derive(Clone, Copy, Debug)]
pub struct ApgdT {
    /// How far the attack may go.
    pub threat: ThreatModel,
    /// Steps per target.
    pub steps: usize,
    /// Number of targets: the classes with the highest logits on the clean image besides the label, at most all others.
    pub targets: usize,
}

impl ApgdT {
    /// The most queries that an image can cost, where there are `classes`.
    pub fn budget(&self, classes: usize) -> usize {
        1 + targets::ranks(self.targets, classes) * Ascent::queries(self.steps)
    }
}

impl Attack<Gradients<'_>> for ApgdT {
    fn perturb(
        &self,
        model: &Gradients<'_>,
        examples: &Examples<'_>,
    ) -> Result<Vec<f32>, ComputeError> {
        let mut ascent = Ascent::new(self.threat, self.steps, "apgd-t start", *examples);
        let by_rank = targets::by_rank(model, examples, &mut ascent.live, self.targets)?;
        for (rank, targets) in by_rank.iter().enumerate() {
            let query = |live: &Live<'_>, images: &[f32]| {
                let (labels, targets) = (&live.labels(), &live.of(targets));
                model.gradient(images, &TargetedDlr { labels, targets })
            };
            ascent.climb(rank, &query)?;
        }
        Ok(ascent.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        Linear, check_gradient_attack, queries_without_success, random_images,
    };
    use super::*;

    fn apgd_t(threat: ThreatModel) -> ApgdT {
        ApgdT {
            threat,
            steps: 20,
            targets: 9,
        }
    }

    #[test]
    fn it_turns_whatever_can_be_turned_on_a_linear_network() {
        let model = Linear::random(5, 16, 1);
        let images = random_images(64, 16, 2);
        let labels = model.labels(&images);
        let examples = Examples::new(&images, &labels, &[0; 64]);
        for threat in [ThreatModel::linf(0.06), ThreatModel::l2(0.15)] {
            let moved = apgd_t(threat).perturb(&model, &examples).unwrap();
            let mut turned = 0;
            for (index, label) in labels.iter().enumerate() {
                let is_turned = model.labels(&moved[index * 16..][..16]) != [*label];
                let can_be = model.can_be_turned(threat, examples.image(index), *label);
                assert!(is_turned || !can_be, "{threat:?}: image {index}");
                turned += usize::from(is_turned);
            }
            assert!((16..=48).contains(&turned), "{threat:?}: {turned} of 64");
        }
    }

    #[test]
    fn it_keeps_its_promises() {
        let budget = apgd_t(ThreatModel::linf(0.0)).budget(5);
        let turned = check_gradient_attack(apgd_t, budget);
        assert!(turned.iter().all(|share| *share > 0.4), "{turned:?}");
        assert_eq!(queries_without_success(apgd_t), budget);
        assert_eq!(budget, 1 + 4 * 21);
    }
}
