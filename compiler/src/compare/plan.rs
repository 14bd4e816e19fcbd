//! Which runs a comparison has, what they are called, and which of them share a parent.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::named;
use crate::prune::MethodSettings;
use crate::recipe::{Recipe, RecipeError};

/// In how many ways every recipe is done.
#[derive(Clone, Debug)]
pub struct Variations {
    /// Instead of the recipe's method; the recipe's if empty.
    pub methods: Vec<MethodSettings>,
    /// Instead of the recipe's sparsity; the recipe's if empty.
    pub sparsities: Vec<f64>,
    /// How many seeds, from the recipe's on.
    pub seeds: u64,
}

/// The runs of a comparison, and the parents that they begin with.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Recipe by recipe, sparsity by sparsity, method by method, seed by seed.
    pub runs: Vec<PlannedRun>,
    /// Recipes of dense networks.
    pub parents: Vec<Recipe>,
}

/// One run.
#[derive(Clone, Debug)]
pub struct PlannedRun {
    /// Name of the recipe that it comes from.
    pub origin: String,
    /// Name of the method.
    pub method: String,
    /// All that decides it.
    pub recipe: Recipe,
    /// Which of the plan's parents it begins with.
    pub parent: usize,
}

/// Runs that cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A recipe cannot be used as it was changed.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// Two rows would have one name.
    #[error("compare: {0} is there twice; rows are told apart by the names of recipe and method")]
    Twice(String),
    /// The seeds run out.
    #[error("compare: {0} has a seed too large to count on from")]
    Seed(String),
}

impl Plan {
    /// Every recipe, which comes with its name, in all variations.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn new(recipes: &[(String, Recipe)], variations: &Variations) -> Result<Self, PlanError> {
        let mut plan = Self {
            runs: Vec::new(),
            parents: Vec::new(),
        };
        let mut known = BTreeSet::new();
        for (origin, recipe) in recipes {
            for sparsity in or_own(&variations.sparsities, &recipe.prune.sparsity) {
                for method in or_own(&variations.methods, &recipe.prune.method) {
                    let name = method.name();
                    if !known.insert((origin, sparsity.to_bits(), name.clone())) {
                        return Err(PlanError::Twice(format!("{origin} {name} {sparsity}")));
                    }
                    for number in 0..variations.seeds {
                        let mut recipe = recipe.clone();
                        let seed = recipe.seed.checked_add(number);
                        recipe.seed = seed.ok_or_else(|| PlanError::Seed(origin.clone()))?;
                        recipe.prune.method = method.clone();
                        recipe.prune.sparsity = *sparsity;
                        recipe.check(origin)?;
                        plan.add(origin, &name, recipe);
                    }
                }
            }
        }
        Ok(plan)
    }

    fn add(&mut self, origin: &str, method: &str, recipe: Recipe) {
        let parent = recipe.parent();
        let known = self.parents.iter().position(|known| *known == parent);
        let parent = known.unwrap_or_else(|| {
            self.parents.push(parent);
            self.parents.len() - 1
        });
        self.runs.push(PlannedRun {
            origin: origin.to_owned(),
            method: method.to_owned(),
            recipe,
            parent,
        });
    }

    /// The names of all methods, in order.
    pub fn methods(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for run in &self.runs {
            if !names.contains(&run.method.as_str()) {
                names.push(&run.method);
            }
        }
        names
    }
}

impl PlannedRun {
    /// What people know the run by.
    pub fn label(&self) -> String {
        let (sparsity, seed) = (self.recipe.prune.sparsity, self.recipe.seed);
        format!("{} {} {sparsity} seed {seed}", self.origin, self.method)
    }

    /// Its folder inside the comparison's: a name for people, and a hash of all that decides it.
    pub fn folder(&self) -> PathBuf {
        let readable = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let name = self.label();
        let words = name.split(|c| !readable(c)).filter(|word| !word.is_empty());
        let words: Vec<&str> = words.collect();
        let hash = hash(&self.recipe);
        PathBuf::from("runs").join(format!("{}-{hash}", words.join("-")))
    }
}

/// The folder of a parent inside the comparison's.
pub(super) fn parent_folder(parent: &Recipe) -> PathBuf {
    PathBuf::from("parents").join(hash(parent))
}

/// Enough of a hash to tell the runs of a comparison apart.
fn hash(recipe: &Recipe) -> String {
    let text = toml::to_string(recipe).expect("plain data");
    let digest = Sha256::digest(text);
    digest[..6].iter().map(|b| format!("{b:02x}")).collect()
}

fn or_own<'a, T>(given: &'a [T], own: &'a T) -> &'a [T] {
    match given {
        [] => std::slice::from_ref(own),
        given => given,
    }
}

/// Methods as the command line spells them: names ([`MethodSettings::named`]) and tables as in a recipe, with commas between them:
/// `magnitude,hydra,{ harp = { penalty = 0.1 } }`.
///
/// # Errors
/// Which one cannot be read, and why.
pub fn methods(text: &str) -> Result<Vec<MethodSettings>, String> {
    let read = |item: &str| match item {
        "" => Err("a method's name is empty".to_owned()),
        item if item.starts_with('{') => table(item),
        name => MethodSettings::named(name),
    };
    let items = items(text).into_iter();
    items
        .map(|item| read(item.trim()).map_err(|problem| format!("{}: {problem}", item.trim())))
        .collect()
}

/// `text` between its commas, but for those inside braces and brackets.
fn items(text: &str) -> Vec<&str> {
    let (mut items, mut begin, mut depth) = (Vec::new(), 0, 0_i64);
    for (place, c) in text.char_indices() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&text[begin..place]);
                begin = place + 1;
            }
            _ => {}
        }
    }
    items.push(&text[begin..]);
    items
}

