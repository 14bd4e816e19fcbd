//! The zoo: the networks Sinew knows by name.
//!
//! One architecture per file. All take images with values in [0, 1], normalise them in their first node and end in logits.
//! Every convolution is followed by a batch norm and has no bias. Non-goals: trained weights, and inputs of photographic size:
//! the strides are those for 28×28 and 32×32 images.
//!
//! To add a network, write its file and its line in `NETWORKS`.

mod conv_cnn;
mod mobilenetv2;
mod residual;
mod resnet18;
mod resnet8;
mod small_cnn;
mod vgg16;

use crate::builder::NetworkBuilder;
use crate::network::{Network, ValueId};
use crate::shape::ShapeError;

type Build = fn(&ZooOptions) -> Result<Network, ShapeError>;

const NETWORKS: [(&str, Build); 6] = [
    ("small_cnn", small_cnn::build),
    ("conv_cnn", conv_cnn::build),
    ("resnet8", resnet8::build),
    ("resnet18", resnet18::build),
    ("vgg16", vgg16::build),
    ("mobilenetv2", mobilenetv2::build),
];

/// The names [`build`] knows.
pub const NAMES: [&str; NETWORKS.len()] = {
    let mut names = [""; NETWORKS.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = NETWORKS[index].0;
        index += 1;
    }
    names
};

/// What to build.
#[derive(Clone, Debug, PartialEq)]
pub struct ZooOptions {
    /// `[channel, height, width]`.
    pub input_shape: [usize; 3],
    /// Class names; the network has one logit for each.
    pub labels: Vec<String>,
    /// Multiplies the number of channels of every hidden layer. Results below 16 are rounded to the nearest multiple of 4, at
    /// least 4, all others to the nearest multiple of 8, for the sake of the vector units that compute them.
    pub width: f64,
    /// Mean of each input channel over the training data.
    pub mean: Vec<f32>,
    /// Standard deviation of each input channel over the training data.
    pub deviation: Vec<f32>,
    /// Decides the initial weights.
    pub seed: u64,
}

impl ZooOptions {
    /// `base` channels at width 1, made wider or narrower.
    fn channels(&self, base: usize) -> usize {
        let scaled = base as f64 * self.width;
        let multiple = if scaled < 16.0 { 4 } else { 8 };
        let multiples = (scaled / multiple as f64).round() as usize;
        multiples.max(1) * multiple
    }

    /// A network's beginning: its builder and the normalised input.
    fn start(&self, name: &str) -> (NetworkBuilder, ValueId) {
        let mut builder = NetworkBuilder::new(name, self.input_shape, self.seed);
        let x = builder.normalize("normalize", ValueId::INPUT, &self.mean, &self.deviation);
        (builder, x)
    }
}

/// Why a network of the zoo cannot be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ZooError {
    /// No network has this name.
    #[error("no network is called \"{0}\"; the zoo has {names}", names = NAMES.join(", "))]
    UnknownName(String),
    /// The width multiplier is not a number from 1/64 to 64.
    #[error("width {0} is not between 1/64 and 64")]
    Width(f64),
    /// A classifier needs at least one class.
    #[error("the list of labels is empty")]
    NoLabels,
    /// The network does not fit the input, or the normalisation does not fit its channels.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

