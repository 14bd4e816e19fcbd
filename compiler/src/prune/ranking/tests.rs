//! The ranking against a sort of everything, and every granularity and scope by hand.

use proptest::prelude::*;
use sinew_models::builder::NetworkBuilder;
use sinew_models::{ValueId, Window};

use super::*;

/// Linear layers with these matrices, `[unit, weight]`, each fed by units of the one before.
fn chain(inputs: usize, units: &[usize]) -> Network {
    let mut builder = NetworkBuilder::new("chain", [inputs, 1, 1], 0);
    let mut x = builder.flatten("flatten", ValueId::INPUT);
    for (index, units) in units.iter().enumerate() {
        x = builder.linear(&format!("linear{index}"), x, *units);
    }
    builder.finish(Vec::new()).unwrap()
}

const DENSE: Target = Target {
    sparsity: 0.0,
    granularity: Granularity::Weight,
    scope: Scope::Global,
    density_floor: 0.0,
};

fn masks(network: &Network, scores: &[Vec<f64>], target: Target) -> Vec<Vec<bool>> {
    target.masks(network, scores, target.sparsity).unwrap()
}

fn kept(mask: &[bool]) -> usize {
    mask.iter().filter(|keep| **keep).count()
}

#[test]
fn the_highest_scores_of_all_layers_stay() {
    let network = chain(3, &[1, 3]);
    let scores = vec![vec![1.0, 9.0, 3.0], vec![8.0, 2.0, 7.0]];
    let half = Target {
        sparsity: 0.5,
        ..DENSE
    };
    assert_eq!(
        masks(&network, &scores, half),
        [[false, true, false], [true, false, true]]
    );
    // The same way there: another sparsity in the place of the target's own.
    let on_the_way = half.masks(&network, &scores, 0.2).unwrap();
    assert_eq!(on_the_way, [[false, true, true], [true, true, true]]);
}

#[test]
fn a_floor_keeps_a_layer_of_low_scores_alive() {
    let network = chain(2, &[2, 8]);
    let scores = vec![vec![0.1; 4], vec![5.0; 16]];
    let target = Target {
        sparsity: 0.75,
        density_floor: 0.25,
        ..DENSE
    };
    let masks = masks(&network, &scores, target);
    assert_eq!(masks[0], [true, false, false, false]);
    assert_eq!(kept(&masks[1]), 4);
}

#[test]
fn impossible_targets_are_refused() {
    let network = chain(10, &[1]);
    let scores = vec![vec![1.0; 10]];
    for sparsity in [1.0, -0.1, 1.5, f64::NAN] {
        let refused = DENSE.masks(&network, &scores, sparsity).unwrap_err();
        assert!(matches!(refused, RankingError::Sparsity(_)));
    }
    let target = Target {
        density_floor: 0.5,
        ..DENSE
    };
    let refused = target.masks(&network, &scores, 0.9).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("keeps 5 weights where 1 may stay")
    );
}

#[test]
fn every_layer_has_its_own_ranking_where_the_scope_is_the_layer() {
    let network = chain(2, &[2, 4]);
    let scores = vec![vec![1.0, 2.0, 3.0, 4.0], (10..18).map(f64::from).collect()];
    let target = Target {
        sparsity: 0.5,
        scope: Scope::Layer,
        ..DENSE
    };
    let masks = masks(&network, &scores, target);
    assert_eq!(masks[0], [false, false, true, true]);
    assert_eq!(
        masks[1],
        [false, false, false, false, true, true, true, true]
    );
}

#[test]
fn densities_of_layers_can_be_given_and_meet_the_sparsity_together() {
    let network = chain(2, &[5, 2]);
    let scores: Vec<Vec<f64>> = vec![(0..10).map(f64::from).collect(); 2];
    // Twice as dense, whatever scope there is: 8 weights of 20 are 16/3 and 8/3, rounded by the larger rest.
    for scope in [Scope::Global, Scope::Layer] {
        let target = Target {
            scope,
            density_floor: 0.1,
            ..DENSE
        };
        let masks = target
            .masks_with_densities(&network, &scores, 0.6, &[0.2, 0.1])
            .unwrap();
        assert_eq!([kept(&masks[0]), kept(&masks[1])], [5, 3]);
        assert!(masks[0][5..].iter().all(|keep| *keep));
    }
    // A floor is a floor.
    let target = Target {
        density_floor: 0.4,
        ..DENSE
    };
    let masks = target
        .masks_with_densities(&network, &scores, 0.5, &[1.0, 1e-9])
        .unwrap();
    assert_eq!([kept(&masks[0]), kept(&masks[1])], [6, 4]);
}

