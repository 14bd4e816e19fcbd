//! The documents speak of what there is, and leave nothing out.

use std::path::Path;

use sinew_models::zoo;
use sinew_tests::program::listing;

use super::{Source, read, root, sources};

#[test]
fn the_readme_lists_every_command_network_criterion_and_method() {
    let readme = read("README.md");
    let commands = read("compiler/src/cli/mod.rs");
    let (_, variants) = commands.split_once("\nenum Command {").unwrap();
    let (variants, _) = variants.split_once('}').unwrap();
    // Such as `Demo(demo::Demo),`.
    let module = |line: &str| Some(line.split_once('(')?.1.split_once("::")?.0.to_owned());
    let modules = variants.lines().filter_map(module);
    let mut names: Vec<String> = modules.map(|name| format!("`sinew {name}")).collect();
    assert!(!names.is_empty(), "{commands}");
    names.extend(zoo::NAMES.map(|name| format!("`{name}`")));
    for (folder, others) in [
        ("criterion", &["mod.rs", "tests.rs"][..]),
        (
            "method",
            &["mod.rs", "tests.rs", "fixed.rs", "scores.rs"][..],
        ),
    ] {
        let files = listing(&root().join("compiler/src/prune").join(folder));
        let files = files.iter().filter_map(|file| {
            let name = file.strip_suffix(".rs")?;
            (!others.contains(&file.as_str())).then(|| format!("`{}`", name.replace('_', "-")))
        });
        names.extend(files);
    }
    for name in names {
        assert!(readme.contains(&name), "README.md does not list {name}");
    }
}

#[test]
fn every_attack_and_every_check_is_explained() {
    let explained = read("docs/ROBUSTNESS.md");
    for (name, _) in sinew::attack::NAMED {
        assert!(explained.contains(&format!("`{name}`")), "no {name}");
    }
    let mut checks = 0;
    for Source { path, text } in sources("compiler/src/evaluate/checks", ".rs") {
        if path.ends_with("tests.rs") {
            continue;
        }
        // Such as `check(` and, on this line or the next, `"zero-gradients",`.
        for call in text
            .split("check(")
            .chain(text.split("changes_little("))
            .skip(1)
        {
            let first = call.trim_start().trim_start_matches("bench,").trim_start();
            if let Some(name) = first
                .strip_prefix('"')
                .and_then(|rest| rest.split('"').next())
            {
                assert!(explained.contains(&format!("`{name}`")), "no {name}");
                checks += 1;
            }
        }
    }
    assert!(checks >= 12, "only {checks} checks were found");
}

#[test]
fn the_architecture_has_a_line_for_every_module() {
    let architecture = read("docs/ARCHITECTURE.md");
    for folder in ["runtime/src", "models/src", "compiler/src"] {
        for Source { path, .. } in sources(folder, ".rs") {
            let inside = path.strip_prefix(folder).unwrap();
            let module = inside.split('/').nth(1).unwrap();
            let known = architecture.contains(&format!("| `{folder}/{module}"));
            let has_no_concept = ["lib.rs", "main.rs", "testing.rs"].contains(&module);
            assert!(known || has_no_concept, "no line for {folder}/{module}");
        }
    }
}

/// The paths from the root that stand in backticks.
fn named_paths(text: &str) -> impl Iterator<Item = &str> {
    let folders: Vec<String> = listing(&root())
        .into_iter()
        .filter(|name| name != "target")
        .collect();
    let quotes = text
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    quotes.filter(move |quote| {
        let folder = quote.split_once('/').map_or("", |(folder, _)| folder);
        folders.iter().any(|name| name == folder) && !quote.contains([' ', '*', '<', '…'])
    })
}

/// The targets of links that are no addresses.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text
        .split("](")
        .skip(1)
        .map(|rest| rest.split([')', '#']).next().unwrap());
    targets.filter(|target| !target.is_empty() && !target.contains("://"))
}

/// Fails unless every path is there, seen from the folder of `file` or one above it. Returns their number.
fn assert_exist<'t>(paths: impl Iterator<Item = &'t str>, file: &str) -> usize {
    let exists = |path: &str| {
        let mut folders = Path::new(file).ancestors().skip(1);
        folders.any(|folder| root().join(folder).join(path).exists())
    };
    let (there, missing): (Vec<&str>, Vec<&str>) = paths.partition(|path| exists(path));
    assert!(missing.is_empty(), "{file} names {missing:?}");
    there.len()
}

#[test]
fn files_that_documents_and_comments_name_exist() {
    let mut found = 0;
    for Source { path, text } in sources("", ".md") {
        found += assert_exist(links(&text).chain(named_paths(&text)), &path);
    }
    for Source { path, text } in sources("", ".rs") {
        let comments: Vec<&str> = text
            .lines()
            .filter(|line| line.trim_start().starts_with("//"))
            .collect();
        found += assert_exist(named_paths(&comments.join("\n")), &path);
    }
    assert!(found > 100, "only {found} paths were found");
}
