//! Losses against values worked out by hand, and their slopes against central differences.

use proptest::prelude::*;

use super::*;

/// Logits whose softmax are these probabilities.
fn logits(probabilities: &[f64]) -> Vec<f32> {
    let log = |p: &f64| (p.ln() + 1.5) as f32;
    probabilities.iter().map(log).collect()
}

fn objective(loss: TrainingLoss) -> Objective {
    Objective {
        loss,
        distillation: None,
    }
}

const PLAIN: TrainingLoss = TrainingLoss::CrossEntropy(CrossEntropy {
    label_smoothing: 0.0,
});

/// Clean, adversarial and teacher's probabilities of an image of class 1, which is what the clean one is taken for but not the others.
const P: [f64; 3] = [0.3, 0.6, 0.1];
const Q: [f64; 3] = [0.5, 0.4, 0.1];
const T: [f64; 3] = [0.64, 0.16, 0.2];

/// The mean loss of one image with these probabilities.
fn of_one(objective: &Objective) -> f64 {
    let batch = BatchLogits {
        labels: &[1],
        adversarial: &logits(&Q),
        clean: Some(&logits(&P)),
        teacher: Some(&logits(&T)),
    };
    objective.of(&batch).mean
}

#[track_caller]
fn assert_close(value: f64, expected: f64) {
    assert!((value - expected).abs() < 1e-5, "{value}, not {expected}");
}

#[test]
fn cross_entropy_smooths_its_labels() {
    // −ln 0.4.
    assert_close(of_one(&objective(PLAIN)), 0.916_291);
    // t = (0.1, 0.8, 0.1): 0.1·0.693147 + 0.8·0.916291 + 0.1·2.302585.
    let smooth = CrossEntropy {
        label_smoothing: 0.3,
    };
    let smooth = objective(TrainingLoss::CrossEntropy(smooth));
    assert_close(of_one(&smooth), 1.032_606);
    // p − t.
    let batch = BatchLogits {
        labels: &[1],
        adversarial: &logits(&Q),
        clean: None,
        teacher: None,
    };
    let loss = smooth.of(&batch);
    assert_eq!(loss.clean, None);
    for (slope, expected) in loss.adversarial.iter().zip([0.4, -0.4, 0.0]) {
        assert_close(f64::from(*slope), expected);
    }
}

#[test]
fn trades_adds_the_divergence_to_the_clean_cross_entropy() {
    // KL(p ‖ q) = 0.3·ln 0.6 + 0.6·ln 1.5 + 0.1·ln 1 = −0.153248 + 0.243279 = 0.090031; −ln 0.6 = 0.510826.
    let trades = objective(TrainingLoss::Trades(Trades { beta: 6.0 }));
    assert_close(of_one(&trades), 0.510_826 + 6.0 * 0.090_031);
}

#[test]
fn mart_boosts_the_cross_entropy_and_weighs_the_divergence_by_doubt() {
    // −ln 0.4 − ln(1.0001 − 0.5) + 6·0.090031·(1 − 0.6), where −ln 0.5001 = 0.692947.
    let mart = objective(TrainingLoss::Mart(Mart { beta: 6.0 }));
    assert_close(of_one(&mart), 0.916_291 + 0.692_947 + 0.216_074);
    // The rival is the strongest other class also where the label is strongest: of (0.3, 0.6, 0.1) it is 0.3, and −ln 0.7001 = 0.356532.
    let batch = BatchLogits {
        labels: &[1],
        adversarial: &logits(&P),
        clean: Some(&logits(&P)),
        teacher: None,
    };
    assert_close(mart.of(&batch).mean, 0.510_826 + 0.356_532);
    // However sure of a wrong class: logits apart by 60 cost 60, and −ln 0.0001 = 9.210340.
    let lost = BatchLogits {
        labels: &[0],
        adversarial: &[0.0, 60.0],
        clean: Some(&[0.0, 60.0]),
        teacher: None,
    };
    assert_close(mart.of(&lost).mean, 60.0 + 9.210_340);
}

