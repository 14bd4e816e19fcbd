//! Charts as inline SVG, drawn in the page's own colours: what is dense and what is sparse looks the same everywhere, light and dark.
//!
//! Every chart has the same width in its own units, so that text has one size. Numbers that cannot be drawn are left out; a chart of nothing
//! says so. Non-goals: anything that moves, and charts that no section draws.

mod axis;
mod histogram;
mod line;
mod scatter;
mod strip;

pub(super) use axis::{Axis, Scale};
pub(super) use histogram::{Histogram, reach};
pub(super) use line::{Line, LineChart, Point};
pub(super) use scatter::{Dot, Scatter};
pub(super) use strip::{Cell, bar, strip};

use maud::{Markup, html};

/// Which of the page's colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    /// The trained parent.
    Dense,
    /// The pruned network.
    Sparse,
}

impl Ink {
    /// The class of style sheet and legends.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Dense => "dense",
            Self::Sparse => "sparse",
        }
    }
}

/// Width of a chart and height of most, in units of its own; a letter is ten high.
const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 190.0;
/// Around the plot, for labels.
const LEFT: f64 = 38.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 34.0;

/// The plot's place inside a chart, and its two axes.
struct Frame<'a> {
    title: &'a str,
    x: &'a Axis,
    y: &'a Axis,
}

impl Frame<'_> {
    fn x(&self, value: f64) -> f64 {
        LEFT + self.x.position(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.position(value) * (HEIGHT - TOP - BOTTOM)
    }

    /// Grid, ticks and labels with `contents` on top.
    fn draw(&self, contents: &Markup) -> Markup {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        html! {
            svg.chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(self.title) {
                @for (value, text) in self.y.ticks() {
                    @let y = self.y(value);
                    line.grid x1=(unit(LEFT)) x2=(unit(right)) y1=(unit(y)) y2=(unit(y)) {}
                    text.tick.end x=(unit(LEFT - 5.0)) y=(unit(y + 3.5)) { (text) }
                }
                line.axis x1=(unit(LEFT)) x2=(unit(right)) y1=(unit(bottom)) y2=(unit(bottom)) {}
                @for (value, text) in self.x.ticks() {
                    @let x = self.x(value);
                    line.axis x1=(unit(x)) x2=(unit(x)) y1=(unit(bottom)) y2=(unit(bottom + 3.0)) {}
                    text.tick.middle x=(unit(x)) y=(unit(bottom + 13.0)) { (text) }
                }
                text.label.middle x=(unit((LEFT + right) / 2.0)) y=(unit(HEIGHT - 5.0)) { (self.x.label()) }
                (contents)
            }
        }
    }
}

/// A chart's place where there is nothing to draw.
fn nothing(title: &str) -> Markup {
    html! {
        svg.chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(title) {
            text.label.middle x=(unit(WIDTH / 2.0)) y=(unit(HEIGHT / 2.0)) { "nothing to show" }
        }
    }
}

/// Whether a value can have a place: it is a number, and not so large that arithmetic on it would leave the numbers.
fn is_drawable(value: f64) -> bool {
    value.abs() < 1e30
}

/// A coordinate: a tenth of a unit is finer than any screen.
fn unit(value: f64) -> String {
    format!("{value:.1}")
}

/// A path through `points`.
fn path(points: &[(f64, f64)]) -> String {
    let step = |(index, (x, y)): (usize, &(f64, f64))| {
        let command = if index == 0 { 'M' } else { 'L' };
        format!("{command}{} {}", unit(*x), unit(*y))
    };
    points.iter().enumerate().map(step).collect()
}

#[cfg(test)]
mod tests;
