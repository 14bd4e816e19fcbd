//! What a user can get wrong ends in one line that names it, the documented exit code, and nothing half-written.

mod attack;
mod data;
mod engine;
mod model;
mod output;
mod recipe;
mod report;
mod usage;

use std::path::Path;
use std::process::Command;

use sinew_tests::program::Outcome;

/// The exit codes of `sinew --help`.
const USAGE: i32 = 2;
const INPUT: i32 = 3;
const OUTPUT: i32 = 4;
const DEVICE: i32 = 5;

/// Fails unless `command` prints nothing but one line that begins as all errors do and names all of `names`, and exits with `code`.
fn assert_fails(command: &mut Command, code: i32, names: &[&str]) {
    let outcome = Outcome::of(command);
    let report = format!("{command:?}\n{outcome:?}");
    assert_eq!(outcome.code, Some(code), "{report}");
    assert_eq!(outcome.stdout, "", "{report}");
    assert!(outcome.stderr.starts_with("sinew: failed to "), "{report}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{report}");
    for name in names {
        assert!(outcome.stderr.contains(name), "no {name}: {report}");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