#[test]
fn distillation_takes_its_share_from_any_loss() {
    let distillation = Distillation {
        weight: 0.25,
        temperature: 2.0,
    };
    let with_parent = |loss| Objective {
        loss,
        distillation: Some(distillation),
    };
    // The square roots (0.8, 0.4, 0.447214)/1.647214 and (0.707107, 0.632456, 0.316228)/1.655790 give
    // KL = 0.485669·ln(0.485669/0.427051) + 0.242834·ln(0.242834/0.381966) + 0.271497·ln(0.271497/0.190983)
    //    = 0.062468 − 0.109992 + 0.095504 = 0.047980.
    let parent = 0.25 * 4.0 * 0.047_980;
    assert_close(of_one(&with_parent(PLAIN)), 0.75 * 0.916_291 + parent);
    let trades = TrainingLoss::Trades(Trades { beta: 6.0 });
    assert_close(
        of_one(&with_parent(trades)),
        0.75 * (0.510_826 + 6.0 * 0.090_031) + parent,
    );
    let alone = Distillation {
        weight: 1.0,
        ..distillation
    };
    let alone = Objective {
        loss: PLAIN,
        distillation: Some(alone),
    };
    assert_close(of_one(&alone), 4.0 * parent);
}

#[test]
fn a_batch_is_the_mean_of_its_images() {
    let mart = objective(TrainingLoss::Mart(Mart { beta: 6.0 }));
    let (first, second) = ([0.5, 1.0, -2.0], [3.0, 1.5, 0.25]);
    let one = |label: usize, logits: &[f32]| {
        let reversed: Vec<f32> = logits.iter().rev().copied().collect();
        mart.of(&BatchLogits {
            labels: &[label],
            adversarial: logits,
            clean: Some(&reversed),
            teacher: None,
        })
    };
    let (a, b) = (one(2, &first), one(0, &second));
    let both = mart.of(&BatchLogits {
        labels: &[2, 0],
        adversarial: &[0.5, 1.0, -2.0, 3.0, 1.5, 0.25],
        clean: Some(&[-2.0, 1.0, 0.5, 0.25, 1.5, 3.0]),
        teacher: None,
    });
    assert_close(both.mean, (a.mean + b.mean) / 2.0);
    let halves =
        |a: &[f32], b: &[f32]| -> Vec<f32> { a.iter().chain(b).map(|s| s / 2.0).collect() };
    assert_eq!(both.adversarial, halves(&a.adversarial, &b.adversarial));
    let clean = |loss: &BatchLoss| loss.clean.clone().unwrap();
    assert_eq!(clean(&both), halves(&clean(&a), &clean(&b)));
}

#[test]
fn logits_of_any_size_have_a_finite_loss_and_finite_slopes() {
    for loss in losses(6.0) {
        let objective = Objective {
            loss,
            distillation: Some(Distillation {
                weight: 0.5,
                temperature: 0.5,
            }),
        };
        let loss = objective.of(&BatchLogits {
            labels: &[0, 1],
            adversarial: &[-3e4, 3e4, 0.0, 3e4, -3e4, 0.0],
            clean: Some(&[3e4, -3e4, 0.0, 0.0, 0.0, 3e4]),
            teacher: Some(&[0.0, -3e4, 3e4, 3e4, 0.0, 0.0]),
        });
        assert!(loss.mean.is_finite() && loss.mean > 1e4, "{loss:?}");
        let slopes = loss.adversarial.iter().chain(loss.clean.iter().flatten());
        assert!(slopes.clone().all(|slope| slope.is_finite()), "{loss:?}");
        assert!(slopes.into_iter().any(|slope| *slope != 0.0), "{loss:?}");
    }
}

#[test]
fn settings_out_of_range_are_named() {
    let problem = |loss: TrainingLoss| loss.problem().unwrap();
    let smoothing = CrossEntropy {
        label_smoothing: 1.0,
    };
    assert_eq!(
        problem(TrainingLoss::CrossEntropy(smoothing)),
        "label_smoothing: 1 is not in [0, 1)"
    );
    for loss in losses(f64::NAN).into_iter().skip(1) {
        assert_eq!(problem(loss), "beta: NaN is not 0 or more");
    }
    for loss in losses(0.0) {
        assert_eq!(loss.problem(), None);
    }
    let distillation = |weight, temperature| {
        let settings = Distillation {
            weight,
            temperature,
        };
        settings.problem()
    };
    assert_eq!(distillation(1.0, 1.0), None);
    assert!(distillation(1.5, 1.0).unwrap().starts_with("weight: "));
    assert!(distillation(0.5, 0.0).unwrap().starts_with("temperature: "));
}

