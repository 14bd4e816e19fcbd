//! Filters of the first layer, dense against pruned.

use maud::{Markup, html};
use sinew_models::{Network, Operator};

use super::{left, section};
use crate::report::layer::{Layer, Unit};
use crate::report::picture;
use crate::report::run::Run;

/// Most filters that are shown.
const SHOWN: usize = 64;

pub(super) fn filters(run: &Run) -> Markup {
    let network = &run.networks.dense;
    let found = first_convolution(network, &run.layers);
    let Some((layer, shape, units)) = found else {
        return section(
            "Filters of the first layer",
            "The first layer is no convolution whose units before and after correspond, so there are no filters to look at.",
            &html! {},
        );
    };
    let lead = if shape[0] == 3 {
        "What each unit of the first layer looks for, before and after, the most anomalous first. Grey is zero; what was pruned is blank."
    } else {
        "What each unit of the first layer looks for, before and after, the most anomalous first. Orange adds, blue takes away; what was \
         pruned is blank."
    };
    let size: usize = shape.iter().product();
    let all = layer.weights.dense.iter().chain(&layer.weights.sparse);
    let largest = all.fold(0.0f32, |largest, weight| largest.max(weight.abs()));
    section(
        "Filters of the first layer",
        lead,
        &html! {
            div.filters {
                @for unit in units.iter().take(SHOWN) {
                    @let filter = |weights: &[f32], of: &str| {
                        picture::filter(weights, shape, largest, &format!("unit {}, {of}", unit.index))
                    };
                    figure {
                        div.pair {
                            (filter(&layer.weights.dense[unit.index * size..][..size], "dense"))
                            @match layer.row_left(unit.index) {
                                [] => (filter(&vec![0.0; size], "gone")),
                                weights => (filter(weights, "pruned")),
                            }
                        }
                        figcaption { (describe(unit)) }
                    }
                }
            }
            p.note {
                "Layer " (layer.name) ", kernels of " (shape[1]) " × " (shape[2]) "; left dense, right pruned, all on one scale."
                @if units.len() > SHOWN { " The " (SHOWN) " most anomalous of " (units.len()) "." }
            }
        },
    )
}

fn describe(unit: &Unit) -> Markup {
    html! {
        span { "unit " (unit.index) }
        span {
            @match unit.degree {
                Some(degree) => { "degree " (format!("{degree:.2}")) }
                None => { "silent" }
            }
        }
        span { (left(unit.density)) }
    }
}

/// The first layer with the shape of one filter, `[channel, height, width]`, if it is a convolution.
fn first_convolution<'a>(
    network: &Network,
    layers: &'a [Layer],
) -> Option<(&'a Layer, [usize; 3], Vec<Unit>)> {
    let layer = layers.first()?;
    let mut nodes = network.nodes().iter();
    let node = nodes.find(|node| node.operator.weight().is_some())?;
    let (Operator::Convolution { .. }, [_, channels, height, width]) =
        (&node.operator, layer.shape.as_slice())
    else {
        return None;
    };
    let shape = [*channels, *height, *width];
    let size: usize = shape.iter().product();
    let units = layer.units()?;
    // No input can go missing before the first layer; a file may say otherwise.
    let fits = |row: &[f32]| row.is_empty() || row.len() == size;
    let all_fit = units.iter().all(|unit| fits(layer.row_left(unit.index)));
    all_fit.then_some((layer, shape, units))
}
