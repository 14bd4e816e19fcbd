//! The command line's outermost layer. What the commands do is tested in the `tests` crate, on the program that this file makes
//! cargo build.

use std::process::{Command, Output};

const COMMANDS: [&str; 10] = [
    "demo", "compile", "compare", "attack", "anomaly", "run", "bench", "inspect", "report", "data",
];

fn sinew(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sinew"));
    command.args(arguments).output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = sinew(arguments);
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_version_is_the_packages() {
    let expected = format!("sinew {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(printed(&["--version"]), expected);
}

#[test]
fn help_lists_every_command_and_every_exit_code() {
    let help = printed(&["--help"]);
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        assert!(printed(&[command, "--help"]).contains("--json") || command == "data");
    }
    for code in 0..=5 {
        assert!(help.contains(&format!(" {code} ")), "{help}");
    }
}

#[test]
fn an_unknown_command_is_a_usage_error() {
    let output = sinew(&["prune"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("'prune'"), "{error}");
}
