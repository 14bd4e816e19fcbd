//! Where tensors lie in the arena: two that live at the same time never overlap, and the arena stays small.
//!
//! Greedy by size (Pisarchyk and Lee, 2020): the largest tensor first, each at the lowest free place among those that are alive with it.

use sinew_runtime::format::{SECTION_ALIGNMENT, Shape};

use super::plan::Step;

/// Tensors start at cache lines, counted in values.
const ALIGNMENT: u64 = (SECTION_ALIGNMENT / size_of::<f32>()) as u64;

/// Offset of every tensor, in values.
pub(super) fn place(steps: &[Step], shapes: &[Shape], output: usize) -> Vec<u32> {
    let lifetimes = lifetimes(steps, shapes.len(), output);
    let mut order: Vec<usize> = (0..shapes.len()).collect();
    order.sort_by_key(|tensor| std::cmp::Reverse(shapes[*tensor].elements()));
    let mut offsets = vec![0u64; shapes.len()];
    let mut placed: Vec<usize> = Vec::new();
    for tensor in order {
        let (born, dies) = lifetimes[tensor];
        let mut neighbours: Vec<(u64, u64)> = placed
            .iter()
            .filter(|other| lifetimes[**other].0 <= dies && born <= lifetimes[**other].1)
            .map(|other| (offsets[*other], offsets[*other] + shapes[*other].elements()))
            .collect();
        neighbours.sort_unstable();
        let mut offset = 0;
        for (start, end) in neighbours {
            if offset + shapes[tensor].elements() <= start {
                break;
            }
            offset = offset.max(end.next_multiple_of(ALIGNMENT));
        }
        offsets[tensor] = offset;
        placed.push(tensor);
    }
    // A network whose tensors do not fit 32-bit offsets exceeds the format's memory limit, which the verifier reports.
    offsets
        .into_iter()
        .map(|offset| offset.try_into().unwrap_or(u32::MAX))
        .collect()
}

/// First and last step during which each tensor is needed; step 0 stands for the input, which is there before the first step.
fn lifetimes(steps: &[Step], tensors: usize, output: usize) -> Vec<(usize, usize)> {
    let mut lifetimes: Vec<(usize, usize)> = (0..tensors).map(|tensor| (tensor, tensor)).collect();
    for (index, step) in steps.iter().enumerate() {
        for input in &step.inputs {
            lifetimes[*input].1 = index + 1;
        }
    }
    lifetimes[output].1 = steps.len();
    lifetimes
}
