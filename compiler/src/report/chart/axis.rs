//! An axis: which values it spans, and the round ones among them.

use super::is_drawable;

/// How ticks are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Scale {
    /// As they are.
    Plain,
    /// Whole numbers alone.
    Count,
    /// Fractions as percentages.
    Percent,
}

/// A linear axis.
#[derive(Clone, Debug)]
pub(in crate::report) struct Axis {
    label: String,
    from: f64,
    to: f64,
    scale: Scale,
    ticks: Vec<f64>,
    /// Digits after the point that tell neighbouring ticks apart.
    digits: usize,
}

/// About so many ticks.
const TICKS: f64 = 5.0;

impl Axis {
    /// An axis from `from` to `to`. Ends that cannot be drawn become 0 and 1, equal ones are moved apart.
    pub(in crate::report) fn new(label: &str, scale: Scale, from: f64, to: f64) -> Self {
        let (from, to) = match (from, to) {
            (from, to) if !(is_drawable(from) && is_drawable(to)) => (0.0, 1.0),
            // What is closer together could not be told apart by a label.
            (from, to) if (to - from).abs() <= 1e-9 * from.abs().max(1e-9) => match scale {
                Scale::Percent if (0.0..=1.0).contains(&from) => (0.0, 1.0),
                _ => {
                    let half = 0.5 * from.abs().max(1.0);
                    (from - half, from + half)
                }
            },
            (from, to) => (from.min(to), from.max(to)),
        };
        let factor = if scale == Scale::Percent { 100.0 } else { 1.0 };
        let mut step = round_step((to - from) * factor / TICKS);
        if scale == Scale::Count {
            step = step.max(1.0);
        }
        let first = (from * factor / step - 1e-6).ceil();
        let last = (to * factor / step + 1e-6).floor();
        // Never more than there is room for, whatever rounding does.
        let count = ((last - first).max(0.0) as usize + 1).min(3 * TICKS as usize);
        let ticks = (0..count).map(|i| (first + i as f64) * step / factor);
        Self {
            label: label.to_owned(),
            from,
            to,
            scale,
            ticks: ticks.collect(),
            digits: (-step.log10().floor()).clamp(0.0, 12.0) as usize,
        }
    }

    /// An axis that spans all `values` that can be drawn, ends included at round numbers.
    pub(in crate::report) fn over(
        label: &str,
        scale: Scale,
        values: impl IntoIterator<Item = f64>,
    ) -> Self {
        let values = values.into_iter().filter(|value| is_drawable(*value));
        let (from, to) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let mut ends = [from, to];
        // Wider ends may want wider steps, whose round numbers are farther out.
        for _ in 0..2 {
            let step = round_step((ends[1] - ends[0]) / TICKS);
            if scale != Scale::Count && step.is_normal() {
                ends = [
                    (ends[0] / step).floor() * step,
                    (ends[1] / step).ceil() * step,
                ];
            }
        }
        Self::new(label, scale, ends[0], ends[1])
    }

    /// What it is about.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// Where a value lies: 0 at the beginning, 1 at the end.
    pub(super) fn position(&self, value: f64) -> f64 {
        (value - self.from) / (self.to - self.from)
    }

    /// The value at a position.
    pub(super) fn value(&self, position: f64) -> f64 {
        self.from + position * (self.to - self.from)
    }

    /// Round values with their texts.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let ticks = self.ticks.iter();
        ticks.map(|value| (*value, self.text(*value))).collect()
    }

    fn text(&self, value: f64) -> String {
        // "-0" is no number that people write.
        let value = if value == 0.0 { 0.0 } else { value };
        let digits = self.digits;
        match self.scale {
            Scale::Plain | Scale::Count => format!("{value:.digits$}").replace('-', "−"),
            Scale::Percent => format!("{:.digits$} %", 100.0 * value).replace('-', "−"),
        }
    }
}

/// 1, 2 or 5 times a power of ten, near `rough`.
fn round_step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.log10().floor());
    let digit = match rough / power {
        x if x < 1.5 => 1.0,
        x if x < 3.5 => 2.0,
        x if x < 7.5 => 5.0,
        _ => 10.0,
    };
    digit * power
}
