//! Each way for units to meet, and what becomes of them.

use super::check_removal;
use crate::function::{BinaryFunction, Function, Reduction};
use crate::network::ValueId;
use crate::operator::Operator;
use crate::testing::Graph;
use crate::units::{Unit, UnitGroups};
use crate::window::Window;

/// Of a 2×4×4 input → convolution "first" to two channels → `middle` → vector of `elements` → linear layer to one logit, the groups as
/// pairs of layer and index. Each is removed once alone, which must change no logit when it is silent.
fn groups(
    elements: usize,
    middle: impl FnOnce(&mut Graph, ValueId) -> ValueId,
) -> Vec<Vec<(usize, usize)>> {
    let mut graph = Graph::new(&[2, 4, 4]);
    let x = convolution(&mut graph, "first", 2, ValueId::INPUT);
    let x = middle(&mut graph, x);
    let x = graph.reshape("vector", &[elements], x);
    graph.linear("logit", [1, elements], x);
    let network = graph.finish();
    let groups = UnitGroups::of(&network);
    for group in 0..groups.groups().len() {
        check_removal(&network, &groups, &[group]);
    }
    let pairs = |group: &Vec<Unit>| group.iter().map(|unit| (unit.layer, unit.index)).collect();
    groups.groups().iter().map(pairs).collect()
}

/// A 3×3 convolution of two channels.
fn convolution(graph: &mut Graph, name: &str, outputs: usize, x: ValueId) -> ValueId {
    graph.convolution(name, [outputs, 2], Window::square(3, 1, 1), x)
}

/// One that keeps channels apart, in `groups`.
fn grouped(graph: &mut Graph, outputs: usize, [inputs, groups]: [usize; 2], x: ValueId) -> ValueId {
    let weight = graph.weight("grouped", &[outputs, inputs / groups, 1, 1]);
    let operator = Operator::Convolution {
        weight,
        bias: None,
        window: Window::square(1, 1, 0),
        groups,
    };
    graph.node("grouped", operator, &[x])
}

/// The units of "first", by themselves.
const FREE: [[(usize, usize); 1]; 2] = [[(0, 0)], [(0, 1)]];
/// No groups.
const NONE: [[(usize, usize); 0]; 0] = [];

const SIGMOID: Operator = Operator::Unary(Function::Sigmoid);

