//! The methods on small networks, with gradients that are made by hand in the place of training.

mod flying_bird;
mod learned_mask;
mod radmm;
mod ranked;
mod scored;

use sinew_models::ValueId;
use sinew_models::builder::NetworkBuilder;

use super::*;
use crate::prune::{Moment, Needs, Scope, Sparsifier, Statistics, Target};

/// Linear layers one behind the other, with biases of 1 and these weights: `weights.len() / units` are the inputs of each.
fn perceptron(layers: &[(usize, &[f32])]) -> Network {
    let inputs = layers[0].1.len() / layers[0].0;
    let mut builder = NetworkBuilder::new("perceptron", [inputs, 1, 1], 0);
    let mut x = builder.flatten("flatten", ValueId::INPUT);
    for (index, (units, _)) in layers.iter().enumerate() {
        x = builder.linear(&format!("linear{index}"), x, *units);
    }
    let mut network = builder.finish(Vec::new()).unwrap();
    for (index, (units, weights)) in layers.iter().enumerate() {
        network.parameters_mut()[2 * index].set_values(weights.to_vec());
        network.parameters_mut()[2 * index + 1].set_values(vec![1.0; *units]);
    }
    network
}

/// Half of all weights, whatever layer they are in.
const HALF: Target = Target {
    sparsity: 0.5,
    granularity: Granularity::Weight,
    scope: Scope::Global,
    density_floor: 0.0,
};

fn unobserved(
    network: &Network,
    needs: &Needs,
) -> Result<Statistics, crate::classifier::ComputeError> {
    assert!(needs.is_empty(), "nothing is to be measured");
    Ok(Statistics::new(network, needs))
}

/// A network in training, of which only the sparsifier's part is done.
struct Bench {
    network: Network,
    parameters: Vec<Vec<f32>>,
    masks: Vec<Option<Vec<bool>>>,
    steps: usize,
}

impl Bench {
    fn new(network: Network, steps: usize) -> Self {
        let parameters = network.parameters().iter();
        Self {
            parameters: parameters.clone().map(|p| p.values().to_vec()).collect(),
            masks: parameters.map(|p| p.mask().map(<[bool]>::to_vec)).collect(),
            network,
            steps,
        }
    }

    /// Four steps make an epoch.
    fn moment(&self, step: usize) -> Moment {
        Moment {
            step,
            steps: self.steps,
            epoch: step / 4,
            learning_rate: 0.1,
        }
    }

    fn prepare(&mut self, method: &mut dyn Sparsifier, step: usize) {
        self.prepare_observed(method, step, &mut unobserved);
    }

    fn prepare_observed(&mut self, method: &mut dyn Sparsifier, step: usize, observe: Observe<'_>) {
        let moment = self.moment(step);
        let mut subject = Subject {
            network: &self.network,
            parameters: &mut self.parameters,
            masks: &mut self.masks,
        };
        method.prepare(&moment, &mut subject, observe).unwrap();
    }

    /// What the method makes of gradients, one for each layer's weights; those of biases are 1.
    fn learn(
        &mut self,
        method: &mut dyn Sparsifier,
        step: usize,
        gradients: &[&[f32]],
    ) -> Vec<Vec<f32>> {
        let ones = self.parameters.iter().map(|values| vec![1.0; values.len()]);
        let mut all: Vec<Vec<f32>> = ones.collect();
        for (id, gradient) in prunable(&self.network).into_iter().zip(gradients) {
            all[id.0] = gradient.to_vec();
        }
        let moment = self.moment(step);
        let subject = Subject {
            network: &self.network,
            parameters: &mut self.parameters,
            masks: &mut self.masks,
        };
        method.learn(&moment, &subject, &mut all);
        all
    }

    /// What the network computes with.
    fn effective(&self, method: &dyn Sparsifier) -> Vec<Vec<f32>> {
        let mut values = self.parameters.clone();
        method.effective(&mut values);
        values
    }
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found_one, expected_one) in found.iter().zip(expected) {
        let error = (found_one - expected_one).abs();
        assert!(
            error <= 1e-5 * expected_one.abs().max(1.0),
            "{found:?} is not {expected:?}"
        );
    }
}

#[test]
fn the_falling_half_cosine_goes_from_one_to_zero() {
    for (way, expected) in [
        (0.0, 1.0),
        (1.0 / 3.0, 0.75),
        (0.5, 0.5),
        (1.0, 0.0),
        (2.0, 0.0),
    ] {
        assert!((falling(way) - expected).abs() < 1e-12, "{way}");
    }
}

