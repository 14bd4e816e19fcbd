//! Every setting changes what it should, and none is ignored.

use super::*;
use sinew_models::ValueId;
use sinew_models::builder::NetworkBuilder;

/// One epoch of `count` images, in batches of 16.
fn trained(
    settings: &TrainSettings,
    count: usize,
    initial: Network,
    teacher: Option<&Network>,
) -> Result<(Network, Vec<EpochRecord>), TrainError> {
    let folder = tempfile::tempdir().unwrap();
    let (images, validation) = (dark_and_bright(count), dark_and_bright(20));
    let checkpoint = folder.path().join("checkpoint");
    let run = TrainRun {
        teacher,
        ..run(settings, (&images, &validation), &checkpoint)
    };
    train_fixed(&run, initial)
}

fn one_epoch() -> TrainSettings {
    TrainSettings {
        epochs: 1,
        ..train_settings()
    }
}

#[test]
fn every_setting_changes_the_result() {
    let plain = one_epoch();
    let teacher = trained(&train_settings(), 80, two_layers(), None)
        .unwrap()
        .0;
    let variants = [
        TrainSettings {
            adversary: Adversary::None,
            ..plain.clone()
        },
        TrainSettings {
            loss: TrainingLoss::Trades(Trades { beta: 6.0 }),
            ..plain.clone()
        },
        TrainSettings {
            loss: TrainingLoss::Mart(Mart { beta: 6.0 }),
            ..plain.clone()
        },
        TrainSettings {
            distillation: Some(Distillation {
                weight: 0.5,
                temperature: 2.0,
            }),
            ..plain.clone()
        },
        TrainSettings {
            penalty: Some(Penalty::Anomaly { weight: 1.0 }),
            ..plain.clone()
        },
        TrainSettings {
            penalty: Some(Penalty::Vulnerability { weight: 1.0 }),
            ..plain.clone()
        },
        TrainSettings {
            epsilon_warm_up: 0.9,
            ..plain.clone()
        },
        TrainSettings {
            weight_perturbation: 0.01,
            ..plain.clone()
        },
        TrainSettings {
            augmentation: Augmentation {
                flip: true,
                shift: 1,
                cutout: 2,
            },
            ..plain.clone()
        },
        TrainSettings {
            momentum: 0.5,
            ..plain.clone()
        },
        TrainSettings {
            weight_decay: 0.05,
            ..plain.clone()
        },
        TrainSettings {
            average_decay: 0.1,
            ..plain.clone()
        },
        TrainSettings {
            learning_rate: LearningRate::Constant { rate: 0.01 },
            ..plain.clone()
        },
    ];
    let mut found = vec![trained(&plain, 80, two_layers(), Some(&teacher)).unwrap().0];
    for settings in variants {
        let network = trained(&settings, 80, two_layers(), Some(&teacher))
            .unwrap()
            .0;
        let finite = |x: &f32| x.is_finite();
        assert!(
            network
                .parameters()
                .iter()
                .all(|p| p.values().iter().all(finite))
        );
        assert!(found.iter().all(|other| *other != network), "{settings:?}");
        found.push(network);
    }
}

#[test]
fn perturbed_weights_raise_the_loss_but_not_the_count_of_what_was_withstood() {
    // One step, so that both look at the same weights.
    let plain = trained(&one_epoch(), 16, two_layers(), None).unwrap().1;
    let settings = TrainSettings {
        weight_perturbation: 1.0,
        ..one_epoch()
    };
    let perturbed = trained(&settings, 16, two_layers(), None).unwrap().1;
    assert!(perturbed[0].loss > plain[0].loss);
    assert_eq!(perturbed[0].training_accuracy, plain[0].training_accuracy);
}

#[test]
fn a_warm_up_makes_the_first_steps_easier() {
    let plain = trained(&one_epoch(), 16, two_layers(), None).unwrap().1;
    let none = TrainSettings {
        adversary: Adversary::None,
        ..one_epoch()
    };
    let none = trained(&none, 16, two_layers(), None).unwrap().1;
    let settings = TrainSettings {
        epsilon_warm_up: 0.999,
        ..one_epoch()
    };
    // The middle of the only step: half of ε.
    let half = trained(&settings, 16, two_layers(), None).unwrap().1;
    assert!(none[0].loss < half[0].loss && half[0].loss < plain[0].loss);
}

