//! Learning, and resuming to the bit wherever a run stopped.

mod methods;
mod settings;
mod units;

use rand::Rng;
use sinew_models::Parameter;
use sinew_models::file::{Archive, Tensor};

use super::*;
use crate::attack::{Pgd, ThreatModel};
use crate::evaluate::accuracy_under;
use crate::gradients::trainable;
use crate::prune::{Fixed, Needs, Statistics};
use crate::seed::stream;
use crate::testing::{dark_and_bright, train_settings, two_layers};

/// A run with seed 3 and ε = 0.05.
fn run<'a>(
    settings: &'a TrainSettings,
    (train, validation): (&'a Dataset, &'a Dataset),
    checkpoint: &'a Path,
) -> TrainRun<'a> {
    TrainRun {
        settings,
        epsilon: 0.05,
        seed: 3,
        train,
        validation,
        teacher: None,
        device: DeviceChoice::Cpu,
        checkpoint,
    }
}

/// For methods that measure nothing.
fn unobserved(network: &Network, needs: &Needs) -> Result<Statistics, ComputeError> {
    assert!(needs.is_empty(), "nothing is to be measured");
    Ok(Statistics::new(network, needs))
}

/// Trains a network whose masks stay.
fn train_fixed(
    run: &TrainRun<'_>,
    initial: Network,
) -> Result<(Network, Vec<EpochRecord>), TrainError> {
    let hidden = Progress::hidden();
    train(run, initial, &mut Fixed, &mut unobserved, &hidden, "train")
}

#[test]
fn a_run_that_stops_in_the_middle_of_an_epoch_ends_in_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let (train_images, validation) = (dark_and_bright(80), dark_and_bright(20));
    let settings = train_settings();
    let mut network = two_layers();
    let count = network.parameters()[0].values().len();
    network.parameters_mut()[0].set_mask((0..count).map(|weight| weight % 3 != 1).collect());
    let paths =
        [0, 1, 3].map(|steps| (steps, folder.path().join(format!("stopped after {steps}"))));
    let run = |checkpoint| run(&settings, (&train_images, &validation), checkpoint);
    let expected = train_fixed(&run(&paths[0].1), network.clone()).unwrap();

    for (steps, path) in &paths[1..] {
        let stopped = run(path);
        let mut fixed = Fixed;
        let mut session = Session::open(&stopped, &network, &mut fixed).unwrap();
        let order = session.epoch_order();
        for _ in 0..*steps {
            session.step(&order, &mut unobserved).unwrap();
        }
        session.save().unwrap();
        drop(session);
        let resumed = train_fixed(&stopped, network.clone()).unwrap();
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
    let folder = tempfile::tempdir().unwrap();
    let (train_images, validation) = (dark_and_bright(160), dark_and_bright(40));
    let settings = TrainSettings {
        epochs: 6,
        ..train_settings()
    };
    let checkpoint = folder.path().join("checkpoint");
    let run = run(&settings, (&train_images, &validation), &checkpoint);
    let (network, history) = train_fixed(&run, two_layers()).unwrap();
    assert!(
        history.last().unwrap().loss < 0.5 * history[0].loss,
        "{history:?}"
    );
    let best = history
        .iter()
        .map(|r| r.robust_accuracy)
        .fold(0.0, f64::max);
    assert!(best >= 0.9, "{history:?}");
    let model = trainable(&network, run.device).unwrap();
    let seed = stream(run.seed, "validation attack", &[]).next_u64();
    let attack = Pgd::new(ThreatModel::linf(run.epsilon), settings.validation_steps);
    let accuracy = accuracy_under(&*model, &attack, &validation, seed).unwrap();
    assert_eq!(accuracy.robust, best);
}

#[test]
fn weights_that_are_zero_and_not_masked_learn() {
    let folder = tempfile::tempdir().unwrap();
    let data = dark_and_bright(80);
    let settings = train_settings();
    let checkpoint = folder.path().join("checkpoint");
    let mut network = two_layers();
    let mut values = network.parameters()[0].values().to_vec();
    let others = values.iter_mut().enumerate().filter(|(i, _)| i % 8 != 3);
    others.for_each(|(_, weight)| *weight = 0.0);
    let few = values.len() / 8;
    network.parameters_mut()[0].set_values(values);
    let run = run(&settings, (&data, &data), &checkpoint);
    let (network, _) = train_fixed(&run, network).unwrap();
    let moved = |parameter: &Parameter| parameter.values().iter().filter(|w| **w != 0.0).count();
    assert!(moved(&network.parameters()[0]) > 4 * few);
}

#[test]
fn a_diverging_run_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let data = dark_and_bright(80);
    let settings = TrainSettings {
        learning_rate: LearningRate::Constant { rate: 1e30 },
        ..train_settings()
    };
    let checkpoint = folder.path().join("checkpoint");
    let run = run(&settings, (&data, &data), &checkpoint);
    let error = train_fixed(&run, two_layers()).unwrap_err();
    assert!(
        matches!(error, TrainError::Diverged { epoch: 1, .. }),
        "{error}"
    );
}

#[test]
fn checkpoints_that_were_changed_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let images = dark_and_bright(80);
    let settings = train_settings();
    let checkpoint = folder.path().join("checkpoint");
    let run = run(&settings, (&images, &images), &checkpoint);
    let (initial, mut fixed) = (two_layers(), Fixed);
    let session = Session::open(&run, &initial, &mut fixed).unwrap();
    session.save().unwrap();
    drop(session);
    let whole = std::fs::read(&checkpoint).unwrap();
    let mut names = initial.parameters().iter().map(Parameter::name);
    let mean = names.find(|name| name.ends_with("mean")).unwrap();
    type Change<'a> = &'a dyn Fn(&mut Archive);
    let changes: [(Change<'_>, &str); 4] = [
        (
            &|archive| {
                let tensor = Tensor {
                    shape: vec![3],
                    values: vec![0.0; 3],
                };
                archive.tensors.insert(format!("mask/{mean}"), tensor);
            },
            "has a mask and is not trained",
        ),
        (
            &|archive| {
                archive.tensors.remove("velocity/conv.weight").unwrap();
            },
            "a velocity is missing",
        ),
        (
            &|archive| {
                let tensor = archive.tensors["velocity/conv.weight"].clone();
                let name = "sparsifier/score/0".to_owned();
                archive.tensors.insert(name, tensor);
            },
            "unexpected \"score/0\"",
        ),
        (
            &|archive| {
                let json = archive.metadata.get_mut("sinew.training").unwrap();
                *json = json.replace("\"epoch\":0", "\"epoch\":9");
            },
            "has no best network",
        ),
    ];
    for (change, problem) in changes {
        let mut archive = Archive::from_bytes(&whole).unwrap();
        change(&mut archive);
        std::fs::write(&checkpoint, archive.to_bytes().unwrap()).unwrap();
        let error = train_fixed(&run, initial.clone()).unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    }
}
