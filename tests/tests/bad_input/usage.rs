//! Arguments and devices.

use sinew_tests::program::{Outcome, RECIPE, compile, sinew};

use super::{DEVICE, USAGE, assert_fails};

#[test]
fn arguments_out_of_range_are_usage_errors() {
    for (arguments, name) in [
        ("", "Usage"),
        ("attack", "<MODEL>"),
        ("attack model --epsilon -1", "not in [0, 1]"),
        ("attack model --epsilon 2", "not in [0, 1]"),
        ("attack model --epsilon nan", "not in [0, 1]"),
        ("attack model --epsilon ten", "not a number"),
        ("attack model --attack pgd --steps 0", "--steps"),
        ("attack model --attack pgd --restarts 0", "--restarts"),
        ("attack model --steps 5", "--attack"),
        ("attack model --attack fgsm --steps 5", "it takes nothing"),
        ("attack model --attack square --steps 5", "--queries"),
        ("attack model --suite full --attack pgd", "--suite"),
        ("attack model --suite fast", "quick, standard, full"),
        ("attack model --norm l1", "linf, l2"),
        ("attack model --norm l2", "--epsilon"),
        ("attack model --norm l2 --epsilon -1", "not in [0, 1]"),
        ("attack model --markdown --json", "--json"),
        ("attack model --samples 0", "--samples"),
        ("attack model --attack bim", "fgsm"),
        ("attack model --device cuda", "gpu:N"),
        ("anomaly", "<MODEL>"),
        ("anomaly model --epsilon 2", "not in [0, 1]"),
        ("anomaly model --epsilon ten", "not a number"),
        ("anomaly model --measure loss", "weight-gradient"),
        ("anomaly model --samples 0", "--samples"),
        ("anomaly model --steps 0", "--steps"),
        ("bench model --runs 0", "--runs"),
        ("bench model --threads 2", "--threads"),
        ("compile recipe --threads 0", "--threads"),
        ("compile recipe --seed -1", "-1"),
        ("data fetch mnist", "fashion-mnist"),
        ("run model", "<INPUTS>"),
    ] {
        let outcome = Outcome::of(&mut sinew(arguments));
        assert_eq!(outcome.code, Some(USAGE), "{arguments}: {outcome:?}");
        assert_eq!(outcome.stdout, "", "{arguments}");
        assert!(outcome.stderr.contains(name), "{arguments}: {outcome:?}");
        assert!(
            !outcome.stderr.contains("panicked"),
            "{arguments}: {outcome:?}"
        );
    }
}

#[test]
fn a_gpu_that_the_build_does_not_have_is_a_device_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = compile(folder.path(), RECIPE);
    assert_fails(
        run.args(["--device", "gpu"]),
        DEVICE,
        &["--features gpu", "--device cpu"],
    );
    assert!(!folder.path().join("run").exists());
}
