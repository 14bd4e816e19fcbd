//! Operators that pass their input through outside training.

use super::{GraphNode, Lower, Lowering, Refusal, Value};

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[("Identity", identity), ("Dropout", dropout)];

fn identity(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    Ok(vec![lowering.input(node, 0)?])
}

/// Nothing is dropped outside training.
fn dropout(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    // The ratio and the seed have no effect then.
    node.ignore(&["ratio", "seed"]);
    if node.opset < 7 && node.int("is_test", 0)? == 0 {
        return Err("dropout in training mode is random: export the model for inference".into());
    }
    if let Some(training) = lowering.integers(node, 2)?
        && training.iter().any(|flag| *flag != 0)
    {
        return Err("dropout in training mode is random: export the model for inference".into());
    }
    Ok(vec![lowering.input(node, 0)?])
}

#[cfg(test)]
mod tests {
    use crate::onnx::import::testing::{Model, int_attribute, ints};

    #[test]
    fn identities_leave_only_the_output_node() {
        let model = Model::new(13)
            .input("x", &[1, 3])
            .node("Identity", &["x"], &["a"], vec![])
            .node("Dropout", &["a"], &["y"], vec![])
            .output("y");
        assert_eq!(model.run(&[1.0, -2.0, 3.0]), [1.0, -2.0, 3.0]);
        assert_eq!(model.network().nodes().len(), 1);
        assert_eq!(model.network().nodes()[0].name, "y");
    }

    #[test]
    fn random_dropout_is_refused() {
        let training = ints("training", &[], &[1]);
        let model = Model::of_node(13, &[2], "Identity", &[], vec![int_attribute("axis", 1)]);
        let expected =
            "node \"y\" (Identity, opset 13): attribute \"axis\" is not known for this operator";
        assert_eq!(model.refusal(), expected);
        let model = Model::new(13)
            .input("x", &[1, 3])
            .initializer(training)
            .node("Dropout", &["x", "", "training"], &["y"], vec![])
            .output("y");
        assert!(model.refusal().contains("training mode"));
    }
}
