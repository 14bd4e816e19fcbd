//! Anomaly degrees of units, dense against pruned.

use maud::{Markup, html};

use super::{legend, multiples, section};
use crate::prune::Measure;
use crate::quantity::grouped;
use crate::report::chart::Histogram;
use crate::report::layer::Layer;
use crate::report::run::Run;

pub(super) fn anomaly(run: &Run) -> Markup {
    let prune = &run.recipe().prune;
    let what = match run.measure {
        Measure::Activation => "response",
        Measure::Gradient => "gradient",
    };
    let charts: Vec<Markup> = run.layers.iter().map(distribution).collect();
    let lead = format!(
        "A unit's anomaly degree is how far the attack moves its {what}, relative to the {what} itself. Left is calm; a pruned network \
         that is calmer than its parent lies left of it."
    );
    let note = format!(
        "Measured on {} training images under PGD with {} steps, L∞ ball of radius ε\u{a0}=\u{a0}{}, seed\u{a0}{}; each network under its own attack. \
         Units that never respond have no degree. Each distribution in shares of its own units.",
        grouped(prune.samples.min(run.train.len()) as u64),
        prune.steps,
        run.recipe().epsilon,
        run.recipe().seed,
    );
    section(
        "Anomaly degrees",
        &lead,
        &html! { (legend()) (multiples(&charts)) p.note { (note) } },
    )
}

fn distribution(layer: &Layer) -> Markup {
    let live = |degrees: &[Option<f64>]| degrees.iter().flatten().copied().collect::<Vec<f64>>();
    let (dense, sparse) = (live(&layer.degrees.dense), live(&layer.degrees.sparse));
    let chart = Histogram {
        title: format!("anomaly degrees of {}, dense and pruned", layer.name),
        label: "anomaly degree",
        dense: &dense,
        sparse: &sparse,
        range: [
            0.0,
            dense.iter().chain(&sparse).copied().fold(0.0, f64::max),
        ],
    };
    let silent = |degrees: &[Option<f64>]| degrees.iter().filter(|d| d.is_none()).count();
    let silent = [&layer.degrees.dense, &layer.degrees.sparse].map(|degrees| silent(degrees));
    html! {
        figure {
            h4 { (layer.name) }
            (chart.draw())
            @if silent != [0, 0] {
                p.note { "silent units: dense " (silent[0]) ", pruned " (silent[1]) }
            }
        }
    }
}
