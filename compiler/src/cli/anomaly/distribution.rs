//! How the degrees of a layer are distributed: quartiles, and a histogram in one line of a terminal.

/// Columns of a histogram.
const BINS: usize = 16;

/// Where the axis ends at the latest; what lies beyond counts at its ends.
const RANGE: (f64, f64) = (1e-6, 1e6);

/// Lower quartile, median and upper quartile, between neighbours by linear interpolation (type 7 of Hyndman and Fan, 1996). None of no
/// values.
pub(super) fn quartiles(mut values: Vec<f64>) -> Option<[f64; 3]> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some([0.25, 0.5, 0.75].map(|fraction| {
        let position = fraction * last as f64;
        let (below, above) = (values[position as usize], values[position.ceil() as usize]);
        below + position.fract() * (above - below)
    }))
}

/// A logarithmic axis that all histograms of a table share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    /// From the 1, 2 or 5 times a power of ten below all degrees to that above them.
    pub(super) fn of(degrees: impl Iterator<Item = f64>) -> Self {
        let shown = degrees.filter(|degree| *degree > 0.0);
        let shown = shown.map(|degree| degree.clamp(RANGE.0, RANGE.1));
        let ends = shown.map(|degree| (degree, degree));
        let (lowest, highest) = ends
            .reduce(|(low, high), (degree, _)| (low.min(degree), high.max(degree)))
            .unwrap_or((1.0, 1.0));
        let low = ticks().rev().find(|tick| *tick <= lowest);
        let high = ticks().find(|tick| *tick > highest);
        Self {
            low: low.unwrap_or(RANGE.0),
            high: high.unwrap_or(10.0 * RANGE.1),
        }
    }

    /// The axis as the header of a column of histograms: its ends.
    pub(super) fn label(&self) -> String {
        let [low, high] = [self.low, self.high].map(|end| end.to_string());
        format!("{low}{high:>width$}", width = BINS - low.chars().count())
    }

    /// How many degrees lie where, as blocks of eight heights; the fullest column has the highest.
    pub(super) fn histogram(&self, degrees: impl Iterator<Item = f64>) -> String {
        const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let mut counts = [0_usize; BINS];
        for degree in degrees {
            counts[self.bin(degree)] += 1;
        }
        let most = counts.into_iter().max().unwrap_or(0).max(1);
        let blocks = counts.map(|count| BLOCKS[(8 * count).div_ceil(most)]);
        blocks.into_iter().collect()
    }

    fn bin(&self, degree: f64) -> usize {
        let way = (degree / self.low).ln() / (self.high / self.low).ln();
        // A degree of 0 is at −∞, which is 0 as an integer.
        ((way * BINS as f64) as usize).min(BINS - 1)
    }
}

/// 1, 2 and 5 times the powers of ten around the range.
fn ticks() -> impl DoubleEndedIterator<Item = f64> {
    // Through text, which gives the float that is nearest to the tick, and so a short label.
    let tick = |power: i32, digit: i32| format!("{digit}e{power}").parse().unwrap_or(1.0);
    (-6..=6).flat_map(move |power| [1, 2, 5].map(|digit| tick(power, digit)))
}

/// A figure in so many significant digits.
pub(super) fn significant(x: f64, digits: usize) -> String {
    if x == 0.0 {
        return "0".to_owned();
    }
    // Rounded first: 9.999 has its third digit elsewhere than 10.0.
    let scientific = format!("{x:.*e}", digits - 1);
    let power = scientific.split_once('e').map(|(_, power)| power.parse());
    match power {
        Some(Ok(power @ -3..=4)) => {
            let decimals = usize::try_from(digits as i32 - 1 - power).unwrap_or(0);
            format!("{x:.decimals$}")
        }
        _ => scientific,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_neighbours() {
        assert_eq!(quartiles(vec![]), None);
        assert_eq!(quartiles(vec![3.0]), Some([3.0; 3]));
        assert_eq!(quartiles(vec![4.0, 1.0, 3.0, 2.0]), Some([1.75, 2.5, 3.25]));
        assert_eq!(
            quartiles(vec![5.0, 1.0, 2.0, 4.0, 3.0]),
            Some([2.0, 3.0, 4.0])
        );
    }

    #[test]
    fn the_axis_encloses_the_degrees_between_round_numbers() {
        let axis = Axis::of([0.3, 0.0, 7.0].into_iter());
        assert_eq!((axis.low, axis.high), (0.2, 10.0));
        assert_eq!(axis.label(), format!("0.2{:>13}", "10"));
        // A single degree has an axis of some length, and so has none.
        let axis = Axis::of([2.0].into_iter());
        assert_eq!((axis.low, axis.high), (2.0, 5.0));
        assert!(Axis::of([].into_iter()).high > Axis::of([].into_iter()).low);
        // What only the attack wakes does not stretch it without end.
        let axis = Axis::of([f64::MAX, f64::MIN_POSITIVE].into_iter());
        assert!(axis.low >= 1e-7 && axis.high <= 1e7);
    }

    #[test]
    fn histograms_are_in_step_with_the_axis() {
        let axis = Axis {
            low: 0.01,
            high: 1.0,
        };
        // Eight columns a decade.
        let text = axis.histogram([0.0101, 0.0101, 0.105, 0.99].into_iter());
        let columns: Vec<char> = text.chars().collect();
        assert_eq!(columns.len(), BINS);
        assert_eq!([columns[0], columns[8], columns[15]], ['█', '▄', '▄']);
        assert_eq!(text.chars().filter(|c| *c != ' ').count(), 3);
        // What lies outside counts at the ends.
        let text = axis.histogram([0.0, f64::MAX].into_iter());
        assert!(text.starts_with('█') && text.ends_with('█'), "{text}");
    }

    #[test]
    fn figures_have_as_many_digits_as_asked_for() {
        for (x, digits, text) in [
            (0.0, 3, "0"),
            (0.2, 3, "0.200"),
            (0.2, 2, "0.20"),
            (0.012345, 3, "0.0123"),
            (0.99999, 3, "1.00"),
            (9.999, 3, "10.0"),
            (123.4, 3, "123"),
            (12345.0, 2, "12345"),
            (1e-5, 3, "1.00e-5"),
            (1.5e6, 2, "1.5e6"),
        ] {
            assert_eq!(significant(x, digits), text);
        }
    }
}
