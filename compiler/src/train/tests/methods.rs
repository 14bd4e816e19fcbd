//! Every pruning method inside a training run.

use super::*;
use crate::observe::Sample;
use crate::prune::{
    AnomalyWeight, Criterion, FlyingBirdSettings, Granularity, HarpSettings, HydraSettings,
    LearnedMaskSettings, Magnitude, MethodSettings, PruneSettings, PruningSchedule, RadmmSettings,
    RankedSettings, Scope,
};

/// Weights of [`two_layers`], and how many of them stay.
const WEIGHTS: usize = 27 + 54;
const KEPT: usize = 20;

/// All of them, and how many of four epochs of five steps are over before they settle.
fn methods() -> Vec<(MethodSettings, usize)> {
    let gradual = PruningSchedule::Gradual { end: 0.6, times: 4 };
    let ranked = |criterion, schedule| {
        MethodSettings::Ranked(RankedSettings {
            criterion,
            schedule,
        })
    };
    let learned = LearnedMaskSettings {
        anomaly: 0.1,
        ..LearnedMaskSettings::default()
    };
    vec![
        (
            ranked(Criterion::Magnitude(Magnitude {}), PruningSchedule::OneShot),
            0,
        ),
        (
            ranked(Criterion::AnomalyWeight(AnomalyWeight::default()), gradual),
            1,
        ),
        (MethodSettings::LearnedMask(learned), 2),
        (MethodSettings::Hydra(HydraSettings::default()), 2),
        (MethodSettings::Harp(HarpSettings::default()), 2),
        (MethodSettings::Radmm(RadmmSettings::default()), 2),
        (MethodSettings::FlyingBird(FlyingBirdSettings::default()), 0),
    ]
}

fn pruning(method: MethodSettings) -> PruneSettings {
    PruneSettings {
        method,
        sparsity: 0.75,
        granularity: Granularity::Weight,
        scope: Scope::Global,
        density_floor: 0.01,
        samples: 20,
        steps: 2,
    }
}

fn four_epochs() -> TrainSettings {
    TrainSettings {
        epochs: 4,
        ..train_settings()
    }
}

/// What of a run can be compared.
type Outcome = (Network, Vec<EpochRecord>);

/// Trains and prunes [`two_layers`]; first so many steps in a process that ends then.
fn pruned(
    settings: &PruneSettings,
    train_settings: &TrainSettings,
    stops: Option<usize>,
) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let (images, validation) = (dark_and_bright(80), dark_and_bright(20));
    let checkpoint = folder.path().join("checkpoint");
    let run = run(train_settings, (&images, &validation), &checkpoint);
    let sample = Sample {
        data: &images,
        count: settings.samples,
        epsilon: run.epsilon,
        steps: settings.steps,
        seed: 5,
        device: run.device,
    };
    let mut observe =
        |network: &Network, needs: &Needs| sample.observe(network, needs, &Progress::hidden());
    let initial = two_layers();
    if let Some(steps) = stops {
        let mut sparsifier = settings.sparsifier(9);
        let mut session = Session::open(&run, &initial, &mut *sparsifier).unwrap();
        for _ in 0..steps {
            if session.checkpoint.position.step == session.steps_per_epoch {
                session.finish_epoch().unwrap();
            }
            let order = session.epoch_order();
            session.step(&order, &mut observe).unwrap();
        }
        session.save().unwrap();
    }
    let mut sparsifier = settings.sparsifier(9);
    let hidden = Progress::hidden();
    train(
        &run,
        initial,
        &mut *sparsifier,
        &mut observe,
        &hidden,
        "train",
    )
    .unwrap()
}

#[test]
fn every_method_ends_at_the_exact_sparsity_with_a_plain_masked_network() {
    for (method, unsettled) in methods() {
        let (network, history) = pruned(&pruning(method.clone()), &four_epochs(), None);
        let zeros = network.sparsity() * WEIGHTS as f64;
        assert!(
            (zeros - (WEIGHTS - KEPT) as f64).abs() < 1e-9,
            "{method:?}: {zeros}"
        );
        for parameter in network.parameters() {
            let is_weight = parameter.role() == sinew_models::Role::Weight;
            assert_eq!(parameter.mask().is_some(), is_weight, "{method:?}");
            for (keep, value) in parameter
                .mask()
                .unwrap_or_default()
                .iter()
                .zip(parameter.values())
            {
                assert_eq!(*keep, *value != 0.0, "{method:?}");
            }
        }
        let settled: Vec<bool> = history.iter().map(|record| record.settled).collect();
        let expected: Vec<bool> = (0..4).map(|epoch| epoch >= unsettled).collect();
        assert_eq!(settled, expected, "{method:?}");
        // Settled epochs alone compete.
        let model = trainable(&network, DeviceChoice::Cpu).unwrap();
        let seed = stream(3, "validation attack", &[]).next_u64();
        let attack = Pgd::new(ThreatModel::linf(0.05), 2);
        let found = accuracy_under(&*model, &attack, &dark_and_bright(20), seed).unwrap();
        let best = history.iter().filter(|record| record.settled);
        let best = best
            .map(|record| record.robust_accuracy)
            .fold(0.0, f64::max);
        assert_eq!(found.robust, best, "{method:?}");
    }
}

#[test]
fn a_run_that_stops_before_or_after_the_mask_is_fixed_ends_in_the_same_bits() {
    for (method, _) in methods() {
        let settings = pruning(method.clone());
        let expected = pruned(&settings, &four_epochs(), None);
        // In the middle of an epoch, at the end of one that is not yet judged, and near the run's end.
        for steps in [3, 5, 7, 10, 17] {
            let found = pruned(&settings, &four_epochs(), Some(steps));
            assert_eq!(found, expected, "{method:?} after {steps} steps");
        }
    }
}

#[test]
fn the_last_epoch_settles_whatever_the_fractions() {
    let late = HydraSettings {
        learn: 0.999,
        ..HydraSettings::default()
    };
    let one_epoch = TrainSettings {
        epochs: 1,
        ..train_settings()
    };
    let (network, history) = pruned(&pruning(MethodSettings::Hydra(late)), &one_epoch, None);
    assert!(history[0].settled);
    let zeros = network.sparsity() * WEIGHTS as f64;
    assert!((zeros - (WEIGHTS - KEPT) as f64).abs() < 1e-9, "{zeros}");
}
