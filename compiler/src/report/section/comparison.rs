//! Several runs side by side; those that differ by nothing but their seed are one row.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::{SEED, legend, threat, with_interval};
use crate::compare::Summary;
use crate::evaluate::Evaluation;
use crate::pipeline::NetworkRecord;
use crate::quantity::{bytes, percent};
use crate::report::chart::{Axis, Dot, Ink, Scale, Scatter};
use crate::report::run::{Run, headline};

/// Keys of the pruning method and its constants.
const METHOD: &str = "prune.method.";

/// Accuracy on either side of a dot.
const ROOM: f64 = 0.03;

/// Runs of one recipe, but for the seed.
struct Group<'a> {
    /// Every value of the recipe but the seed.
    settings: BTreeMap<String, String>,
    runs: Vec<&'a Run>,
}

pub(in crate::report) fn comparison(runs: &[Run]) -> Markup {
    let groups = groups(runs);
    // Figures under different threat models, or on different images, must not stand in one table.
    let mut tables: BTreeMap<(String, &str), Vec<&Group<'_>>> = BTreeMap::new();
    for group in &groups {
        let record = &group.runs[0].record;
        let threat = threat(headline(&record.sparse));
        let images = record.provenance.test_data.as_str();
        tables.entry((threat, images)).or_default().push(group);
    }
    html! {
        section id="comparison" {
            h2 { "Comparison" }
            p.lead { "Up and to the right is better. Runs that differ by nothing but their seed are one row: mean ± standard deviation." }
            @for ((threat, _), groups) in &tables {
                @let differing = differing(groups);
                (table(groups, &differing))
                div.beside {
                    figure { h3 { "Robust over clean accuracy" } (legend()) (scatter(groups)) }
                    p.note { (threat) " Robust: correct clean and under each of these attacks. Numbers: rows of the table." }
                }
            }
        }
    }
}

fn groups(runs: &[Run]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for run in runs {
        let mut settings = run.settings();
        settings.remove(SEED);
        let images = |run: &Run| {
            let provenance = &run.record.provenance;
            (provenance.train_data.clone(), provenance.test_data.clone())
        };
        let same = |group: &&mut Group<'_>| {
            group.settings == settings && images(group.runs[0]) == images(run)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.runs.push(run),
            None => groups.push(Group {
                settings,
                runs: vec![run],
            }),
        }
    }
    groups
}

/// The keys whose values are not the same in all groups, but for the method, which has a column of its own.
fn differing(groups: &[&Group<'_>]) -> Vec<String> {
    let keys: BTreeSet<&String> = groups.iter().flat_map(|g| g.settings.keys()).collect();
    let differs = |key: &&String| {
        let values: BTreeSet<_> = groups.iter().map(|g| g.settings.get(*key)).collect();
        values.len() > 1
    };
    let keys = keys.into_iter().filter(|key| !key.starts_with(METHOD));
    keys.filter(differs).cloned().collect()
}

impl Group<'_> {
    /// A figure of one of the two networks over the seeds.
    fn over(&self, ink: Ink, figure: impl Fn(&NetworkRecord) -> f64) -> Summary {
        let values = self.runs.iter().map(|run| figure(of(run, ink)));
        Summary::of(values.collect())
    }

    fn method(&self) -> String {
        self.runs[0].method()
    }

    fn names(&self) -> String {
        let names = self.runs.iter().map(|run| run.name.as_str());
        names.collect::<Vec<&str>>().join(", ")
    }
}

fn of(run: &Run, ink: Ink) -> &NetworkRecord {
    match ink {
        Ink::Dense => &run.record.dense,
        Ink::Sparse => &run.record.sparse,
    }
}

fn clean(record: &NetworkRecord) -> f64 {
    headline(record).clean_accuracy
}

fn robust(record: &NetworkRecord) -> f64 {
    headline(record).robust_accuracy
}

