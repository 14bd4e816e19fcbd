//! A run that is killed, however often and wherever, ends in the same files as one that is not.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::RngExt;
use serde_json::Value;
use sinew_tests::network::random;
use sinew_tests::program::{Outcome, RECIPE, compile, contents, finished_run, limited, without};

const KILL: i32 = 9;

/// The result of every stage in the order of the stages. Both trainings have more epochs to go when their checkpoint appears.
const STAGES: [&str; 9] = [
    "recipe.toml",
    "dense.checkpoint",
    "dense.safetensors",
    "anomaly.safetensors",
    "sparse.checkpoint",
    "sparse.safetensors",
    "dense.sinew",
    "dense.evaluation.json",
    "model.sinew",
];

/// What a run leaves behind: the bytes of every file, or its values without times.
#[derive(Debug, PartialEq)]
enum Kept {
    Bytes(Vec<u8>),
    Values(Value),
}

fn kept(run: &Path) -> BTreeMap<String, Kept> {
    let files = contents(run).into_iter();
    files
        .map(|(name, bytes)| {
            let kept = match serde_json::from_slice(&bytes) {
                Ok(values) => Kept::Values(without(&values, "seconds")),
                Err(_) => Kept::Bytes(bytes),
            };
            (name, kept)
        })
        .collect()
}

static UNINTERRUPTED: LazyLock<BTreeMap<String, Kept>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    kept(&finished_run(folder.path()))
});

/// Lets the run in `folder` come to its end and compares all that it leaves with [`UNINTERRUPTED`].
fn assert_ends_the_same(folder: &Path, history: &str) {
    let found = kept(&finished_run(folder));
    let names = |files: &BTreeMap<String, Kept>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&UNINTERRUPTED), "{history}");
    for (name, kept) in &found {
        // Not assert_eq: nobody wants to read the bytes.
        assert!(*kept == UNINTERRUPTED[name], "{name} differs, {history}");
    }
}

/// Starts or resumes the run in `folder` and kills it when `now` says so. Returns whether that was before its end.
fn killed(folder: &Path, mut now: impl FnMut() -> bool) -> bool {
    let mut command = compile(folder, RECIPE);
    let mut run = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !now() && run.try_wait().unwrap().is_none() {
        sleep(Duration::from_millis(1));
    }
    run.kill().unwrap();
    run.wait().unwrap().signal() == Some(KILL)
}

/// Starts or resumes the run in `folder` and kills it as soon as it has finished `stage`.
fn kill_after(stage: &str, folder: &Path) {
    let result = folder.join("run").join(stage);
    let killed = killed(folder, || result.exists());
    // Little is left to do after the last stage: a busy machine may be too late for it.
    assert!(killed || stage == STAGES[8], "{stage} was seen too late");
}

#[test]
fn killed_after_any_stage_a_run_ends_the_same() {
    for stage in STAGES {
        let folder = tempfile::tempdir().unwrap();
        kill_after(stage, folder.path());
        assert_ends_the_same(folder.path(), &format!("killed after {stage}"));
    }
}

#[test]
fn killed_after_every_stage_a_run_ends_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for stage in STAGES {
        kill_after(stage, folder.path());
    }
    assert_ends_the_same(folder.path(), "killed after every stage");
}

#[test]
fn killed_at_random_moments_a_run_ends_the_same() {
    let mut random = random(3);
    for attempt in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let mut kills = 0;
        for _ in 0..8 {
            let life = Duration::from_millis(random.random_range(20..400));
            let start = Instant::now();
            kills += usize::from(killed(folder.path(), || start.elapsed() >= life));
        }
        assert!(
            kills > 0,
            "attempt {attempt}: the run ended before the first kill"
        );
        assert_ends_the_same(folder.path(), &format!("attempt {attempt}, {kills} kills"));
    }
}

#[test]
fn what_a_killed_write_left_is_swept_up() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    fs::create_dir(&run).unwrap();
    fs::write(run.join(".sinew-killed.part"), "half a checkpoint").unwrap();
    assert_ends_the_same(folder.path(), "with half a file in the folder");
}

#[test]
fn a_stage_whose_result_is_deleted_is_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished_run(folder.path());
    for result in [
        "dense.safetensors",
        "sparse.safetensors",
        "anomaly.safetensors",
        "model.evaluation.json",
    ] {
        fs::remove_file(run.join(result)).unwrap();
        assert_ends_the_same(folder.path(), &format!("{result} deleted"));
    }
}

#[test]
fn a_run_that_the_disk_had_no_room_for_ends_the_same_once_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = Outcome::of(&mut limited(&compile(folder.path(), RECIPE), 64));
    assert_eq!(outcome.code, Some(4), "{}", outcome.stderr);
    assert_ends_the_same(folder.path(), "after a full disk");
}