#[test]
fn recipes_spell_losses_by_name() {
    #[derive(Deserialize)]
    struct Recipe {
        loss: TrainingLoss,
    }
    let read = |text: &str| toml::from_str::<Recipe>(text).map(|recipe| recipe.loss);
    assert_eq!(read("loss = { cross-entropy = {} }").unwrap(), PLAIN);
    assert_eq!(
        read("loss = { trades = { beta = 1.0 } }").unwrap(),
        TrainingLoss::Trades(Trades { beta: 1.0 })
    );
    assert!(read("loss = { mart = { beta = 1.0, gamma = 2.0 } }").is_err());
}

fn losses(beta: f64) -> [TrainingLoss; 3] {
    [
        PLAIN,
        TrainingLoss::Trades(Trades { beta }),
        TrainingLoss::Mart(Mart { beta }),
    ]
}

proptest! {
    /// For every loss, with and without a parent.
    #[test]
    fn slopes_are_the_derivatives(
        adversarial in prop::collection::vec(-4.0f32..4.0, 5),
        clean in prop::collection::vec(-4.0f32..4.0, 5),
        teacher in prop::collection::vec(-4.0f32..4.0, 5),
        label in 0usize..5,
        label_smoothing in 0.0..0.5f64,
        beta in 0.0..8.0f64,
        weight in 0.0..1.0f64,
        temperature in 0.5..5.0f64,
    ) {
        let loss = [
            TrainingLoss::CrossEntropy(CrossEntropy { label_smoothing }),
            TrainingLoss::Trades(Trades { beta }),
            TrainingLoss::Mart(Mart { beta }),
        ];
        let parent = Distillation { weight, temperature };
        for (loss, distillation) in loss.into_iter().flat_map(|loss| [(loss, None), (loss, Some(parent))]) {
            let objective = Objective { loss, distillation };
            let at = |adversarial: &[f32], clean: &[f32]| {
                let (clean, teacher) = (Some(clean), Some(&teacher[..]));
                objective.of(&BatchLogits { labels: &[label], adversarial, clean, teacher })
            };
            let found = at(&adversarial, &clean);
            // Where two rivals cross, MART has a corner.
            let rival = strongest(&adversarial, label, None);
            let next = strongest(&adversarial, label, Some(rival));
            prop_assume!(adversarial[rival] - adversarial[next] > 0.02);
            let clean_slopes = found.clean.clone().unwrap_or(vec![0.0; 5]);
            for class in 0..5 {
                let h = 1.0 / 512.0;
                let moved = |logits: &[f32], step: f32| {
                    let mut moved = logits.to_vec();
                    moved[class] += step;
                    // What `f32` makes of the step.
                    (f64::from(moved[class]) - f64::from(logits[class]), moved)
                };
                let (up, above) = moved(&adversarial, h);
                let (down, below) = moved(&adversarial, -h);
                let difference = (at(&above, &clean).mean - at(&below, &clean).mean) / (up - down);
                // Truncation: h²/6 times the third derivative, which is below 10·(1 + β) here, the pull towards a corner aside.
                let tolerance = 1e-4 * (1.0 + beta);
                prop_assert!((difference - f64::from(found.adversarial[class])).abs() < tolerance,
                    "{objective:?}: {difference}, {}", found.adversarial[class]);
                let (up, above) = moved(&clean, h);
                let (down, below) = moved(&clean, -h);
                let difference = (at(&adversarial, &above).mean - at(&adversarial, &below).mean) / (up - down);
                prop_assert!((difference - f64::from(clean_slopes[class])).abs() < tolerance,
                    "{objective:?}: {difference}, {}", clean_slopes[class]);
            }
        }
    }
}

/// The strongest class besides these.
fn strongest(logits: &[f32], label: usize, other: Option<usize>) -> usize {
    let others = (0..logits.len()).filter(|class| *class != label && Some(*class) != other);
    others
        .max_by(|a, b| logits[*a].total_cmp(&logits[*b]))
        .unwrap()
}
