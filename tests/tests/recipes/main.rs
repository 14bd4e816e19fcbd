//! Recipes: the page about them says what the program reads, and those of the zoo run.

mod page;
mod schema;

use sinew::attack::AttackSettings;
use sinew::execute::DeviceChoice;
use sinew::pipeline::compile;
use sinew::progress::Progress;
use sinew::recipe::Recipe;
use sinew_models::zoo;
use sinew_tests::program::listing;
use std::path::Path;

/// A few steps of both trainings at a quarter of the width: enough to build, train, prune, pack and attack it.
#[test]
fn every_recipe_of_the_zoo_runs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/recipes");
    let of_zoo = |file: &String| zoo::NAMES.iter().any(|name| file.starts_with(name));
    let files: Vec<String> = listing(&folder).into_iter().filter(of_zoo).collect();
    assert_eq!(files.len(), 2 * zoo::NAMES.len(), "{files:?}");
    for file in files {
        let mut recipe = Recipe::read(&folder.join(&file)).unwrap();
        recipe.data = "embedded".to_owned();
        recipe.width = 0.25;
        recipe.train_images = Some(160);
        recipe.train.batch_size = 64;
        recipe.fine_tune.batch_size = 4;
        for settings in [&mut recipe.train, &mut recipe.fine_tune] {
            settings.epochs = 1;
            settings.validation_steps = 1;
        }
        recipe.prune.samples = 4;
        recipe.prune.steps = 1;
        recipe.evaluate.samples = 2;
        recipe.evaluate.attacks = vec![AttackSettings::Fgsm];
        let run = tempfile::tempdir().unwrap();
        let record = compile(&recipe, run.path(), DeviceChoice::Cpu, &Progress::hidden());
        let sparsity = record
            .unwrap_or_else(|error| panic!("{file}: {error}"))
            .sparse
            .sparsity;
        // Weights that training left at zero count besides those that were removed.
        assert!((0.89..0.95).contains(&sparsity), "{file}: {sparsity}");
    }
}
