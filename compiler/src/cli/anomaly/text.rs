//! A table of anomaly degrees as people read it.

use super::super::table::{grouped, table};
use super::distribution::{Axis, significant};
use super::{LayerReport, Report};
use crate::prune::Measure;

/// Rows of the two lists of units.
const LISTED: usize = 10;

/// For a terminal: conditions, a row for each layer, the most and the least anomalous units.
pub(super) fn text(report: &Report) -> String {
    let mut text = format!("\n  {}\n\n{}", conditions(report), table(&layers(report)));
    let ranked = ranked(report);
    if ranked.is_empty() {
        return text + &format!("\n  no {} responds to these images\n", report.of);
    }
    text += &format!("\n{}", list("most anomalous", report, ranked.iter()));
    text + &format!("\n{}", list("least anomalous", report, ranked.iter().rev()))
}

/// What makes the figures mean something.
fn conditions(report: &Report) -> String {
    let quantity = match report.measure {
        Measure::Activation => "q: the unit's response",
        Measure::Gradient => "q: the loss's gradient at the unit's response",
        Measure::Signed => {
            "q: the unit's response times the loss's gradient there,\n  changed where that raises the loss"
        }
        Measure::WeightGradient => "q: the loss's gradient at the weight",
    };
    let data = report.data.as_ref();
    let data = data.map_or_else(String::new, |data| format!(" of {data}"));
    let provenance = &report.provenance;
    format!(
        "anomaly degree A = E‖q(x') − q(x)‖₁ / (E‖q(x)‖₁ + τ), {quantity}\n  {} in the L∞ ball of radius {} around pixels in [0, 1];\n  \
         {} training images{data}, seed {}",
        provenance.attack,
        provenance.epsilon,
        grouped(report.samples as u64),
        provenance.seed
    )
}

fn layers(report: &Report) -> Vec<Vec<String>> {
    let degrees = |layer: &LayerReport| layer.degrees.clone().into_iter().flatten();
    let axis = Axis::of(report.layers.iter().flat_map(degrees));
    let counted = format!("{}s", report.of);
    let header = ["layer", &counted, "dead", "quartiles of A", &axis.label()];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for layer in &report.layers {
        let quartiles = layer
            .quartiles
            .map(|q| q.map(|degree| significant(degree, 2)));
        rows.push(vec![
            layer.name.clone(),
            grouped(layer.degrees.len() as u64),
            grouped(layer.dead as u64),
            quartiles.map_or_else(String::new, |quartiles| quartiles.join(" ")),
            axis.histogram(degrees(layer)),
        ]);
    }
    rows
}

/// A unit or weight that is not dead.
struct Entry {
    degree: f64,
    layer: usize,
    index: usize,
}

/// All of them, by falling degree.
fn ranked(report: &Report) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (layer, LayerReport { degrees, .. }) in report.layers.iter().enumerate() {
        let live = degrees.iter().enumerate();
        entries.extend(live.filter_map(|(index, degree)| {
            Some(Entry {
                degree: (*degree)?,
                layer,
                index,
            })
        }));
    }
    // The sort is stable: equals stay in the order of layers and units.
    entries.sort_by(|a, b| b.degree.total_cmp(&a.degree));
    entries
}

fn list<'a>(title: &str, report: &Report, entries: impl Iterator<Item = &'a Entry>) -> String {
    let header = [title, "A", "E‖q(x)‖₁", "E‖q(x') − q(x)‖₁"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for entry in entries.take(LISTED) {
        let layer = &report.layers[entry.layer];
        rows.push(vec![
            format!("{} {}", layer.name, place(report, entry)),
            significant(entry.degree, 3),
            significant(layer.clean[entry.index], 3),
            significant(layer.change[entry.index], 3),
        ]);
    }
    table(&rows)
}

/// The place of a unit, or of a weight along the axes of its layer's weights.
fn place(report: &Report, entry: &Entry) -> String {
    if report.measure != Measure::WeightGradient {
        return entry.index.to_string();
    }
    let mut rest = entry.index;
    let mut axes = report.layers[entry.layer].shape.clone();
    for axis in axes.iter_mut().rev() {
        (rest, *axis) = (rest / *axis, rest % *axis);
    }
    format!("{axes:?}")
}
