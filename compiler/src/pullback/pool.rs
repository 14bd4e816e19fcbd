//! Pooling, and the way of slopes back through it.

use sinew_models::Window;

use super::tape::put;

/// The rows and columns of a window.
type Covered<'w> = [&'w [usize]; 2];

/// The positions on the map that windows cover.
#[derive(Debug)]
struct Windows {
    /// For each row and for each column of the output those of the input.
    covered: [Vec<Vec<usize>>; 2],
    /// `[height, width]` of the input.
    size: [usize; 2],
}

impl Windows {
    fn new(window: &Window, size: [usize; 2]) -> Self {
        let results = window.output_size(size).expect("a window fits");
        let covered = [0, 1].map(|axis| {
            let of_output = |output: usize| {
                let taps = (0..window.kernel[axis])
                    .map(|tap| output * window.stride[axis] + tap * window.dilation[axis]);
                let positions = taps.filter_map(|tap| tap.checked_sub(window.padding[axis]));
                positions
                    .filter(|position| *position < size[axis])
                    .collect()
            };
            (0..results[axis]).map(of_output).collect()
        });
        Self { covered, size }
    }

    /// Elements of a plane, before and after.
    fn planes(&self) -> [usize; 2] {
        let [rows, columns] = &self.covered;
        [self.size.iter().product(), rows.len() * columns.len()]
    }

    /// The rows and columns of each window.
    fn iter(&self) -> impl Iterator<Item = Covered<'_>> {
        let [rows, columns] = &self.covered;
        rows.iter()
            .flat_map(|ys| columns.iter().map(move |xs| [ys.as_slice(), xs]))
    }

    /// The places of a window's elements in a plane.
    fn places(&self, [ys, xs]: Covered<'_>) -> impl Iterator<Item = usize> {
        let width = self.size[1];
        ys.iter()
            .flat_map(move |y| xs.iter().map(move |x| y * width + x))
    }

    /// Writes what `each` makes of every window of a plane.
    fn pool(&self, input: &[f32], output: &mut [f32], each: impl Fn(&[f32], Covered<'_>) -> f32) {
        let [elements, results] = self.planes();
        let planes = input
            .chunks_exact(elements)
            .zip(output.chunks_exact_mut(results));
        for (plane, output) in planes {
            put(output, self.iter().map(|window| each(plane, window)), false);
        }
    }

    /// Calls `each` with every window's plane, place and slope, and with the slopes of that plane, to which it adds.
    fn pull(
        &self,
        slopes: &[f32],
        targets: &mut [f32],
        add: bool,
        each: impl Fn(usize, Covered<'_>, f32, &mut [f32]),
    ) {
        if !add {
            targets.fill(0.0);
        }
        let [elements, results] = self.planes();
        let planes = slopes
            .chunks_exact(results)
            .zip(targets.chunks_exact_mut(elements));
        for (plane, (slopes, targets)) in planes.enumerate() {
            for (slope, window) in slopes.iter().zip(self.iter()) {
                each(plane, window, *slope, targets);
            }
        }
    }
}

/// The largest element of each window.
#[derive(Debug)]
pub(crate) struct MaxPool(Windows);

impl MaxPool {
    pub(crate) fn new(window: &Window, size: [usize; 2]) -> Self {
        Self(Windows::new(window, size))
    }

    pub(crate) fn forward(&self, input: &[f32], output: &mut [f32]) {
        self.0.pool(input, output, |plane, window| {
            plane[self.place_of_largest(plane, window)]
        });
    }

    /// The slope of a window is that of its largest element, the first of several.
    pub(crate) fn backward(&self, input: &[f32], slopes: &[f32], targets: &mut [f32], add: bool) {
        let planes: Vec<&[f32]> = input.chunks_exact(self.0.planes()[0]).collect();
        self.0
            .pull(slopes, targets, add, |plane, window, slope, targets| {
                targets[self.place_of_largest(planes[plane], window)] += slope;
            });
    }

    fn place_of_largest(&self, plane: &[f32], window: Covered<'_>) -> usize {
        let larger = |best: usize, place: usize| {
            if plane[place] > plane[best] {
                place
            } else {
                best
            }
        };
        let places = self.0.places(window);
        places.reduce(larger).expect("every window touches the map")
    }
}

/// The mean of each window over its part of the map.
#[derive(Debug)]
pub(crate) struct AveragePool(Windows);

impl AveragePool {
    pub(crate) fn new(window: &Window, size: [usize; 2]) -> Self {
        Self(Windows::new(window, size))
    }

    pub(crate) fn forward(&self, input: &[f32], output: &mut [f32]) {
        self.0.pool(input, output, |plane, window| {
            let sum: f32 = self.0.places(window).map(|place| plane[place]).sum();
            sum / count(window)
        });
    }

    pub(crate) fn backward(&self, slopes: &[f32], targets: &mut [f32], add: bool) {
        self.0
            .pull(slopes, targets, add, |_, window, slope, targets| {
                for place in self.0.places(window) {
                    targets[place] += slope / count(window);
                }
            });
    }
}

fn count([ys, xs]: Covered<'_>) -> f32 {
    (ys.len() * xs.len()) as f32
}
