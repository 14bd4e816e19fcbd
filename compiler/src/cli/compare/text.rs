//! A comparison as people read it: for each recipe of several sparsities an overview, and a table for each recipe and sparsity.

use super::super::table::{bytes, grouped, markdown_table, table};
use crate::compare::{Block, Comparison, Paired, Row, Summary};

/// For a terminal.
pub(super) fn text(comparison: &Comparison) -> String {
    let tables = tables(comparison).map(
        |Titled {
             title,
             rows,
             caption,
         }| {
            let (table, caption) = (table(&rows), caption.join("\n  "));
            format!("\n  {title}\n\n{table}\n  {caption}\n")
        },
    );
    tables.collect()
}

/// For documents.
pub(super) fn markdown(comparison: &Comparison) -> String {
    let tables = tables(comparison).map(
        |Titled {
             title,
             rows,
             caption,
         }| {
            let (table, caption) = (markdown_table(&rows), caption.join(";\n"));
            format!("## {title}\n\n{table}\n{caption}.\n")
        },
    );
    tables.collect::<Vec<_>>().join("\n")
}

struct Titled {
    title: String,
    /// The header first.
    rows: Vec<Vec<String>>,
    /// What makes the figures mean something, line by line.
    caption: Vec<String>,
}

fn tables(comparison: &Comparison) -> impl Iterator<Item = Titled> {
    let recipes = comparison.blocks.chunk_by(|a, b| a.recipe == b.recipe);
    let overviews = recipes
        .filter(|blocks| blocks.len() > 1)
        .flat_map(overviews);
    let blocks = comparison.blocks.iter().map(|block| Titled {
        title: title(block),
        rows: rows(block, &comparison.reference),
        caption: caption(block),
    });
    overviews.chain(blocks)
}

/// Methods and sparsities of one recipe: by what choices may be made, and on test images.
fn overviews(blocks: &[Block]) -> [Titled; 2] {
    let first = &blocks[0];
    let [test, validation, ..] = &conditions(first);
    let (recipe, under) = (&first.recipe, &first.compared_under);
    [
        Titled {
            title: format!("{recipe}: validation, clean / robust"),
            rows: overview(blocks, |row| {
                [&row.validation_clean, &row.validation_robust]
            }),
            caption: vec![test.clone(), validation.clone()],
        },
        Titled {
            title: format!("{recipe}: test, clean / {under}"),
            rows: overview(blocks, |row| [&row.clean, compared(row)]),
            caption: vec![test.clone()],
        },
    ]
}

/// A row for each method, a column for each of the blocks.
fn overview(blocks: &[Block], figures: impl Fn(&Row) -> [&Summary; 2]) -> Vec<Vec<String>> {
    let mut methods: Vec<&str> = Vec::new();
    for row in blocks.iter().flat_map(|block| &block.rows) {
        if !methods.contains(&row.method.as_str()) {
            methods.push(&row.method);
        }
    }
    let removed = |block: &Block| format!("{} % removed", 100.0 * block.sparsity);
    let header = std::iter::once(String::new()).chain(blocks.iter().map(removed));
    let line = |method: &&str| {
        let cell = |block: &Block| {
            let row = block.rows.iter().find(|row| row.method == *method);
            row.map_or_else(String::new, |row| figures(row).map(spread).join(" / "))
        };
        let name = std::iter::once((*method).to_owned());
        name.chain(blocks.iter().map(cell)).collect()
    };
    let rows = methods.iter().map(line);
    std::iter::once(header.collect()).chain(rows).collect()
}

/// Robust accuracy as methods are compared by it.
fn compared(row: &Row) -> &Summary {
    let attack = || row.attacks.last().map(|attack| &attack.robust_accuracy);
    row.suite.as_ref().or_else(attack).unwrap_or(&row.clean)
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

/// What makes a table's figures mean something, line by line.
fn caption(block: &Block) -> Vec<String> {
    let mut lines = conditions(block).to_vec();
    if block.rows.iter().any(|row| row.against_reference.is_some()) {
        lines.push(format!(
            "− under {}: difference in points with the 95 % interval of the paired t-test over \
             seeds; right : wrong, test images over all seeds that only this method or only the \
             other has right, and McNemar's exact test",
            block.compared_under
        ));
    }
    let seeds = seeds(block);
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

/// The seeds of all rows.
fn seeds(block: &Block) -> Vec<u64> {
    let mut seeds: Vec<u64> = block.rows.iter().flat_map(|r| r.seeds.clone()).collect();
    seeds.sort_unstable();
    seeds.dedup();
    seeds
}

/// How test images were attacked, what validation is, and what training could spend.
fn conditions(block: &Block) -> [String; 3] {
    let names: Vec<String> = seeds(block).iter().map(u64::to_string).collect();
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
    [
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
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::Norm;
    use crate::compare::{AttackSummary, Budget};

    fn row(method: &str, clean: f64, robust: f64) -> Row {
        let one = |mean| Summary {
            mean,
            deviation: None,
            values: vec![mean],
        };
        Row {
            method: method.to_owned(),
            seeds: vec![0],
            sparsity: one(0.9),
            bytes: one(1000.0),
            clean: one(clean),
            attacks: vec![AttackSummary {
                name: "pgd20".to_owned(),
                robust_accuracy: one(robust),
            }],
            suite: None,
            validation_clean: one(clean + 0.01),
            validation_robust: one(robust + 0.01),
            against_reference: None,
        }
    }

    fn block(recipe: &str, sparsity: f64, rows: Vec<Row>) -> Block {
        Block {
            recipe: recipe.to_owned(),
            network: "small_cnn".to_owned(),
            data: "embedded".to_owned(),
            sparsity,
            norm: Norm::Linf,
            epsilon: 0.1,
            samples: 10,
            suite: None,
            compared_under: "pgd20".to_owned(),
            budget: Budget {
                epochs: 1,
                images: 100,
                attack_steps: 1,
            },
            rows,
        }
    }

    #[test]
    fn several_sparsities_of_a_recipe_stand_side_by_side() {
        let comparison = Comparison {
            version: "0".to_owned(),
            reference: "lamp".to_owned(),
            blocks: vec![
                block(
                    "a",
                    0.9,
                    vec![row("dense", 0.9, 0.5), row("lamp", 0.8, 0.4)],
                ),
                block(
                    "a",
                    0.95,
                    vec![row("dense", 0.9, 0.5), row("mad", 0.7, 0.3)],
                ),
                block("b", 0.9, vec![row("dense", 0.6, 0.2)]),
            ],
            failed: Vec::new(),
        };
        let text = markdown(&comparison);
        let tables: Vec<&str> = text.split("## ").skip(1).collect();
        assert_eq!(tables.len(), 5, "{text}");
        let lines: Vec<&str> = tables[1].lines().collect();
        assert_eq!(lines[0], "a: test, clean / pgd20");
        assert_eq!(lines[2], "|  | 90 % removed | 95 % removed |");
        assert_eq!(lines[4], "| dense | 90.0 / 50.0 | 90.0 / 50.0 |");
        assert_eq!(lines[5], "| lamp | 80.0 / 40.0 |  |");
        assert_eq!(lines[6], "| mad |  | 70.0 / 30.0 |");
        // No figure without its threat model.
        for table in &tables {
            assert!(table.contains("L∞ ball of radius 0.1, first 10"), "{table}");
        }
        assert!(
            tables[0].contains("| mad |  | 71.0 / 31.0 |"),
            "{}",
            tables[0]
        );
    }
}
