//! The classes that targeted attacks drive examples to: those that the network likes best besides the label.

use super::live::Live;
use super::loss::descending;
use super::{Examples, Gradients};
use crate::classifier::ComputeError;

/// Targets by rank: the first entry has for each example of the batch the class with the highest logit on the clean image besides the
/// label, the next entry the second one, and so on. There are `count` ranks, or as many as there are other classes.
///
/// Costs one query. Examples whose clean image is turned leave `live`; their targets mean nothing.
pub(super) fn by_rank(
    model: &Gradients<'_>,
    examples: &Examples<'_>,
    live: &mut Live<'_>,
    count: usize,
) -> Result<Vec<Vec<usize>>, ComputeError> {
    let classes = model.classes();
    let ranks = ranks(count, classes);
    let mut targets = vec![examples.labels().to_vec(); ranks];
    if live.is_empty() {
        return Ok(targets);
    }
    let images = live.images(examples.images());
    let logits = model.logits(&images)?;
    for slot in live.settle(&images, &logits) {
        let order = descending(&logits[slot.place * classes..][..classes]);
        let label = examples.labels()[slot.index];
        let others = order.into_iter().filter(|class| *class != label);
        for (rank, class) in targets.iter_mut().zip(others) {
            rank[slot.index] = class;
        }
    }
    Ok(targets)
}

/// Number of targets if `count` are asked for.
pub(super) fn ranks(count: usize, classes: usize) -> usize {
    count.min(classes.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Linear;
    use super::*;

    #[test]
    fn targets_fall_by_clean_logit_and_turned_examples_have_none() {
        let weights = [0.2, 0.9, 0.4, 0.1].map(|w| vec![w]);
        let model = Linear::new(weights.to_vec(), vec![0.0; 4]);
        let examples = Examples::new(&[1.0, 1.0], &[1, 0], &[0, 0]);
        let mut live = Live::new(examples);
        let targets = by_rank(&model, &examples, &mut live, 2).unwrap();
        assert_eq!(live.indices(), [0]);
        let first: Vec<usize> = targets.iter().map(|rank| rank[0]).collect();
        assert_eq!(first, [2, 0]);
        let mut live = Live::new(examples);
        let targets = by_rank(&model, &examples, &mut live, 9).unwrap();
        let first: Vec<usize> = targets.iter().map(|rank| rank[0]).collect();
        assert_eq!(first, [2, 0, 3]);
    }
}
