//! Criteria: scores by hand, names and parameters, and finite numbers whatever the statistics are.

use proptest::prelude::*;

use super::*;
use crate::prune::statistics::Quantity;
use crate::testing::two_layers;

/// All criteria, with some of their parameters in all positions.
fn all() -> Vec<Criterion> {
    let names = [
        "\"anomaly\"",
        "{\"anomaly\": {\"measure\": \"weight-gradient\", \"inverted\": true}}",
        "{\"anomaly\": {\"measure\": \"signed\", \"mean_ratio\": true, \"relative\": true}}",
        "\"anomaly-weight\"",
        "{\"anomaly-weight\": {\"measure\": \"gradient\", \"mean_ratio\": true, \"strength\": 3.0}}",
        "{\"anomaly-weight\": {\"measure\": \"weight-gradient\", \"inverted\": true}}",
        "\"anomaly-feeding\"",
        "{\"anomaly-feeding\": {\"strength\": 50.0, \"inverted\": true}}",
        "\"sensitivity\"",
        "{\"sensitivity\": {\"inverted\": true}}",
        "\"vulnerability\"",
        "{\"vulnerability\": {\"inverted\": true}}",
        "\"response-gradient\"",
        "{\"response-gradient\": {\"images\": \"adversarial\", \"anomaly\": true}}",
        "\"mad\"",
        "\"taylor\"",
        "{\"taylor\": {\"images\": \"adversarial\"}}",
        "\"wanda\"",
        "\"lamp\"",
        "\"layer-magnitude\"",
        "\"magnitude\"",
        "\"random-factor\"",
        "\"random\"",
    ];
    names.map(read).into_iter().map(Result::unwrap).collect()
}

fn read(json: &str) -> Result<Criterion, serde_json::Error> {
    named::read(&mut serde_json::Deserializer::from_str(json))
}

fn scores(criterion: &str, statistics: &Statistics) -> Vec<Vec<f64>> {
    let criterion = read(criterion).unwrap();
    criterion.scores(&two_layers(), statistics, 7)
}

/// Sums that are zero but for those given.
fn zeros(criterion: &str) -> Statistics {
    Statistics::new(&two_layers(), &read(criterion).unwrap().needs())
}

fn magnitudes() -> Vec<Vec<f64>> {
    scores("\"magnitude\"", &zeros("\"magnitude\""))
}

#[test]
fn names_say_what_differs_from_the_usual() {
    for (json, name) in [
        ("\"lamp\"", "lamp"),
        ("\"anomaly-weight\"", "anomaly-weight"),
        (
            "{\"anomaly-weight\": {\"measure\": \"gradient\", \"strength\": 0.5}}",
            "anomaly-weight(measure=gradient,strength=0.5)",
        ),
        (
            "{\"anomaly\": {\"inverted\": true}}",
            "anomaly(inverted=true)",
        ),
        ("{\"taylor\": {\"images\": \"clean\"}}", "taylor"),
    ] {
        assert_eq!(read(json).unwrap().name(), name);
    }
    for criterion in all() {
        let json = serde_json::to_string(&criterion).unwrap();
        assert_eq!(read(&json).unwrap(), criterion);
    }
}

#[test]
fn parameters_that_make_no_sense_are_refused_by_key() {
    for json in [
        "{\"anomaly-weight\": {\"strength\": -0.1}}",
        "{\"anomaly-feeding\": {\"strength\": 51.0}}",
        "{\"random-factor\": {\"strength\": 11.0}}",
    ] {
        let problem = read(json).unwrap().problem().unwrap();
        assert!(problem.starts_with("strength: "), "{problem}");
    }
    assert_eq!(all().iter().find_map(Criterion::problem), None);
    let unknown = read("{\"taylor\": {\"image\": \"clean\"}}").unwrap_err();
    assert!(unknown.to_string().contains("`image`"), "{unknown}");
    assert!(read("{\"lamp\": {\"strength\": 1.0}}").is_err());
}

