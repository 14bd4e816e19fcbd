//! Transposition as a chain of swaps of two neighbouring blocks of axes: the form in which engines carry it out.

/// A swap `[outer, first, second, inner]` → `[outer, second, first, inner]` of a row-major array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swap {
    /// Elements before the swapped axes.
    pub outer: usize,
    /// Length of the axis that comes first before the swap.
    pub first: usize,
    /// Length of the axis that comes first after it.
    pub second: usize,
    /// Elements behind the swapped axes.
    pub inner: usize,
}

/// The swaps that bring the axes of an array of `shape` into `order`: axis `i` of the result is axis `order[i]` of the input. None
/// where the elements stay where they are.
///
/// # Panics
/// If `order` is no order of the axes.
pub fn swaps(shape: &[usize], order: &[usize]) -> Vec<Swap> {
    let mut current: Vec<usize> = (0..shape.len()).collect();
    let product = |axes: &[usize]| axes.iter().map(|axis| shape[*axis]).product();
    let mut swaps = Vec::new();
    for at in 0..order.len() {
        let from = current.iter().position(|axis| *axis == order[at]);
        let from = from.expect("an order of the axes names each of them");
        if from == at {
            continue;
        }
        // As many axes as come next to each other in the result, too.
        let together = current[from..].iter().zip(&order[at..]);
        let end = from + together.take_while(|(axis, wanted)| axis == wanted).count();
        let swap = Swap {
            outer: product(&current[..at]),
            first: product(&current[at..from]),
            second: product(&current[from..end]),
            inner: product(&current[end..]),
        };
        if swap.first > 1 && swap.second > 1 {
            swaps.push(swap);
        }
        current[at..end].rotate_right(end - from);
    }
    swaps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apply(swap: &Swap, values: &[usize]) -> Vec<usize> {
        let mut result = Vec::new();
        for outer in 0..swap.outer {
            for second in 0..swap.second {
                for first in 0..swap.first {
                    for inner in 0..swap.inner {
                        let row = (outer * swap.first + first) * swap.second + second;
                        result.push(values[row * swap.inner + inner]);
                    }
                }
            }
        }
        result
    }

    /// Element by element, from positions.
    fn transposed(shape: &[usize], order: &[usize]) -> Vec<usize> {
        let result: Vec<usize> = order.iter().map(|axis| shape[*axis]).collect();
        (0..shape.iter().product())
            .map(|mut index| {
                let mut position = vec![0; shape.len()];
                for (axis, length) in order.iter().zip(&result).rev() {
                    position[*axis] = index % length;
                    index /= length;
                }
                let flat = position.iter().zip(shape);
                flat.fold(0, |flat, (at, length)| flat * length + at)
            })
            .collect()
    }

    fn orders() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
        proptest::collection::vec(1usize..4, 0..6).prop_flat_map(|shape| {
            let order: Vec<usize> = (0..shape.len()).collect();
            (Just(shape), Just(order).prop_shuffle())
        })
    }

    proptest! {
        #[test]
        fn swaps_are_the_transposition((shape, order) in orders()) {
            let values: Vec<usize> = (0..shape.iter().product()).collect();
            let swapped = swaps(&shape, &order).iter().fold(values, |values, swap| apply(swap, &values));
            prop_assert_eq!(swapped, transposed(&shape, &order));
        }
    }

    #[test]
    fn common_transpositions_are_one_swap() {
        assert_eq!(swaps(&[224, 224, 3], &[2, 0, 1]).len(), 1);
        assert_eq!(swaps(&[4, 6, 5, 5], &[1, 0, 2, 3]).len(), 1);
        assert_eq!(swaps(&[1, 6, 5], &[1, 0, 2]), []);
        assert_eq!(swaps(&[2, 3], &[0, 1]), []);
    }
}
