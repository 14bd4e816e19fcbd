//! The invariants of `docs/ARCHITECTURE.md` that a look at the sources can hold.
//!
//! Here: what files are called, how long they are, how they begin. What may be used where is in `imports.rs`, what the documents
//! say in `documents.rs`. Non-goals: what the compiler or its lints hold already.

mod documents;
mod imports;

use std::fs;
use std::path::{Path, PathBuf};

/// Split above this; aim at half of it.
const MAX_LINES: usize = 600;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 7] = ["utils", "common", "misc", "helpers", "base", "imp", "stuff"];

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// A text file, with its path from the root of the repository.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// What is compiled into the library: no comments, and no test module, which is a file or stands last in one.
    fn code(&self) -> String {
        if self.path.ends_with("/tests.rs") {
            return String::new();
        }
        let library = self.text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let lines = library
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// All files below `folder` with this ending, but for what is built, hidden or not in the repository.
fn sources(folder: &str, ending: &str) -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root(), &root().join(folder), ending, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn collect(root: &Path, folder: &Path, ending: &str, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !name.starts_with('.') && !["target", "shared"].contains(&name) {
                collect(root, &path, ending, found);
            }
        } else if name.ends_with(ending) {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root).unwrap().to_str().unwrap();
            found.push(Source {
                path: path.to_owned(),
                text,
            });
        }
    }
}

#[test]
fn files_are_short_and_have_telling_names_and_begin_with_their_purpose() {
    for Source { path, text } in sources("", ".rs") {
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{path} has {lines} lines: split it");
        assert!(
            text.starts_with("//! "),
            "{path} does not say what it is for"
        );
        let empty = |part: &str| EMPTY_NAMES.contains(&part.trim_end_matches(".rs"));
        assert!(!path.split('/').any(empty), "{path} says nothing");
    }
}
