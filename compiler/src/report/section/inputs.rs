//! Images that excite the most and the least anomalous units, clean and attacked, with the units' responses.

use maud::{Markup, html};

use super::{left, section};
use crate::quantity::grouped;
use crate::report::excitation::{Excitation, Excitations, ExcitedLayer, ExcitedUnit};
use crate::report::picture;
use crate::report::run::Run;

pub(super) fn inputs(run: &Run, excitations: &Excitations) -> Markup {
    let note = format!(
        "Searched among the first {} training images. Attack: PGD with {} steps on the dense network, L∞ ball of radius ε\u{a0}=\u{a0}{}, seed\u{a0}{}. Responses \
         are the dense network's, dark low and bright high, on one scale per unit; below each pair, the mean |response|.",
        grouped(excitations.samples as u64),
        excitations.steps,
        run.recipe().epsilon,
        run.recipe().seed,
    );
    section(
        "What excites units, and what the attack makes of it",
        "A calm unit responds to the attacked image as to the clean one; an anomalous one to something else.",
        &html! {
            @if excitations.layers.is_empty() {
                p { "No layer has units that respond and whose responses are known one by one." }
            }
            @for layer in &excitations.layers {
                h3 { "Layer " (layer.name) }
                div.units {
                    @for (unit, kind) in extremes(layer) { (card(run, layer, unit, kind)) }
                }
            }
            p.note { (note) }
        },
    )
}

fn extremes(layer: &ExcitedLayer) -> impl Iterator<Item = (&ExcitedUnit, &'static str)> {
    let most = layer.most.iter().map(|unit| (unit, "anomalous"));
    let least = layer.least.iter().map(|unit| (unit, "calm"));
    most.chain(least)
}

fn card(run: &Run, layer: &ExcitedLayer, unit: &ExcitedUnit, kind: &str) -> Markup {
    let all = || {
        unit.images
            .iter()
            .flat_map(|image| image.responses.iter().flatten())
    };
    let low = all().copied().fold(f32::INFINITY, f32::min).min(0.0);
    let high = all().copied().fold(f32::NEG_INFINITY, f32::max);
    html! {
        figure {
            h4 { "unit " (unit.unit.index) ", " (kind) }
            p.fate {
                "degree " (format!("{:.2}", unit.unit.degree.unwrap_or(0.0))) " · " (left(unit.unit.density))
            }
            div.maps {
                p { "clean" } p { "attacked" }
                @for image in &unit.images { (row(run, layer, image, low, high)) }
            }
        }
    }
}

fn row(run: &Run, layer: &ExcitedLayer, image: &Excitation, low: f32, high: f32) -> Markup {
    let label = usize::from(run.train.labels()[image.index]);
    let class = &run.train.classes()[label];
    let title = |state: &str| format!("training image {}, {class}, {state}", image.index);
    let sides = ["clean", "attacked"]
        .into_iter()
        .zip(&image.images)
        .zip(&image.responses);
    html! {
        @for ((state, pixels), response) in sides.clone() {
            (picture::image(pixels, run.train.shape(), &title(state)))
            @let title = format!("response to {}", title(state));
            (picture::response(response, layer.map, low, high, &title))
        }
        @for ((state, _), response) in sides {
            p {
                (format!("{:.3}", mean(response)))
                @if state == "clean" { " · " (class) }
            }
        }
    }
}

fn mean(response: &[f32]) -> f32 {
    response.iter().map(|r| r.abs()).sum::<f32>() / response.len().max(1) as f32
}
