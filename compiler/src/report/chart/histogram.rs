//! How values are distributed, dense against pruned, on one axis.

use maud::{Markup, html};

use super::{Axis, Frame, Ink, Scale, is_drawable, nothing, path, unit};

/// Two distributions; each is shown in shares of its own values.
#[derive(Clone, Debug)]
pub(in crate::report) struct Histogram<'a> {
    /// For those who do not see it.
    pub(in crate::report) title: String,
    /// What the values are.
    pub(in crate::report) label: &'a str,
    /// The parent's values.
    pub(in crate::report) dense: &'a [f64],
    /// The pruned network's.
    pub(in crate::report) sparse: &'a [f64],
    /// What the axis spans. Values beyond count in the outermost bins.
    pub(in crate::report) range: [f64; 2],
}

/// Most bins: more could not be told apart.
const MOST_BINS: f64 = 40.0;

impl Histogram<'_> {
    /// The chart: the parent as an area, the pruned network as an outline.
    pub(in crate::report) fn draw(&self) -> Markup {
        let all = [self.dense, self.sparse];
        let counts = all.map(|values| values.iter().filter(|value| is_drawable(**value)).count());
        let count = counts[0].max(counts[1]);
        if count == 0 {
            return nothing(&self.title);
        }
        // Rice's rule: few values would be a comb otherwise.
        let bins = (2.0 * (count as f64).cbrt()).ceil().min(MOST_BINS) as usize;
        let [low, high] = self.range;
        let x = Axis::new(self.label, Scale::Plain, low, high);
        let shares = all.map(|values| shares(values, &x, bins));
        let highest = shares.iter().flatten().copied().fold(0.0, f64::max);
        let y = Axis::over("", Scale::Percent, [0.0, highest]);
        let frame = Frame {
            title: &self.title,
            x: &x,
            y: &y,
        };
        let edge = |bin: usize| frame.x(x.value(bin as f64 / bins as f64));
        let outline = |shares: &[f64]| {
            let mut points = vec![(edge(0), frame.y(0.0))];
            for (bin, share) in shares.iter().enumerate() {
                let height = frame.y(*share);
                points.extend([(edge(bin), height), (edge(bin + 1), height)]);
            }
            points.push((edge(bins), frame.y(0.0)));
            path(&points)
        };
        frame.draw(&html! {
            path.area.(Ink::Dense.class()) d=(outline(&shares[0])) {}
            path.line.(Ink::Sparse.class()) d=(outline(&shares[1])) {}
            @for bin in 0..bins {
                @let (left, right) = (edge(bin), edge(bin + 1));
                rect.pointer x=(unit(left)) y=(unit(frame.y(y.value(1.0)))) width=(unit(right - left))
                    height=(unit(frame.y(0.0) - frame.y(y.value(1.0)))) {
                    title {
                        (self.label) " " (short(x.value(bin as f64 / bins as f64))) " to "
                        (short(x.value((bin + 1) as f64 / bins as f64)))
                        ": dense " (format!("{:.1} %", 100.0 * shares[0][bin]))
                        ", pruned " (format!("{:.1} %", 100.0 * shares[1][bin]))
                    }
                }
            }
        })
    }
}

/// Share of all values that [`reach`] covers: a few far outliers would leave no room for the others.
const COVERED: f64 = 0.995;

/// How far from zero an axis must go for almost all of the `values` that can be drawn.
pub(in crate::report) fn reach(values: &[f64]) -> f64 {
    let sizes = values.iter().map(|value| value.abs());
    let mut sizes: Vec<f64> = sizes.filter(|size| is_drawable(*size)).collect();
    sizes.sort_by(f64::total_cmp);
    let place = (COVERED * sizes.len() as f64) as usize;
    sizes.get(place).copied().unwrap_or(0.0)
}

/// A value for a tooltip.
fn short(value: f64) -> String {
    format!("{value:.3}").replace('-', "−")
}

/// Share of the `values` that can be drawn in each of `bins` equal parts of the axis.
fn shares(values: &[f64], axis: &Axis, bins: usize) -> Vec<f64> {
    let mut counts = vec![0usize; bins];
    for value in values.iter().filter(|value| is_drawable(**value)) {
        let bin = (axis.position(*value) * bins as f64) as usize;
        counts[bin.min(bins - 1)] += 1;
    }
    let total = counts.iter().sum::<usize>().max(1) as f64;
    counts.iter().map(|count| *count as f64 / total).collect()
}
