//! Elements that move: each to one place where they are summed, or each from one place. Either is the pullback of the other.

use super::tape::put;

/// Every element of every input is added, times a factor, to one element of the output: sums and means over axes, concatenation,
/// transposition.
#[derive(Debug)]
pub(super) struct Scatter {
    /// For each input the place of each of its elements.
    pub(super) places: Vec<Vec<u32>>,
    pub(super) factor: f32,
    /// Elements of the output.
    pub(super) elements: usize,
}

impl Scatter {
    /// Adds one input to an output that began with zeros.
    pub(super) fn forward(&self, index: usize, input: &[f32], output: &mut [f32]) {
        let places = &self.places[index];
        let images = input
            .chunks_exact(places.len())
            .zip(output.chunks_exact_mut(self.elements));
        for (input, output) in images {
            for (element, place) in input.iter().zip(places) {
                output[*place as usize] += self.factor * element;
            }
        }
    }

    pub(super) fn backward(&self, index: usize, slopes: &[f32], targets: &mut [f32], add: bool) {
        let places = &self.places[index];
        let images = slopes
            .chunks_exact(self.elements)
            .zip(targets.chunks_exact_mut(places.len()));
        for (slopes, targets) in images {
            let moved = places
                .iter()
                .map(|place| self.factor * slopes[*place as usize]);
            put(targets, moved, add);
        }
    }
}

/// Every element of the output is one of the input, or constant.
#[derive(Debug)]
pub(super) struct Gather {
    /// The place of each element in the input.
    pub(super) places: Vec<Option<u32>>,
    /// The elements that have none.
    pub(super) fill: f32,
    /// Elements of the input.
    pub(super) elements: usize,
}

impl Gather {
    pub(super) fn forward(&self, input: &[f32], output: &mut [f32]) {
        let images = input
            .chunks_exact(self.elements)
            .zip(output.chunks_exact_mut(self.places.len()));
        for (input, output) in images {
            for (element, place) in output.iter_mut().zip(&self.places) {
                *element = place.map_or(self.fill, |place| input[place as usize]);
            }
        }
    }

    pub(super) fn backward(&self, slopes: &[f32], targets: &mut [f32], add: bool) {
        if !add {
            targets.fill(0.0);
        }
        let images = slopes
            .chunks_exact(self.places.len())
            .zip(targets.chunks_exact_mut(self.elements));
        for (slopes, targets) in images {
            for (slope, place) in slopes.iter().zip(&self.places) {
                if let Some(place) = place {
                    targets[*place as usize] += slope;
                }
            }
        }
    }
}
