//! Training never moves a pruned weight, in no part of its state.

use std::fs;

use sinew::data::Dataset;
use sinew::execute::DeviceChoice;
use sinew::progress::Progress;
use sinew::prune::{Fixed, Needs, Statistics};
use sinew::train::{
    Adversary, Augmentation, LearningRate, Stopping, TrainRun, TrainSettings, TrainingLoss, train,
};
use sinew_models::{Archive, Network, Role};
use sinew_tests::network::{INPUT_SHAPES, numbers, random, zoo_network};

#[test]
fn training_leaves_pruned_weights_at_exactly_zero_and_moves_all_others() {
    let network = zoo_network("small_cnn", INPUT_SHAPES[0], 0.25, 0.9);
    let mut random = random(6);
    let mut data = |count: usize| {
        let pixels = numbers(&mut random, count * 784, 0.0..256.0);
        let labels = (0..count).map(|image| (image % 10) as u16).collect();
        let classes = network.labels().to_vec();
        Dataset::new(
            "noise",
            classes,
            INPUT_SHAPES[0],
            pixels.iter().map(|p| *p as u8).collect(),
            labels,
        )
        .unwrap()
    };
    let (train_data, validation) = (data(40), data(10));
    let settings = TrainSettings {
        adversary: Adversary::Pgd { steps: 1 },
        loss: TrainingLoss::default(),
        distillation: None,
        penalty: None,
        epochs: 2,
        batch_size: 10,
        learning_rate: LearningRate::Cosine {
            highest: 0.05,
            warm_up: 0.25,
        },
        epsilon_warm_up: 0.0,
        momentum: 0.9,
        weight_decay: 5e-4,
        weight_perturbation: 0.0,
        average_decay: 0.5,
        augmentation: Augmentation::default(),
        validation_steps: 1,
        stopping: Stopping::default(),
    };
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    let run = TrainRun {
        settings: &settings,
        epsilon: 0.1,
        seed: 7,
        train: &train_data,
        validation: &validation,
        teacher: None,
        device: DeviceChoice::Cpu,
        checkpoint: &checkpoint,
    };
    let mut unobserved = |network: &Network, needs: &Needs| Ok(Statistics::new(network, needs));
    let (trained, _) = train(
        &run,
        network.clone(),
        &mut Fixed,
        &mut unobserved,
        &Progress::hidden(),
        "train",
    )
    .unwrap();
    let saved = Archive::from_bytes(&fs::read(&checkpoint).unwrap()).unwrap();
    for (before, after) in network.parameters().iter().zip(trained.parameters()) {
        if before.role() != Role::Weight {
            continue;
        }
        let name = before.name();
        assert_eq!(before.mask(), after.mask(), "{name}");
        let state = ["parameter", "velocity", "average"]
            .map(|part| &saved.tensors[&format!("{part}/{name}")].values);
        for (index, kept) in before.mask().unwrap().iter().enumerate() {
            let values = [
                after.values()[index],
                state[0][index],
                state[1][index],
                state[2][index],
            ];
            if *kept {
                assert_ne!(values[0], before.values()[index], "{name}, weight {index}");
            } else {
                assert_eq!(values, [0.0; 4], "{name}, weight {index}");
            }
        }
    }
}
