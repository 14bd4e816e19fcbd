//! A comparison as people read it: a table for each recipe and sparsity.

use super::super::table::{bytes, grouped, markdown_table, table};
use crate::compare::{Block, Comparison, Paired, Row, Summary};

/// For a terminal.
pub(super) fn text(comparison: &Comparison) -> String {
    let blocks = comparison.blocks.iter().map(|block| {
        format!(
            "\n  {}\n\n{}\n  {}\n",
            title(block),
            table(&rows(block, &comparison.reference)),
            caption(block).join("\n  ")
        )
    });
    blocks.collect()
}

/// For documents.
pub(super) fn markdown(comparison: &Comparison) -> String {
    let blocks = comparison.blocks.iter().map(|block| {
        format!(
            "## {}\n\n{}\n{}\n",
            title(block),
            markdown_table(&rows(block, &comparison.reference)),
            caption(block).join(";\n") + "."
        )
    });
    blocks.collect::<Vec<_>>().join("\n")
}

fn title(block: &Block) -> String {
    format!(
        "{}: {} on {}, {} % removed",
        block.recipe,
        block.network,
        block.data,
        100.0 * block.sparsity
    )
}

/// Header and rows.
fn rows(block: &Block, reference: &str) -> Vec<Vec<String>> {
    let mut header = vec![String::new(), "zeros".to_owned(), "size".to_owned()];
    header.push("clean".to_owned());
    let attacks = block.rows.first().map(|row| row.attacks.iter());
    header.extend(attacks.into_iter().flatten().map(|a| a.name.clone()));
    header.extend(block.suite.map(|_| "suite".to_owned()));
    header.push("val. clean".to_owned());
    header.push("val. robust".to_owned());
    let compared = block.rows.iter().any(|row| row.against_reference.is_some());
    if compared {
        header.push(format!("{} − {reference}", block.compared_under));
        header.push("right : wrong".to_owned());
    }
    let mut rows = vec![header];
    rows.extend(block.rows.iter().map(|row| cells(row, compared)));
    rows
}

fn cells(row: &Row, compared: bool) -> Vec<String> {
    let mut cells = vec![
        row.method.clone(),
        format!("{:.1}", 100.0 * row.sparsity.mean),
        bytes(row.bytes.mean as u64),
        spread(&row.clean),
    ];
    cells.extend(row.attacks.iter().map(|a| spread(&a.robust_accuracy)));
    cells.extend(row.suite.as_ref().map(spread));
    cells.push(spread(&row.validation_clean));
    cells.push(spread(&row.validation_robust));
    if compared {
        let paired = row.against_reference.as_ref();
        cells.push(paired.map_or_else(String::new, difference));
        cells.push(paired.map_or_else(String::new, images));
    }
    cells
}

/// Mean and deviation in per cent.
fn spread(summary: &Summary) -> String {
    let mean = 100.0 * summary.mean;
    match summary.deviation {
        Some(deviation) => format!("{mean:.1} ± {:.1}", 100.0 * deviation),
        None => format!("{mean:.1}"),
    }
}

fn difference(paired: &Paired) -> String {
    let mean = 100.0 * paired.difference.mean;
    match paired.interval {
        Some([low, high]) => format!("{mean:+.1} [{:+.1}, {:+.1}]", 100.0 * low, 100.0 * high),
        None => format!("{mean:+.1}"),
    }
}

fn images(paired: &Paired) -> String {
    let p = paired.mcnemar;
    let p = match p {
        0.0..0.001 => "p < 0.001".to_owned(),
        _ => format!("p = {p:.3}"),
    };
    format!(
        "{} : {}, {p}",
        grouped(paired.better as u64),
        grouped(paired.worse as u64)
    )
}

/// What makes the figures mean something, line by line.
fn caption(block: &Block) -> Vec<String> {
    let mut seeds: Vec<u64> = block.rows.iter().flat_map(|r| r.seeds.clone()).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let names: Vec<String> = seeds.iter().map(u64::to_string).collect();
    let over = match names.as_slice() {
        [seed] => format!("seed {seed}"),
        seeds => format!(
            "mean ± sample standard deviation over seeds {}",
            seeds.join(", ")
        ),
    };
    let samples = grouped(block.samples as u64);
    let suite = block.suite.map_or_else(String::new, |suite| {
        let name = serde_json::to_value(suite.name).expect("a name");
        let name = name.as_str().unwrap_or_default().to_owned();
        let samples = grouped(suite.samples as u64);
        format!(
            "; {name} suite, each attack on the survivors of those before it, on the first {samples}"
        )
    });
    let budget = block.budget;
    let mut lines = vec![
        format!(
            "accuracy in %, {over}; {} ball of radius {}, first {samples} test images{suite}",
            block.norm.symbol(),
            block.epsilon,
        ),
        "val.: validation, the epoch that was kept on held-out training images; choices are made \
         by these columns alone"
            .to_owned(),
        format!(
            "budget of every fine-tuning run, epochs × images × attack steps: {} × {} × {}",
            budget.epochs,
            grouped(budget.images as u64),
            budget.attack_steps
        ),
    ];
    if block.rows.iter().any(|row| row.against_reference.is_some()) {
        lines.push(format!(
            "− under {}: difference in points with the 95 % interval of the paired t-test over \
             seeds; right : wrong, test images over all seeds that only this method or only the \
             other has right, and McNemar's exact test",
            block.compared_under
        ));
    }
    for row in &block.rows {
        if row.seeds != seeds {
            let missing: Vec<String> = seeds
                .iter()
                .filter(|seed| !row.seeds.contains(seed))
                .map(u64::to_string)
                .collect();
            let (method, missing) = (&row.method, missing.join(", "));
            lines.push(format!("{method}: seeds {missing} are missing"));
        }
    }
    lines
}
