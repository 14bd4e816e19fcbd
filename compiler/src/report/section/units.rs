//! Which units went, and whether their anomaly degree or their size tells why.

use maud::{Markup, html};

use super::{left, section};
use crate::quantity::{grouped, percent};
use crate::report::chart::{Cell, strip};
use crate::report::layer::{Layer, Unit, rank_correlation};
use crate::report::run::Run;

/// Most cells of a row: neighbouring units of larger layers share one.
const CELLS: usize = 64;
/// Units at either end of the table.
const LISTED: usize = 8;

pub(super) fn units(run: &Run) -> Markup {
    let layers: Vec<(&Layer, Vec<Unit>)> = run
        .layers
        .iter()
        .filter_map(|layer| Some((layer, layer.units()?)))
        .collect();
    let left_out = run.layers.len() - layers.len();
    let lead = "One row per layer, one cell per unit, the most anomalous on the left. Where rows fade to the left, anomalous units lost the most.";
    section(
        "Which units went",
        lead,
        &html! {
            ul.legend {
                li.scale { "share of a unit's weights that is left, from none to that of the layer's fullest unit" }
            }
            div.rows.measures {
                span.head.name { "layer" } span.head { "most anomalous → least" } span.head.value { "ρ response" } span.head.value { "ρ gradient" } span.head.value { "ρ |w|" }
                @for (layer, units) in &layers {
                    span.name title=(layer.name) { (layer.name) }
                    (strip(&format!("density of the units of {}", layer.name), &cells(units)))
                    span.value { (correlation(units, |unit| unit.degree)) }
                    span.value { (correlation(units, |unit| unit.gradient_degree)) }
                    span.value { (correlation(units, |unit| Some(unit.magnitude))) }
                }
            }
            p.note {
                "Pruned by " (run.method()) ". Ordered by the anomaly degree of responses in the dense network. ρ: rank correlation of a unit's density "
                "after pruning with its anomaly degree by response, by gradient, and with its mean |w| before. Negative for a degree: the anomalous "
                "went. Positive for |w|: the small went."
                @if left_out > 0 {
                    " Left out: " (left_out) " layers whose units before and after do not correspond."
                }
            }
            (gone(&layers))
            (extremes(&layers))
        },
    )
}

fn cells(units: &[Unit]) -> Vec<Cell> {
    let size = units.len().div_ceil(CELLS).max(1);
    let mut cells: Vec<Cell> = units.chunks(size).map(cell).collect();
    let fullest = cells.iter().map(|cell| cell.strength).fold(0.0, f64::max);
    for cell in &mut cells {
        cell.strength /= fullest.max(f64::MIN_POSITIVE);
    }
    cells
}

/// Neighbouring units with their mean density.
fn cell(units: &[Unit]) -> Cell {
    let density = units.iter().map(|unit| unit.density).sum::<f64>() / units.len().max(1) as f64;
    let note = match units {
        [unit] => format!(
            "unit {}: degree {}, {}",
            unit.index,
            degree(unit.degree),
            left(density)
        ),
        [first, .., last] => format!(
            "{} units: degree {} to {}, {}",
            units.len(),
            degree(first.degree),
            degree(last.degree),
            left(density)
        ),
        [] => String::new(),
    };
    Cell {
        strength: density,
        note,
    }
}

fn degree(degree: Option<f64>) -> String {
    match degree {
        Some(degree) => format!("{degree:.3}"),
        None => "none".to_owned(),
    }
}

fn correlation(units: &[Unit], quantity: impl Fn(&Unit) -> Option<f64>) -> String {
    let pairs = units.iter();
    let pairs: Vec<(f64, f64)> = pairs
        .filter_map(|unit| Some((quantity(unit)?, unit.density)))
        .collect();
    match rank_correlation(&pairs) {
        Some(rho) => format!("{rho:+.2}").replace('-', "−"),
        None => "–".to_owned(),
    }
}

/// Units of which nothing is left, layer by layer.
fn gone(layers: &[(&Layer, Vec<Unit>)]) -> Markup {
    let of = |units: &[Unit]| -> Vec<usize> {
        let gone = units.iter().filter(|unit| unit.density == 0.0);
        let mut gone: Vec<usize> = gone.map(|unit| unit.index).collect();
        gone.sort_unstable();
        gone
    };
    let all: usize = layers.iter().map(|(_, units)| units.len()).sum();
    let count: usize = layers.iter().map(|(_, units)| of(units).len()).sum();
    html! {
        @if count == 0 {
            p { "No unit is gone whole: each of the " (grouped(all as u64)) " has weights left." }
        } @else {
            details {
                summary { (grouped(count as u64)) " of " (grouped(all as u64)) " units are gone whole" }
                div.scroll {
                    table.wide {
                        thead { tr { th { "layer" } th { "gone" } th.left { "their numbers in the dense network" } } }
                        tbody {
                            @for (layer, units) in layers {
                                @let gone = of(units);
                                @if !gone.is_empty() {
                                    tr {
                                        th.wrap { (layer.name) }
                                        td { (gone.len()) " of " (units.len()) }
                                        td.left.wrap { (ranges(&gone)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Rising numbers, with runs of them as "3–5".
fn ranges(numbers: &[usize]) -> String {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    let runs: Vec<String> = runs
        .map(|run| match run {
            [first, .., last] if run.len() > 2 => format!("{first}–{last}"),
            run => run
                .iter()
                .map(usize::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        })
        .collect();
    runs.join(", ")
}

/// The units of all layers with the highest and the lowest degrees.
fn extremes(layers: &[(&Layer, Vec<Unit>)]) -> Markup {
    let all = layers.iter();
    let all = all.flat_map(|(layer, units)| units.iter().map(|unit| (layer.name.as_str(), *unit)));
    let mut live: Vec<(&str, Unit)> = all.filter(|(_, unit)| unit.degree.is_some()).collect();
    let degree = |unit: &Unit| unit.degree.unwrap_or(0.0);
    live.sort_by(|a, b| degree(&b.1).total_cmp(&degree(&a.1)));
    let count = LISTED.min(live.len() / 2);
    let most = &live[..count];
    let least: Vec<_> = live.iter().rev().take(count).copied().collect();
    html! {
        div.halves {
            div { h3 { "Most anomalous" } (table(most)) }
            div { h3 { "Least anomalous" } (table(&least)) }
        }
        p.note { "Of " (grouped(live.len() as u64)) " units that respond, over all layers, by the anomaly degree of their responses. Response, gradient: degrees by either "
            "measure, and mean |w|, in the dense network." }
    }
}

fn table(units: &[(&str, Unit)]) -> Markup {
    html! {
        div.scroll {
            table.wide {
                thead { tr { th { "unit" } th { "response" } th { "gradient" } th { "mean |w|" } th { "left" } } }
                tbody {
                    @for (layer, unit) in units {
                        tr {
                            th.wrap { (layer) " " (unit.index) }
                            td { (degree(unit.degree)) }
                            td { (degree(unit.gradient_degree)) }
                            td { (format!("{:.4}", unit.magnitude)) }
                            td { @if unit.density == 0.0 { "gone" } @else { (percent(unit.density)) } }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_numbers_are_told_by_their_ends() {
        assert_eq!(ranges(&[1, 3, 4, 7, 8, 9, 10]), "1, 3, 4, 7–10");
        assert_eq!(ranges(&[0]), "0");
        assert_eq!(ranges(&[]), "");
    }
}
