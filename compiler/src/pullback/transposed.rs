//! The pullback of a convolution as convolutions with stride 1, one for each phase of the stride.
//!
//! A forward pass computes `y[o] = Σₖ w[k]·x[o·s + k·d − p]` along each axis, for stride s, dilation d and padding p. The slope of the
//! element at `q·s + r − p` therefore sums over the taps k with `k·d ≡ r (mod s)`, and tap k brings the slope of output
//! `q − (k·d − r)/s`: for each phase r, that is a cross-correlation of the slopes with these taps in reverse order. Together the phases
//! take as many multiply-accumulates as the forward pass. Non-goals: two axes and channels at once (`convolution`).

use sinew_models::Window;

/// One phase along one axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Phase {
    /// The first element it computes; the next one lies a stride further.
    pub(super) first: usize,
    /// How many elements it computes.
    pub(super) count: usize,
    /// The taps of the kernel in their new order; nothing where the weight is zero.
    pub(super) taps: Vec<Option<usize>>,
    /// Distance of the taps in the slopes.
    pub(super) dilation: usize,
    /// Padding of the slopes, before and behind.
    pub(super) padding: [usize; 2],
}

/// The phases along `axis` of `window`, from `inputs` elements to `outputs`. Elements that no tap sees are in none.
pub(super) fn phases(window: &Window, axis: usize, inputs: usize, outputs: usize) -> Vec<Phase> {
    let (stride, dilation, before) = (
        window.stride[axis],
        window.dilation[axis],
        window.padding[axis],
    );
    let spacing = stride / greatest_common_divisor(stride, dilation);
    let phase = |phase: usize| {
        let skipped = before.saturating_sub(phase).div_ceil(stride);
        let first = skipped * stride + phase - before;
        let count = inputs.checked_sub(first)?.div_ceil(stride);
        let tap = (0..window.kernel[axis]).find(|tap| tap * dilation % stride == phase)?;
        (count > 0).then_some(())?;
        let taps = (window.kernel[axis] - tap).div_ceil(spacing);
        let (shift, step) = (
            (tap * dilation - phase) / stride,
            spacing * dilation / stride,
        );
        // Where padding would be negative, taps of zero reach back instead.
        let missing = skipped.saturating_sub(shift + (taps - 1) * step);
        let taps = taps + missing.div_ceil(step);
        let reach = (taps - 1) * step;
        let ahead = shift + reach - skipped;
        let kernel = (0..taps)
            .rev()
            .map(|index| Some(tap + index * spacing).filter(|tap| *tap < window.kernel[axis]));
        Some(Phase {
            first,
            count,
            taps: kernel.collect(),
            dilation: step,
            // More outputs than elements are computed where the last windows see nothing but padding.
            padding: [ahead, (count + reach).saturating_sub(outputs + ahead)],
        })
    };
    (0..stride).filter_map(phase).collect()
}

/// Euclid's algorithm, for numbers above zero.
fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Every pair of an element and an output that a tap joins is met by one phase, and no other pair is.
        #[test]
        fn phases_meet_what_the_forward_pass_meets(
            inputs in 1usize..12,
            kernel in 1usize..6,
            stride in 1usize..5,
            dilation in 1usize..5,
            before in 0usize..12,
            after in 0usize..12,
        ) {
            let window = Window {
                kernel: [kernel, 1],
                stride: [stride, 1],
                padding: [before, 0, after, 0],
                dilation: [dilation, 1],
            };
            let Some([outputs, _]) = window.output_size([inputs, 1]) else {
                return Ok(());
            };
            let mut expected = Vec::new();
            for output in 0..outputs {
                for tap in 0..kernel {
                    let position = output * stride + tap * dilation;
                    if (before..before + inputs).contains(&position) {
                        expected.push((position - before, tap, output));
                    }
                }
            }
            let mut found = Vec::new();
            for phase in phases(&window, 0, inputs, outputs) {
                let reach = (phase.taps.len() - 1) * phase.dilation;
                prop_assert!(phase.padding.iter().sum::<usize>() + outputs >= phase.count + reach);
                for index in 0..phase.count {
                    for (place, tap) in phase.taps.iter().enumerate() {
                        let output = (index + place * phase.dilation).checked_sub(phase.padding[0]);
                        if let (Some(tap), Some(output)) = (tap, output.filter(|output| *output < outputs)) {
                            found.push((phase.first + index * stride, *tap, output));
                        }
                    }
                }
            }
            expected.sort_unstable();
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
