//! Residual networks of basic blocks (He et al., "Deep Residual Learning for Image Recognition", 2016) in the form for small
//! images: a 3×3 convolution with stride 1 first, and no pooling before the end.
//!
//! Shared by `resnet8` and `resnet18`. Works on every size.

use super::ZooOptions;
use crate::builder::NetworkBuilder;
use crate::function::Function;
use crate::network::{Network, ValueId};
use crate::shape::ShapeError;
use crate::window::Window;

/// Stages of `blocks` basic blocks each, with `stages` output channels at width 1. Every stage but the first halves the map.
pub(super) fn build(
    name: &str,
    options: &ZooOptions,
    stages: &[usize],
    blocks: usize,
) -> Result<Network, ShapeError> {
    let (mut builder, mut x) = options.start(name);
    let channels = options.channels(stages[0]);
    x = builder.convolution_batch_norm("stem", x, channels, Window::square(3, 1, 1), 1);
    x = builder.activation("stem.relu", x, Function::RELU);
    for (stage, channels) in stages.iter().enumerate() {
        for block in 0..blocks {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let name = format!("stage{stage}.block{block}");
            x = basic_block(&mut builder, &name, x, options.channels(*channels), stride);
        }
    }
    x = builder.global_average_pool("pool", x);
    x = builder.flatten("flatten", x);
    builder.linear("classifier", x, options.labels.len());
    builder.finish(options.labels.clone())
}

/// Two 3×3 convolutions, and a shortcut around them that is a 1×1 convolution where the shape changes.
fn basic_block(
    builder: &mut NetworkBuilder,
    name: &str,
    input: ValueId,
    channels: usize,
    stride: usize,
) -> ValueId {
    let part = |part: &str| format!("{name}.{part}");
    let window = Window::square(3, stride, 1);
    let x = builder.convolution_batch_norm(&part("conv1"), input, channels, window, 1);
    let x = builder.activation(&part("relu1"), x, Function::RELU);
    let window = Window::square(3, 1, 1);
    let x = builder.convolution_batch_norm(&part("conv2"), x, channels, window, 1);
    let shortcut = if builder.shape(input) == builder.shape(x) {
        input
    } else {
        let window = Window::square(1, stride, 0);
        builder.convolution_batch_norm(&part("shortcut"), input, channels, window, 1)
    };
    let x = builder.add(&part("add"), x, shortcut);
    builder.activation(&part("relu2"), x, Function::RELU)
}