#[test]
fn units_come_whole_by_falling_degree_dead_ones_first() {
    let (clean, change) = (Part::Clean, Part::Change);
    let statistics = zeros("\"anomaly\"")
        .with_sum(0, Quantity::Activation, clean, &[1.0, 0.0, 1.0])
        .with_sum(0, Quantity::Activation, change, &[0.5, 0.0, 0.1])
        .with_sum(1, Quantity::Activation, clean, &[1.0, 1.0])
        .with_sum(1, Quantity::Activation, change, &[0.2, 0.9]);
    let order = |criterion: &str| {
        let scores = scores(criterion, &statistics);
        let mut units: Vec<(f64, f64, [usize; 2])> = Vec::new();
        for (layer, units_of_layer) in [3, 2].into_iter().enumerate() {
            let row = scores[layer].len() / units_of_layer;
            for unit in 0..units_of_layer {
                let weights = &scores[layer][unit * row..][..row];
                let fold = |start, of: fn(f64, f64) -> f64| weights.iter().copied().fold(start, of);
                units.push((
                    fold(f64::MAX, f64::min),
                    fold(f64::MIN, f64::max),
                    [layer, unit],
                ));
            }
        }
        units.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(
            units.windows(2).all(|pair| pair[0].1 < pair[1].0),
            "{units:?}"
        );
        units.into_iter().map(|unit| unit.2).collect::<Vec<_>>()
    };
    assert_eq!(
        order("\"anomaly\""),
        [[0, 1], [1, 1], [0, 0], [1, 0], [0, 2]]
    );
    assert_eq!(
        order("{\"anomaly\": {\"inverted\": true}}"),
        [[0, 1], [0, 2], [1, 0], [0, 0], [1, 1]]
    );
    // Relative to their layers' means, about 0.3 and 0.55: 1.67, 0.33 and 0.36, 1.64.
    assert_eq!(
        order("{\"anomaly\": {\"relative\": true}}"),
        [[0, 1], [0, 0], [1, 1], [1, 0], [0, 2]]
    );
    // Absolute change over the layer's mean, 0.2 and 0.55: 2.5, 0.5 and 0.36, 1.64.
    assert_eq!(
        order("\"sensitivity\""),
        [[0, 1], [0, 0], [1, 1], [0, 2], [1, 0]]
    );
}

#[test]
fn weights_inside_a_unit_go_by_magnitude() {
    let statistics = zeros("\"anomaly\"");
    let scores = scores("\"anomaly\"", &statistics);
    for (unit, weights) in scores[0].chunks(9).zip(magnitudes()[0].chunks(9)) {
        let pairs = || unit.iter().zip(weights);
        for (score, weight) in pairs() {
            let below = |(s, w): &(&f64, &f64)| (*s < score) == (*w < weight);
            assert!(
                pairs()
                    .filter(|(s, _)| *s != score)
                    .all(|pair| below(&pair))
            );
        }
    }
}

#[test]
fn response_times_gradient_is_weighed_against_anomaly() {
    let statistics = |criterion| {
        zeros(criterion)
            .with_sum(0, Quantity::Activation, Part::Clean, &[1.0, 2.0, 3.0])
            .with_sum(0, Quantity::Gradient, Part::Clean, &[2.0, 2.0, 1.0])
            .with_sum(0, Quantity::Activation, Part::Change, &[0.0, 4.0, 0.0])
    };
    // Products 2, 4, 3; with degrees 0, about 2, 0: 2, 1.33, 3.
    for (criterion, expected) in [
        ("\"response-gradient\"", [0, 2, 1]),
        ("{\"response-gradient\": {\"anomaly\": true}}", [1, 0, 2]),
    ] {
        let scores = scores(criterion, &statistics(criterion));
        let mut units = [0, 1, 2];
        units.sort_by(|a, b| scores[0][a * 9].total_cmp(&scores[0][b * 9]));
        assert_eq!(units, expected, "{criterion}");
    }
}

