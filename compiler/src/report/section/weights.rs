//! Weights before and after: how many are left in each layer, and how large they are.

use maud::{Markup, html};

use super::{legend, multiples, section};
use crate::quantity::{grouped, percent};
use crate::report::chart::{Histogram, Ink, bar};
use crate::report::layer::Layer;
use crate::report::run::Run;

/// Bins of a histogram of weights.
const BINS: usize = 40;

pub(super) fn weights(run: &Run) -> Markup {
    let charts: Vec<Markup> = run.layers.iter().map(distribution).collect();
    section(
        "Weights",
        "Pruning takes the weights around zero; fine-tuning moves those that are left outwards.",
        &html! {
            h3 { "Density of each layer" }
            div.rows {
                span.head { "layer" } span.head { "weights that are left" } span.head.value { "of" }
                @for layer in &run.layers {
                    @let density = layer.density();
                    span title=(layer.name) { (layer.name) }
                    (bar(&format!("{}: {} are left", layer.name, percent(density)), Ink::Sparse, density))
                    span.value { (percent(density)) " of " (grouped(layer.weights.dense.len() as u64)) }
                }
            }
            h3 { "Distribution of the weights that are not zero" }
            (legend())
            (multiples(&charts))
            p.note { "Each distribution in shares of its own weights. Zeros are left out: they are what the bars above show." }
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
    let chart = Histogram {
        title: format!("weights of {}, dense and pruned", layer.name),
        label: "weight",
        dense: &dense,
        sparse: &sparse,
        bins: BINS,
    };
    html! { figure { h4 { (layer.name) } (chart.draw()) } }
}