#[test]
fn what_is_kept_may_be_more_than_the_run_began_with() {
    let mut network = perceptron(&[(1, &[1.0, 2.0, 3.0, 4.0])]);
    network.parameters_mut()[0].set_mask(vec![false, true, true, true]);
    let mut bench = Bench::new(network, 4);
    let mut subject = Subject {
        network: &bench.network,
        parameters: &mut bench.parameters,
        masks: &mut bench.masks,
    };
    keep(
        &mut subject,
        vec![vec![true, false, true, true]],
        Granularity::Weight,
    );
    // The weight has grown and learnt since.
    subject.parameters[0][0] = 5.0;
    keep(
        &mut subject,
        vec![vec![true, false, false, true]],
        Granularity::Weight,
    );
    assert_eq!(bench.parameters[0], [5.0, 0.0, 0.0, 4.0]);
    assert_eq!(bench.masks[0], Some(vec![true, false, false, true]));
    assert_eq!(bench.masks[1], None);
}

/// All methods with a state of their own, each with everything in the first eight of sixteen steps.
fn stateful() -> [Box<dyn Sparsifier>; 5] {
    let learned = LearnedMaskSettings {
        anneal: 0.4,
        freeze: 0.5,
        score_rate: 0.5,
        ..LearnedMaskSettings::default()
    };
    let bird = FlyingBirdSettings {
        updates: 8,
        ..FlyingBirdSettings::default()
    };
    [
        Box::new(LearnedMask::new(learned, HALF, 0)),
        Box::new(Hydra::new(HydraSettings::default(), HALF)),
        Box::new(Harp::new(HarpSettings::default(), HALF)),
        Box::new(Radmm::new(RadmmSettings::default(), HALF)),
        Box::new(FlyingBird::new(bird, HALF)),
    ]
}

#[test]
fn a_method_that_takes_back_its_state_goes_on_as_if_nothing_had_happened() {
    let weights = [0.3, -0.7, 1.1, -0.2, 0.9, 0.4];
    for (index, (mut method, mut restored)) in stateful().into_iter().zip(stateful()).enumerate() {
        let mut bench = Bench::new(perceptron(&[(3, &weights), (2, &weights)]), 16);
        for step in 0..16 {
            bench.prepare(&mut *method, step);
            let gradient = |by: usize| -> Vec<f32> {
                (0..6)
                    .map(|i| ((i * 5 + step * by) % 7) as f32 / 3.0 - 1.0)
                    .collect()
            };
            bench.learn(&mut *method, step, &[&gradient(3), &gradient(2)]);
            let state = method.state();
            if !state.is_empty() {
                restored.restore(&bench.network, state).unwrap();
            }
            assert_eq!(restored.state(), method.state(), "{index}");
            assert_eq!(
                bench.effective(&*restored),
                bench.effective(&*method),
                "{index}"
            );
            // From here on the copy is the method.
            std::mem::swap(&mut method, &mut restored);
            restored = stateful().into_iter().nth(index).unwrap();
        }
        assert!(method.settled(&bench.moment(16)), "{index}");
    }
}

#[test]
fn gradients_of_what_is_removed_matter_only_where_a_method_says_so() {
    let weights = [0.3, -0.7, 1.1, -0.2, 0.9, 0.4];
    for (index, (mut method, mut blind)) in stateful().into_iter().zip(stateful()).enumerate() {
        let layers: [(usize, &[f32]); 2] = [(3, &weights), (2, &weights)];
        let mut benches = [(); 2].map(|()| Bench::new(perceptron(&layers), 16));
        let mut withheld = 0;
        for step in 0..16 {
            let [bench, other] = &mut benches;
            bench.prepare(&mut *method, step);
            other.prepare(&mut *blind, step);
            let effective = bench.effective(&*method);
            assert_eq!(other.effective(&*blind), effective, "{index}");
            let gradient = |by: usize| -> Vec<f32> {
                (0..6)
                    .map(|i| ((i * 5 + step * by) % 7) as f32 / 3.0 - 1.0)
                    .collect()
            };
            let gradients = [gradient(3), gradient(2)];
            let mut seen = gradients.clone();
            if !blind.learns_from_removed(&bench.moment(step)) {
                for (layer, id) in prunable(&bench.network).into_iter().enumerate() {
                    let pairs = seen[layer].iter_mut().zip(&effective[id.0]);
                    for (gradient, _) in pairs.filter(|(_, value)| **value == 0.0) {
                        *gradient = 0.0;
                        withheld += 1;
                    }
                }
            }
            bench.learn(&mut *method, step, &gradients.each_ref().map(Vec::as_slice));
            other.learn(&mut *blind, step, &seen.each_ref().map(Vec::as_slice));
        }
        assert!(withheld > 0, "{index}");
        assert_eq!(method.state(), blind.state(), "{index}");
        assert_eq!(benches[0].masks, benches[1].masks, "{index}");
    }
}

#[test]
fn a_state_that_is_not_the_methods_is_refused() {
    let network = perceptron(&[(1, &[1.0, 2.0])]);
    let state = BTreeMap::from([("pruned/0".to_owned(), vec![1.0])]);
    for mut method in stateful() {
        let error = method.restore(&network, state.clone()).unwrap_err();
        assert!(error.to_string().contains("does not fit"), "{error}");
    }
    let error = Fixed.restore(&network, state).unwrap_err();
    assert!(
        error.to_string().contains("unexpected \"pruned/0\""),
        "{error}"
    );
}
