//! Resuming to the bit, wherever a run stopped.

use super::*;
use crate::data::Dataset;
use crate::execute::DeviceChoice;
use crate::testing::{train_settings, two_layers};

/// Dark and bright noise, 1×6×6.
fn images(count: usize) -> Dataset {
    let labels: Vec<u16> = (0..count).map(|index| (index % 2) as u16).collect();
    let pixel = |index: usize| (index * 37 % 101) as u8 + if index / 36 % 2 == 1 { 120 } else { 0 };
    let pixels = (0..count * 36).map(pixel).collect();
    let classes = vec!["dark".to_owned(), "bright".to_owned()];
    Dataset::new("noise", classes, [1, 6, 6], pixels, labels).unwrap()
}

/// A run with seed 3 and ε = 0.05.
fn run<'a>(
    settings: &'a TrainSettings,
    (train, validation): (&'a Dataset, &'a Dataset),
    device: &'a Device,
    checkpoint: &'a Path,
) -> TrainRun<'a> {
    TrainRun {
        settings,
        epsilon: 0.05,
        seed: 3,
        train,
        validation,
        device,
        checkpoint,
    }
}

#[test]
fn a_run_that_stops_in_the_middle_of_an_epoch_ends_in_the_same_bits() {
    let device = DeviceChoice::Cpu.open().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (train_images, validation) = (images(80), images(20));
    let settings = train_settings();
    let mut network = two_layers();
    let count = network.parameters()[0].values().len();
    network.parameters_mut()[0].set_mask((0..count).map(|weight| weight % 3 != 1).collect());
    let paths =
        [0, 1, 3].map(|steps| (steps, folder.path().join(format!("stopped after {steps}"))));
    let run = |checkpoint| run(&settings, (&train_images, &validation), &device, checkpoint);
    let hidden = Progress::hidden();
    let expected = train(&run(&paths[0].1), network.clone(), &hidden, "train").unwrap();

    for (steps, path) in &paths[1..] {
        let stopped = run(path);
        let mut session = Session::open(&stopped, &network).unwrap();
        let order = session.epoch_order();
        for _ in 0..*steps {
            session.step(&order).unwrap();
        }
        session.save().unwrap();
        drop(session);
        let resumed = train(&stopped, network.clone(), &hidden, "train").unwrap();
        assert_eq!(resumed, expected);
    }
    let weights = expected.0.parameters()[0].values();
    assert!(
        weights
            .iter()
            .enumerate()
            .all(|(i, w)| (i % 3 == 1) == (*w == 0.0))
    );
}

#[test]
fn training_learns_and_keeps_the_best_epoch() {
    let device = DeviceChoice::Cpu.open().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (train_images, validation) = (images(160), images(40));
    let settings = TrainSettings {
        epochs: 6,
        ..train_settings()
    };
    let checkpoint = folder.path().join("checkpoint");
    let run = run(
        &settings,
        (&train_images, &validation),
        &device,
        &checkpoint,
    );
    let (network, history) = train(&run, two_layers(), &Progress::hidden(), "train").unwrap();
    assert!(
        history.last().unwrap().loss < 0.5 * history[0].loss,
        "{history:?}"
    );
    let best = history
        .iter()
        .map(|r| r.robust_accuracy)
        .fold(0.0, f64::max);
    assert!(best >= 0.9, "{history:?}");
    let model = Executor::new(&network, &device);
    let seed = stream(run.seed, "validation attack", &[]).next_u64();
    let attack = Pgd::new(ThreatModel::linf(run.epsilon), settings.validation_steps);
    let accuracy = accuracy_under(&model, &attack, &validation, seed).unwrap();
    assert_eq!(accuracy.robust, best);
}

#[test]
fn a_diverging_run_says_so() {
    let device = DeviceChoice::Cpu.open().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = images(80);
    let settings = TrainSettings {
        learning_rate: 1e30,
        ..train_settings()
    };
    let checkpoint = folder.path().join("checkpoint");
    let run = run(&settings, (&data, &data), &device, &checkpoint);
    let error = train(&run, two_layers(), &Progress::hidden(), "train").unwrap_err();
    assert!(
        matches!(error, TrainError::Diverged { epoch: 1, .. }),
        "{error}"
    );
}
