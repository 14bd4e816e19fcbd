//! Dots in a plane, such as runs by clean and robust accuracy.

use maud::{Markup, html};

use super::{Axis, Frame, Ink, is_drawable, nothing, unit};

/// One dot.
#[derive(Clone, Debug)]
pub(in crate::report) struct Dot {
    /// Across.
    pub(in crate::report) x: f64,
    /// Upwards.
    pub(in crate::report) y: f64,
    /// Its colour.
    pub(in crate::report) ink: Ink,
    /// Written inside it: a number, or nothing.
    pub(in crate::report) label: String,
    /// What a pointer shows.
    pub(in crate::report) note: String,
}

/// Dots in one frame.
#[derive(Clone, Debug)]
pub(in crate::report) struct Scatter {
    /// For those who do not see it.
    pub(in crate::report) title: String,
    /// Across.
    pub(in crate::report) x: Axis,
    /// Upwards.
    pub(in crate::report) y: Axis,
    /// The dots.
    pub(in crate::report) dots: Vec<Dot>,
}

impl Scatter {
    /// The chart.
    pub(in crate::report) fn draw(&self) -> Markup {
        let is_there = |dot: &&Dot| is_drawable(dot.x) && is_drawable(dot.y);
        let dots: Vec<&Dot> = self.dots.iter().filter(is_there).collect();
        if dots.is_empty() {
            return nothing(&self.title);
        }
        let frame = Frame {
            title: &self.title,
            x: &self.x,
            y: &self.y,
        };
        frame.draw(&html! {
            @for dot in dots {
                @let (x, y) = (frame.x(dot.x), frame.y(dot.y));
                @let radius = if dot.label.is_empty() { "4.5" } else { "8" };
                circle.dot.(dot.ink.class()) cx=(unit(x)) cy=(unit(y)) r=(radius) { title { (dot.note) } }
                text.inside x=(unit(x)) y=(unit(y + 3.5)) { (dot.label) }
            }
        })
    }
}