#[test]
fn erk_keeps_small_layers_denser() {
    let mut builder = NetworkBuilder::new("kernels", [4, 5, 5], 0);
    let x = builder.convolution("conv", ValueId::INPUT, 8, Window::square(3, 1, 1), 1);
    let x = builder.global_average_pool("pool", x);
    let x = builder.flatten("flatten", x);
    builder.linear("linear", x, 10);
    let network = builder.finish(Vec::new()).unwrap();
    let scores = vec![vec![1.0; 288], vec![1.0; 80]];
    let target = |sparsity| Target {
        sparsity,
        scope: Scope::Erk,
        ..DENSE
    };
    // Densities (8 + 4 + 3 + 3)/288 and (10 + 8)/80, so both layers get the same 18 shares: 46 weights each of 92.
    let three_quarters = masks(&network, &scores, target(0.75));
    assert_eq!(
        [kept(&three_quarters[0]), kept(&three_quarters[1])],
        [46, 46]
    );
    // 184 weights: the linear layer is full at 80, the rest is the convolution's.
    let half = masks(&network, &scores, target(0.5));
    assert_eq!([kept(&half[0]), kept(&half[1])], [104, 80]);
}

#[test]
fn blocks_stay_or_go_by_their_mean() {
    let network = chain(6, &[2]);
    let scores = vec![vec![
        9.0, 0.0, 1.0, 1.0, 5.0, 5.0, //
        2.0, 2.0, 2.0, 2.0, 2.0, 7.0,
    ]];
    let target = Target {
        sparsity: 0.5,
        granularity: Granularity::Block {
            across: 1,
            along: 4,
        },
        ..DENSE
    };
    // Means 2.75, 5, 2, 4.5, of 4, 2, 4, 2 weights. Six may stay: 2 + 2, then the block of four does not fit.
    let masks = masks(&network, &scores, target);
    let expected: Vec<usize> = vec![4, 5, 10, 11];
    let stays: Vec<usize> = (0..12).filter(|weight| masks[0][*weight]).collect();
    assert_eq!(stays, expected);
}

#[test]
fn n_of_m_stay_of_all_neighbours_at_the_end_and_at_least_on_the_way() {
    let network = chain(6, &[2]);
    let scores = vec![vec![
        1.0, 4.0, 3.0, 2.0, 0.1, 0.2, //
        9.0, 8.0, 7.0, 6.0, 5.0, 0.3,
    ]];
    let target = Target {
        sparsity: 0.5,
        granularity: Granularity::NM { keep: 2, of: 4 },
        ..DENSE
    };
    let end = masks(&network, &scores, target);
    let expected = [
        [false, true, true, false, true, true],
        [true, true, false, false, true, true],
    ];
    assert_eq!(end[0], expected.concat());
    // At a third, eight of twelve stay: those and no others, or more by score.
    let on_the_way = target.masks(&network, &scores, 0.25).unwrap();
    let expected = [
        [false, true, true, false, true, true],
        [true, true, true, false, true, true],
    ];
    assert_eq!(on_the_way[0], expected.concat());
}

#[test]
fn units_go_whole_are_counted_as_units_and_leave_one_in_each_layer() {
    let network = chain(2, &[4, 4, 3]);
    let mut scores = vec![vec![1.0; 8], vec![5.0; 16], vec![0.0; 12]];
    scores[0][4..6].fill(2.0);
    scores[1][8..12].fill(9.0);
    let target = Target {
        sparsity: 0.625,
        granularity: Granularity::Unit,
        ..DENSE
    };
    let masks = masks(&network, &scores, target);
    // Three of eight units; the best of the first layer in spite of its score, and all of the last layer.
    assert_eq!(kept(&masks[0]), 2);
    assert!(masks[0][4] && masks[0][5]);
    assert_eq!(kept(&masks[1]), 8);
    assert!(masks[1][8..12].iter().all(|keep| *keep));
    assert_eq!(kept(&masks[2]), 12);
    let refused = target.masks(&network, &scores, 0.9).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("keeps 2 units where 1 may stay")
    );
}

/// The definition, by sorting everything.
fn naive(scores: &[Vec<f64>], budget: usize, floor: f64) -> Vec<Vec<bool>> {
    let mut masks: Vec<Vec<bool>> = scores.iter().map(|s| vec![false; s.len()]).collect();
    let mut open = budget;
    let mut rest = Vec::new();
    for (layer, scores) in scores.iter().enumerate() {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        let least = (floor * scores.len() as f64).ceil() as usize;
        for (place, weight) in order.into_iter().enumerate() {
            if place < least {
                masks[layer][weight] = true;
                open -= 1;
            } else {
                rest.push((layer, weight));
            }
        }
    }
    rest.sort_by(|a, b| scores[b.0][b.1].total_cmp(&scores[a.0][a.1]).then(a.cmp(b)));
    for (layer, weight) in rest.into_iter().take(open) {
        masks[layer][weight] = true;
    }
    masks
}

/// Scores of a chain of layers, with many ties.
fn scores() -> impl Strategy<Value = (Network, Vec<Vec<f64>>)> {
    let sizes = (1usize..8, prop::collection::vec(1usize..9, 1..4));
    sizes.prop_flat_map(|(inputs, units)| {
        let network = chain(inputs, &units);
        let layers: Vec<_> = layers(&network)
            .iter()
            .map(|layer| prop::collection::vec((-6i8..6).prop_map(f64::from), layer.weights()))
            .collect();
        (Just(network), layers)
    })
}

