//! Lines over a common axis, with bands of uncertainty and marks at places that matter.

use maud::{Markup, html};

use super::{Axis, BOTTOM, Frame, HEIGHT, Ink, TOP, is_drawable, nothing, path, unit};

/// A point of a line.
#[derive(Clone, Debug)]
pub(in crate::report) struct Point {
    /// Where.
    pub(in crate::report) x: f64,
    /// How high.
    pub(in crate::report) y: f64,
    /// From where to where it may as well be.
    pub(in crate::report) band: Option<[f64; 2]>,
    /// What a pointer shows.
    pub(in crate::report) note: String,
    /// Whether it stands out.
    pub(in crate::report) emphasis: bool,
}

/// A line; it is broken where a point cannot be drawn.
#[derive(Clone, Debug)]
pub(in crate::report) struct Line {
    /// Its colour.
    pub(in crate::report) ink: Ink,
    /// Whether it is there for comparison alone.
    pub(in crate::report) dashed: bool,
    /// From left to right.
    pub(in crate::report) points: Vec<Point>,
}

/// Lines in one frame.
#[derive(Clone, Debug)]
pub(in crate::report) struct LineChart {
    /// For those who do not see it.
    pub(in crate::report) title: String,
    /// Across.
    pub(in crate::report) x: Axis,
    /// Upwards.
    pub(in crate::report) y: Axis,
    /// The lines.
    pub(in crate::report) lines: Vec<Line>,
    /// Upright lines with a word each.
    pub(in crate::report) marks: Vec<(f64, String)>,
    /// Stretches of the x axis that are set apart, with what a pointer shows.
    pub(in crate::report) shades: Vec<([f64; 2], String)>,
}

impl LineChart {
    /// The chart.
    pub(in crate::report) fn draw(&self) -> Markup {
        let is_there = |point: &Point| is_drawable(point.x) && is_drawable(point.y);
        let mut points = self.lines.iter().flat_map(|line| &line.points);
        if !points.any(is_there) {
            return nothing(&self.title);
        }
        let frame = Frame {
            title: &self.title,
            x: &self.x,
            y: &self.y,
        };
        frame.draw(&html! {
            @for ([from, to], note) in &self.shades {
                @let (left, right) = (frame.x(*from), frame.x(*to));
                rect.shade x=(unit(left)) y=(unit(TOP)) width=(unit(right - left)) height=(unit(HEIGHT - BOTTOM - TOP)) {
                    title { (note) }
                }
            }
            @for (place, word) in &self.marks {
                @let x = frame.x(*place);
                line.mark x1=(unit(x)) x2=(unit(x)) y1=(unit(TOP)) y2=(unit(HEIGHT - BOTTOM)) {}
                text.tick x=(unit(x + 4.0)) y=(unit(TOP + 8.0)) { (word) }
            }
            @for line in &self.lines {
                @let ink = line.ink.class();
                @for part in line.points.split(|point| !is_there(point)) {
                    @if let Some(outline) = band(&frame, part) { path.band.(ink) d=(outline) {} }
                    path.line.(ink).dashed[line.dashed] d=(path(&places(&frame, part))) {}
                }
            }
            @for line in self.lines.iter().filter(|line| !line.dashed) {
                @for point in line.points.iter().filter(|point| is_there(point)) {
                    @let radius = if point.emphasis { "4.5" } else { "2.5" };
                    circle.dot.(line.ink.class()) cx=(unit(frame.x(point.x))) cy=(unit(frame.y(point.y))) r=(radius) {
                        title { (point.note) }
                    }
                }
            }
        })
    }
}

fn places(frame: &Frame<'_>, points: &[Point]) -> Vec<(f64, f64)> {
    points
        .iter()
        .map(|point| (frame.x(point.x), frame.y(point.y)))
        .collect()
}

/// The outline of the bands of `points`, if all of them have one.
fn band(frame: &Frame<'_>, points: &[Point]) -> Option<String> {
    let edge = |side: usize| -> Option<Vec<(f64, f64)>> {
        let place = |point: &Point| Some((frame.x(point.x), frame.y(point.band?[side])));
        points.iter().map(place).collect()
    };
    let (mut outline, upper) = (edge(0)?, edge(1)?);
    outline.extend(upper.into_iter().rev());
    (points.len() > 1).then(|| path(&outline) + "Z")
}
