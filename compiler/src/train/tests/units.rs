//! Whole units: pruned while a residual network trains, then removed.

use sinew_models::UnitGroups;
use sinew_models::zoo::{self, ZooOptions};

use super::*;
use crate::prune::{
    Criterion, Granularity, Magnitude, MethodSettings, PruneSettings, PruningSchedule,
    RankedSettings, Scope,
};

#[test]
fn units_of_a_residual_network_go_in_training_and_then_for_good() {
    let (images, validation) = (dark_and_bright(32), dark_and_bright(8));
    let options = ZooOptions {
        input_shape: images.shape(),
        labels: images.classes().to_vec(),
        width: 0.25,
        mean: vec![0.4],
        deviation: vec![0.3],
        seed: 2,
    };
    let initial = zoo::build("resnet8", &options).unwrap();
    let units = |network: &Network| -> usize {
        let groups = UnitGroups::of(network);
        groups.groups().iter().map(Vec::len).sum()
    };
    for schedule in [
        PruningSchedule::OneShot,
        PruningSchedule::Gradual { end: 0.5, times: 3 },
    ] {
        let settings = PruneSettings {
            method: MethodSettings::Ranked(RankedSettings {
                criterion: Criterion::Magnitude(Magnitude {}),
                schedule,
            }),
            sparsity: 0.5,
            granularity: Granularity::Unit,
            scope: Scope::Global,
            density_floor: 0.0,
            samples: 8,
            steps: 1,
        };
        assert_eq!(settings.problem(), None);
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = folder.path().join("checkpoint");
        let train_settings = train_settings();
        let run = run(&train_settings, (&images, &validation), &checkpoint);
        let (masked, _) = train(
            &run,
            initial.clone(),
            &mut *settings.sparsifier(0),
            &mut unobserved,
            &Progress::hidden(),
            "train",
        )
        .unwrap();
        let groups = UnitGroups::of(&masked);
        let small = groups.remove(&masked, &groups.silent(&masked)).unwrap();

        // Groups are up to three units here, and the last that does not fit stays out.
        let (before, after) = (units(&masked), units(&small));
        let budget = before.div_ceil(2);
        assert!(after <= budget && after + 8 > budget, "{after} of {before}");
        let size = |network: &Network| -> usize {
            network.parameters().iter().map(|p| p.values().len()).sum()
        };
        assert!(size(&small) * 2 < size(&masked));
        // What is gone was zero, and nothing else was.
        assert_eq!(small.sparsity(), 0.0);
        let test: Vec<usize> = (0..8).collect();
        let pixels = validation.batch(&test);
        let logits = [&masked, &small].map(|network| {
            let engine = trainable(network, DeviceChoice::Cpu).unwrap();
            engine.logits(&pixels).unwrap()
        });
        let scale = logits[0].iter().fold(0.0f32, |m, x| m.max(x.abs()));
        for (a, b) in logits[0].iter().zip(&logits[1]) {
            assert!((a - b).abs() <= 1e-5 * scale, "{a} {b}");
        }
    }
}
