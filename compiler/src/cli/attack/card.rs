//! An evaluation as people read it: a table in a terminal, a card in Markdown.

use super::super::table::{grouped, markdown_table, percent, table};
use super::Report;
use crate::corruption::{Corruption, SEVERITIES};
use crate::evaluate::{Check, Status};

const HEADER: [&str; 7] = [
    "",
    "robust",
    "95 % interval",
    "attacked",
    "turned",
    "queries",
    "seconds",
];

/// Header and rows.
fn rows(report: &Report) -> Vec<Vec<String>> {
    let evaluation = &report.evaluation;
    let interval = |[low, high]: [f64; 2]| format!("{:.1}–{:.1}", 100.0 * low, 100.0 * high);
    let mut rows = vec![
        HEADER.map(str::to_owned).to_vec(),
        vec![
            "clean".to_owned(),
            percent(evaluation.clean_accuracy),
            interval(evaluation.clean_interval),
            grouped(evaluation.samples as u64),
        ],
    ];
    for attack in &evaluation.attacks {
        rows.push(vec![
            attack.name.clone(),
            percent(attack.robust_accuracy),
            interval(attack.robust_interval),
            grouped(attack.attacked as u64),
            grouped(attack.turned.len() as u64),
            grouped(attack.queries.round() as u64),
            format!("{:.1}", attack.seconds),
        ]);
    }
    rows.push(vec![
        "all attacks".to_owned(),
        percent(evaluation.robust_accuracy),
        interval(evaluation.robust_interval),
    ]);
    rows
}

/// What makes the figures mean something.
fn conditions(report: &Report) -> String {
    let evaluation = &report.evaluation;
    let which = if report.shuffled { "random" } else { "first" };
    let how = match report.suite {
        Some(_) => "each attack on the survivors of those before it",
        None => "each attack on all classified images",
    };
    format!(
        "{} ball of radius {} around pixels in [0, 1]; {which} {} test images of {}, seed {}; {how}; queries: mean of an attacked image",
        evaluation.norm.symbol(),
        evaluation.epsilon,
        grouped(evaluation.samples as u64),
        report.data,
        evaluation.seed,
    )
}

fn corruption_rows(report: &Report) -> Vec<Vec<String>> {
    let header = (1..=SEVERITIES).map(|severity| severity.to_string());
    let mut rows = vec![["severity".to_owned()].into_iter().chain(header).collect()];
    for name in Corruption::ALL {
        let figures = report.corruptions.iter().filter(|c| c.name == name);
        let label = serde_json::to_value(name).expect("a name");
        let label = label.as_str().unwrap_or_default().to_owned();
        rows.push(
            [label]
                .into_iter()
                .chain(figures.map(|c| percent(c.accuracy)))
                .collect(),
        );
    }
    rows
}

fn mark(check: &Check) -> &'static str {
    match check.status {
        Status::Passed => "passed",
        Status::Warning => "WARNING",
    }
}

/// For a terminal.
pub(super) fn text(report: &Report) -> String {
    let mut text = format!("\n{}\n  {}\n", table(&rows(report)), conditions(report));
    if !report.corruptions.is_empty() {
        text += &format!(
            "\n  without an adversary, on corrupted images\n\n{}",
            table(&corruption_rows(report))
        );
    }
    let checks = &report.checks.checks;
    if checks.is_empty() {
        return text + "\n  not checked for masked gradients\n";
    }
    text += &curve(report);
    let name_width = checks
        .iter()
        .map(|check| check.name.len())
        .max()
        .unwrap_or(0);
    text += "\n  is the figure real?\n";
    for check in checks {
        let (mark, name, detail) = (mark(check), &check.name, &check.detail);
        text += &format!("  {mark:<7}  {name:<name_width$}  {detail}\n");
    }
    text
}

/// Accuracy against ε, a bar for each radius.
fn curve(report: &Report) -> String {
    const WIDTH: f64 = 40.0;
    let sweep = &report.checks.sweep;
    let Some(first) = sweep.first() else {
        return String::new();
    };
    let mut text = format!(
        "\n  accuracy against ε, {} classified images, APGD-CE with 20 steps\n",
        first.samples
    );
    for point in sweep {
        let bar = "█".repeat((WIDTH * point.robust_accuracy).round() as usize);
        let accuracy = 100.0 * point.robust_accuracy;
        let epsilon = rounded(point.epsilon);
        text += &format!("  {epsilon:>8}  {bar:<40} {accuracy:3.0} %\n");
    }
    text
}

/// Up to four decimals.
fn rounded(epsilon: f32) -> String {
    let text = format!("{epsilon:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// For a model's documentation.
pub(super) fn markdown(report: &Report) -> String {
    let mut card = format!(
        "## Robustness of {}\n\n{}\n{}.\n",
        report.model.display(),
        markdown_table(&rows(report)),
        conditions(report)
    );
    if !report.corruptions.is_empty() {
        card += &format!(
            "\nAccuracy on corrupted images, without an adversary:\n\n{}",
            markdown_table(&corruption_rows(report))
        );
    }
    if report.checks.checks.is_empty() {
        return card + "\nNot checked for masked gradients.\n";
    }
    let sweep = &report.checks.sweep;
    if let Some(first) = sweep.first() {
        let points = sweep
            .iter()
            .map(|p| vec![rounded(p.epsilon), percent(p.robust_accuracy)]);
        let header = vec!["ε".to_owned(), "robust".to_owned()];
        let rows: Vec<Vec<String>> = [header].into_iter().chain(points).collect();
        card += &format!(
            "\nAccuracy against ε, {} classified images, APGD-CE with 20 steps:\n\n{}",
            first.samples,
            markdown_table(&rows)
        );
    }
    card += "\nChecks:\n\n";
    for check in &report.checks.checks {
        card += &format!("- {} **{}**: {}\n", mark(check), check.name, check.detail);
    }
    card + &format!("\nMade with sinew {}.\n", env!("CARGO_PKG_VERSION"))
}
