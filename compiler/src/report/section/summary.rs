//! What came out: both networks' accuracies, sizes, and the conditions that the figures hold under.

use maud::{Markup, html};

use super::{accuracy, section, threat, with_interval};
use crate::evaluate::Evaluation;
use crate::named;
use crate::pipeline::NetworkRecord;
use crate::quantity::{bytes, grouped, percent};
use crate::report::curve::Curve;
use crate::report::run::Run;

pub(super) fn summary(run: &Run, curve: &Curve) -> Markup {
    let (dense, sparse) = (&run.record.dense, &run.record.sparse);
    let recipe = run.recipe();
    let lead = format!(
        "{} on {}, hardened against changes of every pixel by up to ε\u{a0}=\u{a0}{}, then pruned while training went on, by {}: {} of the weights are left.",
        recipe.network,
        run.train.name(),
        recipe.epsilon,
        run.method(),
        percent(1.0 - sparse.sparsity)
    );
    let epsilon = dense.evaluation.epsilon;
    let suite = recipe.evaluate.suite.zip(dense.suite.as_ref());
    let names = dense.evaluation.attacks.iter().map(|attack| &attack.name);
    section(
        "Summary",
        &lead,
        &html! {
            div.beside {
            div {
            div.scroll {
                table.wide {
                    thead { tr { th {} th.dense { "dense" } th.sparse { "pruned" } } }
                    tbody {
                        (row("accuracy, clean", dense, sparse, |n| {
                            with_interval(n.evaluation.clean_accuracy, n.evaluation.clean_interval)
                        }))
                        @if let Some((settings, _)) = suite {
                            (row(&format!("accuracy, {} suite at ε\u{a0}=\u{a0}{epsilon}", named::name(&settings.name)), dense, sparse, |n| {
                                let suite = n.suite.as_ref();
                                suite.map_or_else(|| html! { "–" }, |e| with_interval(e.robust_accuracy, e.robust_interval))
                            }))
                        }
                        @for name in names {
                            (row(&format!("accuracy, {name} at ε\u{a0}=\u{a0}{epsilon}"), dense, sparse, |n| {
                                under(&n.evaluation, name)
                            }))
                        }
                        @if dense.evaluation.attacks.len() > 1 {
                            (row(&format!("accuracy, all of these at ε\u{a0}=\u{a0}{epsilon}"), dense, sparse, |n| {
                                with_interval(n.evaluation.robust_accuracy, n.evaluation.robust_interval)
                            }))
                        }
                        (row("parameters that are not zero", dense, sparse, |n| html! { (grouped(n.parameters as u64)) }))
                        @if let Some([before, after]) = units(run) {
                            tr { th.wrap { "units" } td { (grouped(before)) } td { (grouped(after)) } }
                        }
                        (row("weights that are zero or gone", dense, sparse, |n| html! { (percent(n.sparsity)) }))
                        (row("packed file", dense, sparse, |n| html! { (bytes(n.bytes)) }))
                    }
                }
            }
            p.note { (threat(&dense.evaluation)) " Seed\u{a0}" (dense.evaluation.seed) "." }
            @if let Some((settings, evaluation)) = suite {
                p.note {
                    "Suite " (named::name(&settings.name)) ": each attack on the survivors of those before it. " (threat(evaluation)) " Seed\u{a0}" (evaluation.seed) "."
                }
            }
            }
            (accuracy::accuracy(curve))
            }
        },
    )
}

/// Units of all layers before and after, if some are gone.
fn units(run: &Run) -> Option<[u64; 2]> {
    let before: usize = run.layers.iter().map(|layer| layer.shape[0]).sum();
    let after = run
        .layers
        .iter()
        .map(|layer| Some(layer.kept.as_ref()?.len()));
    let after: usize = after.sum::<Option<usize>>()?;
    (before != after).then_some([before as u64, after as u64])
}

fn row(
    label: &str,
    dense: &NetworkRecord,
    sparse: &NetworkRecord,
    cell: impl Fn(&NetworkRecord) -> Markup,
) -> Markup {
    html! { tr { th.wrap { (label) } td { (cell(dense)) } td { (cell(sparse)) } } }
}

/// Accuracy under the attack of this name.
fn under(evaluation: &Evaluation, name: &str) -> Markup {
    match evaluation.attacks.iter().find(|attack| attack.name == name) {
        Some(attack) => with_interval(attack.robust_accuracy, attack.robust_interval),
        None => html! { "–" },
    }
}
