//! Removing silent units changes no logit, of the zoo and of random networks, and leaves what it should.

mod meeting;
mod random;

use proptest::prelude::*;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::builder::NetworkBuilder;
use crate::network::Role;
use crate::reference;
use crate::testing::waves;
use crate::window::Window;
use crate::zoo::{self, ZooOptions};

const FASHION_MNIST: [usize; 3] = [1, 28, 28];

fn zoo_network(name: &str, width: f64) -> Network {
    let options = ZooOptions {
        input_shape: FASHION_MNIST,
        labels: (0..10).map(|class| class.to_string()).collect(),
        width,
        mean: vec![0.3],
        deviation: vec![0.35],
        seed: 1,
    };
    zoo::build(name, &options).unwrap()
}

/// Gives all parameters but weights random numbers, as if trained, and prunes some weights.
fn train(network: &mut Network, generator: &mut impl Rng) {
    for parameter in network.parameters_mut() {
        let count = parameter.values().len();
        let range = match parameter.role() {
            Role::Weight => {
                parameter.set_mask((0..count).map(|_| generator.random_bool(0.7)).collect());
                continue;
            }
            Role::Constant => continue,
            Role::Scale | Role::RunningVariance => 0.5..1.5,
            Role::Bias | Role::Shift | Role::RunningMean => -0.5..0.5,
        };
        let values = (0..count).map(|_| generator.random_range(range.clone()));
        parameter.set_values(values.collect());
    }
}

/// About the fraction `share` of all groups, so that each layer keeps a unit.
fn draw(
    groups: &UnitGroups,
    network: &Network,
    share: f64,
    generator: &mut impl Rng,
) -> Vec<usize> {
    let mut left = layer_sizes(network);
    let mut chosen = Vec::new();
    for (number, units) in groups.groups().iter().enumerate() {
        let mut after = left.clone();
        for unit in units {
            after[unit.layer] -= 1;
        }
        if !after.contains(&0) && generator.random_bool(share) {
            left = after;
            chosen.push(number);
        }
    }
    chosen
}

/// Silences the groups and removes what is silent then. Fails if a logit changes, or a layer has another number of units than the groups
/// say. Returns the smaller network.
fn check_removal(network: &Network, groups: &UnitGroups, chosen: &[usize]) -> Network {
    let mut silenced = network.clone();
    groups.silence(&mut silenced, chosen);
    let silent = groups.silent(&silenced);
    assert!(chosen.iter().all(|group| silent.contains(group)));
    let smaller = groups.remove(&silenced, chosen).unwrap();

    let image = waves(network.shape(ValueId::INPUT).elements());
    let values = reference::evaluate_all(&silenced, &image, 1);
    // Zero times infinity is not zero.
    if values.iter().flatten().all(|x| x.is_finite()) {
        let found = reference::evaluate(&smaller, &image, 1);
        assert_eq!(values.last(), Some(&found));
    }
    let mut left = layer_sizes(network);
    for unit in chosen.iter().flat_map(|group| &groups.groups()[*group]) {
        left[unit.layer] -= 1;
    }
    assert_eq!(layer_sizes(&smaller), left);
    smaller
}

