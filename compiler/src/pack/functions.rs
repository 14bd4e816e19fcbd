//! Functions and reductions of networks in the runtime's terms, and back.

use sinew_models::{BinaryFunction, Function, Reduction};
use sinew_runtime::format;

/// The runtime's function; a clamp is no function there, but the bounds of a step.
pub(super) fn to_runtime(function: Function) -> Option<format::Function> {
    use format::Function as Runtime;
    Some(match function {
        Function::Clip { .. } => return None,
        Function::Affine { scale, shift } => Runtime::Affine { scale, shift },
        Function::LeakyRelu { slope } => Runtime::LeakyRelu { slope },
        Function::Elu { alpha } => Runtime::Elu { alpha },
        Function::Power { exponent } => Runtime::Power { exponent },
        Function::Sigmoid => Runtime::Sigmoid,
        Function::Tanh => Runtime::Tanh,
        Function::Softplus => Runtime::Softplus,
        Function::Erf => Runtime::Erf,
        Function::Exp => Runtime::Exp,
        Function::Log => Runtime::Log,
        Function::Abs => Runtime::Abs,
        Function::Sign => Runtime::Sign,
        Function::Floor => Runtime::Floor,
        Function::Round => Runtime::Round,
        Function::Sin => Runtime::Sin,
        Function::Cos => Runtime::Cos,
    })
}

/// The network's function.
pub(super) fn to_network(function: format::Function) -> Function {
    use format::Function as Runtime;
    match function {
        Runtime::Affine { scale, shift } => Function::Affine { scale, shift },
        Runtime::LeakyRelu { slope } => Function::LeakyRelu { slope },
        Runtime::Elu { alpha } => Function::Elu { alpha },
        Runtime::Power { exponent } => Function::Power { exponent },
        Runtime::Sigmoid => Function::Sigmoid,
        Runtime::Tanh => Function::Tanh,
        Runtime::Softplus => Function::Softplus,
        Runtime::Erf => Function::Erf,
        Runtime::Exp => Function::Exp,
        Runtime::Log => Function::Log,
        Runtime::Abs => Function::Abs,
        Runtime::Sign => Function::Sign,
        Runtime::Floor => Function::Floor,
        Runtime::Round => Function::Round,
        Runtime::Sin => Function::Sin,
        Runtime::Cos => Function::Cos,
    }
}

/// The runtime's counterparts of functions of two values.
const BINARY: [(BinaryFunction, format::BinaryFunction); 9] = {
    use format::BinaryFunction as Runtime;
    [
        (BinaryFunction::Add, Runtime::Add),
        (BinaryFunction::Subtract, Runtime::Subtract),
        (BinaryFunction::Multiply, Runtime::Multiply),
        (BinaryFunction::Divide, Runtime::Divide),
        (BinaryFunction::Minimum, Runtime::Minimum),
        (BinaryFunction::Maximum, Runtime::Maximum),
        (BinaryFunction::Power, Runtime::Power),
        (BinaryFunction::Greater, Runtime::Greater),
        (BinaryFunction::Equal, Runtime::Equal),
    ]
};

/// The runtime's counterparts of reductions.
const REDUCTIONS: [(Reduction, format::Reduction); 6] = {
    use format::Reduction as Runtime;
    [
        (Reduction::Sum, Runtime::Sum),
        (Reduction::Mean, Runtime::Mean),
        (Reduction::Maximum, Runtime::Maximum),
        (Reduction::Minimum, Runtime::Minimum),
        (Reduction::Product, Runtime::Product),
        (Reduction::ArgMaximum, Runtime::ArgMaximum),
    ]
};

pub(super) fn binary_to_runtime(function: BinaryFunction) -> format::BinaryFunction {
    let mut pairs = BINARY.into_iter();
    let found = pairs.find(|(network, _)| *network == function);
    found.expect("every function is listed").1
}

pub(super) fn binary_to_network(function: format::BinaryFunction) -> BinaryFunction {
    let mut pairs = BINARY.into_iter();
    let found = pairs.find(|(_, runtime)| *runtime == function);
    found.expect("every function is listed").0
}

pub(super) fn reduction_to_runtime(reduction: Reduction) -> format::Reduction {
    let mut pairs = REDUCTIONS.into_iter();
    let found = pairs.find(|(network, _)| *network == reduction);
    found.expect("every reduction is listed").1
}

pub(super) fn reduction_to_network(reduction: format::Reduction) -> Reduction {
    let mut pairs = REDUCTIONS.into_iter();
    let found = pairs.find(|(_, runtime)| *runtime == reduction);
    found.expect("every reduction is listed").0
}

/// What a step computes, as tables show it.
pub fn operator_name(operator: &format::Operator) -> &'static str {
    use format::{Encoding, Operator};
    match *operator {
        Operator::Convolution { encoding, .. } => match encoding {
            Encoding::Sparse => "sparse convolution",
            Encoding::Dense => "dense convolution",
        },
        Operator::Linear { encoding, .. } => match encoding {
            Encoding::Sparse => "sparse linear",
            Encoding::Dense => "dense linear",
        },
        Operator::MaxPool { .. } => "max pool",
        Operator::AveragePool { .. } => "average pool",
        Operator::Affine { .. } => "affine",
        Operator::Binary { function, .. } => binary_to_network(function).name(),
        Operator::Unary { function, .. } => to_network(function).name(),
        Operator::Concat { .. } => "concat",
        Operator::Gather { .. } => "gather",
        Operator::Swap { .. } => "swap",
        Operator::Reduce { reduction, .. } => reduction_to_network(reduction).name(),
        Operator::Softmax { .. } => "softmax",
        Operator::Constant => "constant",
        Operator::MatMul { .. } => "matrix product",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_of_the_runtime_has_a_counterpart() {
        for function in format::BinaryFunction::ALL {
            assert_eq!(binary_to_runtime(binary_to_network(function)), function);
        }
        for reduction in format::Reduction::ALL {
            assert_eq!(
                reduction_to_runtime(reduction_to_network(reduction)),
                reduction
            );
        }
    }
}
