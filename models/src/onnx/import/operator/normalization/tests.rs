//! Normalisations, against values worked out by hand.

use crate::onnx::import::testing::{Model, float_attribute, floats, int_attribute, ints_attribute};
use crate::operator::Operator;

fn near(got: &[f32], wanted: &[f32]) {
    assert_eq!(got.len(), wanted.len());
    for (got, wanted) in got.iter().zip(wanted) {
        assert!(
            (got - wanted).abs() <= 2e-6 * wanted.abs().max(1.0),
            "{got} is not {wanted}"
        );
    }
}

/// Six numbers of mean 0: −3, −1, 1 have mean −1 and variance 8/3, 5, 0, −2 mean 1 and variance 26/3.
const X: [f32; 6] = [-3.0, -1.0, 1.0, 5.0, 0.0, -2.0];

/// `(x − mean)/√(variance + epsilon)` of three numbers.
fn standard(x: &[f32], epsilon: f32) -> Vec<f32> {
    let mean = x.iter().sum::<f32>() / x.len() as f32;
    let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / x.len() as f32;
    x.iter()
        .map(|x| (x - mean) / (variance + epsilon).sqrt())
        .collect()
}

fn batch(opset: i64, shape: &[i64], attributes: Vec<(&str, i64)>) -> Model {
    let mut all = vec![
        float_attribute("epsilon", 0.25),
        float_attribute("momentum", 0.5),
    ];
    all.extend(
        attributes
            .into_iter()
            .map(|(name, value)| int_attribute(name, value)),
    );
    let statistics = [
        floats("scale", &[2], &[2.0, 3.0]),
        floats("shift", &[2], &[0.5, -0.5]),
        floats("mean", &[2], &[1.0, -1.0]),
        floats("variance", &[2], &[3.75, 15.75]),
    ];
    Model::of_node(opset, shape, "BatchNormalization", &statistics, all)
}

#[test]
fn batch_normalisation_uses_the_running_statistics() {
    let model = batch(15, &[1, 2, 3], vec![]);
    // (x − 1)/2·2 + 0.5 and (x + 1)/4·3 − 0.5.
    near(&model.run(&X), &[-3.5, -1.5, 0.5, 4.0, 0.25, -1.25]);
    let network = model.import().unwrap().network;
    let [node] = network.nodes() else {
        panic!("it is one node");
    };
    assert!(matches!(node.operator, Operator::BatchNorm { .. }));
    let names: Vec<_> = network
        .parameters()
        .iter()
        .map(|p| p.name().to_owned())
        .collect();
    assert_eq!(names, ["scale", "shift", "mean", "variance"]);
}

#[test]
fn batch_normalisation_of_several_samples_is_the_same() {
    let model = batch(15, &[3, 2, 1], vec![]);
    near(&model.run(&X), &[-3.5, -0.5, 0.5, 4.0, -0.5, -1.25]);
}

#[test]
fn batch_normalisation_by_the_batch_is_refused() {
    let training = batch(15, &[1, 2, 3], vec![("training_mode", 1)]);
    assert!(
        training
            .refusal()
            .contains("export the model for inference")
    );
    let old = batch(6, &[1, 2, 3], vec![("is_test", 0)]);
    assert!(old.refusal().contains("export the model for inference"));
    assert!(batch(6, &[1, 2, 3], vec![("is_test", 1)]).import().is_ok());
    let positions = batch(7, &[1, 2, 3], vec![("spatial", 0)]);
    assert!(positions.refusal().contains("spatial"));
}

#[test]
fn computed_statistics_normalise_too() {
    let model = Model::new(15)
        .input("x", &[1, 2, 3])
        .node("Relu", &["two"], &["variance"], vec![])
        .node("GlobalMaxPool", &["x"], &["largest"], vec![])
        .node("Squeeze", &["largest", "axes"], &["mean"], vec![])
        .node(
            "BatchNormalization",
            &["x", "two", "two", "mean", "variance"],
            &["y"],
            vec![float_attribute("epsilon", 2.0)],
        )
        .initializer(floats("two", &[2], &[2.0, 2.0]))
        .initializer(crate::onnx::import::testing::ints("axes", &[2], &[0, 2]))
        .output("y");
    near(&model.run(&X), &[-2.0, 0.0, 2.0, 2.0, -3.0, -5.0]);
}

#[test]
fn instance_normalisation_is_over_the_positions_of_each_channel() {
    let constants = [
        floats("s", &[2], &[2.0, 1.0]),
        floats("b", &[2], &[0.0, 10.0]),
    ];
    let attributes = vec![float_attribute("epsilon", 0.5)];
    let model = Model::of_node(
        6,
        &[1, 2, 3],
        "InstanceNormalization",
        &constants,
        attributes,
    );
    let first = standard(&X[..3], 0.5).into_iter().map(|x| 2.0 * x);
    let second = standard(&X[3..], 0.5).into_iter().map(|x| x + 10.0);
    near(&model.run(&X), &first.chain(second).collect::<Vec<_>>());
}