#[test]
fn the_factor_of_the_belonging_unit_leaves_the_last_layer_alone() {
    let change = [1.0, 2.0, 4.0];
    let statistics = |criterion| {
        zeros(criterion)
            .with_sum(0, Quantity::Activation, Part::Clean, &[1.0; 3])
            .with_sum(0, Quantity::Activation, Part::Change, &change)
            .with_sum(1, Quantity::Activation, Part::Change, &[0.1, 5.0])
    };
    let criterion = "{\"anomaly-weight\": {\"strength\": 1.0}}";
    let scores = scores(criterion, &statistics(criterion));
    // Logarithms are evenly spaced: z = −√1.5, 0, √1.5.
    let factors = [1.5f64.sqrt().exp(), 1.0, (-1.5f64.sqrt()).exp()];
    for (weight, (score, magnitude)) in scores[0].iter().zip(&magnitudes()[0]).enumerate() {
        let expected = magnitude * factors[weight / 9];
        assert!((score - expected).abs() < 1e-12 * expected);
    }
    assert_eq!(scores[1], magnitudes()[1]);
}

#[test]
fn criteria_that_look_at_inputs_find_those_of_each_weight() {
    let channel: Vec<f64> = (0..27).map(f64::from).collect();
    let statistics = |criterion| {
        zeros(criterion)
            .with_sum(0, Quantity::Input, Part::Squares, &[9.0])
            .with_sum(0, Quantity::Input, Part::Clean, &[3.0])
            .with_sum(0, Quantity::Input, Part::Change, &[1.0])
            .with_sum(1, Quantity::Input, Part::Squares, &channel)
            .with_sum(1, Quantity::Input, Part::Clean, &channel)
            .with_sum(1, Quantity::Input, Part::Change, &[1.0; 27])
    };
    let magnitudes = magnitudes();
    for (criterion, first, second) in [
        ("\"wanda\"", 3.0, (|c: f64| c.sqrt()) as fn(f64) -> f64),
        ("\"anomaly-feeding\"", 0.75, |c| (c / (c + 1.0)).max(1e-3)),
    ] {
        let scores = scores(criterion, &statistics(criterion));
        let close = |score: f64, expected: f64| (score - expected).abs() < 1e-12;
        let of_first = scores[0].iter().zip(&magnitudes[0]);
        assert!(of_first.clone().all(|(score, w)| close(*score, w * first)));
        for (weight, (score, w)) in scores[1].iter().zip(&magnitudes[1]).enumerate() {
            assert!(
                close(*score, w * second((weight % 27) as f64)),
                "{criterion} {weight}"
            );
        }
    }
}

#[test]
fn taylor_and_mad_follow_their_formulas() {
    let gradients: Vec<f64> = (0..54).map(|g| f64::from(g) - 20.0).collect();
    let statistics = zeros("\"taylor\"")
        .with_sum(1, Quantity::MeanGradient, Part::Clean, &gradients)
        .with_sum(1, Quantity::MeanGradient, Part::Attacked, &[2.0; 54]);
    let taylor = |criterion: &str| scores(criterion, &statistics).swap_remove(1);
    let magnitudes = magnitudes().swap_remove(1);
    let expected: Vec<f64> = magnitudes
        .iter()
        .zip(&gradients)
        .map(|(w, g)| w * g.abs())
        .collect();
    assert_eq!(taylor("\"taylor\""), expected);
    let expected: Vec<f64> = magnitudes.iter().map(|w| w * 2.0).collect();
    assert_eq!(
        taylor("{\"taylor\": {\"images\": \"adversarial\"}}"),
        expected
    );

    let statistics = zeros("\"mad\"")
        .with_sum(1, Quantity::Curvature, Part::Squares, &[4.0, 6.0])
        .with_sum(1, Quantity::Curvature, Part::Correlation, &gradients);
    let network = two_layers();
    let weights = network.parameter(statistics.layers()[1].weight).values();
    for (weight, score) in scores("\"mad\"", &statistics)[1].iter().enumerate() {
        // ½·G: 2 for the first unit, 3 for the second.
        let half = [2.0, 3.0][weight / 27];
        assert_eq!(
            *score,
            half * f64::from(weights[weight]) * gradients[weight]
        );
    }
}

