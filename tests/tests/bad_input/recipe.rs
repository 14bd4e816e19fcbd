//! Recipes.

use std::fs;

use sinew_tests::program::{compile, listing, recipe_with, sinew};

use super::{INPUT, assert_fails};

/// A line of the recipe.
const ATTACKS: &str = r#"attacks = ["fgsm", { pgd = { steps = 5, restarts = 1 } }]"#;

#[test]
fn a_recipe_that_cannot_be_used_is_refused_before_anything_is_written() {
    for (old, new, names) in [
        ("version = 2", "version = 1", ["version", "not 1"]),
        (
            "epsilon = 0.03",
            "epsilon = -1.0",
            ["line 7: epsilon", "-1"],
        ),
        ("epsilon = 0.03", "epsilon = 2.0", ["epsilon", "2"]),
        ("epsilon = 0.03", "epsilon = nan", ["epsilon", "NaN"]),
        (
            "sparsity = 0.9",
            "sparsity = 1.0",
            ["line 21: prune.sparsity", "1 is not in [0, 1)"],
        ),
        (
            "sparsity = 0.9",
            "sparsitty = 0.9",
            ["line 21", "sparsitty"],
        ),
        ("validation_steps = 2", "", ["line 9", "validation_steps"]),
        ("width = 0.25", "width = \"wide\"", ["line 6", "wide"]),
        ("width = 0.25", "width = 0.0", ["width", "0 is not"]),
        (
            "network = \"small_cnn\"",
            "network = \"big_cnn\"",
            ["big_cnn", "small_cnn"],
        ),
        (
            "method = { ranked = { criterion = \"anomaly-weight\" } }",
            "method = { ranked = { criterion = \"luck\" } }",
            ["line 20", "luck"],
        ),
        (
            "density_floor = 0.02",
            "density_floor = 0.2",
            ["line 22: prune.density_floor", "0.2"],
        ),
        (
            "train_images = 320",
            "train_images = 0",
            ["line 3: train_images", "at least 1"],
        ),
        (
            "train_images = 320",
            "train_images = 1",
            ["1 images", "0.1"],
        ),
        (
            "validation_fraction = 0.1",
            "validation_fraction = 1.0",
            ["line 4: validation_fraction", "1"],
        ),
        (
            "learning_rate = { cosine = { highest = 0.05, warm_up = 0.25 } }",
            "learning_rate = { cosine = { highest = 0.05, warm_up = 1.0 } }",
            ["line 13: train.learning_rate", "warm_up"],
        ),
        (
            "data = \"embedded\"",
            "data = \"/nowhere\"",
            ["data", "/nowhere"],
        ),
        ("version = 2", "version = = 2", ["line 1", "recipe.toml"]),
        (
            ATTACKS,
            "attacks = [{ transfer = { steps = 5 } }]",
            ["transfer", "another network"],
        ),
        (
            ATTACKS,
            "attacks = [{ square = { queries = 0 } }]",
            ["line 38: evaluate.attacks", "square"],
        ),
        (
            ATTACKS,
            "attacks = [{ square = { steps = 5 } }]",
            ["line 38", "queries"],
        ),
        (
            "epsilon = 0.03",
            "epsilon = 0.03\nimage = { height = 0, width = 9, colour = \"rgb\", resize = \"pad\" }",
            ["line 8: image.height", "0 is not in [1, 4096]"],
        ),
        (
            "epsilon = 0.03",
            "epsilon = 0.03\nimage = { height = 9, width = 9, colour = \"rgb\", resize = \"squash\" }",
            ["line 8", "squash"],
        ),
        (
            "epsilon = 0.03",
            "epsilon = 0.03\nimage = { height = 9, width = 9, colour = \"rgb\" }",
            ["line 8", "resize"],
        ),
        (
            "epsilon = 0.03",
            "epsilon = 0.03\nimage = { height = 9, width = 9, colour = \"rgb\", resize = \"pad\" }",
            ["from [1, 28, 28] to [3, 9, 9]", "only folders"],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let text = recipe_with(old, new);
        assert_fails(&mut compile(folder.path(), &text), INPUT, &names);
        assert_eq!(listing(folder.path()), ["recipe.toml"], "{new}");
    }
}

#[test]
fn a_recipe_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::write(file("binary"), [0xFF; 99]).unwrap();
    fs::write(file("empty"), "").unwrap();
    fs::create_dir(file("folder")).unwrap();
    for name in ["missing", "binary", "empty", "folder"] {
        let mut command = sinew("compile");
        command.current_dir(&folder).arg(name);
        assert_fails(&mut command, INPUT, &["recipe", name]);
    }
    assert!(!file("runs").exists());
}
