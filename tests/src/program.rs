//! The built `sinew` program, a recipe that it finishes in about a second, and what it leaves behind.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, io};

use serde_json::Value;

/// A small recipe that has everything: several epochs in both stages, both adversaries, both attacks, a network that learns something.
pub const RECIPE: &str = r#"version = 2
data = "embedded"
train_images = 320
validation_fraction = 0.1
network = "small_cnn"
width = 0.25
epsilon = 0.03

[train]
adversary = { n-fgsm = { noise = 2.0 } }
epochs = 4
batch_size = 16
learning_rate = { cosine = { highest = 0.05, warm_up = 0.25 } }
momentum = 0.9
weight_decay = 5e-4
average_decay = 0.8
validation_steps = 2

[prune]
method = { ranked = { criterion = "anomaly-weight" } }
sparsity = 0.9
density_floor = 0.02
samples = 40
steps = 3

[fine_tune]
adversary = { pgd = { steps = 2 } }
epochs = 2
batch_size = 16
learning_rate = { cosine = { highest = 0.05, warm_up = 0.25 } }
momentum = 0.9
weight_decay = 5e-4
average_decay = 0.8
validation_steps = 2

[evaluate]
samples = 50
attacks = ["fgsm", { pgd = { steps = 5, restarts = 1 } }]
"#;

/// [`RECIPE`] with the first line that is `old` changed to `new`.
///
/// # Panics
/// If there is none.
pub fn recipe_with(old: &str, new: &str) -> String {
    let mut lines: Vec<&str> = RECIPE.lines().collect();
    let changed = lines.iter_mut().find(|line| **line == old);
    *changed.expect("a line of the recipe") = new;
    lines.join("\n")
}

/// A command that runs the `sinew` that was built together with the tests, outside a terminal, with arguments that blanks separate.
///
/// # Panics
/// If it was not built.
pub fn sinew(arguments: &str) -> Command {
    let mut command = built("sinew");
    command.args(arguments.split_whitespace());
    command
}

/// The same with an example of the package `sinew` instead.
///
/// # Panics
/// If it was not built.
pub fn example(name: &str) -> Command {
    built(&format!("examples/{name}"))
}

fn built(name: &str) -> Command {
    let test = env::current_exe().expect("a test knows its own file");
    let profile = test.ancestors().nth(2).expect("…/release/deps/test");
    let binary = profile.join(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(
        binary.is_file(),
        "{} is missing: build it with `cargo build --release -p sinew --bins --examples`, or run \
         `cargo test --release --workspace`",
        binary.display()
    );
    let mut command = Command::new(binary);
    command.stdin(Stdio::null()).env_remove("RUST_BACKTRACE");
    command
}

/// `sinew compile` of the recipe `text`, which is written into `folder`, with the run in `folder/run`.
///
/// # Panics
/// If the recipe cannot be written.
pub fn compile(folder: &Path, text: &str) -> Command {
    let recipe = folder.join("recipe.toml");
    fs::write(&recipe, text).expect("the folder is writable");
    let mut command = sinew("compile --json");
    command.arg(recipe).arg("--output").arg(folder.join("run"));
    command
}

/// The folder of a finished run of [`RECIPE`].
///
/// # Panics
/// If the run fails.
pub fn finished_run(folder: &Path) -> PathBuf {
    Outcome::of(&mut compile(folder, RECIPE)).json();
    folder.join("run")
}

/// Exports `model` as an ONNX file beside it.
///
/// # Panics
/// If that fails.
pub fn exported(model: &Path) -> PathBuf {
    let file = model.with_extension("onnx");
    let mut export = sinew("export --json");
    Outcome::of(export.arg(model).arg("--output").arg(&file)).json();
    file
}

/// How a process ended and what it said.
#[derive(Debug)]
pub struct Outcome {
    /// `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Outcome {
    /// Runs `command` to its end.
    ///
    /// # Panics
    /// If it cannot be started, or prints something that is not text.
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().expect("the program starts");
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// The one JSON object that a successful command with `--json` prints.
    ///
    /// # Panics
    /// If it failed, printed anything but one line, or wrote to standard error.
    pub fn json(&self) -> Value {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""));
        assert_eq!(self.stdout.matches('\n').count(), 1, "{}", self.stdout);
        serde_json::from_str(&self.stdout).expect("one JSON object")
    }
}

/// Every file in `folder`, by name.
///
/// # Panics
/// If the folder or something in it cannot be read.
pub fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |name: String| {
        let bytes = fs::read(folder.join(&name)).expect("a readable file");
        (name, bytes)
    };
    listing(folder).into_iter().map(read).collect()
}

/// The names of the files and folders in `folder`, in order.
///
/// # Panics
/// If the folder cannot be read.
pub fn listing(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: io::Result<DirEntry>| entry.expect("readable").file_name().into_string();
    let mut names: Vec<String> = entries.map(|entry| name(entry).expect("text")).collect();
    names.sort_unstable();
    names
}

/// `value` without the fields called `field`, at any depth: for what differs between two equal runs.
pub fn without(value: &Value, field: &str) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| *name != field)
            .map(|(name, value)| (name.clone(), without(value, field)))
            .collect(),
        Value::Array(values) => values.iter().map(|value| without(value, field)).collect(),
        other => other.clone(),
    }
}

/// The same command where no file may grow beyond `blocks` of 512 or 1024 bytes, as the shell counts: writing more fails as on a
/// full disk.
pub fn limited(command: &Command, blocks: u32) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"trap "" XFSZ; ulimit -f "$0"; exec "$@""#]);
    shell.arg(blocks.to_string());
    shell.arg(command.get_program()).args(command.get_args());
    shell.env_remove("RUST_BACKTRACE").stdin(Stdio::null());
    shell
}