proptest! {
    #[test]
    fn weights_are_chosen_as_by_sorting((network, scores) in scores(), sparsity in 0.0f64..0.7, floor in 0.0f64..0.1) {
        let target = Target { sparsity, density_floor: floor, ..DENSE };
        let total: usize = scores.iter().map(Vec::len).sum();
        let budget = (((1.0 - sparsity) * total as f64).round() as usize).max(1);
        match target.masks(&network, &scores, sparsity) {
            Ok(masks) => prop_assert_eq!(masks, naive(&scores, budget, floor)),
            Err(error) => {
                let least: usize = scores.iter().map(|s| (floor * s.len() as f64).ceil() as usize).sum();
                prop_assert!(least > budget, "{}", error);
            }
        }
    }

    #[test]
    fn scopes_spend_the_whole_budget((network, scores) in scores(), sparsity in 0.0f64..1.0) {
        let total: usize = scores.iter().map(Vec::len).sum();
        let budget = (((1.0 - sparsity) * total as f64).round() as usize).max(1);
        for scope in [Scope::Layer, Scope::Erk] {
            let masks = masks(&network, &scores, Target { sparsity, scope, ..DENSE });
            prop_assert_eq!(masks.iter().map(|mask| kept(mask)).sum::<usize>(), budget);
            for (mask, scores) in masks.iter().zip(&scores) {
                let pairs = || mask.iter().zip(scores);
                let lowest = pairs().filter(|(k, _)| **k).map(|(_, s)| *s).fold(f64::INFINITY, f64::min);
                let highest = pairs().filter(|(k, _)| !**k).map(|(_, s)| *s).fold(f64::NEG_INFINITY, f64::max);
                prop_assert!(lowest >= highest);
            }
        }
    }

    #[test]
    fn groups_are_whole_and_miss_the_budget_by_less_than_one(
        (network, scores) in scores(), sparsity in 0.0f64..0.9, across in 1usize..5, along in 1usize..5,
    ) {
        let granularity = Granularity::Block { across, along };
        let masks = masks(&network, &scores, Target { sparsity, granularity, ..DENSE });
        let total: usize = scores.iter().map(Vec::len).sum();
        let budget = (((1.0 - sparsity) * total as f64).round() as usize).max(1);
        let kept: usize = masks.iter().map(|mask| kept(mask)).sum();
        prop_assert!(kept <= budget.max(across * along) && kept + across * along > budget);
        let groups = granularity.groups(&network).of.concat();
        let mut pairs: Vec<(u32, bool)> = groups.into_iter().zip(masks.concat()).collect();
        pairs.sort_unstable();
        for pair in pairs.windows(2) {
            prop_assert!(pair[0].0 != pair[1].0 || pair[0].1 == pair[1].1);
        }
    }

    #[test]
    fn n_of_m_is_exact((network, scores) in scores(), keep in 1usize..3, more in 1usize..3) {
        let of = keep + more;
        let granularity = Granularity::NM { keep, of };
        let sparsity = more as f64 / of as f64;
        let masks = masks(&network, &scores, Target { sparsity, granularity, ..DENSE });
        for (layer, mask) in layers(&network).iter().zip(&masks) {
            for neighbours in mask.chunks(layer.row()).flat_map(|row| row.chunks(of)) {
                prop_assert_eq!(kept(neighbours), keep.min(neighbours.len()));
            }
        }
    }
}

#[test]
fn coupled_units_have_one_score_and_take_the_room_of_all() {
    let mut builder = NetworkBuilder::new("residual", [1, 2, 2], 0);
    let window = Window::square(1, 1, 0);
    let x = builder.convolution_batch_norm("stem", ValueId::INPUT, 2, window, 1);
    let y = builder.convolution_batch_norm("inner", x, 2, window, 1);
    let y = builder.convolution_batch_norm("branch", y, 2, window, 1);
    let x = builder.add("add", x, y);
    let x = builder.flatten("flatten", x);
    builder.linear("classifier", x, 2);
    let network = builder.finish(Vec::new()).unwrap();
    // Stem and branch are coupled: units 0 have (9 + 0 + 0)/3, units 1 have (1 + 4.5 + 4.5)/3.
    let mut scores = vec![
        vec![9.0, 1.0],
        vec![5.0, 5.0, 2.0, 2.0],
        vec![0.0, 0.0, 4.5, 4.5],
    ];
    scores.push(vec![0.0; 16]);
    let target = Target {
        sparsity: 0.5,
        granularity: Granularity::Unit,
        ..DENSE
    };
    let masks = masks(&network, &scores, target);
    assert_eq!(masks[0], [false, true]);
    assert_eq!(masks[1], [true, true, false, false]);
    assert_eq!(masks[2], [false, false, true, true]);
    assert!(masks[3].iter().all(|keep| *keep));
}
