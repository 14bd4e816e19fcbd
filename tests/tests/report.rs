//! `sinew report` on real runs: a page that is well formed, needs no network, has every part, and tells no figure without its threat model.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sinew_models::ValueId;
use sinew_models::builder::NetworkBuilder;
use sinew_models::file::Archive;
use sinew_models::function::Function;
use sinew_models::onnx::{ExportOptions, export};
use sinew_tests::program::{Outcome, RECIPE, compile, finished_run, recipe_with, sinew};

/// Headings of what every run has.
const SECTIONS: [&str; 8] = [
    "Summary",
    "Accuracy against ε",
    "Training",
    "Weights",
    "Anomaly degrees",
    "Which units went",
    "Filters of the first layer",
    "What excites units, and what the attack makes of it",
];

/// The line of [`RECIPE`] that says how it prunes.
const METHOD: &str = r#"method = { ranked = { criterion = "anomaly-weight" } }"#;

/// The page about `runs`, which is written to `output`.
fn report(runs: &[&Path], output: &Path) -> String {
    let mut command = sinew("report --json");
    let report = Outcome::of(command.args(runs).arg("--output").arg(output)).json();
    assert_eq!(report["report"], output.to_str().unwrap());
    fs::read_to_string(output).unwrap()
}

/// The finished run of another recipe than [`RECIPE`], in a folder of this name.
fn run_of(folder: &Path, name: &str, recipe: &str) -> PathBuf {
    let folder = folder.join(name);
    fs::create_dir(&folder).unwrap();
    Outcome::of(&mut compile(&folder, recipe)).json();
    folder.join("run")
}

/// What the page says, without tags; blanks are one character each.
fn words(page: &str) -> String {
    let (_, body) = page.split_once("<body>").unwrap();
    let parts = body
        .split('<')
        .map(|part| part.split_once('>').map_or("", |p| p.1));
    parts
        .collect::<Vec<&str>>()
        .join(" ")
        .replace('\u{a0}', " ")
}

/// Fails unless tags are closed in the order they were opened, and attributes quoted.
fn assert_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>").unwrap();
    while let Some((text, tagged)) = rest.split_once('<') {
        assert!(
            !text.contains('>') || open.last() == Some(&"style"),
            "{text}"
        );
        // A '>' in a quoted attribute ends no tag.
        let mut quoted = false;
        let end = tagged.find(|letter| {
            quoted ^= letter == '"';
            letter == '>' && !quoted
        });
        let (tag, behind) = tagged.split_at(end.expect("a tag ends"));
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(
                open.pop(),
                Some(name),
                "before {}",
                &behind[..behind.len().min(80)]
            );
        } else {
            let name = tag.split(' ').next().unwrap();
            let known = |letter: char| letter.is_ascii_alphanumeric();
            assert!(!name.is_empty() && name.chars().all(known), "<{tag}>");
            let mut outside: Vec<&str> = tag.split('"').step_by(2).collect();
            let last = outside.pop().unwrap();
            assert!(!last.contains(['=', '<']), "<{tag}>");
            assert!(outside.iter().all(|part| part.ends_with('=')), "<{tag}>");
            if !["meta", "img"].contains(&name) {
                open.push(name);
            }
        }
        rest = &behind[1..];
    }
    assert_eq!(open, [""; 0]);
}

fn assert_needs_nothing_else(page: &str) {
    for way_out in [
        "http:", "https:", "//", "url(", "@import", "<script", "<link", "<iframe",
    ] {
        // Base64 may hold slashes.
        let outside = page
            .split("data:image/png;base64,")
            .enumerate()
            .map(|(number, part)| {
                let skipped = if number == 0 {
                    0
                } else {
                    part.find('"').unwrap()
                };
                &part[skipped..]
            });
        for part in outside {
            assert!(!part.contains(way_out), "{way_out}");
        }
    }
}

/// A fraction as the page shows it.
fn percent(value: &Value) -> String {
    format!("{:.1} %", 100.0 * value.as_f64().unwrap())
}

