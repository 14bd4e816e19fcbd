//! Small networks and settings that unit tests of several modules share.

use sinew_models::builder::NetworkBuilder;
use sinew_models::{Function, Network, ValueId, Window};

use crate::train::{Adversary, TrainSettings};

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
        epochs: 2,
        batch_size: 16,
        learning_rate: 0.05,
        warm_up: 0.2,
        momentum: 0.9,
        weight_decay: 5e-4,
        average_decay: 0.9,
        validation_steps: 2,
    }
}
