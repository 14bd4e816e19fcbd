//! Gradients of what is lowered, through an engine, against central differences of its value.

use sinew_models::Network;

use super::*;
use crate::execute::DeviceChoice;
use crate::gradients::trainable;
use crate::testing::{dark_and_bright, train_settings, two_layers};
use crate::train::{Distillation, Mart, Trades, TrainingLoss};
use crate::trainable::{Backward, Normalization, Request, Wanted};

const LABELS: [usize; 6] = [0, 1, 0, 1, 0, 1];

/// Six images, and what stands in for their adversarial versions.
fn images() -> [Vec<f32>; 2] {
    let clean = dark_and_bright(6).batch(&[0, 1, 2, 3, 4, 5]);
    let moved = clean.iter().enumerate();
    let moved = moved.map(|(i, x)| x + [0.07, -0.05, 0.03][i % 3]);
    let moved = moved.collect();
    [clean, moved]
}

/// Answers of a parent that is not sure of anything.
const TEACHER: [f32; 12] = [
    0.5, -0.5, 0.25, 0.75, 1.0, 0.0, -0.5, 0.5, 0.25, 0.25, 0.0, 1.0,
];

/// The value, and the gradients of the parameters with these values.
fn lowered(network: &Network, settings: &TrainSettings, values: &[Vec<f32>]) -> (f64, Backward) {
    let risk = Risk::new(settings, network).unwrap();
    let mut engine = trainable(network, DeviceChoice::Cpu).unwrap();
    engine.set_parameters(values).unwrap();
    let [clean, adversarial] = images();
    let clean = risk.needs_clean().then_some(&clean[..]);
    let batches: Vec<&[f32]> = clean.into_iter().chain([&adversarial[..]]).collect();
    let request = Request {
        batches: &batches,
        normalization: Normalization::Batch,
        points: risk.points(),
        parameters: Wanted::All,
    };
    let known = Known {
        labels: &LABELS,
        teacher: settings.distillation.map(|_| &TEACHER[..]),
    };
    let mut value = 0.0;
    let backward = engine.backward(&request, &mut |responses| {
        let (mean, slopes) = risk.of(responses, known);
        value = mean;
        slopes
    });
    (value, backward.unwrap())
}

#[test]
fn gradients_are_central_differences_for_every_loss_with_and_without_a_penalty() {
    let network = two_layers();
    let parameters = network.parameters().iter();
    let values: Vec<Vec<f32>> = parameters.clone().map(|p| p.values().to_vec()).collect();
    let distillation = Some(Distillation {
        weight: 0.5,
        temperature: 2.0,
    });
    let plain = TrainSettings {
        distillation: None,
        penalty: None,
        ..train_settings()
    };
    let penalties = [
        None,
        Some(Penalty::Anomaly { weight: 0.5 }),
        Some(Penalty::Vulnerability { weight: 0.5 }),
    ];
    let mut compared = 0;
    for loss in [
        TrainingLoss::default(),
        TrainingLoss::Trades(Trades { beta: 6.0 }),
        TrainingLoss::Mart(Mart { beta: 6.0 }),
    ] {
        for (penalty, distillation) in penalties
            .into_iter()
            .zip([distillation, None, distillation])
        {
            let settings = TrainSettings {
                loss,
                penalty,
                distillation,
                ..plain.clone()
            };
            let (_, backward) = lowered(&network, &settings, &values);
            for (id, gradient) in backward.parameters.iter().enumerate() {
                let trained = network.parameters()[id].role().is_trainable();
                assert_eq!(gradient.is_empty(), !trained, "parameter {id}");
                let largest = gradient.iter().fold(0.0f32, |m, g| m.max(g.abs()));
                for index in (0..gradient.len()).step_by(5) {
                    let at = |by: f32| {
                        let mut values = values.clone();
                        values[id][index] += by;
                        (
                            f64::from(values[id][index]),
                            lowered(&network, &settings, &values).0,
                        )
                    };
                    let (low, high) = (at(-5e-4), at(5e-4));
                    let slope = (high.1 - low.1) / (high.0 - low.0);
                    let error = (slope - f64::from(gradient[index])).abs();
                    // Values are of f32 logits, and some responses pass a kink of ReLU, pooling or |·| in between.
                    let allowed = 0.02 * f64::from(largest) + 2e-3;
                    assert!(
                        error < allowed,
                        "{settings:?}: parameter {id}[{index}]: {} is not {slope}",
                        gradient[index]
                    );
                    compared += 1;
                }
            }
        }
    }
    // Of 27 + 3 + 3 + 54 + 2 values six, one, one, eleven and one.
    assert_eq!(compared, 9 * 20);
}

#[test]
fn a_penalty_adds_its_own_gradient_below_its_responses_and_none_behind() {
    let network = two_layers();
    let parameters = network.parameters().iter();
    let values: Vec<Vec<f32>> = parameters.map(|p| p.values().to_vec()).collect();
    let plain = TrainSettings {
        loss: TrainingLoss::Trades(Trades { beta: 6.0 }),
        ..train_settings()
    };
    let punished = TrainSettings {
        penalty: Some(Penalty::Anomaly { weight: 0.5 }),
        ..plain.clone()
    };
    let (without, with) = (
        lowered(&network, &plain, &values),
        lowered(&network, &punished, &values),
    );
    assert!(with.0 > without.0);
    let last = values.len() - 2;
    let [without, with] = [without.1.parameters, with.1.parameters];
    assert_ne!(without[0], with[0]);
    assert_eq!(without[last..], with[last..]);
}