#[test]
fn a_run_becomes_a_page_with_every_part_and_a_second_report_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished_run(folder.path());
    let page = report(&[&run], &folder.path().join("first.html"));
    assert_well_formed(&page);
    assert_needs_nothing_else(&page);
    for section in SECTIONS.iter().chain(&["Recipe"]) {
        let heading = ["h2", "h3"].map(|tag| format!(">{section}</{tag}>"));
        let there = heading.iter().any(|heading| page.contains(heading));
        assert!(there, "no section {section}");
    }
    assert!(!page.contains("Comparison"));

    let record: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    let text = words(&page);
    for side in ["dense", "sparse"] {
        let evaluation = &record[side]["evaluation"];
        assert!(text.contains(&percent(&evaluation["clean_accuracy"])));
        for attack in evaluation["attacks"].as_array().unwrap() {
            assert!(text.contains(&percent(&attack["robust_accuracy"])));
            let interval = attack["robust_interval"].as_array().unwrap();
            let [low, high] = [0, 1].map(|end| 100.0 * interval[end].as_f64().unwrap());
            assert!(text.contains(&format!("{low:.1} to {high:.1}")));
        }
    }
    // Wherever an attack is told of, so is what it may do, in the same section.
    let sections: Vec<&str> = page.split("<section").skip(1).collect();
    let mut attacked = 0;
    for section in sections {
        let heading = section.split("</h2>").next().unwrap();
        if section.contains("ttacked") || section.contains("pgd") {
            attacked += 1;
            let section = section.replace('\u{a0}', " ");
            let has = |word: &str| heading.ends_with(">Recipe") || section.contains(word);
            for word in ["L∞ ball of radius ε", "PGD with|pgd", "images", "eed 0"] {
                assert!(word.split('|').any(has), "no {word} under {heading}");
            }
        }
    }
    assert!(attacked >= 3, "{attacked}");
    assert!(text.contains("L∞ ball of radius ε = 0.03"));

    // What was measured is kept; what is kept but damaged is measured again.
    let kept = fs::read(run.join("curve.json")).unwrap();
    let curve: Value = serde_json::from_slice(&kept).unwrap();
    assert_eq!(
        (&curve["norm"], &curve["attack"]),
        (&"linf".into(), &"pgd20".into())
    );
    let points = curve["points"].as_array().unwrap();
    assert_eq!(points.first().unwrap()["epsilon"], 0.0);
    let robust = |end: Option<&Value>| end.unwrap()["dense"]["accuracy"].as_f64().unwrap();
    assert!(robust(points.last()) <= robust(points.first()));
    let again = report(&[&run], &folder.path().join("second.html"));
    assert!(page == again);
    let other = String::from_utf8(kept.clone())
        .unwrap()
        .replace("pgd20", "pgd21");
    for damaged in [&other, &other[..other.len() / 2]] {
        fs::write(run.join("curve.json"), damaged).unwrap();
        assert!(page == report(&[&run], &folder.path().join("third.html")));
        assert!(fs::read(run.join("curve.json")).unwrap() == kept);
    }
    // A curve that was made up has no place in the page.
    let invented = String::from_utf8(kept.clone()).unwrap();
    let accuracy = format!("\"accuracy\": {}", points[0]["dense"]["accuracy"]);
    let invented = invented.replacen(&accuracy, "\"accuracy\": 7.0", 1);
    fs::write(run.join("curve.json"), invented).unwrap();
    assert!(page == report(&[&run], &folder.path().join("fourth.html")));
    // The recipe's command still takes the folder for a finished run.
    Outcome::of(&mut compile(folder.path(), RECIPE)).json();
}

