//! Anomaly degrees of units by both measures, dense against pruned.

use maud::{Markup, html};

use super::{legend, multiples, section};
use crate::quantity::grouped;
use crate::report::chart::{Histogram, reach};
use crate::report::layer::{Degrees, Layer};
use crate::report::run::Run;

/// One of the two measures.
struct Shown {
    /// What moves.
    what: &'static str,
    of: fn(&Degrees) -> &[Option<f64>],
}

pub(super) fn anomaly(run: &Run) -> Markup {
    let prune = &run.recipe().prune;
    let shown = [
        Shown {
            what: "response",
            of: |degrees| &degrees.response,
        },
        Shown {
            what: "gradient",
            of: |degrees| &degrees.gradient,
        },
    ];
    let note = format!(
        "Gradient: of the cross-entropy with respect to the response. Measured on {} training images under PGD with {} steps, L∞ ball of radius \
         ε\u{a0}=\u{a0}{}, seed\u{a0}{}; each network under its own attack. Silent units never respond, or never have a gradient, and have no degree. Each distribution in shares of its own \
         units; the last bin holds all that is beyond.",
        grouped(run.measured as u64),
        prune.steps,
        run.recipe().epsilon,
        run.recipe().seed,
    );
    section(
        "Anomaly degrees",
        "A unit's anomaly degree is how far the attack moves its response, or its gradient, relative to that itself. Left is calm; a pruned \
         network that is calmer than its parent lies left of it.",
        &html! {
            (legend())
            @for shown in &shown {
                @let charts: Vec<Markup> = run.layers.iter().map(|layer| distribution(layer, shown)).collect();
                h3 { "By " (shown.what) }
                (multiples(&charts))
            }
            p.note { (note) }
        },
    )
}

fn distribution(layer: &Layer, shown: &Shown) -> Markup {
    let [dense, sparse] = [&layer.degrees.dense, &layer.degrees.sparse].map(shown.of);
    let live = |degrees: &[Option<f64>]| degrees.iter().flatten().copied().collect::<Vec<f64>>();
    let (dense_live, sparse_live) = (live(dense), live(sparse));
    let chart = Histogram {
        title: format!(
            "anomaly degrees of {} by {}, dense and pruned",
            layer.name, shown.what
        ),
        label: "anomaly degree",
        dense: &dense_live,
        sparse: &sparse_live,
        range: [0.0, reach(&dense_live).max(reach(&sparse_live))],
    };
    let silent = [
        dense.len() - dense_live.len(),
        sparse.len() - sparse_live.len(),
    ];
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
