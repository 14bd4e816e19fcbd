//! One tiny network for each operator, function and variant.

use sinew_models::{BinaryFunction, Function, Network, Operator, Reduction, Role, ValueId, Window};

use super::draft::Draft;
use super::operators::{
    BINARY_FUNCTIONS, FUNCTIONS, REDUCTIONS, apply_binary, into_domain, linear, reducible,
};

const X: ValueId = ValueId::INPUT;

/// Of the maps that most of the networks take.
const MAP: [usize; 3] = [2, 5, 6];

/// Every operator, function and variant by itself, with a name that says which. Beside the operator there is only what makes its input
/// fit for it. The result is the operator's own, so of any shape.
pub fn every_operator() -> Vec<(String, Network)> {
    let mut catalogue = Catalogue(Vec::new());
    catalogue.functions();
    catalogue.binary_functions();
    catalogue.constants();
    catalogue.layers();
    catalogue.products();
    catalogue.windows();
    catalogue.reductions();
    catalogue.arrangements();
    catalogue.selections();
    catalogue.0
}

struct Catalogue(Vec<(String, Network)>);

impl Catalogue {
    fn add(&mut self, name: &str, input: &[usize], append: impl FnOnce(&mut Draft)) {
        let mut draft = Draft::new(name, input.to_vec(), 1);
        append(&mut draft);
        self.0.push((name.to_owned(), draft.finish()));
    }

    fn operator(&mut self, name: &str, input: &[usize], operator: Operator) {
        self.add(name, input, |draft| {
            draft.node(operator, &[X]);
        });
    }

    fn functions(&mut self) {
        for function in FUNCTIONS {
            self.add(&format!("{function:?}"), &MAP, |draft| {
                // From −1 to 1, where most functions have their bends.
                let x = draft.unary(
                    Function::Affine {
                        scale: 2.0,
                        shift: -1.0,
                    },
                    X,
                );
                let x = into_domain(draft, x, function);
                draft.unary(function, x);
            });
        }
    }

    fn binary_functions(&mut self) {
        for function in BINARY_FUNCTIONS {
            let name = function.name();
            // The shapes of a constant on the left and of one on the right.
            for (shape, swapped) in [
                (&[2, 5, 6][..], false),
                (&[2, 1, 1], true),
                (&[6], false),
                (&[], true),
                (&[5, 1], false),
            ] {
                let side = if swapped { "left" } else { "right" };
                self.add(
                    &format!("{name}, constant {shape:?} on the {side}"),
                    &MAP,
                    |draft| {
                        let constant = draft.constant(shape, -1.0..1.0);
                        let (a, b) = if swapped {
                            (constant, X)
                        } else {
                            (X, constant)
                        };
                        apply_binary(draft, function, a, b).expect("shapes fit");
                    },
                );
            }
            self.add(
                &format!("{name}, both computed, one broadcast"),
                &MAP,
                |draft| {
                    let means = draft.node(mean(&[1, 2]), &[X]);
                    apply_binary(draft, function, means, X).expect("shapes fit");
                },
            );
            self.add(&format!("{name}, ranks 3 and 1"), &MAP, |draft| {
                let x = draft.node(mean(&[0, 1]), &[X]);
                let vector = draft.node(Operator::Reshape { shape: vec![6] }, &[x]);
                apply_binary(draft, function, X, vector).expect("shapes fit");
            });
        }
        self.add("where, numbers as condition", &MAP, |draft| {
            let condition = draft.unary(Function::Floor, X);
            let other = draft.unary(Function::Tanh, X);
            draft.node(Operator::Where, &[condition, X, other]);
        });
        self.add("where, constant condition", &MAP, |draft| {
            let condition = draft.constant(&[5, 6], -0.5..1.5);
            let condition = draft.unary(Function::Floor, condition);
            let condition = draft.unary(Function::Abs, condition);
            let other = draft.unary(Function::Tanh, X);
            draft.node(Operator::Where, &[condition, X, other]);
        });
        self.add("where, three shapes", &MAP, |draft| {
            let means = draft.node(mean(&[1]), &[X]);
            let condition = apply_binary(draft, BinaryFunction::Greater, X, means);
            let other = draft.constant(&[2, 1, 1], -1.0..1.0);
            let inputs = [condition.expect("shapes fit"), means, other];
            draft.node(Operator::Where, &inputs);
        });
    }

