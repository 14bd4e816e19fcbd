//! The page around the sections: head, style, title, table of contents.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::run::Run;

const STYLE: &str = include_str!("page.css");

/// The whole page. `parts` has one entry for each run.
pub(super) fn page(runs: &[Run], comparison: Option<Markup>, parts: &[Markup]) -> String {
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    let title = match names.as_slice() {
        [name] => (*name).to_owned(),
        names => format!("{} runs", names.len()),
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Sinew report" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    header.top {
                        p.brand { "Sinew report" }
                        h1 { (title) }
                        @if let [run] = runs { p.method { (run.method()) } }
                        @if names.len() > 1 {
                            nav {
                                a href="#comparison" { "Comparison" }
                                @for (number, name) in names.iter().enumerate() {
                                    a href={ "#run-" (number + 1) } { (name) }
                                }
                            }
                        }
                    }
                    @if let Some(comparison) = comparison { (comparison) }
                    @for (number, (run, part)) in runs.iter().zip(parts).enumerate() {
                        article id={ "run-" (number + 1) } {
                            @if runs.len() > 1 { h2.run { (run.name) span.method { (run.method()) } } }
                            (part)
                        }
                    }
                    footer {
                        "Made by sinew " (env!("CARGO_PKG_VERSION")) ". Robustness is a statement about the threat model beside it, and about nothing else."
                    }
                }
            }
        }
    };
    page.into_string()
}
