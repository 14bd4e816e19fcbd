//! Many elements to one, and softmax.

use super::Input;
use super::elementwise::binary;
use super::layout::{Offsets, strides};
use crate::function::{BinaryFunction, Reduction};
use crate::shape::Shape;

/// Reduction along `axes`. Elements are taken in row-major order.
pub(super) fn reduce(
    input: Input,
    reduction: Reduction,
    axes: &[usize],
    result: &Shape,
) -> Vec<f32> {
    let (starts, steps) = along(input.0, axes, result);
    let reduced = |start: usize| {
        let elements = steps.iter().map(move |step| input.1[start + step]);
        of(reduction, elements)
    };
    starts.map(reduced).collect()
}

/// Where the elements that become one lie: where they begin, for each element of the result, and their distances from there.
fn along(shape: &Shape, axes: &[usize], result: &Shape) -> (Offsets, Vec<usize>) {
    let strides = strides(&shape.0);
    let lengths: Vec<usize> = axes.iter().map(|axis| shape.0[*axis]).collect();
    let own = axes.iter().map(|axis| strides[*axis]).collect();
    let steps = Offsets::new(&lengths, own).collect();
    (Offsets::new(&result.0, strides), steps)
}

fn of(reduction: Reduction, mut elements: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = elements.len();
    let sum = |elements: &mut dyn Iterator<Item = f32>| elements.map(f64::from).sum::<f64>();
    let extreme = |function, elements: &mut dyn Iterator<Item = f32>| {
        let extreme = elements.reduce(|x, y| binary(function, x, y));
        extreme.expect("no value is empty")
    };
    match reduction {
        Reduction::Sum => sum(&mut elements) as f32,
        Reduction::Mean => (sum(&mut elements) / count as f64) as f32,
        Reduction::Maximum => extreme(BinaryFunction::Maximum, &mut elements),
        Reduction::Minimum => extreme(BinaryFunction::Minimum, &mut elements),
        Reduction::Product => elements.map(f64::from).product::<f64>() as f32,
        Reduction::ArgMaximum => {
            let larger = |best: (usize, f32), next: (usize, f32)| {
                if next.1 > best.1 { next } else { best }
            };
            let best = elements.enumerate().reduce(larger);
            best.expect("no value is empty").0 as f32
        }
    }
}

/// `e^x` over its sum along `axis`; the largest `x` is subtracted first, so that nothing overflows.
pub(super) fn softmax((shape, values): Input, axis: usize) -> Vec<f32> {
    let mut starts = shape.clone();
    starts.0[axis] = 1;
    let (starts, steps) = along(shape, &[axis], &starts);
    let mut elements = vec![0.0; values.len()];
    for start in starts {
        let input = || steps.iter().map(|step| f64::from(values[start + step]));
        let largest = input().fold(f64::NEG_INFINITY, f64::max);
        let powers: Vec<f64> = input().map(|x| libm::exp(x - largest)).collect();
        let sum: f64 = powers.iter().sum();
        for (step, power) in steps.iter().zip(powers) {
            elements[start + step] = (power / sum) as f32;
        }
    }
    elements
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{apply, index_of, pattern};
    use super::*;
    use crate::operator::Operator;

    proptest! {
        #[test]
        fn each_element_counts_where_its_index_says(
            shape in prop::collection::vec(1usize..5, 1..5),
            chosen: [bool; 4],
        ) {
            let axes: Vec<usize> = (0..shape.len()).filter(|axis| chosen[*axis]).collect();
            prop_assume!(!axes.is_empty());
            let input = pattern(&shape);
            let reduce = |reduction| {
                let operator = Operator::Reduce { reduction, axes: axes.clone() };
                apply(&operator, std::slice::from_ref(&input), &[])
            };
            let (kept, sums) = reduce(Reduction::Sum);
            let (_, largest) = reduce(Reduction::Maximum);
            let mut expected_sums = vec![0.0; sums.len()];
            let mut expected_largest = vec![f32::NEG_INFINITY; sums.len()];
            for (flat, element) in input.1.iter().enumerate() {
                let index = index_of(&shape, flat);
                let position = index.iter().zip(&kept.0).fold(0, |flat, (i, n)| flat * n + i % n);
                expected_sums[position] += element;
                expected_largest[position] = element.max(expected_largest[position]);
            }
            prop_assert_eq!(sums, expected_sums);
            prop_assert_eq!(largest, expected_largest);
        }
    }
}
