//! Small networks and settings that unit tests of several modules share.

use sinew_models::builder::NetworkBuilder;
use sinew_models::{Function, Network, ValueId, Window};

use crate::data::Dataset;
use crate::train::{Adversary, Augmentation, LearningRate, Stopping, TrainSettings, TrainingLoss};

/// One 3×3 convolution with three units, batch norm and ReLU; pooling; a linear layer with two logits. Input 1×6×6.
pub(crate) fn two_layers() -> Network {
    let mut builder = NetworkBuilder::new("two-layers", [1, 6, 6], 5);
    let x = builder.convolution_batch_norm("conv", ValueId::INPUT, 3, Window::square(3, 1, 1), 1);
    let x = builder.activation("relu", x, Function::RELU);
    let x = builder.max_pool("pool", x, Window::square(2, 2, 0));
    let x = builder.flatten("flatten", x);
    builder.linear("linear", x, 2);
    builder
        .finish(vec!["dark".to_owned(), "bright".to_owned()])
        .expect("it fits")
}

/// Settings that train [`two_layers`] in a moment.
pub(crate) fn train_settings() -> TrainSettings {
    TrainSettings {
        adversary: Adversary::NFgsm { noise: 2.0 },
        loss: TrainingLoss::default(),
        distillation: None,
        penalty: None,
        epochs: 2,
        batch_size: 16,
        learning_rate: LearningRate::Cosine {
            highest: 0.05,
            warm_up: 0.2,
        },
        epsilon_warm_up: 0.0,
        momentum: 0.9,
        weight_decay: 5e-4,
        weight_perturbation: 0.0,
        average_decay: 0.9,
        augmentation: Augmentation::default(),
        validation_steps: 2,
        stopping: Stopping::default(),
    }
}

/// Dark and bright noise, one after the other: what [`two_layers`] tells apart.
pub(crate) fn dark_and_bright(count: usize) -> Dataset {
    let labels: Vec<u16> = (0..count).map(|index| (index % 2) as u16).collect();
    let pixel = |index: usize| (index * 37 % 101) as u8 + if index / 36 % 2 == 1 { 120 } else { 0 };
    let pixels = (0..count * 36).map(pixel).collect();
    let classes = vec!["dark".to_owned(), "bright".to_owned()];
    Dataset::new("noise", classes, [1, 6, 6], pixels, labels).expect("it fits")
}