    fn constants(&mut self) {
        self.add("constant, the same for every image", &MAP, |draft| {
            draft.constant(&[4], -1.0..1.0);
        });
        self.add("constant, joined to a value", &MAP, |draft| {
            let constant = draft.constant(&[2, 5, 1], -1.0..1.0);
            draft.node(Operator::Concat { axis: 2 }, &[constant, X]);
        });
        self.add("constant of more axes than the value", &[6], |draft| {
            let constant = draft.constant(&[3, 2, 1], -1.0..1.0);
            draft.node(Operator::Binary(BinaryFunction::Add), &[X, constant]);
        });
    }

    fn layers(&mut self) {
        let operator = Operator::Normalize {
            mean: vec![0.25, 0.5],
            deviation: vec![0.3, 1.25],
        };
        self.operator("normalize", &MAP, operator);
        for (kind, input) in [("map", &MAP[..]), ("matrix", &[3, 4]), ("vector", &[5])] {
            self.add(&format!("batch norm of a {kind}"), input, |draft| {
                let channels = [input[0]];
                let operator = Operator::BatchNorm {
                    scale: draft.parameter(Role::Scale, &channels, -1.5..1.5),
                    shift: draft.parameter(Role::Shift, &channels, -0.5..0.5),
                    mean: draft.parameter(Role::RunningMean, &channels, -0.5..0.5),
                    variance: draft.parameter(Role::RunningVariance, &channels, 0.25..1.5),
                    epsilon: 1e-3,
                };
                draft.node(operator, &[X]);
            });
        }
    }

    fn products(&mut self) {
        for (kind, input) in [("map", &MAP[..]), ("matrix", &[3, 4]), ("vector", &[5])] {
            for bias in [false, true] {
                let name = format!("linear of a {kind}{}", if bias { " with bias" } else { "" });
                self.add(&name, input, |draft| {
                    let features = input[input.len() - 1];
                    let weight = draft.weight(&[4, features]);
                    let bias = bias.then(|| draft.parameter(Role::Bias, &[4], -0.5..0.5));
                    draft.node(Operator::Linear { weight, bias }, &[X]);
                });
            }
        }
        self.add("matrix product of two values", &MAP, |draft| {
            let order = vec![0, 2, 1];
            let transposed = draft.node(Operator::Transpose { order }, &[X]);
            draft.node(Operator::MatMul, &[X, transposed]);
        });
        self.add(
            "matrix product of values of other ranks",
            &[3, 2, 4],
            |draft| {
                let means = draft.node(mean(&[0]), &[X]);
                let shape = vec![4, 2];
                let right = draft.node(Operator::Reshape { shape }, &[means]);
                draft.node(Operator::MatMul, &[X, right]);
            },
        );
        for (name, left, right) in [
            (
                "matrix product, constant matrix on the right",
                None,
                Some(&[6, 3][..]),
            ),
            (
                "matrix product, constant matrix on the left",
                Some(&[3, 5][..]),
                None,
            ),
            (
                "matrix product, constant of the value's rank",
                None,
                Some(&[2, 6, 3]),
            ),
            (
                "matrix product, constant of more axes",
                None,
                Some(&[3, 1, 6, 2]),
            ),
        ] {
            self.add(name, &MAP, |draft| {
                let mut value = |shape: Option<&[usize]>| {
                    shape.map_or(X, |shape| draft.constant(shape, -0.5..0.5))
                };
                let inputs = [value(left), value(right)];
                draft.node(Operator::MatMul, &inputs);
            });
        }
        self.add("linear after a reshape", &MAP, |draft| {
            let x = draft.node(Operator::Reshape { shape: vec![60] }, &[X]);
            linear(draft, x, 3).expect("a vector");
        });
    }