#[test]
fn layer_normalisation_is_over_the_last_axes_and_tells_its_statistics() {
    let model = |output: &str| {
        Model::new(17)
            .input("x", &[2, 3])
            .node(
                "LayerNormalization",
                &["x", "scale", "shift"],
                &["y", "mean", "factor"],
                vec![
                    float_attribute("epsilon", 0.5),
                    int_attribute("stash_type", 1),
                ],
            )
            .initializer(floats("scale", &[3], &[1.0, 2.0, 3.0]))
            .initializer(floats("shift", &[3], &[0.0, 0.0, 1.0]))
            .output(output)
    };
    let mut wanted = standard(&X[..3], 0.5);
    wanted.extend(standard(&X[3..], 0.5));
    for (index, wanted) in wanted.iter_mut().enumerate() {
        *wanted = *wanted * [1.0, 2.0, 3.0][index % 3] + [0.0, 0.0, 1.0][index % 3];
    }
    near(&model("y").run(&X), &wanted);
    near(&model("mean").run(&X), &[-1.0, 1.0]);
    let factors = [8.0 / 3.0 + 0.5, 26.0 / 3.0 + 0.5].map(|variance: f32| variance.sqrt().recip());
    near(&model("factor").run(&X), &factors);
}

#[test]
fn group_normalisation_scales_groups_before_opset_21_and_channels_since() {
    let run = |opset, scales: &[f32]| {
        let channels = [scales.len() as i64];
        let constants = [
            floats("s", &channels, scales),
            floats("b", &channels, &vec![1.0; scales.len()]),
        ];
        let attributes = vec![
            int_attribute("num_groups", 2),
            float_attribute("epsilon", 0.5),
        ];
        let model = Model::of_node(opset, &[1, 6], "GroupNormalization", &constants, attributes);
        model.run(&X)
    };
    let plain: Vec<f32> = [standard(&X[..3], 0.5), standard(&X[3..], 0.5)].concat();
    let scaled = |scales: [f32; 6]| -> Vec<f32> {
        plain
            .iter()
            .zip(scales)
            .map(|(x, scale)| x * scale + 1.0)
            .collect()
    };
    near(
        &run(18, &[2.0, 3.0]),
        &scaled([2.0, 2.0, 2.0, 3.0, 3.0, 3.0]),
    );
    let all = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    near(&run(21, &all), &scaled(all));
}

#[test]
fn root_mean_squares_do_not_subtract_the_mean() {
    let attributes = vec![float_attribute("epsilon", 1.0)];
    let scale = [floats("s", &[3], &[1.0, 2.0, 3.0])];
    let model = Model::of_node(23, &[2, 3], "RMSNormalization", &scale, attributes);
    let [first, second] = [11.0 / 3.0 + 1.0, 29.0 / 3.0 + 1.0].map(|square: f32| square.sqrt());
    let wanted = [
        -3.0 / first,
        -2.0 / first,
        3.0 / first,
        5.0 / second,
        0.0,
        -6.0 / second,
    ];
    near(&model.run(&X), &wanted);
}

#[test]
fn mean_and_variance_are_taken_over_the_named_axes() {
    let attributes = vec![ints_attribute("axes", &[1])];
    let model = Model::of_node(13, &[2, 3], "MeanVarianceNormalization", &[], attributes);
    near(
        &model.run(&X),
        &[standard(&X[..3], 0.0), standard(&X[3..], 0.0)].concat(),
    );
}

#[test]
fn norms_are_of_order_one_or_two_and_nothing_stays_nothing() {
    let run = |p| {
        let attributes = vec![int_attribute("p", p), int_attribute("axis", 1)];
        let model = Model::of_node(22, &[2, 2], "LpNormalization", &[], attributes);
        model.run(&[3.0, -4.0, 0.0, 0.0])
    };
    near(&run(2), &[0.6, -0.8, 0.0, 0.0]);
    near(&run(1), &[3.0 / 7.0, -4.0 / 7.0, 0.0, 0.0]);
    let third = Model::of_node(
        22,
        &[2],
        "LpNormalization",
        &[],
        vec![int_attribute("p", 3)],
    );
    assert!(third.refusal().contains("p is 3"));
}

#[test]
fn local_responses_reach_further_forwards_where_the_number_is_even() {
    let run = |size| {
        let attributes = vec![
            int_attribute("size", size),
            float_attribute("alpha", 1.0),
            float_attribute("beta", 0.5),
            float_attribute("bias", 1.0),
        ];
        let model = Model::of_node(13, &[1, 4, 1, 1], "LRN", &[], attributes);
        model.run(&[1.0, 2.0, 3.0, 4.0])
    };
    let wanted = |sums: [f32; 4], size: f32| -> Vec<f32> {
        let root = |sum: f32| (1.0 + sum / size).sqrt();
        (1u8..)
            .zip(sums)
            .map(|(x, sum)| f32::from(x) / root(sum))
            .collect()
    };
    near(&run(3), &wanted([5.0, 14.0, 29.0, 25.0], 3.0));
    near(&run(2), &wanted([5.0, 13.0, 25.0, 16.0], 2.0));
    let none = Model::of_node(13, &[1, 4, 1, 1], "LRN", &[], vec![]);
    assert!(none.refusal().contains("size must lie"));
}

#[test]
fn scales_that_do_not_fit_are_refused() {
    let constants = [floats("s", &[3], &[1.0; 3]), floats("b", &[3], &[1.0; 3])];
    let model = Model::of_node(6, &[1, 2, 3], "InstanceNormalization", &constants, vec![]);
    assert!(
        model.refusal().contains("3 numbers for 2 channels"),
        "{}",
        model.refusal()
    );
    let groups = vec![int_attribute("num_groups", 4)];
    let model = Model::of_node(21, &[1, 6], "GroupNormalization", &constants, groups);
    assert!(
        model
            .refusal()
            .contains("num_groups does not divide 6 channels")
    );
}
