//! Tests of inputs and outputs.

use crate::network::{Network, ValueId};
use crate::onnx::import::tensor::Tensor;
use crate::onnx::import::testing::{Model, floats, ints};
use crate::onnx::{ImportOptions, import_bytes};

fn relu(shape: &[i64]) -> Model {
    let model = Model::new(13).input("x", shape);
    model.node("Relu", &["x"], &["y"], vec![]).output("y")
}

fn import(model: &Model, options: &ImportOptions) -> Result<Network, String> {
    let import = import_bytes(&model.bytes(), None, options);
    import
        .map(|import| import.network)
        .map_err(|error| error.to_string())
}

fn input_shape(model: &Model, options: &ImportOptions) -> Result<Vec<usize>, String> {
    import(model, options).map(|network| network.shape(ValueId::INPUT).0.clone())
}

fn shape(shape: &[usize]) -> ImportOptions {
    ImportOptions {
        input_shape: Some(shape.to_vec()),
        ..ImportOptions::default()
    }
}

fn whole() -> ImportOptions {
    ImportOptions {
        whole: true,
        ..ImportOptions::default()
    }
}

#[test]
fn the_first_axis_is_the_batch_unless_the_whole_is_one_sample() {
    for batch in [-1, 1, 8] {
        let model = relu(&[batch, 3, 2]);
        assert_eq!(
            input_shape(&model, &ImportOptions::default()).unwrap(),
            [3, 2]
        );
    }
    assert_eq!(input_shape(&relu(&[8, 3, 2]), &whole()).unwrap(), [8, 3, 2]);
    let scalar = input_shape(&relu(&[]), &ImportOptions::default());
    assert!(scalar.unwrap_err().contains("no batch axis"));
}

#[test]
fn open_axes_need_a_shape_that_fits() {
    let model = relu(&[-1, 3, -1, -1]);
    let error = input_shape(&model, &ImportOptions::default()).unwrap_err();
    let advice = "has the open shape [?, 3, ?, ?]: give one sample's with --input-shape";
    assert!(error.contains(advice), "{error}");
    assert_eq!(input_shape(&model, &shape(&[3, 4, 5])).unwrap(), [3, 4, 5]);
    assert!(
        input_shape(&model, &shape(&[1, 4, 5]))
            .unwrap_err()
            .contains("does not fit")
    );
    assert!(
        input_shape(&model, &shape(&[3, 4]))
            .unwrap_err()
            .contains("does not fit")
    );
    assert!(
        input_shape(&model, &shape(&[3, 0, 4]))
            .unwrap_err()
            .contains("empty")
    );
}

#[test]
fn an_undeclared_shape_is_the_given_one() {
    let mut model = relu(&[1]);
    model.graph().input[0] = model.graph().output[0].clone();
    model.graph().input[0].name = "x".to_owned();
    let error = input_shape(&model, &ImportOptions::default()).unwrap_err();
    assert!(error.contains("no declared shape"), "{error}");
    assert_eq!(input_shape(&model, &shape(&[3, 4])).unwrap(), [3, 4]);
}

fn two_inputs() -> Model {
    let model = Model::new(13).input("x", &[1, 2]).input("b", &[1, 2]);
    model.node("Add", &["x", "b"], &["y"], vec![]).output("y")
}

fn bound(name: &str, shape: &[usize], values: &[f32]) -> ImportOptions {
    let tensor = Tensor::of_floats(shape.to_vec(), values.to_vec());
    ImportOptions {
        bindings: [(name.to_owned(), tensor)].into(),
        ..ImportOptions::default()
    }
}

#[test]
fn further_inputs_need_values() {
    let model = two_inputs();
    let error = import(&model, &ImportOptions::default()).unwrap_err();
    assert!(
        error.contains("further inputs, which need constant values: b"),
        "{error}"
    );
    for name in ["b", "x"] {
        let network = import(&model, &bound(name, &[1, 2], &[10.0, 20.0])).unwrap();
        let result = crate::reference::evaluate(&network, &[1.0, 2.0], 1);
        assert_eq!(result, [11.0, 22.0]);
    }
}

#[test]
fn values_go_to_inputs_of_their_shape() {
    let model = two_inputs();
    let error = import(&model, &bound("b", &[2], &[1.0, 2.0])).unwrap_err();
    assert!(error.contains("has shape 2, [1, 2] is declared"), "{error}");
    let error = import(&model, &bound("z", &[2], &[1.0, 2.0])).unwrap_err();
    assert!(error.contains("\"z\", which is no input"), "{error}");
    let error = import(&relu(&[1, 2]), &bound("x", &[1, 2], &[1.0, 2.0])).unwrap_err();
    assert!(error.contains("no free input"), "{error}");
}

#[test]
fn one_of_several_outputs_is_chosen() {
    let model = relu(&[1, 2])
        .node("Neg", &["x"], &["z"], vec![])
        .output("z");
    let error = import(&model, &ImportOptions::default()).unwrap_err();
    assert!(error.contains("choose one with --logits: y, z"), "{error}");
    let choose = |name: &str| ImportOptions {
        output: Some(name.to_owned()),
        ..ImportOptions::default()
    };
    let network = import(&model, &choose("z")).unwrap();
    assert_eq!(network.nodes().len(), 1);
    assert_eq!(network.nodes()[0].name, "z");
    let error = import(&model, &choose("w")).unwrap_err();
    assert!(error.contains("no output \"w\", only y, z"), "{error}");
}

#[test]
fn a_fixed_batch_must_be_the_first_axis_of_the_output_too() {
    let declared = |model: &mut Model, shape: &[i64]| {
        let input = Model::new(13).input("y", shape).graph().input.remove(0);
        model.graph().output[0] = input;
    };
    let mut model = relu(&[4, 3]);
    declared(&mut model, &[4, 3]);
    assert!(import(&model, &ImportOptions::default()).is_ok());
    // Samples side by side: what is right for one is not what the file says.
    let mut mixed = Model::new(13)
        .input("x", &[4, 3])
        .initializer(ints("shape", &[2], &[1, -1]))
        .node("Reshape", &["x", "shape"], &["y"], vec![])
        .output("y");
    declared(&mut mixed, &[1, 12]);
    let error = import(&mixed, &ImportOptions::default()).unwrap_err();
    assert!(error.contains("made for batches of 4"), "{error}");
}

#[test]
fn an_output_may_be_the_input_or_a_constant() {
    let same = Model::new(13).input("x", &[1, 2]).output("x");
    let network = import(&same, &ImportOptions::default()).unwrap();
    assert_eq!(
        crate::reference::evaluate(&network, &[1.0, 2.0], 1),
        [1.0, 2.0]
    );
    let constant = Model::new(13)
        .input("x", &[1, 2])
        .initializer(floats("c", &[1, 3], &[1.0, 2.0, 3.0]))
        .output("c");
    let network = import(&constant, &ImportOptions::default()).unwrap();
    assert_eq!(
        crate::reference::evaluate(&network, &[0.0, 0.0], 1),
        [1.0, 2.0, 3.0]
    );
}
