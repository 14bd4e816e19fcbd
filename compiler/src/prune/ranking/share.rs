//! A budget divided among layers in proportion to densities.

/// How many pieces of each layer stay: `budget` in all, if they are as many. The density of layer `l` is `densities[l]` times a factor that
/// is the same for all, but a layer has at least `least[l]` of its `sizes[l]` pieces. What rounding leaves goes to the largest remainders.
pub(super) fn divide(
    budget: usize,
    sizes: &[usize],
    least: &[usize],
    densities: &[f64],
) -> Vec<usize> {
    let layers = || sizes.iter().zip(least).zip(densities);
    let shares = |factor: f64| -> Vec<f64> {
        let share = |((size, least), density): ((&usize, &usize), &f64)| {
            let wanted = factor * density * *size as f64;
            wanted.clamp(*least as f64, *size as f64)
        };
        layers().map(share).collect()
    };
    // The sum rises with the factor; at the upper end every layer is full.
    let smallest = densities.iter().copied().fold(f64::INFINITY, f64::min);
    let (mut low, mut high) = (0.0, 1.0 / smallest);
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        match shares(middle).iter().sum::<f64>() > budget as f64 {
            true => high = middle,
            false => low = middle,
        }
    }
    let shares = shares(low);
    let mut counts: Vec<usize> = shares.iter().map(|share| share.floor() as usize).collect();
    let mut missing = budget.saturating_sub(counts.iter().sum());
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by(|a, b| shares[*b].fract().total_cmp(&shares[*a].fract()));
    while missing > 0 {
        let before = missing;
        for &layer in &order {
            if missing > 0 && counts[layer] < sizes[layer] {
                counts[layer] += 1;
                missing -= 1;
            }
        }
        if missing == before {
            break;
        }
    }
    counts
}

/// Halvings of an interval: all that an f64 can tell apart.
const BISECTIONS: usize = 100;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shares_follow_the_densities_and_full_layers_pass_on_the_rest() {
        assert_eq!(divide(6, &[4, 8], &[0, 0], &[1.0, 1.0]), [2, 4]);
        assert_eq!(divide(8, &[4, 8], &[0, 0], &[2.0, 1.0]), [4, 4]);
        assert_eq!(divide(10, &[4, 8], &[0, 0], &[2.0, 1.0]), [4, 6]);
        assert_eq!(divide(3, &[4, 8], &[2, 0], &[1.0, 1.0]), [2, 1]);
        assert_eq!(divide(5, &[3, 3, 3], &[0; 3], &[1.0; 3]), [2, 2, 1]);
        assert_eq!(divide(99, &[4, 8], &[0, 0], &[2.0, 1.0]), [4, 8]);
    }

    proptest! {
        #[test]
        fn the_budget_is_spent_to_the_last_within_the_bounds(
            layers in prop::collection::vec((1usize..200, 0.0f64..1.0, 0.001f64..4.0), 1..8),
            fraction in 0.0f64..1.0,
        ) {
            let sizes: Vec<usize> = layers.iter().map(|layer| layer.0).collect();
            let least: Vec<usize> = layers.iter().map(|l| (l.0 as f64 * l.1 * 0.3) as usize).collect();
            let densities: Vec<f64> = layers.iter().map(|layer| layer.2).collect();
            let (smallest, largest): (usize, usize) = (least.iter().sum(), sizes.iter().sum());
            let budget = smallest + (fraction * (largest - smallest) as f64) as usize;
            let counts = divide(budget, &sizes, &least, &densities);
            prop_assert_eq!(counts.iter().sum::<usize>(), budget);
            for ((count, size), least) in counts.iter().zip(&sizes).zip(&least) {
                prop_assert!((least..=size).contains(&count));
            }
            // Where neither bound binds, densities have the ratio asked for, up to rounding.
            let free: Vec<usize> = (0..sizes.len())
                .filter(|l| counts[*l] > least[*l] + 1 && counts[*l] + 1 < sizes[*l])
                .collect();
            for pair in free.windows(2) {
                let [factor, other] = [pair[0], pair[1]].map(|l| {
                    let size = sizes[l] as f64;
                    [-1.0, 1.0].map(|one| (counts[l] as f64 + one) / (size * densities[l]))
                });
                prop_assert!(factor[0] <= other[1] && other[0] <= factor[1]);
            }
        }
    }
}
