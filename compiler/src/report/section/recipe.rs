//! What decided the run, so that it can be repeated.

use maud::{Markup, html};

use super::section;
use crate::report::run::Run;

pub(super) fn recipe(run: &Run) -> Markup {
    section(
        "Recipe",
        "Everything that decided this run. The same recipe, images, device and version give the same figures.",
        &html! {
            details {
                summary { "recipe.toml" }
                pre { (run.record.provenance) }
            }
        },
    )
}