    fn windows(&mut self) {
        let plain = Window::square(3, 1, 0);
        let windows = [
            ("plain", plain),
            (
                "padded, with strides",
                Window {
                    stride: [2, 1],
                    padding: [1; 4],
                    ..plain
                },
            ),
            (
                "padded unevenly",
                Window {
                    kernel: [2, 3],
                    padding: [0, 2, 1, 0],
                    ..plain
                },
            ),
            (
                "dilated",
                Window {
                    kernel: [2, 3],
                    dilation: [3, 2],
                    padding: [1, 0, 1, 1],
                    ..plain
                },
            ),
        ];
        for (kind, window) in windows {
            self.operator(
                &format!("max pool, {kind}"),
                &MAP,
                Operator::MaxPool(window),
            );
            self.operator(
                &format!("average pool, {kind}"),
                &MAP,
                Operator::AveragePool(window),
            );
            for (kind, window, groups) in [
                (kind, window, 1),
                (&format!("{kind}, depthwise"), window, 2),
            ] {
                self.add(&format!("convolution, {kind}"), &MAP, |draft| {
                    let [height, width] = window.kernel;
                    let weight = draft.weight(&[4, 2 / groups, height, width]);
                    let bias = (groups == 1).then(|| draft.parameter(Role::Bias, &[4], -0.5..0.5));
                    let operator = Operator::Convolution {
                        weight,
                        bias,
                        window,
                        groups,
                    };
                    draft.node(operator, &[X]);
                });
            }
        }
    }

    fn reductions(&mut self) {
        for reduction in REDUCTIONS {
            for axes in [&[0][..], &[2], &[1, 2], &[0, 1, 2]] {
                if reduction == Reduction::ArgMaximum && axes.len() > 1 {
                    continue;
                }
                self.add(
                    &format!("{} over {axes:?}", reduction.name()),
                    &MAP,
                    |draft| {
                        let x = reducible(draft, X, reduction);
                        let axes = axes.to_vec();
                        draft.node(Operator::Reduce { reduction, axes }, &[x]);
                    },
                );
            }
        }
        for axis in 0..3 {
            self.operator(
                &format!("softmax along {axis}"),
                &MAP,
                Operator::Softmax { axis },
            );
        }
    }

    fn arrangements(&mut self) {
        for axis in 0..3 {
            self.add(&format!("concat along {axis}"), &MAP, |draft| {
                let y = draft.unary(Function::Tanh, X);
                draft.node(Operator::Concat { axis }, &[X, y, X]);
            });
        }
        for shape in [&[60][..], &[4, 15], &[1, 2, 3, 10], &[2, 1, 30]] {
            let operator = Operator::Reshape {
                shape: shape.to_vec(),
            };
            self.operator(&format!("reshape to {shape:?}"), &MAP, operator);
        }
        self.operator(
            "reshape of one element to a scalar",
            &[1],
            Operator::Reshape { shape: Vec::new() },
        );
        for order in [[2, 0, 1], [0, 2, 1], [2, 1, 0]] {
            let operator = Operator::Transpose {
                order: order.to_vec(),
            };
            self.operator(&format!("transpose {order:?}"), &MAP, operator);
        }
    }

    fn selections(&mut self) {
        let hole = None;
        let at = |positions: &[usize]| positions.iter().copied().map(Some).collect::<Vec<_>>();
        for (kind, indices) in [
            ("slice", at(&[1, 2, 3])),
            ("one position", at(&[4])),
            ("every second", at(&[1, 3])),
            ("backwards", at(&[4, 3, 2, 1, 0])),
            ("backwards, every second", at(&[4, 2, 0])),
            ("repeated", at(&[0, 0, 1, 1, 2, 2, 3, 3, 4, 4])),
            ("any order", at(&[3, 0, 0, 4])),
            (
                "padded",
                [vec![hole], at(&[0, 1, 2, 3, 4]), vec![hole; 2]].concat(),
            ),
            ("slice, padded", [at(&[2, 3]), vec![hole]].concat()),
            ("holes", vec![Some(3), hole, Some(1), hole, hole, Some(1)]),
            ("nothing but holes", vec![hole; 3]),
        ] {
            for fill in [0.0, -0.5] {
                if fill != 0.0 && !indices.contains(&hole) {
                    continue;
                }
                let operator = Operator::Select {
                    axis: 1,
                    indices: indices.clone(),
                    fill,
                };
                self.operator(&format!("select, {kind}, fill {fill}"), &MAP, operator);
            }
        }
        let operator = Operator::Select {
            axis: 0,
            indices: at(&[1]),
            fill: 0.0,
        };
        self.operator("select, one channel", &MAP, operator);
    }
}

fn mean(axes: &[usize]) -> Operator {
    Operator::Reduce {
        reduction: Reduction::Mean,
        axes: axes.to_vec(),
    }
}