#[test]
fn what_leaves_zeros_where_they_are_leaves_units_free() {
    let select = |axis, fill| Operator::Select {
        axis,
        indices: vec![None, Some(2), Some(1), Some(1)],
        fill,
    };
    let reduce = |reduction| Operator::Reduce {
        reduction,
        axes: vec![1, 2],
    };
    let affine = |shift| Operator::Unary(Function::Affine { scale: 2.0, shift });
    for (operator, elements, is_free) in [
        (Operator::Unary(Function::RELU), 32, true),
        (Operator::Unary(Function::Tanh), 32, true),
        (SIGMOID, 32, false),
        (Operator::Unary(Function::Cos), 32, false),
        (affine(0.0), 32, true),
        (affine(1.0), 32, false),
        (Operator::MaxPool(Window::square(2, 2, 0)), 8, true),
        (Operator::AveragePool(Window::square(2, 2, 0)), 8, true),
        (reduce(Reduction::Mean), 2, true),
        (reduce(Reduction::Maximum), 2, true),
        (select(1, 0.0), 32, true),
        (select(1, 1.0), 32, false),
        (Operator::Softmax { axis: 1 }, 32, false),
        (
            Operator::Transpose {
                order: vec![0, 2, 1],
            },
            32,
            true,
        ),
    ] {
        let name = operator.name();
        let found = groups(elements, |graph, x| graph.node("middle", operator, &[x]));
        let expected: &[[(usize, usize); 1]] = if is_free { &FREE } else { &[] };
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn what_joins_or_cuts_channels_keeps_them() {
    let channels = |graph: &mut Graph, operator, x| graph.node("middle", operator, &[x]);
    let sum = Operator::Reduce {
        reduction: Reduction::Sum,
        axes: vec![0],
    };
    assert_eq!(groups(16, |graph, x| channels(graph, sum, x)), NONE);
    let softmax = Operator::Softmax { axis: 0 };
    assert_eq!(groups(32, |graph, x| channels(graph, softmax, x)), NONE);
    let reversed = Operator::Select {
        axis: 0,
        indices: vec![Some(1), Some(0)],
        fill: 0.0,
    };
    assert_eq!(groups(32, |graph, x| channels(graph, reversed, x)), NONE);
    let product = groups(32, |graph, x| {
        graph.node("product", Operator::MatMul, &[x, x])
    });
    assert_eq!(product, NONE);
    // Channels last: the vector has them in between.
    let last = groups(32, |graph, x| graph.transpose("last", &[1, 2, 0], x));
    assert_eq!(last, NONE);
    let rows = groups(32, |graph, x| graph.reshape("rows", &[4, 8], x));
    assert_eq!(rows, FREE);
    let columns = groups(32, |graph, x| {
        let x = graph.reshape("columns", &[1, 32], x);
        let x = graph.transpose("turned", &[1, 0], x);
        graph.reshape("map", &[2, 4, 4], x)
    });
    assert_eq!(columns, FREE);
}

#[test]
fn a_batch_norm_brings_zeros_back() {
    let found = groups(32, |graph, x| {
        let x = graph.node("sigmoid", SIGMOID, &[x]);
        graph.batch_norm("norm", 2, x)
    });
    assert_eq!(found, FREE);
    // One that shifts rows of features shifts each feature.
    let found = groups(16, |graph, x| {
        let x = graph.reshape("rows", &[8, 4], x);
        let x = graph.linear("linear", [3, 4], x);
        let x = graph.batch_norm("norm", 8, x);
        graph.linear("narrow", [2, 3], x)
    });
    assert_eq!(found, NONE);
}

#[test]
fn units_that_are_added_go_together() {
    let add = Operator::Binary(BinaryFunction::Add);
    let found = groups(32, |graph, x| {
        let y = convolution(graph, "second", 2, x);
        graph.node("sum", add.clone(), &[x, y])
    });
    assert_eq!(found, [[(0, 0), (1, 0)], [(0, 1), (1, 1)]]);
    // The input stays, and so does what is added to it.
    let found = groups(32, |graph, x| {
        graph.node("sum", add.clone(), &[ValueId::INPUT, x])
    });
    assert_eq!(found, NONE);
    for (function, expected) in [
        (BinaryFunction::Maximum, 2),
        (BinaryFunction::Greater, 2),
        (BinaryFunction::Equal, 0),
        (BinaryFunction::Divide, 0),
    ] {
        let found = groups(32, |graph, x| {
            let y = convolution(graph, "second", 2, x);
            graph.binary("met", function, [x, y])
        });
        assert_eq!(found.len(), expected, "{function:?}");
    }
}

#[test]
fn a_gate_goes_with_what_it_multiplies() {
    // Squeeze and excitation, though a sigmoid is nowhere zero.
    let found = groups(32, |graph, x| {
        let axes = vec![1, 2];
        let reduction = Reduction::Mean;
        let mean = graph.node("mean", Operator::Reduce { reduction, axes }, &[x]);
        let window = Window::square(1, 1, 0);
        let inner = graph.convolution("squeeze", [3, 2], window, mean);
        let outer = graph.convolution("excite", [2, 3], window, inner);
        let gate = graph.node("gate", SIGMOID, &[outer]);
        graph.binary("gated", BinaryFunction::Multiply, [gate, x])
    });
    let expected = [
        vec![(0, 0), (2, 0)],
        vec![(0, 1), (2, 1)],
        vec![(1, 0)],
        vec![(1, 1)],
        vec![(1, 2)],
    ];
    assert_eq!(found, expected);
    // One gate for all channels.
    let found = groups(32, |graph, x| {
        let gate = convolution(graph, "gate", 1, ValueId::INPUT);
        graph.binary("gated", BinaryFunction::Multiply, [gate, x])
    });
    assert_eq!(found, FREE);
}

#[test]
fn a_choice_is_zero_where_both_values_are() {
    let choice = |condition: bool| {
        groups(32, move |graph, x| {
            let y = convolution(graph, "second", 2, x);
            let positive = graph.node("sigmoid", SIGMOID, &[y]);
            let inputs = if condition {
                [positive, x, y]
            } else {
                [y, x, positive]
            };
            graph.node("choice", Operator::Where, &inputs)
        })
    };
    assert_eq!(choice(true), [[(0, 0), (1, 0)], [(0, 1), (1, 1)]]);
    assert_eq!(choice(false), NONE);
}

#[test]
fn constants_are_cut_with_the_units_they_meet() {
    let with = |function, shape: &'static [usize]| {
        groups(32, move |graph, x| {
            let count = shape.iter().product();
            let constant = graph.constant("constant", shape, &vec![0.5; count]);
            graph.binary("met", function, [constant, x])
        })
    };
    for shape in [&[2, 1, 1][..], &[1], &[], &[2, 4, 4]] {
        assert_eq!(with(BinaryFunction::Multiply, shape), FREE, "{shape:?}");
        assert_eq!(with(BinaryFunction::Add, shape), NONE, "{shape:?}");
    }
    // One that two nodes take cannot be cut for one of them.
    let found = groups(32, |graph, x| {
        let constant = graph.constant("constant", &[2, 1, 1], &[0.5, 2.0]);
        let x = graph.binary("once", BinaryFunction::Multiply, [constant, x]);
        graph.binary("twice", BinaryFunction::Multiply, [constant, x])
    });
    assert_eq!(found, NONE);
}

#[test]
fn joined_units_keep_their_places() {
    let found = groups(64, |graph, x| {
        let y = convolution(graph, "second", 2, x);
        let y = graph.node("sigmoid", SIGMOID, &[y]);
        graph.node("joined", Operator::Concat { axis: 0 }, &[ValueId::INPUT, y])
    });
    // Only the second convolution takes "first"; the vector sees the sigmoid.
    assert_eq!(found, FREE);
    let found = groups(96, |graph, x| {
        let y = convolution(graph, "second", 2, x);
        graph.node(
            "joined",
            Operator::Concat { axis: 0 },
            &[y, ValueId::INPUT, x],
        )
    });
    assert_eq!(found, [[(0, 0)], [(0, 1)], [(1, 0)], [(1, 1)]]);
    let found = groups(64, |graph, x| {
        let y = convolution(graph, "second", 2, x);
        graph.node("joined", Operator::Concat { axis: 2 }, &[x, y])
    });
    assert_eq!(found, [[(0, 0), (1, 0)], [(0, 1), (1, 1)]]);
    // In a vector, a channel is a block of sixteen; three further elements are none.
    for (others, is_free) in [(32, true), (3, false)] {
        let found = groups(32 + others, |graph, x| {
            let x = graph.reshape("flat", &[32], x);
            let input = graph.reshape("input", &[32], ValueId::INPUT);
            let indices: Vec<Option<usize>> = (0..others).map(Some).collect();
            let input = graph.select("others", 0, &indices, 0.0, input);
            graph.node("joined", Operator::Concat { axis: 0 }, &[input, x])
        });
        assert_eq!(found.len(), if is_free { 2 } else { 0 }, "{others}");
    }
}

#[test]
fn a_depthwise_convolution_passes_units_on() {
    let found = groups(64, |graph, x| grouped(graph, 4, [2, 2], x));
    assert_eq!(found, [[(0, 0), (1, 0), (1, 1)], [(0, 1), (1, 2), (1, 3)]]);
    let found = groups(32, |graph, _| grouped(graph, 2, [2, 2], ValueId::INPUT));
    assert_eq!(found, FREE, "nothing takes \"first\"");
    let found = groups(64, |graph, x| {
        let x = convolution(graph, "second", 4, x);
        grouped(graph, 4, [4, 2], x)
    });
    assert_eq!(found, FREE, "two channels in each group stay two");
}

#[test]
fn features_are_units_of_the_last_axis() {
    let found = groups(8, |graph, x| {
        let x = graph.reshape("flat", &[32], x);
        let x = graph.linear("hidden", [3, 32], x);
        graph.linear("narrow", [8, 3], x)
    });
    let hidden = (0..3).map(|index| vec![(1, index)]);
    let narrow = (0..8).map(|index| vec![(2, index)]);
    let first = FREE.map(|group| group.to_vec()).into_iter();
    let expected: Vec<_> = first.chain(hidden).chain(narrow).collect();
    assert_eq!(found, expected);
    // Rows of a map are features, too: their channels cannot go without them.
    let found = groups(24, |graph, x| {
        let x = graph.linear("rows", [3, 4], x);
        graph.linear("again", [3, 3], x)
    });
    assert_eq!(found, [[(1, 0)], [(1, 1)], [(1, 2)]]);
}
