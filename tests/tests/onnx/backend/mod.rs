//! The ONNX project's own cases: whatever is imported computes what the project says, on the runtime too, and what is imported stays so.
//!
//! `imported.txt` lists the imported cases, so that one that is lost fails the test, and one that is won is written down. What is refused
//! although each of its operators is imported elsewhere needs a reason from the list here.

mod case;
mod light;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rayon::prelude::*;

use case::{Case, Outcome};

const IMPORTED: &str = include_str!("imported.txt");

/// Part of the refusal, and why it is right to refuse.
const REASONS: [(&str, &str); 21] = [
    (
        "elements of type float8",
        "no engine of ours computes in floats of eight bits",
    ),
    (
        "is not known",
        "nor in types of two bits, of four bits as floats, or as exponents alone",
    ),
    (
        "elements of type string",
        "text is no part of a network of images",
    ),
    ("is no tensor", "nor are sequences and optional values"),
    ("no input", "a network has an input"),
    (
        "arithmetic on elements of type",
        "integers wrap around, floats do not",
    ),
    (
        "a running sum of integers",
        "integers wrap around, floats do not",
    ),
    (
        "a cast of computed floats",
        "integers wrap around, floats do not",
    ),
    (
        "a remainder of values",
        "no network of images has been seen with one",
    ),
    ("statistics of the batch", "images are computed one by one"),
    ("dropout in training mode", "a network has no randomness"),
    (
        "its output 1",
        "masks and indices serve training and decoders",
    ),
    ("one or two spatial axes", "images have two"),
    (
        "takes one map",
        "a convolution of a batch that is not the network's",
    ),
    ("empty", "no engine of ours has tensors without elements"),
    (
        "a constant is needed",
        "shapes are fixed, and tables are looked up, at import",
    ),
    ("a constant of shape 0", "nor a result without elements"),
    (
        "has more than letters",
        "no network of images has been seen that takes a diagonal",
    ),
    (
        "aligned corners have no agreed meaning",
        "ONNX Runtime computes something else than the case says",
    ),
    (
        "opset 1;",
        "the operators of that time are others of the same name",
    ),
    (
        "reduction \"",
        "no network of images has been seen that scatters twice to one place",
    ),
];

/// Runs a case. A panic is its failure, not that of all.
fn outcome(case: &Case) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| case.run()))
        .unwrap_or_else(|_| Outcome::Missed("panicked".to_owned()))
}

/// How many cases each operator is in, and how many of them are imported.
fn count_operators(outcomes: &[(&Case, Outcome)]) -> BTreeMap<String, [usize; 2]> {
    let mut counts: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for (case, outcome) in outcomes {
        for operator in case.operators() {
            let [imported, all] = counts.entry(operator).or_default();
            *imported += usize::from(!matches!(outcome, Outcome::Refused(_)));
            *all += 1;
        }
    }
    counts
}

/// Fails unless these are the cases of `imported.txt`.
fn assert_listed(cases: &[&str]) {
    let listed: BTreeSet<&str> = IMPORTED.lines().collect();
    let imported: BTreeSet<&str> = cases.iter().copied().collect();
    if imported != listed {
        let written = Path::new(env!("CARGO_TARGET_TMPDIR")).join("imported.txt");
        fs::write(&written, cases.join("\n") + "\n").unwrap();
        let lost: Vec<_> = listed.difference(&imported).collect();
        let new: Vec<_> = imported.difference(&listed).collect();
        panic!(
            "lost: {lost:?}\nnew: {new:?}\nif this is as it should be, copy {} over imported.txt",
            written.display()
        );
    }
}

#[test]
fn what_is_imported_of_onnx_s_cases_computes_what_onnx_says() {
    let kinds = ["node", "pytorch-converted", "simple"];
    let cases: Vec<Case> = kinds.into_iter().flat_map(Case::all).collect();
    let outcomes: Vec<(&Case, Outcome)> =
        cases.par_iter().map(|case| (case, outcome(case))).collect();
    let counts = count_operators(&outcomes);
    for (operator, [imported, all]) in &counts {
        println!("{operator:<30} {imported:>4} of {all:>4}");
    }

    let mut imported = Vec::new();
    let mut packed = 0;
    let mut missed = Vec::new();
    let mut refused = Vec::new();
    for (case, outcome) in &outcomes {
        match outcome {
            Outcome::Met { packed: is_packed } => {
                imported.push(case.name.as_str());
                packed += usize::from(*is_packed);
            }
            Outcome::Missed(problem) => missed.push(format!("{}: {problem}", case.name)),
            Outcome::Refused(reason) => {
                let imported_elsewhere = |operator: &String| counts[operator][0] > 0;
                if case.operators().iter().all(imported_elsewhere) {
                    refused.push(format!("{}: {reason}", case.name));
                }
            }
        }
    }
    let of_kind = |kind: &str| {
        imported
            .iter()
            .filter(|name| name.starts_with(kind))
            .count()
    };
    let kinds = kinds.map(|kind| format!("{} of {kind}", of_kind(kind)));
    println!("imported: {}; packed: {packed}", kinds.join(", "));
    assert!(
        missed.is_empty(),
        "{} cases:\n{}",
        missed.len(),
        missed.join("\n")
    );
    let mut unused = Vec::new();
    for (part, why) in REASONS {
        let before = refused.len();
        refused.retain(|refusal| !refusal.contains(part));
        if refused.len() == before {
            unused.push((part, why));
        }
    }
    let count = refused.len();
    assert!(refused.is_empty(), "{count} cases:\n{}", refused.join("\n"));
    assert!(unused.is_empty(), "nothing is refused for this: {unused:?}");
    assert_listed(&imported);
    // The runtime has no choice between two values, and no weights that are infinite.
    assert!(10 * packed >= 9 * imported.len(), "{packed}");
    assert!(of_kind("node/") >= 500 && of_kind("pytorch-converted/") >= 50);
}
