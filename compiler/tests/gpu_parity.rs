//! The GPU computes what the CPU computes: logits, image gradients, response gradients, and one training run.
//!
//! Only in builds with a GPU feature, and not among the gates: `scripts/gpu-parity.sh` runs it on Mesa's software driver, and the same
//! test on a machine with a card. Largest differences are printed as one JSON object.

#![cfg(any(feature = "gpu", feature = "gpu-wgsl"))]

use std::fmt::Write;

use sinew::attack::CrossEntropy;
use sinew::classifier::{Classifier, Differentiable, slopes};
use sinew::data;
use sinew::execute::{DeviceChoice, Executor};
use sinew::progress::Progress;
use sinew::prune::{Fixed, Needs, Statistics, response_values};
use sinew::train::{
    Adversary, Augmentation, LearningRate, Stopping, TrainRun, TrainSettings, TrainingLoss, train,
};
use sinew::trainable::{Normalization, Request, Responses, Trainable, Wanted};
use sinew_models::Network;
use sinew_models::zoo::{self, ZooOptions};

/// Both devices round differently; a sum of n products in f32 is off by some n·2⁻²⁴ relative to its largest terms.
const TOLERANCE: f32 = 1e-4;

fn network(name: &str, width: f64, labels: &[String]) -> Network {
    let options = ZooOptions {
        input_shape: [1, 28, 28],
        labels: labels.to_vec(),
        width,
        mean: vec![0.286],
        deviation: vec![0.353],
        seed: 1,
    };
    zoo::build(name, &options).unwrap()
}

/// Largest difference relative to the largest magnitude.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let largest = a.iter().fold(f32::MIN_POSITIVE, |m, x| m.max(x.abs()));
    let farthest = a.iter().zip(b).fold(0.0f32, |m, (x, y)| {
        assert!(x.is_finite() && y.is_finite());
        m.max((x - y).abs())
    });
    farthest / largest
}

#[test]
fn gpu_and_cpu_agree() {
    let cpu = DeviceChoice::Cpu.open().unwrap();
    let gpu = DeviceChoice::Gpu(0).open().unwrap();
    let (train_images, _) = data::embedded::load().unwrap();
    let indices: Vec<usize> = (0..8).collect();
    let images = train_images.batch(&indices);
    let labels = train_images.batch_labels(&indices);

    let mut report = String::new();
    let mut worst = 0.0f32;
    let mut note = |what: String, value: f32| {
        write!(
            report,
            "{}\"{what}\":{value:e}",
            if report.is_empty() { "" } else { "," }
        )
        .unwrap();
        worst = worst.max(value);
    };
    // A software driver takes minutes to compile the kernels of one network.
    let names = if cfg!(feature = "gpu") {
        &zoo::NAMES[..]
    } else {
        &["small_cnn", "resnet8"]
    };
    for &name in names {
        let network = network(name, 0.25, train_images.classes());
        let [on_cpu, on_gpu] = [&cpu, &gpu].map(|device| Executor::new(&network, device));
        let logits = [&on_cpu, &on_gpu].map(|executor| executor.logits(&images).unwrap());
        note(format!("{name} logits"), difference(&logits[0], &logits[1]));
        let gradients =
            [&on_cpu, &on_gpu].map(|e| e.gradient(&images, &CrossEntropy(&labels)).unwrap().pixels);
        note(
            format!("{name} image gradients"),
            difference(&gradients[0], &gradients[1]),
        );
        let request = Request {
            batches: &[&images],
            normalization: Normalization::Running,
            points: &response_values(&network),
            parameters: Wanted::All,
        };
        let loss = &mut |responses: &Responses| {
            let logits = &responses.logits[0];
            let (_, slopes) = slopes(&CrossEntropy(&labels), logits, train_images.classes(), 0);
            Responses {
                logits: vec![slopes],
                points: Vec::new(),
            }
        };
        let [a, b] = [&on_cpu, &on_gpu].map(|e| e.backward(&request, loss).unwrap());
        note(
            format!("{name} response gradients"),
            difference(&a.points.concat().concat(), &b.points.concat().concat()),
        );
        note(
            format!("{name} parameter gradients"),
            difference(&a.parameters.concat(), &b.parameters.concat()),
        );
    }

    let (small, validation) = data::split(&train_images.first(40), 0.25, 0).unwrap();
    let settings = TrainSettings {
        adversary: Adversary::NFgsm { noise: 1.0 },
        loss: TrainingLoss::default(),
        distillation: None,
        penalty: None,
        epochs: 1,
        batch_size: 10,
        learning_rate: LearningRate::Cosine {
            highest: 0.01,
            warm_up: 0.0,
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
    let devices = [("cpu", DeviceChoice::Cpu), ("gpu", DeviceChoice::Gpu(0))];
    let trained = devices.map(|(name, device)| {
        let run = TrainRun {
            settings: &settings,
            epsilon: 0.1,
            seed: 0,
            train: &small,
            validation: &validation,
            teacher: None,
            device,
            checkpoint: &folder.path().join(name),
        };
        let initial = network("small_cnn", 0.25, small.classes());
        let mut unobserved = |network: &Network, needs: &Needs| Ok(Statistics::new(network, needs));
        let hidden = Progress::hidden();
        let (network, _) =
            train(&run, initial, &mut Fixed, &mut unobserved, &hidden, "train").unwrap();
        let parameters = network.parameters().iter();
        parameters
            .flat_map(|p| p.values().to_vec())
            .collect::<Vec<f32>>()
    });
    let apart = difference(&trained[0], &trained[1]);
    println!("{{{report},\"trained parameters\":{apart:e}}}");
    assert!(worst < TOLERANCE, "{worst}");
    // Signs of gradients near zero may differ, and with them pixels of the training examples.
    assert!(apart < 1e-2, "{apart}");
}
