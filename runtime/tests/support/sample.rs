//! A small network of every operator that sees flat arrays, to be damaged.

use sinew_runtime::format::{BinaryFunction, Bounds, Function, Operator, Reduction, View};

use super::Network;

/// Short for a view.
pub fn view(outer: u32, axis: u32, inner: u32) -> View {
    View { outer, axis, inner }
}

/// Every operator that has a view of its own.
pub fn flat_sample() -> Network {
    let mut network = Network::new([2, 3, 4], 7);
    let bounds = Bounds::RELU6;
    let function = Function::LeakyRelu { slope: 0.5 };
    let rectified = network.add(Operator::Unary { function, bounds }, &[0], 0, 0.0);
    let constant = network.add(Operator::Constant, &[], 6, 0.0);
    let subtract = Operator::Binary {
        function: BinaryFunction::Subtract,
        view: view(1, 4, 6),
        reversed: true,
        bounds,
    };
    let difference = network.add(subtract, &[rectified, constant], 0, 0.0);
    let gather = Operator::Gather {
        view: view(2, 3, 4),
        count: 2,
        fill: 0.5,
    };
    let gathered = network.add(gather, &[difference], 0, 0.0);
    let concat = Operator::Concat {
        view: view(2, 3, 4),
        second_axis: 2,
    };
    let both = network.add(concat, &[difference, gathered], 0, 0.0);
    let swap = Operator::Swap {
        outer: 2,
        rows: 5,
        columns: 4,
        inner: 1,
    };
    let swapped = network.add(swap, &[both], 0, 0.0);
    let reduce = Operator::Reduce {
        reduction: Reduction::Mean,
        view: view(2, 4, 5),
    };
    let means = network.add(reduce, &[swapped], 0, 0.0);
    let softmax = Operator::Softmax {
        view: view(2, 5, 1),
    };
    let shares = network.add(softmax, &[means], 0, 0.0);
    let product = Operator::MatMul {
        batch: 2,
        rows: 1,
        depth: 5,
        columns: 4,
    };
    network.add(product, &[shares, both], 0, 0.0);
    network
}