#[test]
fn settings_that_would_do_nothing_are_refused() {
    let mut builder = NetworkBuilder::new("linear", [1, 6, 6], 0);
    let x = builder.flatten("flatten", ValueId::INPUT);
    builder.linear("linear", x, 2);
    let classes = vec!["dark".to_owned(), "bright".to_owned()];
    let linear = builder.finish(classes).unwrap();
    let penalty = TrainSettings {
        penalty: Some(Penalty::Anomaly { weight: 1.0 }),
        ..one_epoch()
    };
    let distillation = TrainSettings {
        distillation: Some(Distillation {
            weight: 0.5,
            temperature: 1.0,
        }),
        ..one_epoch()
    };
    let shift = TrainSettings {
        augmentation: Augmentation {
            shift: 6,
            ..Augmentation::default()
        },
        ..one_epoch()
    };
    for (settings, network, key) in [
        (penalty, linear, "train: penalty: "),
        (distillation, two_layers(), "train: distillation: "),
        (shift, two_layers(), "train: augmentation.shift: "),
    ] {
        let error = trained(&settings, 80, network, None).unwrap_err();
        assert!(matches!(error, TrainError::Settings(_)), "{error}");
        assert!(error.to_string().starts_with(key), "{error}");
    }
}

#[test]
fn the_parent_is_what_distillation_listens_to() {
    let settings = TrainSettings {
        adversary: Adversary::None,
        distillation: Some(Distillation {
            weight: 1.0,
            temperature: 1.0,
        }),
        epochs: 8,
        learning_rate: LearningRate::Constant { rate: 0.02 },
        ..train_settings()
    };
    // A parent that takes dark for bright.
    let mut parent = trained(&train_settings(), 80, two_layers(), None)
        .unwrap()
        .0;
    let last = parent.parameters().len() - 2;
    for parameter in &mut parent.parameters_mut()[last..] {
        let swapped = parameter.values().iter().map(|x| -x).collect();
        parameter.set_values(swapped);
    }
    let history = trained(&settings, 80, two_layers(), Some(&parent))
        .unwrap()
        .1;
    assert!(history[7].loss < 0.5 * history[0].loss, "{history:?}");
    assert!(history[7].training_accuracy < 0.3, "{history:?}");
}

#[test]
fn epochs_count_for_stopping_once_they_are_settled() {
    let folder = tempfile::tempdir().unwrap();
    let images = dark_and_bright(80);
    let settings = TrainSettings {
        epochs: 100,
        stopping: Stopping {
            patience: Some(2),
            catastrophic_overfitting: true,
        },
        ..train_settings()
    };
    let checkpoint = folder.path().join("checkpoint");
    let run = run(&settings, (&images, &images), &checkpoint);
    let (initial, mut fixed) = (two_layers(), Fixed);
    let mut session = Session::open(&run, &initial, &mut fixed).unwrap();
    let mut after = |robust_accuracy: f64, settled: bool| {
        session.checkpoint.position.history.push(EpochRecord {
            loss: 1.0,
            training_accuracy: 0.5,
            clean_accuracy: 0.9,
            robust_accuracy,
            settled,
        });
        (session.stopped(), session.finished())
    };
    for robust in [0.9, 0.8, 0.7] {
        assert_eq!(after(robust, false), (None, false));
    }
    for robust in [0.4, 0.5, 0.45] {
        assert_eq!(after(robust, true), (None, false));
    }
    let expected = Stopped::Patience {
        best: 5,
        patience: 2,
    };
    assert_eq!(after(0.48, true), (Some(expected), true));
}

#[test]
fn what_is_about_adversarial_images_is_refused_where_there_are_none() {
    let plain = TrainSettings {
        adversary: Adversary::None,
        ..one_epoch()
    };
    assert_eq!(plain.problem(), None);
    let idle = [
        TrainSettings {
            loss: TrainingLoss::Mart(Mart { beta: 6.0 }),
            ..plain.clone()
        },
        TrainSettings {
            penalty: Some(Penalty::Vulnerability { weight: 1.0 }),
            ..plain.clone()
        },
        TrainSettings {
            epsilon_warm_up: 0.5,
            ..plain.clone()
        },
    ];
    for (settings, key) in idle
        .into_iter()
        .zip(["loss: ", "penalty: ", "epsilon_warm_up: "])
    {
        let problem = settings.problem().unwrap();
        assert!(problem.starts_with(key), "{problem}");
        let attacked = TrainSettings {
            adversary: Adversary::FgsmRs,
            ..settings
        };
        assert_eq!(attacked.problem(), None);
    }
}