/// A method as a recipe spells it.
fn table(text: &str) -> Result<MethodSettings, String> {
    #[derive(Deserialize)]
    struct Excerpt {
        #[serde(deserialize_with = "named::read")]
        method: MethodSettings,
    }
    let excerpt: Result<Excerpt, _> = toml::from_str(&format!("method = {text}"));
    excerpt
        .map(|excerpt| excerpt.method)
        .map_err(|error| error.message().replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo() -> Recipe {
        let text = include_str!("../../../models/recipes/demo.toml");
        Recipe::parse(text, "demo").unwrap()
    }

    fn plan(recipes: &[Recipe], methods: &str, sparsities: &[f64], seeds: u64) -> Plan {
        let recipes = recipes.iter().enumerate();
        let recipes: Vec<_> = recipes.map(|(n, r)| (format!("r{n}"), r.clone())).collect();
        let variations = Variations {
            methods: super::methods(methods).unwrap(),
            sparsities: sparsities.to_vec(),
            seeds,
        };
        Plan::new(&recipes, &variations).unwrap()
    }

    #[test]
    fn runs_that_differ_in_pruning_alone_share_a_parent() {
        let mut longer = demo();
        longer.fine_tune.epochs += 1;
        longer.prune.density_floor = 0.0;
        let plan = plan(&[demo(), longer], "lamp,harp", &[0.5, 0.9], 3);
        assert_eq!(plan.runs.len(), 2 * 2 * 2 * 3);
        assert_eq!(plan.parents.len(), 3);
        for run in &plan.runs {
            assert_eq!(run.recipe.seed, plan.parents[run.parent].seed);
        }
        let folders: BTreeSet<PathBuf> = plan.runs.iter().map(PlannedRun::folder).collect();
        assert_eq!(folders.len(), plan.runs.len());
        assert_eq!(plan.methods(), ["lamp", "harp"]);
    }

    #[test]
    fn whatever_changes_the_parent_or_its_files_makes_another_one() {
        let changes: [fn(&mut Recipe); 9] = [
            |r| r.seed += 1,
            |r| r.width = 0.5,
            |r| r.epsilon = 0.2,
            |r| r.train.epochs += 1,
            |r| r.train_images = Some(100),
            |r| r.prune.samples += 1,
            |r| r.prune.steps += 1,
            |r| r.evaluate.samples += 1,
            // Silent units of the parent are removed.
            |r| r.prune.granularity = crate::prune::Granularity::Unit,
        ];
        for change in changes {
            let mut recipe = demo();
            change(&mut recipe);
            let plan = plan(&[demo(), recipe], "lamp", &[], 1);
            assert_eq!(plan.parents.len(), 2);
            assert_ne!(
                parent_folder(&plan.parents[0]),
                parent_folder(&plan.parents[1])
            );
        }
    }

    #[test]
    fn parents_are_recipes_that_can_be_used() {
        let mut recipe = demo();
        recipe.prune.sparsity = 0.5;
        recipe.prune.granularity = crate::prune::Granularity::NM { keep: 1, of: 2 };
        recipe.check("n:m").unwrap();
        recipe.parent().check("parent").unwrap();
        assert_eq!(recipe.parent(), recipe.parent().parent());
    }

    #[test]
    fn methods_are_names_and_tables() {
        let text = "magnitude, gradual-lamp,hydra,{ harp = { penalty = 0.5, learn = 0.2 } },\
            { ranked = { criterion = { anomaly-weight = { inverted = true } } } },\
            { learned-mask = { start = { anomaly-feeding = { strength = 2.0 } }, anomaly = 0.1 } },\
            { learned-mask = { start = \"lamp\" } }";
        let methods = methods(text).unwrap();
        let names: Vec<String> = methods.iter().map(MethodSettings::name).collect();
        let expected = [
            "magnitude",
            "gradual-lamp",
            "hydra",
            "harp(learn=0.2,penalty=0.5)",
            "anomaly-weight(inverted=true)",
            "learned-mask(anomaly=0.1,start=anomaly-feeding(strength=2.0))",
            "learned-mask(start=lamp)",
        ];
        assert_eq!(names, expected);
        let table = "{ ranked = { criterion = \"lamp\", schedule = \"gradual\" } }";
        assert_eq!(super::methods(table).unwrap(), methods[1..2]);
        let early = "{ ranked = { criterion = \"lamp\", schedule = { gradual = { end = 0.5 } } } }";
        assert_eq!(
            super::methods(early).unwrap()[0].name(),
            "gradual(end=0.5)-lamp"
        );
        for (text, names) in [
            ("luck", "`lamp`"),
            ("luck", "`hydra`"),
            ("gradual-hydra", "gradual-hydra"),
            ("magnitude,,lamp", "empty"),
            ("{ harp = { penality = 1.0 } }", "penality"),
            ("{ harp", "harp"),
            ("}},{", "}}"),
        ] {
            let error = super::methods(text).unwrap_err();
            assert!(
                error.contains(names) && !error.contains('\n'),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn rows_that_could_not_be_told_apart_are_refused() {
        let variations = Variations {
            methods: Vec::new(),
            sparsities: Vec::new(),
            seeds: 1,
        };
        let twice = [("a".to_owned(), demo()), ("a".to_owned(), demo())];
        let error = Plan::new(&twice, &variations).unwrap_err();
        assert!(
            error.to_string().contains("compare: a learned-mask(")
                && error.to_string().contains(") 0.9 is there twice"),
            "{error}"
        );
        let mut late = demo();
        late.seed = u64::MAX;
        let variations = Variations {
            seeds: 2,
            ..variations
        };
        let error = Plan::new(&[("late".to_owned(), late)], &variations).unwrap_err();
        assert!(matches!(error, PlanError::Seed(_)), "{error}");
    }
}
