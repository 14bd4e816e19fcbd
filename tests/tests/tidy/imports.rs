//! What may be used where: between crates, inside the compiler, and in the runtime.

use super::{Source, read, sources};

/// The files among `sources` whose code contains `word`, without those below one of `allowed`.
fn users<'s>(sources: &'s [Source], word: &str, allowed: &[&str]) -> Vec<&'s str> {
    let elsewhere = |source: &&Source| !allowed.iter().any(|place| source.path.starts_with(place));
    let using = sources
        .iter()
        .filter(elsewhere)
        .filter(|source| source.code().contains(word));
    using.map(|source| source.path.as_str()).collect()
}

/// The lines of the manifest's tables called `dependencies`, on whatever condition.
fn dependencies(manifest: &str) -> Vec<&str> {
    let tables = manifest.split("\n[").filter(|table| {
        let name = table.split(']').next().unwrap();
        name.ends_with("dependencies") && !name.ends_with("dev-dependencies")
    });
    let lines = tables.flat_map(|table| table.lines().skip(1));
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

fn manifest(folder: &str) -> String {
    read(&format!("{folder}/Cargo.toml"))
}

#[test]
fn the_runtime_depends_on_nothing() {
    assert_eq!(dependencies(&manifest("runtime")), [""; 0]);
}

#[test]
fn the_runtime_neither_allocates_nor_needs_the_standard_library() {
    let runtime = sources("runtime/src", ".rs");
    let tests_alone = ["runtime/src/kernel/case.rs"];
    for word in ["alloc::", "Box<", "Vec<", "vec!", "String", "format!("] {
        assert_eq!(users(&runtime, word, &tests_alone), [""; 0], "{word}");
    }
    let std = ["runtime/src/isa.rs", tests_alone[0]];
    assert_eq!(users(&runtime, "std::", &std), [""; 0]);
    assert!(read("runtime/src/lib.rs").contains("\n#![no_std]\n"));
}

#[test]
fn unsafe_code_is_in_kernels_in_the_arena_and_where_c_is_called() {
    let allowed = [
        "runtime/src/kernel/",
        "runtime/src/arena.rs",
        "runtime/capi/",
        "compiler/src/main.rs",
    ];
    let mut all = sources("", ".rs");
    all.retain(|source| source.path != "tests/tests/tidy/imports.rs");
    for opening in ["unsafe {", "unsafe fn", "unsafe extern", "unsafe impl"] {
        assert_eq!(users(&all, opening, &allowed), [""; 0], "{opening}");
    }
}

#[test]
fn crates_depend_only_on_those_below_them() {
    let own = |folder: &str| -> Vec<String> {
        let manifest = manifest(folder);
        let names = dependencies(&manifest)
            .into_iter()
            .map(|line| line.split(['.', ' ']).next().unwrap().to_owned());
        names.filter(|name| name.starts_with("sinew")).collect()
    };
    assert_eq!(own("runtime/capi"), ["sinew-runtime"]);
    assert_eq!(own("models"), [""; 0]);
    assert_eq!(own("compiler"), ["sinew-models", "sinew-runtime"]);
    assert_eq!(own("examples/rust"), ["sinew-runtime"]);
    assert_eq!(own("examples/rust/attack"), ["sinew"]);
    assert!(!manifest("models").contains("burn"));
}

#[test]
fn parts_of_the_compiler_know_only_what_they_may() {
    let compiler = sources("compiler/src", ".rs");
    // Each path, and the only places that use it.
    for (path, places) in [
        ("clap", &["cli/"][..]),
        ("burn", &["execute/", "train/", "pipeline/"]),
        ("ureq", &["data/fetch.rs"]),
        ("fs::write", &[]),
        ("File::create", &["lock.rs"]),
    ] {
        let places: Vec<String> = places
            .iter()
            .map(|place| format!("compiler/src/{place}"))
            .collect();
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        assert_eq!(users(&compiler, path, &places), [""; 0], "{path}");
    }
    for (part, other) in [("attack", "prune"), ("prune", "attack")] {
        let part = sources(&format!("compiler/src/{part}"), ".rs");
        assert_eq!(users(&part, &format!("{other}::"), &[]), [""; 0]);
    }
}

#[test]
fn only_pack_writes_model_bytes() {
    let mut all = sources("", ".rs");
    all.retain(|source| source.code().contains("sinew_runtime::format"));
    let allowed = ["compiler/src/pack/", "runtime/", "tests/"];
    assert_eq!(users(&all, "to_bytes", &allowed), [""; 0]);
}

#[test]
fn nothing_is_left_to_do_by_a_macro() {
    // Put together, so that this file does not name them itself.
    for word in ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!(")) {
        assert_eq!(users(&sources("", ".rs"), &word, &[]), [""; 0], "{word}");
    }
}