#[test]
fn magnitudes_are_relative_to_the_layers_root_mean_square() {
    let scores = scores("\"layer-magnitude\"", &zeros("\"layer-magnitude\""));
    for (scores, magnitudes) in scores.iter().zip(magnitudes()) {
        let squares: Vec<f64> = scores.iter().map(|score| score * score).collect();
        assert!((mean(&squares) - 1.0).abs() < 1e-9);
        let ratio = scores[0] / magnitudes[0];
        for (score, magnitude) in scores.iter().zip(magnitudes) {
            assert!((score - ratio * magnitude).abs() < 1e-12);
        }
    }
}

#[test]
fn chance_follows_the_seed() {
    let network = two_layers();
    for name in ["\"random\"", "\"random-factor\""] {
        let criterion = read(name).unwrap();
        let scores = |seed| criterion.scores(&network, &zeros(name), seed);
        assert_eq!(scores(1), scores(1));
        assert_ne!(scores(1), scores(2));
    }
    // One factor for each unit, and not the same.
    let scores = scores("\"random-factor\"", &zeros("\"random-factor\""));
    let ratios: Vec<f64> = scores[0]
        .iter()
        .zip(&magnitudes()[0])
        .map(|(s, w)| s / w)
        .collect();
    for unit in ratios.chunks(9) {
        assert!(
            unit.iter()
                .all(|ratio| (ratio / unit[0] - 1.0).abs() < 1e-12)
        );
    }
    assert!((ratios[0] - ratios[9]).abs() > 1e-6);
}

#[test]
fn a_network_without_weights_has_no_scores() {
    let mut builder = sinew_models::builder::NetworkBuilder::new("bare", [1, 2, 2], 0);
    builder.flatten("flatten", sinew_models::ValueId::INPUT);
    let network = builder.finish(Vec::new()).unwrap();
    for criterion in all() {
        let statistics = Statistics::new(&network, &criterion.needs());
        let scores = criterion.scores(&network, &statistics, 0);
        assert!(scores.is_empty(), "{}", criterion.name());
    }
}

/// Sums as they may come out, silence and extremes included; only those that may be negative are.
fn sum(length: usize, signed: bool) -> impl Strategy<Value = Vec<f64>> {
    let number = prop_oneof![3 => 0.0..10.0, 2 => Just(0.0), 1 => Just(1e100), 1 => Just(1e-300)];
    let number = (number, any::<bool>())
        .prop_map(move |(x, minus): (f64, bool)| if signed && minus { -x } else { x });
    prop::collection::vec(number, length)
}

/// Statistics of everything.
fn statistics() -> impl Strategy<Value = Statistics> {
    let needs = all()
        .iter()
        .fold(Needs::default(), |all, one| all.and(&one.needs()));
    let statistics = Statistics::new(&two_layers(), &needs);
    let keys: Vec<_> = (0..2).flat_map(|layer| statistics.kept(layer)).collect();
    let sums: Vec<_> = keys
        .iter()
        .map(|(layer, quantity, part)| {
            let length = statistics.sum(*layer, *quantity, *part).len();
            sum(
                length,
                *quantity == Quantity::MeanGradient || *part == Part::Correlation,
            )
        })
        .collect();
    sums.prop_map(move |sums| {
        let entries = keys.iter().zip(sums);
        entries.fold(statistics.clone(), |all, ((layer, quantity, part), sum)| {
            all.with_sum(*layer, *quantity, *part, &sum)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn scores_are_finite_numbers_for_every_weight(statistics in statistics(), silent in any::<bool>()) {
        let mut network = two_layers();
        if silent {
            let weights = &mut network.parameters_mut()[0];
            weights.set_values(vec![0.0; weights.values().len()]);
        }
        for criterion in all() {
            let scores = criterion.scores(&network, &statistics, 3);
            prop_assert_eq!(scores.iter().map(Vec::len).collect::<Vec<_>>(), [27, 54]);
            let name = criterion.name();
            prop_assert!(scores.iter().flatten().all(|score| score.is_finite()), "{}", name);
        }
    }
}
