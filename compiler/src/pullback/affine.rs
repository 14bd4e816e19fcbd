//! Normalisation, batch norm and the functions that scale and shift: one factor and one summand per channel.

/// `factor[c]·x + shift[c]` for each channel `c` of `length` elements.
#[derive(Debug)]
pub(super) struct Affine {
    pub(super) factors: Vec<f32>,
    pub(super) shifts: Vec<f32>,
    pub(super) length: usize,
}

impl Affine {
    pub(super) fn forward(&self, input: &[f32], output: &mut [f32]) {
        let channels = self.factors.iter().zip(&self.shifts).cycle();
        let maps = input
            .chunks_exact(self.length)
            .zip(output.chunks_exact_mut(self.length));
        for ((input, output), (factor, shift)) in maps.zip(channels) {
            for (y, x) in output.iter_mut().zip(input) {
                *y = factor * x + shift;
            }
        }
    }

    /// The slopes of the input.
    pub(super) fn backward(&self, slopes: &[f32]) -> impl Iterator<Item = f32> {
        let maps = slopes
            .chunks_exact(self.length)
            .zip(self.factors.iter().cycle());
        maps.flat_map(|(slopes, factor)| slopes.iter().map(move |slope| factor * slope))
    }
}
