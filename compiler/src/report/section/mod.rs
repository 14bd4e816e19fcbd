//! The parts of the page, one per file, and what they have in common.

mod accuracy;
mod anomaly;
mod comparison;
mod filters;
mod inputs;
mod recipe;
mod summary;
mod training;
mod units;
mod weights;

pub(super) use comparison::comparison;

use maud::{Markup, html};

use super::curve::Curve;
use super::excitation::Excitations;
use super::run::Run;
use crate::evaluate::Evaluation;
use crate::quantity::{grouped, percent};

/// The recipe's key that makes no other method.
const SEED: &str = "seed";

/// Small multiples that are shown at once; more can be unfolded.
const SHOWN: usize = 9;

/// Everything about one run.
pub(super) fn about_run(run: &Run, curve: &Curve, excitations: &Excitations) -> Markup {
    html! {
        (summary::summary(run, curve))
        (training::training(run))
        (weights::weights(run))
        (anomaly::anomaly(run))
        (units::units(run))
        (filters::filters(run))
        (inputs::inputs(run, excitations))
        (recipe::recipe(run))
    }
}

/// A section: what it is called, what to see in it, and the thing itself.
fn section(title: &str, lead: &str, contents: &Markup) -> Markup {
    html! {
        section {
            h2 { (title) }
            p.lead { (lead) }
            (contents)
        }
    }
}

/// What the two colours mean.
fn legend() -> Markup {
    html! {
        ul.legend {
            li.dense { "dense" }
            li.sparse { "pruned" }
        }
    }
}

/// Small multiples: the first few, the rest behind a click.
fn multiples(charts: &[Markup]) -> Markup {
    let (first, rest) = charts.split_at(charts.len().min(SHOWN));
    html! {
        div.charts { @for chart in first { (chart) } }
        @if !rest.is_empty() {
            details {
                summary { (rest.len()) @if rest.len() == 1 { " more layer" } @else { " more layers" } }
                div.charts { @for chart in rest { (chart) } }
            }
        }
    }
}

/// What evaluations must have in common to be compared: threat model, attacks and their strength, images.
fn threat(evaluation: &Evaluation) -> String {
    let attacks = evaluation.attacks.iter();
    let attacks: Vec<String> = attacks
        .map(|attack| format!("{}\u{a0}{}", attack.name, attack.budget))
        .collect();
    format!(
        "Threat model: {} ball of radius ε\u{a0}=\u{a0}{} around pixels in [0, 1]. Attacks, with the most forward and backward passes an image: {}. \
         First {} test images. Small figures: 95 % confidence (Wilson).",
        evaluation.norm.symbol(),
        evaluation.epsilon,
        attacks.join(", "),
        grouped(evaluation.samples as u64),
    )
}

/// What is left of a unit.
fn left(density: f64) -> String {
    if density == 0.0 {
        return "gone".to_owned();
    }
    format!("{} left", percent(density))
}

/// A fraction and its interval, as cells show them.
fn with_interval(fraction: f64, interval: [f64; 2]) -> Markup {
    html! {
        (percent(fraction))
        small { (format!("{:.1} to {:.1}", 100.0 * interval[0], 100.0 * interval[1])) }
    }
}
