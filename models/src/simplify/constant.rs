//! Values that do not depend on the input.

use super::draft::Draft;
use crate::network::{Role, ValueId};
use crate::operator::Operator;
use crate::reference;

/// Computes a node that takes nothing but constants, as reference execution does. Convolutions and pools are left alone: no network
/// needs that, and their work is not bounded by the sizes of what they take and give.
pub(super) fn fold(draft: &mut Draft, value: ValueId) -> bool {
    let inputs = draft.inputs(value);
    let elements = |value: &ValueId| draft.shape(*value).elements();
    let taken: usize = inputs.iter().map(elements).sum();
    let is_constant = |input: &ValueId| draft.constant(*input).is_some();
    if inputs.is_empty() || !inputs.iter().all(is_constant) {
        return false;
    }
    let products_per_element = match draft.operator(value) {
        Some(Operator::Linear { .. } | Operator::MatMul) => {
            *draft.shape(inputs[0]).0.last().unwrap_or(&1)
        }
        Some(Operator::Convolution { .. } | Operator::MaxPool(_) | Operator::AveragePool(_)) => {
            return false;
        }
        _ => 1,
    };
    let work = elements(&value).saturating_mul(products_per_element);
    if !draft.spend(work.saturating_add(taken)) {
        return false;
    }
    let values = compute(draft, value);
    // Network files hold finite numbers only.
    if !values.iter().all(|element| element.is_finite()) {
        return false;
    }
    let shape = draft.shape(value).0.clone();
    let value_id = draft.add_parameter(value, "value", Role::Constant, shape, values);
    draft.replace(value, Operator::Constant { value: value_id }, Vec::new());
    true
}

fn compute(draft: &Draft, value: ValueId) -> Vec<f32> {
    let operator = draft.operator(value).expect("the node is there");
    let constant = |input: &ValueId| draft.constant(*input).expect("all are constants").values();
    let inputs = draft.inputs(value).iter();
    let inputs: Vec<reference::Input> = inputs
        .map(|input| (draft.shape(*input), constant(input)))
        .collect();
    reference::compute(operator, draft.parameters(), &inputs, draft.shape(value))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Graph, assert_kept, nodes, origins, simplified};
    use super::*;
    use crate::function::{BinaryFunction, Function, Reduction};
    use crate::window::Window;

    #[test]
    fn what_takes_only_constants_is_computed() {
        let mut graph = Graph::new(&[2, 2]);
        let one = graph.constant("one", &[2], &[1.0, 2.0]);
        let two = graph.constant("two", &[2, 1], &[10.0, 20.0]);
        let sum = graph.binary("sum", BinaryFunction::Add, [one, two]);
        let product = graph.node("product", Operator::MatMul, &[sum, sum]);
        let chosen = graph.node("chosen", Operator::Where, &[one, product, two]);
        let reduction = Reduction::Mean;
        let axes = vec![0];
        let mean = graph.node("mean", Operator::Reduce { reduction, axes }, &[chosen]);
        graph.binary("out", BinaryFunction::Divide, [ValueId::INPUT, mean]);
        let network = graph.finish();
        let after = simplified(&network);
        assert_eq!(nodes(&after), ["mean: constant", "out: divide"]);
        // [11 12; 21 22] times itself is [373 396; 693 736].
        let [value] = after.parameters() else {
            panic!("one constant is left");
        };
        assert_eq!(value.name(), "mean.value");
        assert_eq!(
            (value.shape(), value.values()),
            (&[1, 2][..], &[533.0, 566.0][..])
        );
        assert_eq!(origins(&network), [vec![0, 1, 2, 3, 4, 5], vec![6]]);
    }

    #[test]
    fn an_output_may_be_constant() {
        let mut graph = Graph::new(&[2]);
        let one = graph.constant("one", &[2], &[-1.0, 2.0]);
        graph.unary("abs", Function::Abs, one);
        assert_eq!(nodes(&simplified(&graph.finish())), ["abs: constant"]);
    }

    #[test]
    fn constants_stay_finite() {
        let mut graph = Graph::new(&[2]);
        let zeros = graph.constant("zeros", &[2], &[0.0, 1.0]);
        let logarithms = graph.unary("log", Function::Log, zeros);
        graph.binary("out", BinaryFunction::Maximum, [ValueId::INPUT, logarithms]);
        assert_kept(&graph.finish());
    }

    #[test]
    fn work_is_in_proportion_to_the_network() {
        // Powers of a matrix, each of which would have 2²² elements made of 2¹¹ products.
        let side = 1 << 11;
        let mut graph = Graph::new(&[1]);
        let mut x = graph.constant("vector", &[side, 1], &vec![0.5; side]);
        let row = graph.constant("row", &[1, side], &vec![0.25; side]);
        x = graph.node("outer", Operator::MatMul, &[x, row]);
        x = graph.node("square", Operator::MatMul, &[x, x]);
        let axes = vec![0, 1];
        let reduction = Reduction::Sum;
        x = graph.node("sum", Operator::Reduce { reduction, axes }, &[x]);
        graph.binary("out", BinaryFunction::Add, [x, ValueId::INPUT]);
        let after = super::super::simplify(graph.finish());
        assert_eq!(
            nodes(&after),
            [
                "outer: constant",
                "square: matrix product",
                "sum: sum",
                "out: add"
            ]
        );
    }

    #[test]
    fn windows_on_constants_are_left_alone() {
        let mut graph = Graph::new(&[1, 2, 2]);
        let map = graph.constant("map", &[1, 3, 3], &[1.0; 9]);
        let pooled = graph.node("pool", Operator::MaxPool(Window::square(2, 1, 0)), &[map]);
        graph.binary("out", BinaryFunction::Add, [pooled, ValueId::INPUT]);
        assert_kept(&graph.finish());
    }
}