/// Multiplications of convolutions and linear layers for one image.
fn multiplications(network: &Network) -> usize {
    let nodes = network.nodes().iter().enumerate();
    let layers = nodes.filter_map(|(index, node)| {
        let shape = network.parameter(node.operator.weight()?).shape();
        let results = network.shape(ValueId::of_node(index)).elements();
        Some(results * shape[1..].iter().product::<usize>())
    });
    layers.sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn silent_units_of_the_zoo_go_without_a_change(seed: u64, share in 0.1f64..0.9) {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        for name in zoo::NAMES {
            let mut network = zoo_network(name, 0.125);
            train(&mut network, &mut generator);
            let groups = UnitGroups::of(&network);
            let chosen = draw(&groups, &network, share, &mut generator);
            prop_assert!(!chosen.is_empty(), "{}", name);
            let smaller = check_removal(&network, &groups, &chosen);
            prop_assert!(multiplications(&smaller) < multiplications(&network));
            prop_assert!(smaller.parameter_count() < network.parameter_count());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn silent_units_of_random_networks_go_without_a_change(seed: u64, nodes in 1usize..16) {
        let mut network = random::network(seed, nodes);
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        train(&mut network, &mut generator);
        let groups = UnitGroups::of(&network);
        let chosen = draw(&groups, &network, 0.5, &mut generator);
        check_removal(&network, &groups, &chosen);
    }
}

#[test]
fn random_networks_lose_units() {
    let removed = (0..200).filter(|seed| {
        let mut network = random::network(*seed, 12);
        let mut generator = ChaCha8Rng::seed_from_u64(*seed);
        train(&mut network, &mut generator);
        let groups = UnitGroups::of(&network);
        let chosen = draw(&groups, &network, 0.5, &mut generator);
        // Were the units not silent, the logits would change.
        let image = waves(32);
        let logits = |network: &Network| reference::evaluate(network, &image, 1);
        let smaller = groups.remove(&network, &chosen).unwrap();
        logits(&network) != logits(&smaller)
    });
    assert!(removed.count() > 50);
}

#[test]
fn units_of_the_zoo_form_groups() {
    let groups = |name| UnitGroups::of(&zoo_network(name, 1.0)).groups;
    for (name, units) in [
        ("small_cnn", 32 + 64 + 64 + 128),
        ("conv_cnn", 32 + 64 + 128 + 160),
        ("vgg16", 4_224),
    ] {
        let groups = groups(name);
        assert_eq!(groups.len(), units, "{name}");
        assert!(groups.iter().all(|group| group.len() == 1), "{name}");
    }
    // The last convolution of a block is added to the stem or the shortcut.
    let resnet8 = groups("resnet8");
    assert_eq!(resnet8.len(), 16 + 16 + 32 + 32 + 64 + 64);
    let unit = |layer, index| Unit { layer, index };
    assert_eq!(resnet8[5], [unit(0, 5), unit(2, 5)]);
    assert_eq!(resnet8[16 + 3], [unit(1, 3)]);
    assert_eq!(resnet8[32 + 32 + 7], [unit(4, 7), unit(5, 7)]);
    // The first block has no expansion. In each stage all blocks but the first are added up.
    let mobilenetv2 = groups("mobilenetv2");
    let expanded = [96, 144, 144, 192, 192, 192]
        .iter()
        .chain(&[384; 4])
        .chain(&[576; 3])
        .chain(&[960; 3]);
    let projected = 16 + 24 + 32 + 64 + 96 + 160 + 320;
    assert_eq!(
        mobilenetv2.len(),
        32 + expanded.sum::<usize>() + projected + 1280
    );
    assert_eq!(mobilenetv2[31], [unit(0, 31), unit(1, 31)]);
    let of_stage3 = |group: &&Vec<Unit>| group.len() == 4;
    assert_eq!(mobilenetv2.iter().filter(of_stage3).count(), 64);
}

#[test]
fn half_of_all_units_make_the_network_of_half_the_width() {
    for name in ["small_cnn", "conv_cnn", "resnet8", "vgg16", "mobilenetv2"] {
        let [whole, half] = [1.0, 0.5].map(|width| zoo_network(name, width));
        let groups = UnitGroups::of(&whole);
        let [sizes, halves] = [&whole, &half].map(layer_sizes);
        let second_half = |group: &usize| {
            let Unit { layer, index } = groups.groups()[*group][0];
            index >= halves[layer]
        };
        let chosen: Vec<usize> = (0..groups.groups().len()).filter(second_half).collect();
        let smaller = groups.remove(&whole, &chosen).unwrap();
        assert_eq!(smaller.nodes(), half.nodes(), "{name}");
        for (found, expected) in smaller.parameters().iter().zip(half.parameters()) {
            assert_eq!(found.shape(), expected.shape(), "{}", found.name());
        }
        assert_eq!(smaller.parameter_count(), half.parameter_count(), "{name}");
        let [before, after] = [&whole, &smaller].map(multiplications);
        assert_eq!(after, multiplications(&half), "{name}");
        // Input and logits keep their size, and the last convolution of `mobilenetv2` its width.
        assert!(after * 2 < before, "{name}: {after} of {before}");
        assert!(sizes > halves);
    }
}

/// 1×2×2 → convolution 1×1 to 3, batch norm → linear 2, with the weights 1, 2, … and the given masks.
fn numbered(masks: [&[bool]; 2]) -> Network {
    let mut builder = NetworkBuilder::new("numbered", [1, 2, 2], 0);
    let window = Window::square(1, 1, 0);
    let x = builder.convolution_batch_norm("conv", ValueId::INPUT, 3, window, 1);
    let x = builder.flatten("flatten", x);
    builder.linear("classifier", x, 2);
    let mut network = builder.finish(Vec::new()).unwrap();
    for parameter in network.parameters_mut() {
        let count = parameter.values().len();
        parameter.set_values((1..=count).map(|number| number as f32).collect());
    }
    network.parameters_mut()[0].set_mask(masks[0].to_vec());
    network.parameters_mut()[5].set_mask(masks[1].to_vec());
    network
}

#[test]
fn parameters_and_masks_are_cut_alike() {
    let mask: Vec<bool> = (0..24).map(|weight| weight % 5 != 0).collect();
    let network = numbered([&[true, true, false], &mask]);
    let groups = UnitGroups::of(&network);
    let smaller = groups.remove(&network, &[1]).unwrap();
    let [weight, scale, shift, mean, variance, classifier, bias] = smaller.parameters() else {
        panic!("no parameter is lost");
    };
    assert_eq!(weight.values(), [1.0, 0.0]);
    assert_eq!(weight.mask(), Some(&[true, false][..]));
    for parameter in [scale, shift, mean, variance] {
        assert_eq!(parameter.values(), [1.0, 3.0]);
        assert_eq!(parameter.mask(), None);
    }
    // Of twelve features in three channels, the middle four are gone.
    let stays: Vec<usize> = (0..24).filter(|at| !(4..8).contains(&(at % 12))).collect();
    assert_eq!(classifier.shape(), [2, 8]);
    let kept: Vec<bool> = stays.iter().map(|at| at % 5 != 0).collect();
    assert_eq!(classifier.mask(), Some(kept.as_slice()));
    let values = stays.iter().zip(&kept);
    let values: Vec<f32> = values
        .map(|(at, kept)| if *kept { *at as f32 + 1.0 } else { 0.0 })
        .collect();
    assert_eq!(classifier.values(), values);
    assert_eq!(bias.values(), [1.0, 2.0]);
}

#[test]
fn silence_masks_what_is_the_units_own() {
    let mut network = numbered([&[true, true, false], &[true; 24]]);
    let groups = UnitGroups::of(&network);
    assert_eq!(groups.silent(&network), [] as [usize; 0]);
    groups.silence(&mut network, &[1]);
    let [weight, scale, shift, mean, _, classifier, _] = network.parameters() else {
        panic!("there are seven parameters");
    };
    // What was masked before stays masked.
    assert_eq!(weight.mask(), Some(&[true, false, false][..]));
    for parameter in [scale, shift] {
        assert_eq!(parameter.mask(), Some(&[true, false, true][..]));
        assert_eq!(parameter.values(), [1.0, 0.0, 3.0]);
    }
    assert_eq!((mean.mask(), mean.values()), (None, &[1.0, 2.0, 3.0][..]));
    assert_eq!(classifier.mask(), Some(&[true; 24][..]));
    // Unit 2 has no weights, but its batch norm shifts it.
    assert_eq!(groups.silent(&network), [1]);
}

#[test]
fn silencing_nothing_changes_nothing() {
    let mut network = zoo_network("resnet8", 0.25);
    let before = network.clone();
    let groups = UnitGroups::of(&network);
    groups.silence(&mut network, &[]);
    assert_eq!(network, before);
    assert_eq!(groups.remove(&network, &[]).unwrap(), before);
}

#[test]
fn a_layer_keeps_a_unit() {
    let network = numbered([&[true; 3], &[true; 24]]);
    let groups = UnitGroups::of(&network);
    let error = groups.remove(&network, &[0, 1, 2]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "none of the 3 units of layer \"conv\" would be left: keep at least one of each layer"
    );
}

#[test]
#[should_panic(expected = "the groups are those of another network")]
fn groups_of_another_network_panic() {
    let groups = UnitGroups::of(&zoo_network("small_cnn", 0.25));
    groups.silent(&zoo_network("resnet8", 0.25));
}