fn scatter(groups: &[&Group<'_>]) -> Markup {
    let dots = [Ink::Dense, Ink::Sparse].into_iter().flat_map(|ink| {
        groups.iter().enumerate().map(move |(place, group)| {
            let (x, y) = (group.over(ink, clean).mean, group.over(ink, robust).mean);
            let (kind, label) = match ink {
                // Parents are there for orientation; several runs may share one.
                Ink::Dense => ("dense", String::new()),
                Ink::Sparse => ("pruned", (place + 1).to_string()),
            };
            let note = format!(
                "{}, {}, {kind}: {} clean, {} robust",
                group.names(),
                group.method(),
                percent(x),
                percent(y)
            );
            Dot {
                x,
                y,
                ink,
                label,
                note,
            }
        })
    });
    let dots: Vec<Dot> = dots.collect();
    let chart = Scatter {
        title: "robust against clean accuracy of all runs".to_owned(),
        x: axis("accuracy, clean", dots.iter().map(|dot| dot.x)),
        y: axis("", dots.iter().map(|dot| dot.y)),
        dots,
    };
    chart.draw()
}

/// An axis with room around the values, and wide enough that small differences look small.
fn axis(label: &str, values: impl Iterator<Item = f64> + Clone) -> Axis {
    let around = values.flat_map(|value| [value - ROOM, value + ROOM]);
    Axis::over(
        label,
        Scale::Percent,
        around.map(|value| value.clamp(0.0, 1.0)),
    )
}

fn table(groups: &[&Group<'_>], differing: &[String]) -> Markup {
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th {} th.left { "method" } th.left { "run" }
                        th { "seeds" }
                        th { "weights left" }
                        th { "file" }
                        th.dense { "clean" } th.dense { "robust" }
                        th.sparse { "clean" } th.sparse { "robust" }
                        @for key in differing { th.left { (key) } }
                    }
                }
                tbody {
                    @for (place, group) in groups.iter().enumerate() { (row(place + 1, group, differing)) }
                }
            }
        }
    }
}

fn row(number: usize, group: &Group<'_>, differing: &[String]) -> Markup {
    let seeds = group.runs.iter().map(|run| run.recipe().seed.to_string());
    let seeds: Vec<String> = seeds.collect();
    html! {
        tr {
            td { (number) }
            th.left.wrap { (group.method()) }
            td.left.wrap { (group.names()) }
            td { (seeds.join(", ")) }
            td { (percent(1.0 - group.over(Ink::Sparse, |n| n.sparsity).mean)) }
            td { (bytes(group.over(Ink::Sparse, |n| n.bytes as f64).mean as u64)) }
            @for ink in [Ink::Dense, Ink::Sparse] {
                td { (accuracy(group, ink, clean, |e| e.clean_interval)) }
                td { (accuracy(group, ink, robust, |e| e.robust_interval)) }
            }
            @for key in differing {
                td.left { (group.settings.get(key).map_or("–", String::as_str)) }
            }
        }
    }
}

/// Mean ± deviation over the seeds; of a single run its figure and the interval around it.
fn accuracy(
    group: &Group<'_>,
    ink: Ink,
    figure: fn(&NetworkRecord) -> f64,
    interval: fn(&Evaluation) -> [f64; 2],
) -> Markup {
    let Summary {
        mean, deviation, ..
    } = group.over(ink, figure);
    match deviation {
        Some(deviation) => html! {
            (percent(mean))
            small { (format!("± {:.1}", 100.0 * deviation)) }
        },
        None => with_interval(mean, interval(headline(of(group.runs[0], ink)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group<'a>(settings: &[(&str, &str)]) -> Group<'a> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Group {
            settings: settings.iter().map(owned).collect(),
            runs: Vec::new(),
        }
    }

    #[test]
    fn only_what_differs_tells_groups_apart() {
        let first = group(&[("data", "a"), ("prune.method.hydra.learn", "0.5")]);
        let second = group(&[("data", "a"), ("prune.steps", "5"), ("width", "2")]);
        let groups = [&first, &second];
        assert_eq!(differing(&groups), ["prune.steps", "width"]);
        assert_eq!(differing(&groups[..1]), [""; 0]);
    }
}
