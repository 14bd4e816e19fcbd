//! Weights before and after: how many are left in each layer, and how large they are.

use maud::{Markup, html};

use super::{legend, multiples, section};
use crate::quantity::{grouped, percent};
use crate::report::chart::{Histogram, Ink, bar, reach};
use crate::report::layer::Layer;
use crate::report::run::Run;

pub(super) fn weights(run: &Run) -> Markup {
    let charts: Vec<Markup> = run.layers.iter().map(distribution).collect();
    section(
        "Weights",
        "Where the outline gapes at zero, the small weights went; where it reaches beyond the area, those that are left have grown.",
        &html! {
            h3 { "Density of each layer" }
            div.rows {
                span.head.name { "layer" } span.head { "weights that are left" } span {}
                @for layer in &run.layers {
                    @let density = layer.density();
                    span.name title=(layer.name) { (layer.name) }
                    (bar(&format!("{}: {} are left", layer.name, percent(density)), Ink::Sparse, density))
                    span.value { (percent(density)) " of " (grouped(layer.weights.dense.len() as u64)) }
                }
            }
            h3 { "Distribution of the weights that are not zero" }
            (legend())
            (multiples(&charts))
            p.note { "Each distribution in shares of its own weights, without the zeros, which the bars above count. The outermost bins hold all that is beyond." }
        },
    )
}

fn distribution(layer: &Layer) -> Markup {
    let nonzero = |weights: &[f32]| -> Vec<f64> {
        let weights = weights.iter().filter(|w| **w != 0.0);
        weights.map(|w| f64::from(*w)).collect()
    };
    let dense = nonzero(&layer.weights.dense);
    let sparse = nonzero(&layer.weights.sparse);
    let reach = reach(&dense).max(reach(&sparse));
    let chart = Histogram {
        title: format!("weights of {}, dense and pruned", layer.name),
        label: "weight",
        dense: &dense,
        sparse: &sparse,
        range: [-reach, reach],
    };
    html! { figure { h4 { (layer.name) } (chart.draw()) } }
}