/// Builds the network called `name`, with weights drawn anew.
///
/// # Errors
/// For a name that is not in [`NAMES`], a width out of bounds, no labels, or an input that is too small for the network.
pub fn build(name: &str, options: &ZooOptions) -> Result<Network, ZooError> {
    let (_, build) = NETWORKS
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| ZooError::UnknownName(name.to_owned()))?;
    if !(1.0 / 64.0..=64.0).contains(&options.width) {
        return Err(ZooError::Width(options.width));
    }
    if options.labels.is_empty() {
        return Err(ZooError::NoLabels);
    }
    Ok(build(options)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const FASHION_MNIST: [usize; 3] = [1, 28, 28];
    pub(super) const CIFAR: [usize; 3] = [3, 32, 32];

    /// Ten classes.
    pub(super) fn options(input_shape: [usize; 3], width: f64) -> ZooOptions {
        ZooOptions {
            input_shape,
            labels: (0..10).map(|class: u8| class.to_string()).collect(),
            width,
            mean: vec![0.5; input_shape[0]],
            deviation: vec![0.25; input_shape[0]],
            seed: 1,
        }
    }

    /// Builds a network at width 1.
    pub(super) fn parameter_count(name: &str, input_shape: [usize; 3]) -> usize {
        let network = build(name, &options(input_shape, 1.0)).unwrap();
        assert_eq!(network.shape(network.output()).0, [10]);
        network.parameter_count()
    }

    /// Width 1 is [`parameter_count`]'s.
    #[test]
    fn every_network_takes_both_inputs_at_every_width() {
        for name in NAMES {
            for input_shape in [FASHION_MNIST, CIFAR] {
                let [half, quarter] = [0.5, 0.25].map(|width| {
                    let network = build(name, &options(input_shape, width)).unwrap();
                    assert_eq!(network.name(), name);
                    assert_eq!(network.input_shape(), input_shape);
                    assert_eq!(network.shape(network.output()).0, [10], "{name}");
                    assert_eq!(network.sparsity(), 0.0, "{name}");
                    network.parameter_count()
                });
                assert!(quarter < half, "{name}: {quarter} and {half} parameters");
            }
        }
    }

    #[test]
    fn the_seed_decides_the_network() {
        for name in NAMES {
            let narrow = options(FASHION_MNIST, 0.25);
            let network = build(name, &narrow).unwrap();
            assert_eq!(network, build(name, &narrow).unwrap(), "{name}");
            let other = build(name, &ZooOptions { seed: 2, ..narrow }).unwrap();
            assert_eq!(network.nodes(), other.nodes(), "{name}");
            for (one, two) in network.parameters().iter().zip(other.parameters()) {
                let drawn = one.role() == crate::Role::Weight;
                assert_eq!(one.values() != two.values(), drawn, "{}", one.name());
            }
        }
    }

    #[test]
    fn channels_are_multiples_of_four_below_sixteen_and_of_eight_above() {
        let channels = |base, width| options(CIFAR, width).channels(base);
        assert_eq!(channels(64, 1.0), 64);
        assert_eq!(channels(24, 1.0), 24);
        assert_eq!(channels(64, 0.3), 16); // 19.2
        assert_eq!(channels(64, 0.35), 24); // 22.4
        assert_eq!(channels(24, 0.5), 12);
        assert_eq!(channels(24, 0.25), 8); // 6
        assert_eq!(channels(16, 0.05), 4); // 0.8
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = build("resnet9", &options(CIFAR, 1.0)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no network is called \"resnet9\"; the zoo has small_cnn, conv_cnn, resnet8, resnet18, vgg16, mobilenetv2"
        );
    }

    #[test]
    fn a_width_out_of_bounds_is_an_error() {
        for width in [0.0, -1.0, 65.0, f64::NAN, f64::INFINITY] {
            let error = build("resnet8", &options(CIFAR, width)).unwrap_err();
            assert!(matches!(error, ZooError::Width(_)), "{error}");
        }
    }

    #[test]
    fn no_labels_are_an_error() {
        let options = ZooOptions {
            labels: Vec::new(),
            ..options(CIFAR, 1.0)
        };
        assert_eq!(build("resnet8", &options).unwrap_err(), ZooError::NoLabels);
    }

    #[test]
    fn a_normalisation_of_other_channels_names_its_node() {
        let options = ZooOptions {
            mean: vec![0.5],
            ..options(CIFAR, 1.0)
        };
        let error = build("resnet8", &options).unwrap_err().to_string();
        assert!(error.starts_with("node \"normalize\""), "{error}");
    }
}