#[test]
fn several_runs_are_compared_and_seeds_become_one_row() {
    let folder = tempfile::tempdir().unwrap();
    let seeds = [0, 1].map(|seed| {
        let line = format!("version = 2\nseed = {seed}");
        run_of(
            folder.path(),
            &format!("seed-{seed}"),
            &recipe_with("version = 2", &line),
        )
    });
    let magnitude = recipe_with(METHOD, &METHOD.replace("anomaly-weight", "magnitude"));
    let other = run_of(folder.path(), "other", &magnitude);
    let weak = recipe_with(
        r#"attacks = ["fgsm", { pgd = { steps = 5, restarts = 1 } }]"#,
        r#"attacks = ["fgsm"]"#,
    );
    let weak = run_of(folder.path(), "weak", &weak);
    let runs = [&seeds[0], &seeds[1], &other, &weak].map(PathBuf::as_path);
    let page = report(&runs, &folder.path().join("page.html"));
    assert_well_formed(&page);
    assert_needs_nothing_else(&page);
    let (comparison, parts) = page.split_once("<article").unwrap();
    assert_eq!(parts.split("<article").count(), 4);

    let mean = |figure: &str| {
        let of = |run: &PathBuf| -> f64 {
            let record = fs::read(run.join("run.json")).unwrap();
            let record: Value = serde_json::from_slice(&record).unwrap();
            record["sparse"]["evaluation"][figure].as_f64().unwrap()
        };
        (of(&seeds[0]) + of(&seeds[1])) / 2.0
    };
    // Figures under other attacks stand in a table of their own, with these attacks.
    let tables: Vec<&str> = comparison.split("<table").skip(1).collect();
    assert_eq!(tables.len(), 2);
    let rows = |table: &str| table.split("<tbody>").nth(1).unwrap().split("<tr>").count() - 1;
    let (both, one) = match [rows(tables[0]), rows(tables[1])] {
        [2, 1] => (tables[0], tables[1]),
        [1, 2] => (tables[1], tables[0]),
        other => panic!("{other:?}"),
    };
    let row = both.split("<tr>").find(|row| row.contains("0, 1")).unwrap();
    for figure in ["clean_accuracy", "robust_accuracy"] {
        let mean = format!("{:.1} %", 100.0 * mean(figure));
        assert!(
            row.contains(&mean) && row.contains("± "),
            "no {mean} in {row}"
        );
    }
    assert!(both.contains(">magnitude</th>") && both.contains(">anomaly-weight</th>"));
    assert!(
        !both.contains("prune."),
        "the methods have a column already"
    );
    assert!(both.contains("pgd5\u{a0}") && !one.contains("pgd5\u{a0}"));
    for table in [both, one] {
        assert!(table.contains("L∞ ball of radius ε\u{a0}=\u{a0}0.03"));
    }
}

#[test]
fn units_that_were_removed_and_epochs_that_could_not_be_kept_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe_with(METHOD, "method = \"learned-mask\"\ngranularity = \"unit\"");
    let recipe = recipe.replace("sparsity = 0.9", "sparsity = 0.5");
    let suite = "samples = 50\nsuite = { name = \"quick\", samples = 20 }";
    let run = run_of(
        folder.path(),
        "units",
        &recipe.replace("samples = 50", suite),
    );
    let page = report(&[&run], &folder.path().join("page.html"));
    assert_well_formed(&page);
    assert!(page.contains("learned-mask, whole units"));
    assert!(page.contains("class=\"shade\"") && page.contains("Shaded: while density falls"));

    let units = |name: &str| -> usize {
        let archive = Archive::from_bytes(&fs::read(run.join(name)).unwrap()).unwrap();
        let network = archive.network;
        let nodes = network.nodes().iter();
        let weights = nodes.filter_map(|node| node.operator.weight());
        weights.map(|id| network.parameter(id).shape()[0]).sum()
    };
    let (before, after) = (units("dense.safetensors"), units("sparse.safetensors"));
    assert!(after < before);
    let gone = format!("{} of {before} units are gone whole", before - after);
    assert!(page.contains(&gone), "{gone}");
    assert!(page.contains(">gone</td>") && !page.contains("do not correspond"));

    // A suite's figure is told with its own images, before those of single attacks.
    let record: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    let robust = percent(&record["sparse"]["suite"]["robust_accuracy"]);
    let (_, row) = page.split_once("accuracy, quick suite").unwrap();
    let (row, rest) = row.split_once("</tr>").unwrap();
    assert!(row.contains(&robust), "no {robust} in {row}");
    assert!(rest.contains("First 20 test images"));
}

#[test]
fn a_foreign_network_without_convolutions_has_a_page_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut builder = NetworkBuilder::new("mlp", [1, 28, 28], 0);
    let x = builder.flatten("flatten", ValueId::INPUT);
    let x = builder.linear("hidden", x, 12);
    let x = builder.activation("relu", x, Function::RELU);
    builder.linear("classifier", x, 10);
    let network = builder.finish(Vec::new()).unwrap();
    // Names come from whoever made the file.
    let model = folder.path().join("<b>&\"it's.onnx");
    fs::write(&model, export(&network, &ExportOptions::default()).unwrap()).unwrap();
    let model = model.to_str().unwrap().replace('"', "\\\"");
    let recipe = recipe_with("network = \"small_cnn\"", &format!("network = \"{model}\""));
    let run = run_of(folder.path(), "mlp", &recipe.replace("width = 0.25\n", ""));
    let page = report(&[&run], &folder.path().join("mlp.html"));
    assert_well_formed(&page);
    assert!(page.contains("there are no filters to look at"));
    assert!(page.contains("Layer classifier"));
    assert!(page.contains("&lt;b&gt;&amp;") && !page.contains("<b>"));
}
