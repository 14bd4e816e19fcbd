//! Single rows that fill whatever width they get: a heat map's row, a bar.

use maud::{Markup, html};

use super::Ink;

/// One cell of a row.
#[derive(Clone, Debug)]
pub(in crate::report) struct Cell {
    /// How strongly it is filled, from 0 to 1.
    pub(in crate::report) strength: f64,
    /// What a pointer shows.
    pub(in crate::report) note: String,
}

/// A row of cells of one width.
pub(in crate::report) fn strip(title: &str, cells: &[Cell]) -> Markup {
    html! {
        svg.strip viewBox={ "0 0 " (cells.len().max(1)) " 1" } preserveAspectRatio="none" role="img" aria-label=(title) {
            @for (place, cell) in cells.iter().enumerate() {
                rect.cell x=(place) y="0" width="1" height="1" fill-opacity=(fraction(cell.strength)) {
                    title { (cell.note) }
                }
            }
        }
    }
}

/// A bar that fills `share` of the row; a share that is no number fills nothing.
pub(in crate::report) fn bar(title: &str, ink: Ink, share: f64) -> Markup {
    html! {
        svg.strip viewBox="0 0 1 1" preserveAspectRatio="none" role="img" aria-label=(title) {
            rect.ground x="0" y="0" width="1" height="1" {}
            rect.(ink.class()) x="0" y="0" width=(fraction(share)) height="1" { title { (title) } }
        }
    }
}

fn fraction(value: f64) -> String {
    let value = if value.is_nan() { 0.0 } else { value };
    format!("{:.3}", value.clamp(0.0, 1.0))
}
