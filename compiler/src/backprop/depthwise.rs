//! Convolutions whose groups have one input channel each, in plain loops: their matrices would have one row.
//!
//! Non-goals: all other convolutions (`convolution`).

use super::columns::Windows;

/// A depthwise convolution with weights `[output channel, tap]`.
#[derive(Debug)]
pub(super) struct Depthwise {
    pub(super) weight: usize,
    pub(super) bias: Option<usize>,
    /// Output channels that see the same input channel.
    pub(super) units: usize,
    pub(super) windows: Windows,
}

impl Depthwise {
    /// Input: `[input channel, image, element]`; output `[output channel, image, window]`.
    pub(super) fn forward(
        &self,
        input: &[f32],
        output: &mut [f32],
        images: usize,
        parameters: &[Vec<f32>],
    ) {
        let bias = self.bias.map(|bias| &parameters[bias]);
        let results = output.chunks_exact_mut(self.windows.count());
        for (index, output) in results.enumerate() {
            output.fill(bias.map_or(0.0, |bias| bias[index / images]));
            let weights = self.weights(index / images, &parameters[self.weight]);
            let plane = &input[self.plane(index, images)];
            for (reach, weight) in self.windows.reaches().zip(weights) {
                self.windows.accumulate(reach, *weight, plane, output);
            }
        }
    }

    /// Writes the slopes of the input to `targets`, or adds them.
    pub(super) fn pull_input(
        &self,
        slopes: &[f32],
        targets: &mut [f32],
        add: bool,
        images: usize,
        parameters: &[Vec<f32>],
    ) {
        if !add {
            targets.fill(0.0);
        }
        for (index, slopes) in slopes.chunks_exact(self.windows.count()).enumerate() {
            let weights = self.weights(index / images, &parameters[self.weight]);
            let plane = &mut targets[self.plane(index, images)];
            for (reach, weight) in self.windows.reaches().zip(weights) {
                self.windows.scatter(reach, *weight, slopes, plane);
            }
        }
    }

    /// Writes the slopes of the weights to `targets`, or adds them.
    pub(super) fn pull_weights(
        &self,
        input: &[f32],
        slopes: &[f32],
        targets: &mut [f32],
        add: bool,
        images: usize,
    ) {
        if !add {
            targets.fill(0.0);
        }
        for (index, slopes) in slopes.chunks_exact(self.windows.count()).enumerate() {
            let plane = &input[self.plane(index, images)];
            let taps = self.windows.taps();
            let targets = &mut targets[index / images * taps..][..taps];
            for (reach, target) in self.windows.reaches().zip(targets) {
                *target += self.windows.product(reach, plane, slopes);
            }
        }
    }

    /// The weights of an output channel.
    fn weights<'w>(&self, unit: usize, weights: &'w [f32]) -> &'w [f32] {
        let taps = self.windows.taps();
        &weights[unit * taps..][..taps]
    }

    /// Where the plane lies that plane `index` of the output is computed from.
    fn plane(&self, index: usize, images: usize) -> std::ops::Range<usize> {
        let (unit, image) = (index / images, index % images);
        let start = (unit / self.units * images + image) * self.windows.elements();
        start..start + self.windows.elements()
    }
}
