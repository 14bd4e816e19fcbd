//! The global ranking: which weights stay, given one score for each.

/// A target that cannot be met.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RankingError {
    /// Sparsity 1 would leave no network.
    #[error(
        "prune to sparsity {0}: it is out of range, being the fraction of weights to remove, at least 0 and below 1"
    )]
    Sparsity(f64),
    /// The floors alone exceed what may stay.
    #[error(
        "prune to sparsity {sparsity}: a density floor of {floor} keeps {floored} weights where {budget} may stay; lower one of them"
    )]
    Floor {
        /// The floor asked for.
        floor: f64,
        /// Weights that the floors keep.
        floored: usize,
        /// The sparsity asked for.
        sparsity: f64,
        /// Weights that may stay.
        budget: usize,
    },
}

/// Masks (`true` = keep), one per layer, that keep the `(1 − sparsity)` fraction of all weights with the highest scores.
///
/// First every layer's own best `density_floor` fraction (rounded up) is kept, then the rest of the budget goes to the highest
/// scores of all layers. Equal scores: the earlier weight stays. Exactly `round((1 − sparsity)·n)` weights stay, at least one.
///
/// # Errors
/// If `sparsity` is not in [0, 1), or the floors exceed the budget.
pub fn rank(
    scores: &[Vec<f64>],
    sparsity: f64,
    density_floor: f64,
) -> Result<Vec<Vec<bool>>, RankingError> {
    if !(0.0..1.0).contains(&sparsity) {
        return Err(RankingError::Sparsity(sparsity));
    }
    let total: usize = scores.iter().map(Vec::len).sum();
    let budget = (((1.0 - sparsity) * total as f64).round() as usize).max(1);
    let mut masks: Vec<Vec<bool>> = scores
        .iter()
        .map(|layer| vec![false; layer.len()])
        .collect();
    let mut floored = 0;
    let mut rest = Vec::with_capacity(total);
    for (layer, layer_scores) in scores.iter().enumerate() {
        let mut order: Vec<usize> = (0..layer_scores.len()).collect();
        // A stable sort: equal scores stay in order.
        order.sort_by(|a, b| layer_scores[*b].total_cmp(&layer_scores[*a]));
        let floor = (density_floor * order.len() as f64).ceil() as usize;
        let floor = floor.min(order.len());
        for weight in &order[..floor] {
            masks[layer][*weight] = true;
        }
        floored += floor;
        rest.extend(order[floor..].iter().map(|weight| (layer, *weight)));
    }
    let Some(open) = budget.checked_sub(floored) else {
        return Err(RankingError::Floor {
            floor: density_floor,
            floored,
            sparsity,
            budget,
        });
    };
    rest.sort_by(|a, b| scores[b.0][b.1].total_cmp(&scores[a.0][a.1]).then(a.cmp(b)));
    for (layer, weight) in rest.into_iter().take(open) {
        masks[layer][weight] = true;
    }
    Ok(masks)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_highest_scores_of_all_layers_stay() {
        let scores = vec![vec![1.0, 9.0, 3.0], vec![8.0, 2.0, 7.0]];
        let masks = rank(&scores, 0.5, 0.0).unwrap();
        assert_eq!(masks, [[false, true, false], [true, false, true]]);
    }

    #[test]
    fn a_floor_keeps_a_layer_of_low_scores_alive() {
        let scores = vec![vec![0.1; 4], vec![5.0; 16]];
        let masks = rank(&scores, 0.75, 0.25).unwrap();
        assert_eq!(masks[0], [true, false, false, false]);
        assert_eq!(masks[1].iter().filter(|keep| **keep).count(), 4);
    }

    #[test]
    fn impossible_targets_are_refused() {
        let scores = vec![vec![1.0; 10]];
        for sparsity in [1.0, -0.1, 1.5, f64::NAN] {
            assert!(matches!(
                rank(&scores, sparsity, 0.0),
                Err(RankingError::Sparsity(_))
            ));
        }
        assert!(matches!(
            rank(&scores, 0.9, 0.5),
            Err(RankingError::Floor { .. })
        ));
    }

    proptest! {
        #[test]
        fn the_budget_is_met_and_no_kept_weight_scores_below_a_removed_one(
            scores in prop::collection::vec(prop::collection::vec(-4.0f64..4.0, 1..40), 1..5),
            sparsity in 0.0f64..1.0,
        ) {
            let masks = rank(&scores, sparsity, 0.0).unwrap();
            let total: usize = scores.iter().map(Vec::len).sum();
            let pairs = || scores.iter().flatten().zip(masks.iter().flatten());
            let kept = pairs().filter(|(_, keep)| **keep).count();
            prop_assert_eq!(kept, (((1.0 - sparsity) * total as f64).round() as usize).max(1));
            let lowest_kept = pairs().filter(|(_, k)| **k).map(|(s, _)| *s).fold(f64::INFINITY, f64::min);
            let highest_removed = pairs().filter(|(_, k)| !**k).map(|(s, _)| *s).fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(lowest_kept >= highest_removed);
        }

        #[test]
        fn every_layer_keeps_its_floor(
            scores in prop::collection::vec(prop::collection::vec(-4.0f64..4.0, 20..60), 1..5),
            floor in 0.0f64..0.2,
        ) {
            let masks = rank(&scores, 0.7, floor).unwrap();
            for mask in &masks {
                let kept = mask.iter().filter(|keep| **keep).count();
                prop_assert!(kept as f64 >= floor * mask.len() as f64);
            }
        }
    }
}
